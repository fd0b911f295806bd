"""As of when a snapshot is: a replica lags, a server's clock runs ahead, and what is seconds old looks settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select

from placement_audit import schema as t

FORMAT = "%Y-%m-%d %H:%M:%S"
# A service writes its sign of life every ten seconds; what is less than this is no lag.
_PATIENCE = timedelta(seconds=60)
# So much newer than the last sign of life, a row tells that the hosts are dead and their database is not.
_ALIVE = timedelta(minutes=10)
# A cell that is so much older than another is dead, or is used no more.
_DEAD = timedelta(hours=2)


def as_of(connection: Connection, taken_at: str) -> str:
    """The clock of the snapshot, or the newest sign of life in its cells where that is older.

    Of several cells the one that lags most tells. Where no services were read the clock is right.
    """
    clock = datetime.strptime(taken_at, FORMAT)
    signs = dict(_signs_of_life(connection))
    lively = [sign for sign in signs.values() if max(signs.values()) - sign <= _DEAD]
    if not lively:
        return taken_at
    seen = min(lively)
    claimed = _newest(connection, t.claims.c.newest) or seen
    dead = clock - seen > _DEAD and claimed - seen > _ALIVE
    return taken_at if dead or clock - seen <= _PATIENCE else seen.strftime(FORMAT)


def _signs_of_life(connection: Connection) -> Iterator[tuple[str, datetime]]:
    """The cells whose services show when their databases were last written to."""
    server, move = t.instances.c, t.migrations.c
    for cell in connection.scalars(select(t.services.c.cell).where(t.services.c.deleted == 0).distinct()).all():
        beat = _newest(connection, t.services.c.last_seen_up, t.compute_nodes.c.updated_at, cell=cell)
        rows = (server.created_at, server.updated_at, server.deleted_at, move.created_at, move.updated_at)
        written = _newest(connection, *rows, cell=cell)
        if beat and not (written and written - beat > _ALIVE):
            yield cell, max(beat, written or beat)


def _newest(connection: Connection, *columns: Column[Any], cell: str | None = None) -> datetime | None:
    found: list[datetime] = []
    by_table: dict[Table, list[Column[Any]]] = {}
    for column in columns:
        by_table.setdefault(column.table, []).append(column)
    for table, of_it in by_table.items():
        query = select(*(func.max(column) for column in of_it))
        if cell is not None:
            query = query.where(table.c.cell == cell)
        found += [moment for text in connection.execute(query).one() if (moment := _moment(text))]
    return max(found, default=None)


def _moment(text: Any) -> datetime | None:
    # Damaged rows hold anything.
    try:
        return datetime.strptime(str(text), FORMAT)
    except ValueError:
        return None


def behind(taken_at: str, seen: str) -> timedelta:
    """How much older the rows are than the server's clock."""
    return datetime.strptime(taken_at, FORMAT) - datetime.strptime(seen, FORMAT)
