"""When nova-compute may be restarted or started: one answer for every hint of the catalogue.

A start is no harmless thing (ComputeManager.init_host, nova 20 to 34). It removes the guests of evacuations that it
finds in its records, finishes deletions, repeats reboots and stops, puts servers that are being built or rebuilt into
error, and aborts live migrations: those end in error with both hosts claimed. Since 2024.1 (nova 29) it is refused on a
host with guests whose service record is gone. SIGHUP is a start, too, with some versions of oslo.service.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Case, ColumnElement, FromClause, String, and_, case, cast, exists, func, literal, select

from placement_audit import schema as t

# services.version of nova 28, the last whose start does not mind guests on a host without a service.
LENIENT = 66


def _hazards(host: FromClause) -> ColumnElement[bool]:
    hazard = t.start_hazards.alias("start_hazard")
    return exists().where(hazard.c.host == host.c.host, hazard.c.cell == host.c.cell).correlate_except(hazard)


def serviceless(host: FromClause) -> ColumnElement[bool]:
    """Whether a host with servers has no nova-compute service, and its last one is not known to be an old one."""
    service, gone, server = (
        t.services.alias("own_service"),
        t.services.alias("gone_service"),
        t.instances.alias("its_server"),
    )

    def of_host(row: FromClause) -> ColumnElement[bool]:
        return and_(row.c.host == host.c.host, row.c.cell == host.c.cell)

    there = exists().where(of_host(service), service.c.binary == "nova-compute", service.c.deleted == 0)
    lenient = exists().where(of_host(gone), gone.c.binary == "nova-compute", gone.c.version <= LENIENT)
    servers = exists().where(of_host(server), server.c.deleted == 0)
    return and_(~there.correlate_except(service), ~lenient.correlate_except(gone), servers.correlate_except(server))


def restartable(host: FromClause) -> Case[Any]:
    """The host of a row (cell, host); NULL where a start of nova-compute there would cost something, or be refused."""
    return case((and_(~_hazards(host), ~serviceless(host)), host.c.host))


def restart_withheld(host: FromClause) -> Case[Any]:
    """Why no start of nova-compute is offered on the host of a row (cell, host); NULL where one may be."""
    hazard = t.start_hazards.alias("start_hazard")
    more = case(
        (func.count() > 1, literal(" (and ") + cast(func.count() - 1, String) + " more of the kind)"),
        else_=literal(""),
    )
    # Of several the worst: "remove" comes last in the order of words.
    told = (
        select(func.max(hazard.c.would) + more)
        .where(hazard.c.host == host.c.host, hazard.c.cell == host.c.cell)
        .correlate_except(hazard)
        .scalar_subquery()
    )
    name = cast(host.c.host, String)
    return case(
        (
            _hazards(host),
            literal("nova-compute on ")
            + name
            + " must not be started or restarted now: it would "
            + told
            + ". Settle that first; 'openstack server migration list --host "
            + name
            + "' and 'openstack server list --all-projects --host "
            + name
            + "' show what is open.",
        ),
        (
            serviceless(host),
            literal("nova-compute on ")
            + name
            + " has no service record although servers are there: since 2024.1 it refuses to start beside guests that "
            "it does not know, so a restart would only end it. See N04 for the way back.",
        ),
    )
