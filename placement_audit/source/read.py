"""Live tables to rows of the vocabulary: streamed, only the columns it names, in its order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Select, Table, cast, func, null, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from placement_audit.schema import Clock
from placement_audit.source.connect import at_home

BATCH = 5_000
# psycopg binds at most 65,535 values, SQLite 32,766.
KEYS = 10_000
NO_BOUNDS: Mapping[str, Sequence[Any]] = MappingProxyType({})


def rows_of(
    connection: Connection,
    url: URL,
    table: Table,
    live: Collection[str],
    key: Column[Any] | None = None,
    keys: Sequence[Any] = (),
    only: Mapping[str, Sequence[Any]] = NO_BOUNDS,
) -> Iterator[Sequence[Any]]:
    """Batches of rows of one table, without the ``cell`` column; with ``key`` only those whose key is in ``keys``.

    ``only``: the values that further columns may have then. A column that is not among ``live`` is NULL.
    """
    statement = select_live(connection, url, table, live)
    if key is None:
        streamed = _streamed_by_pymysql if connection.dialect.driver == "pymysql" else _streamed
        yield from streamed(connection, statement)
        return
    source = statement.get_final_froms()[0]
    statement = statement.where(*(source.c[name].in_(values) for name, values in only.items()))
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


def _streamed_by_pymysql(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    """The same past SQLAlchemy, whose work per row is a quarter of the reading time."""
    from pymysql.cursors import SSCursor
    from pymysql.err import MySQLError

    text = str(statement.compile(connection))
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor(SSCursor)
    # Numbers stay text too: the snapshot's columns make them numbers again, in C.
    decoders, driver.decoders = driver.decoders, {}
    try:
        cursor.execute(text)
        driver.decoders = decoders
        while batch := cursor.fetchmany(BATCH):
            yield batch
        cursor.close()
    except BaseException as error:
        driver.decoders = decoders
        if cursor._result is not None:
            # PyMySQL would read the rest of the rows before it lets go, or complain that it cannot.
            cursor._result.unbuffered_active = False
            cursor._result.connection = None
        if isinstance(error, MySQLError):
            raise DBAPIError(text, None, error) from error
        driver.close()  # rows are still on their way, and nobody will take them
        raise


def _streamed(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    result = connection.execution_options(stream_results=True, max_row_buffer=BATCH).execute(statement)
    with result:
        yield from result.partitions(BATCH)
