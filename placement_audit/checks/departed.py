"""Whose allocations nobody depends on any more, by nova's own word. Conditions, no findings."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, and_, case, exists, func, literal, null, or_, select

from placement_audit import schema as t
from placement_audit.checks.relations import every_cell_is_read, reads_nova


def _server(name: str, uuid: ColumnElement[str], *, live: bool) -> Exists:
    row = t.instances.alias(name)
    return exists().where(row.c.uuid == uuid, row.c.deleted == 0 if live else row.c.deleted != 0).correlate_except(row)


def _migration(name: str, consumer: ColumnElement[str], *, live: bool) -> Exists:
    """Whether the consumer is a migration of a server that lives, or that is gone."""
    row = t.migrations.alias(name)
    lives = _server(f"{name}_lives", row.c.instance_uuid, live=True)
    is_gone = and_(_server(f"{name}_gone", row.c.instance_uuid, live=False), ~lives)
    return exists().where(row.c.uuid == consumer, lives if live else is_gone).correlate_except(row)


def lives(consumer: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether nova has a live server of that uuid, or a migration of one."""
    return or_(_server("live_server", consumer, live=True), _migration("live_move", consumer, live=True))


def departed(consumer: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether nova says that the server is deleted, and no cell can have another one of that uuid.

    That nova does not know a consumer proves nothing: it may be another service's.
    """
    gone = or_(_server("deleted_server", consumer, live=False), _migration("move_of_deleted", consumer, live=False))
    return and_(every_cell_is_read(), gone, ~lives(consumer))


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


def any_row(table_alias: ColumnElement[int], *uses: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether one of these columns names an id."""
    return or_(*(exists(select(use).where(use == table_alias)) for use in uses))
