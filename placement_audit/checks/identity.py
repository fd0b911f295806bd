"""Hosts that nova knows by another name than their servers do: who is meant, and who is alive."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, and_, case, exists, func, select

from placement_audit import schema as t
from placement_audit.checks.relations import (
    busy,
    cell0s,
    changed,
    doubled,
    moving,
    nodes,
    on_node,
    servers,
    up,
)


def stranded() -> Subquery:
    """Servers at rest on a host and node of which there is no compute node (cell, host, node).

    ``servers`` of them, one as an ``example``; ``changed``: how long the one that is there longest has been.
    """
    server, node = servers(), nodes()
    return (
        select(
            server.c.cell,
            server.c.host,
            server.c.node,
            func.count().label("servers"),
            func.min(server.c.uuid).label("example"),
            # The longest there decides: a newcomer among them does not make the matter new.
            func.min(changed(server)).label("changed"),
        )
        .where(server.c.host.is_not(None), server.c.node.is_not(None), server.c.cell.not_in(cell0s()))
        .where(server.c.uuid.in_(select(t.odd_servers.c.uuid)))
        .where(~exists().where(on_node(server, node)))
        .where(~busy(server), ~moving(server), ~doubled(server))
        .group_by(server.c.cell, server.c.host, server.c.node)
        .subquery("stranded")
    )


def service_hosts() -> Subquery:
    """The hosts of nova-compute services (cell, host, short, runs, since, seen), those that are deleted included.

    ``short`` is the name up to the first dot. ``runs``: whether one is up; ``alive``: whether one is not deleted;
    ``since`` when the first that is not deleted was made, ``seen`` the last sign of life of any.
    """
    service = t.services.alias("any_service")
    live = service.c.deleted == 0
    return (
        select(
            service.c.cell,
            service.c.host,
            func.min(short(service.c.host)).label("short"),
            func.max(case((and_(live, up(service)), 1), else_=0)).label("runs"),
            func.max(case((live, 1), else_=0)).label("alive"),
            func.min(case((live, service.c.created_at))).label("since"),
            func.max(service.c.last_seen_up).label("seen"),
            func.max(service.c.deleted_at).label("deleted_at"),
        )
        .where(service.c.binary == "nova-compute", service.c.host.is_not(None))
        .group_by(service.c.cell, service.c.host)
        .subquery("service_hosts")
    )


def short(name: ColumnElement[Any]) -> ColumnElement[Any]:
    """A host's name up to its first dot."""
    dot = func.instr(name, ".")
    return func.lower(case((dot > 1, func.substr(name, 1, dot - 1)), else_=name))


def same_machine(old: FromClause, new: FromClause) -> ColumnElement[bool]:
    """Whether two hosts (``service_hosts``) look like one machine: its short name and its full one.

    Of two full names with the same first part nobody can tell. Only one of the two runs, and it was made after the
    other's last sign of life: two that once ran side by side are two.
    """
    return and_(
        old.c.cell == new.c.cell,
        old.c.short == new.c.short,
        func.lower(old.c.host) != func.lower(new.c.host),
        (func.lower(old.c.host) == old.c.short) | (func.lower(new.c.host) == new.c.short),
        old.c.runs == 0,
        new.c.runs == 1,
        new.c.since >= func.coalesce(old.c.seen, ""),
    )
