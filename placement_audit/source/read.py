"""Live tables to rows of the vocabulary: streamed, only the columns it names, in its order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Select, Table, cast, func, null, select
from sqlalchemy.engine import URL

from placement_audit.schema import Clock
from placement_audit.source.connect import at_home

BATCH = 5_000
# psycopg binds at most 65,535 values, SQLite 32,766.
KEYS = 10_000


def rows_of(
    connection: Connection,
    url: URL,
    table: Table,
    live: Collection[str],
    key: Column[Any] | None = None,
    keys: Sequence[str] = (),
) -> Iterator[Sequence[Any]]:
    """Batches of rows of one table, without the ``cell`` column; with ``key`` only those whose key is in ``keys``.

    A column that is not among ``live`` is NULL.
    """
    statement = select_live(connection, url, table, live)
    if key is None:
        yield from _streamed(connection, statement)
        return
    source = statement.get_final_froms()[0]
    for start in range(0, len(keys), KEYS):
        yield from _streamed(connection, statement.where(source.c[key.name].in_(keys[start : start + KEYS])))


def select_live(connection: Connection, url: URL, table: Table, live: Collection[str]) -> Select[Any]:
    """The statement that reads a table of the vocabulary from its live home."""
    source = at_home(table, url)
    columns = [
        _as_kept(source.c[column.name], connection.dialect.name).label(column.name)
        if column.name in live
        else null().label(column.name)
        for column in table.columns
        if column.name != "cell"
    ]
    return select(*columns).select_from(source)


def _as_kept(column: Column[Any], dialect: str) -> Any:
    if column.type is not Clock:
        return column
    if dialect == "postgresql":
        return func.to_char(cast(column, DateTime), "YYYY-MM-DD HH24:MI:SS")
    if dialect == "sqlite":
        return func.substr(column, 1, 19)
    return column  # the connection hands MySQL's times on as text


def _streamed(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    result = connection.execution_options(stream_results=True, max_row_buffer=BATCH).execute(statement)
    with result:
        yield from result.partitions(BATCH)
