"""Live tables to rows of the vocabulary: streamed, only the columns it names, in its order."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from socket import SHUT_RDWR
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    Table,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from placement_audit import schema as t
from placement_audit.errors import CannotTell
from placement_audit.schema import Clock
from placement_audit.source.config import masked
from placement_audit.source.connect import at_home, reason_of, schema_of

BATCH = 5_000
# What grows with the servers, and holds neither a FLOAT nor JSON, which a server might write in other words there.
LARGE = {t.allocations, t.consumers, t.instance_mappings, t.request_specs, t.instances}
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
    if key is None and _in_pieces(connection, table, live):
        yield from _in_chunks(connection, select_live(connection, url, table, live))
        return
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
        if _in_pieces(connection, table, live):
            # The first chunk; the others differ in their ids alone.
            yield _end_of_chunk(statement, literal_column("-1"))
            yield _chunk(statement, literal_column("-1"), literal_column(str(_NO_END)))
        else:
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
        if _live_name(column) in live
        else null().label(column.name)
        for column in table.columns
        if column.name != "cell"
    ]
    return select(*columns).select_from(source)


def _live_name(column: Column[Any]) -> str:
    return str(column.info["json"][0]) if "json" in column.info else column.name


def _found_in_json(column: Column[Any], dialect: str) -> Any:
    if dialect == "postgresql":
        return null()  # nothing tells it there before release 16 whether a text is JSON, and one that is none is fatal
    name, *keys = column.info["json"]
    text: ColumnElement[Any] = literal_column(name)
    path = "$" + "".join(f'."{key}"' for key in keys)
    found = func.json_extract(text, literal_column(f"'{path}'"))
    return case((func.json_valid(text) == 1, func.json_unquote(found) if dialect == "mysql" else found))


def _as_kept(column: Column[Any], dialect: str) -> Any:
    if "json" in column.info:
        return _found_in_json(column, dialect)
    if column.type is not Clock:
        return column
    if dialect == "postgresql":
        return func.to_char(cast(column, DateTime), "YYYY-MM-DD HH24:MI:SS")
    if dialect == "sqlite":
        return func.substr(column, 1, 19)
    return column  # the connection hands MySQL's times on as text


def _in_pieces(connection: Connection, table: Table, live: Collection[str]) -> bool:
    return table in LARGE and "id" in live and getattr(connection.dialect, "is_mariadb", False)


_row_id = column("id", Integer)
_NO_END = 2**63 - 1


def _end_of_chunk(statement: Select[Any], last: ColumnElement[Any]) -> Select[Any]:
    """The id of the last row of the chunk after an id; nothing where it is the last chunk."""
    return statement.with_only_columns(_row_id).where(_row_id > last).order_by(_row_id).limit(1).offset(BATCH - 1)


def _chunk(statement: Select[Any], last: ColumnElement[Any], end: ColumnElement[Any]) -> Select[Any]:
    """A range of rows as one text, and how many they are. A LIMIT would need a temporary table."""
    rows = func.group_concat(func.json_array(*statement.selected_columns))
    return statement.with_only_columns(rows, func.count()).where(_row_id > last, _row_id <= end)


def _in_chunks(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    """The same by ascending id, as one JSON text for each chunk: a fifth of the work of taking rows apart.

    The next chunk is on its way while the caller has this one. From where a server cuts the text off
    (max_allowed_packet) the rest is read row by row.
    """
    from pymysql.err import MySQLError

    last_id, end_id = bindparam("last", type_=Integer), bindparam("end", type_=Integer)
    bound = _end_of_chunk(statement, last_id).compile(connection)
    chunk = _chunk(statement, last_id, end_id).compile(connection)
    driver: Any = connection.connection.driver_connection

    def fetched(last: int) -> tuple[int, str | None, int]:
        with driver.cursor() as cursor:
            cursor.execute(str(bound), bound.construct_params({"last": last}))
            [end] = cursor.fetchone() or [_NO_END]
            cursor.execute(str(chunk), chunk.construct_params({"last": last, "end": end}))
            [rows, count] = cursor.fetchone()
        return end, rows, count

    last = -1
    pool = ThreadPoolExecutor(1)
    try:
        coming = pool.submit(fetched, last)
        while True:
            try:
                end, text, count = coming.result()
            except MySQLError as error:
                raise DBAPIError(str(chunk), None, error) from error
            if end != _NO_END:
                coming = pool.submit(fetched, end)
            try:
                batch = json.loads(f"[{text or ''}]", strict=False)
            except ValueError:
                break
            if len(batch) < count:
                break
            yield batch
            if end == _NO_END:
                return
            last = end
    except BaseException:
        if driver.open:
            driver._sock.shutdown(SHUT_RDWR)  # nobody waits any longer for what is on its way
        raise
    finally:
        pool.shutdown()
    yield from _streamed_by_pymysql(connection, statement.where(_row_id > literal_column(str(last))))


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
