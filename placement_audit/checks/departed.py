"""Whose allocations nobody depends on any more, by nova's own word. Conditions, no findings."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, and_, case, exists, func, literal, null, or_

from placement_audit import schema as t
from placement_audit.checks.relations import reads_nova
from placement_audit.checks.whereabouts import certainly_gone


def _live_server(name: str, uuid: ColumnElement[str]) -> Exists:
    row = t.instances.alias(name)
    return exists().where(row.c.uuid == uuid, row.c.deleted == 0).correlate_except(row)


def lives(consumer: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether nova has a live server of that uuid, or a migration of one."""
    move = t.migrations.alias("live_move")
    of_a_live_one = _live_server("server_of_move", move.c.instance_uuid)
    return or_(
        _live_server("live_server", consumer),
        exists().where(move.c.uuid == consumer, of_a_live_one).correlate_except(move),
    )


def departed(consumer: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether nova says that the server is deleted, and no cell can have another one of that uuid.

    That nova does not know a consumer proves nothing: it may be another service's.
    """
    move = t.migrations.alias("move_of_deleted")
    of_a_move = exists().where(move.c.uuid == consumer, certainly_gone(move.c.instance_uuid)).correlate_except(move)
    return and_(or_(certainly_gone(consumer), of_a_move), ~lives(consumer))


def proof(consumer: ColumnElement[str]) -> tuple[ColumnElement[bool], ColumnElement[str]]:
    """Of a group of allocations: whether all their consumers are gone, and if not, what is missing for the proof."""
    everybody = func.sum(case((departed(consumer), 0), else_=1)) == 0
    somebody = func.min(case((lives(consumer), consumer)))
    unknown = func.min(case((~departed(consumer), consumer)))
    missing = case(
        (everybody, null()),
        (
            ~reads_nova(),
            literal("nova's databases were not read, and these rows may be all that tells what a live server holds: ")
            + "give --api-db, or look up each consumer, such as "
            + unknown
            + ", with openstack server show",
        ),
        (
            somebody.is_not(None),
            literal("the rows are those of live servers, such as ")
            + somebody
            + ": what such a server should hold is to be written anew first (openstack server show tells its flavor "
            "and host)",
        ),
        else_=literal("nova has no deleted server for all of these consumers, such as ")
        + unknown
        + ", which may be another service's: openstack server show, and the service that uses placement, tell",
    )
    return everybody, missing
