"""Live tables to rows of the vocabulary: streamed, only the columns it names, in its order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, Connection, DateTime, Select, Table, cast, func, null, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from placement_audit.errors import CannotTell
from placement_audit.schema import Clock
from placement_audit.source.config import masked
from placement_audit.source.connect import at_home, reason_of, schema_of

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
    keys: Sequence[str] = (),
    only: Mapping[str, Sequence[Any]] = NO_BOUNDS,
) -> Iterator[Sequence[Any]]:
    """Batches of rows of one table, without the ``cell`` column; with ``key`` only those whose key is in ``keys``.

    ``only``: the values that further columns may have then. A column that is not among ``live`` is NULL.
    """
    past = key is None and connection.dialect.driver == "pymysql"
    for statement in statements_of(connection, url, table, live, key, keys, only):
        yield from (_streamed_by_pymysql if past else _streamed)(connection, statement)


def statements_of(
    connection: Connection,
    url: URL,
    table: Table,
    live: Collection[str],
    key: Column[Any] | None = None,
    keys: Sequence[str] = (),
    only: Mapping[str, Sequence[Any]] = NO_BOUNDS,
) -> Iterator[Select[Any]]:
    """What ``rows_of`` sends."""
    statement = select_live(connection, url, table, live)
    if key is None:
        yield statement
        return
    source = statement.get_final_froms()[0]
    statement = statement.where(*(source.c[name].in_(values) for name, values in only.items()))
    for start in range(0, len(keys), KEYS):
        yield statement.where(source.c[key.name].in_(keys[start : start + KEYS]))


def row_estimates(connection: Connection, url: URL) -> dict[str, int]:
    """About how many rows each table of a database has, as its server keeps count; SQLite keeps none."""
    statement = {
        "mysql": "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = :schema",
        "postgresql": "SELECT relname, reltuples FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
    }.get(connection.dialect.name)
    if statement is None:
        return {}
    asked = text(statement).bindparams(schema=schema_of(url)) if ":schema" in statement else text(statement)
    try:
        return {str(name): max(0, int(rows)) for name, rows in connection.execute(asked) if rows is not None}
    except DBAPIError as error:
        raise CannotTell(f"{masked(url)}: the estimates of its rows: {reason_of(error)}") from None


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
