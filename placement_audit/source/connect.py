"""The only place that makes engines. Audited databases are opened read-only, in one consistent transaction."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, NullPool, Table, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from placement_audit.errors import CannotTell
from placement_audit.source.config import masked

CONNECT_TIMEOUT = 10

# SQLAlchemy logs, with a traceback, that it cannot close what is closed already; nobody shall read that.
logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Limits:
    """Seconds after which a server gives up: one statement; waiting for a row or table lock.

    Between tables: status variables and the most that each may be, seconds to pause, seconds that a replica may be
    behind, and how long to wait for all that. ``heard``: told of each statement, with its server.
    """

    statement: int = 300
    lock: int = 1
    max_load: Mapping[str, float] = field(default_factory=dict)
    pause: float = 0
    lag: int | None = None
    wait: int = 60
    heard: Callable[[URL, str], None] | None = None


def server_of(url: URL) -> URL:
    """What two databases must share to be read over one connection: for MySQL all but the database's name."""
    # set() would take None for "as it was"
    return url._replace(database=None) if url.get_backend_name() == "mysql" else url


def schema_of(url: URL) -> str | None:
    """The name that qualifies a table of this database on its connection."""
    return url.database if url.get_backend_name() == "mysql" else None


def at_home(table: Table, url: URL) -> Table:
    """A table of the vocabulary as it is called on the connection to its database."""
    schema = schema_of(url)
    name = table.info.get("of", table.name)
    if schema is None:
        return table if name == table.name else table.to_metadata(MetaData(), name=name)
    return table.to_metadata(MetaData(), schema=schema, name=name)


@contextmanager
def reading(url: URL, limits: Limits) -> Iterator[Connection]:
    """A connection inside a read-only, repeatable transaction. Raises CannotTell if it cannot be had.

    The guarantee that nothing is written is an account with SELECT only (see ``excess_grants``); the session
    settings here are the second lock on the same door.
    """
    try:
        try:
            engine = _engine(url, limits)
            if limits.heard is not None:
                _overhear(engine, url, limits.heard)
            connection = engine.connect()
        except (OSError, TypeError, ValueError, AttributeError) as error:
            # What drivers make of an option or a host name that they do not understand.
            raise CannotTell(f"{masked(url)}: cannot connect with this URL: {reason_of(error)}") from None
        except RuntimeError as error:  # PyMySQL without its extra, for a login that sends the password encrypted
            raise CannotTell(
                f"{masked(url)}: {reason_of(error)}; pip install 'placement-audit[mysql8]', or connect with TLS"
            ) from None
        try:
            _begin_reading(connection, limits)
            session = _session(connection)
        except BaseException:
            connection.close()
            raise
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise CannotTell(f"{masked(url)}: {reason_of(error)}") from None
    try:
        yield connection
    except BaseException as error:
        # Not close(): it would first fetch the rest of a result that is still streaming.
        connection.invalidate()
        if session and not isinstance(error, Exception):
            with suppress(Exception):  # the user wants to go
                _end_session(engine, *session)
        raise
    finally:
        connection.close()


def _session(connection: Connection) -> tuple[int, str] | None:
    """MySQL's number of this session, and a pattern for what the server takes our address for."""
    if connection.dialect.name != "mysql":
        return None
    driver: Any = connection.connection.driver_connection
    address = driver._sock.getsockname()
    return driver.thread_id(), f"%:{address[1]}" if isinstance(address, tuple) else "localhost"


def _end_session(engine: Engine, number: int, host: str) -> None:
    """What the mariadb client does at Ctrl-C: a server at work does not notice that nobody listens any more.

    Only where number and address are ours: behind a proxy a second connection may reach another server.
    """
    with engine.connect() as connection:
        ours = text("SELECT count(*) FROM information_schema.processlist WHERE id = :number AND host LIKE :host")
        if connection.scalar(ours, {"number": number, "host": host}):
            connection.exec_driver_sql(f"KILL {number}")


def _overhear(engine: Engine, url: URL, heard: Callable[[URL, str], None]) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def told(_connection: object, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        heard(url, cursor.mogrify(statement, parameters) if parameters and hasattr(cursor, "mogrify") else statement)


@contextmanager
def reading_schema(url: URL, limits: Limits) -> Iterator[Connection]:
    """A connection of its own to one database, on which the vocabulary's tables go by their bare names.

    Raises CannotTell.
    """
    with reading(server_of(url), limits) as connection:
        schema = schema_of(url)
        yield connection.execution_options(schema_translate_map={None: schema}) if schema else connection


def _engine(url: URL, limits: Limits) -> Engine:
    options: dict[str, Any] = {"poolclass": NullPool}
    dialect = url.get_backend_name()
    if dialect == "mysql":
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions

        # Times stay text: a zero date is a value like any other, and parsing them is a third of the reading time.
        times = (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE)
        options["connect_args"] = {
            "connect_timeout": CONNECT_TIMEOUT,
            # A server that accepts and then says nothing must not hold the transactions of the others open.
            "read_timeout": limits.statement + CONNECT_TIMEOUT,
            "conv": {key: value for key, value in conversions.items() if key not in times},
            # What a server's own settings may make of any session: rows left out without a word, another syntax,
            # statements refused, a session that ends with its transaction.
            "init_command": (
                "SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1, "
                "completion_type = 0"
            ),
        }
        if url.password is not None:
            # As the clients send it; the driver would make it Latin-1.
            options["connect_args"]["password"] = url.password.encode()
        options["isolation_level"] = "AUTOCOMMIT"  # the transaction is begun by hand, below
        if "charset" not in url.query:
            url = url.update_query_dict({"charset": "utf8mb4"})
    elif dialect == "postgresql":
        options["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT}
        options["isolation_level"] = "REPEATABLE READ"
    else:
        return _sqlite_engine(_sqlite_file(url), "ro")
    try:
        return create_engine(url, **options)
    except (ImportError, NoSuchModuleError):
        raise CannotTell(
            f"{masked(url)}: the driver is not installed; pip install 'placement-audit[postgresql]'"
        ) from None


def _sqlite_file(url: URL) -> Path:
    database = url.database or ""
    path = Path(database.removeprefix("file:").partition("?")[0])
    if not path.is_file():
        raise CannotTell(f"{masked(url)}: no such file")
    return path


def _sqlite_engine(path: Path, mode: str) -> Engine:
    def connect() -> sqlite3.Connection:
        # immutable is not asked for: a live service may be writing to the file.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5, check_same_thread=False
        )
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    if mode == "ro":
        # The driver begins no transaction for SELECTs of its own accord.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _begin_reading(connection: Connection, limits: Limits) -> None:
    def run(statement: str) -> None:
        connection.exec_driver_sql(statement)

    if connection.dialect.name == "mysql":
        run("SET SESSION time_zone = '+00:00'")
        run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        run("SET SESSION TRANSACTION READ ONLY")
        run(f"SET SESSION innodb_lock_wait_timeout = {limits.lock}")
        run(f"SET SESSION lock_wait_timeout = {limits.lock}")
        if getattr(connection.dialect, "is_mariadb", False):
            run(f"SET SESSION max_statement_time = {limits.statement}")
            run("SET SESSION group_concat_max_len = 67108864")  # a chunk of rows (read.py) is at most some megabytes
        else:
            run(f"SET SESSION max_execution_time = {limits.statement * 1000}")
        begin_again(connection, limits)
    elif connection.dialect.name == "postgresql":
        run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        run("SET LOCAL TimeZone = 'UTC'")
        run(f"SET LOCAL statement_timeout = {limits.statement * 1000}")
        run(f"SET LOCAL lock_timeout = {limits.lock * 1000}")
    else:
        run("PRAGMA query_only = ON")
        run("SELECT name FROM sqlite_master LIMIT 1")  # an encrypted or foreign file fails here


def begin_again(connection: Connection, limits: Limits) -> None:
    """See the rows as they are now."""
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    else:
        connection.rollback()
        _begin_reading(connection, limits)


def is_lost(connection: Connection, error: SQLAlchemyError | None = None) -> bool:
    """Whether the server, or the way to it, is gone, as ``error`` may tell."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        if isinstance(error.orig, connection.dialect.loaded_dbapi.Error) and connection.dialect.is_disconnect(
            error.orig, None, None
        ):
            return True
    if connection.invalidated:
        return True
    driver: Any = connection.connection.driver_connection
    return connection.dialect.name == "mysql" and not driver.open


def break_off(connection: Connection) -> None:
    """Let what another thread waits for on this connection fail at once; nothing more can be read of it."""
    dialect = connection.dialect.name
    with suppress(Exception):  # a server at work does not notice that nobody listens any more
        driver: Any = connection.connection.driver_connection
        if session := _session(connection):
            _end_session(connection.engine, *session)
        elif dialect == "postgresql":
            driver.cancel()
        else:
            driver.interrupt()
    with suppress(Exception):  # what is gone already is well, and a file has no way to it
        number = (driver._sock if dialect == "mysql" else driver).fileno()
        with socket.socket(fileno=os.dup(number)) as way:
            way.shutdown(socket.SHUT_RDWR)


def end_reading(connection: Connection) -> None:
    """Let go of the transaction, so that the server may purge old row versions and change tables again."""
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("ROLLBACK")  # begun by hand
    else:
        connection.rollback()


def local_file(path: Path, *, write: bool = False) -> Engine:
    """An engine on a snapshot file; with ``write`` the file is made if it does not exist."""
    engine = _unjournalled(_sqlite_engine(path, "rwc")) if write else _sqlite_engine(path, "ro")

    @event.listens_for(engine, "connect")
    def roomy(connection: sqlite3.Connection, _record: object) -> None:
        # SQLite's own 2 MB of cache are read over and over by a check that looks up each server.
        connection.execute("PRAGMA cache_size = -65536" if write else "PRAGMA mmap_size = 67108864")
        # What a FLOAT of MySQL is, whose snapshot has it in decimals (SEMANTICS B.3).
        connection.create_function("single", 1, as_single, deterministic=True)

    return engine


def as_single(value: float | None) -> float | None:
    """The nearest number of single precision."""
    return None if value is None else float(struct.unpack("f", struct.pack("f", value))[0])


def _unjournalled(engine: Engine) -> Engine:
    # Half of a snapshot, or of the demo cloud, is worth nothing: no journal could save it.
    @event.listens_for(engine, "connect")
    def fast(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")

    return engine


def writing(url: URL) -> Engine:
    """An engine that may write: for the demo cloud alone."""
    if url.get_backend_name() == "sqlite":
        return _unjournalled(_sqlite_engine(Path(url.database or ""), "rwc"))
    return create_engine(url, poolclass=NullPool)


def utc_now(connection: Connection) -> str:
    """The server's clock, naive UTC."""
    statement = {
        "mysql": "SELECT UTC_TIMESTAMP()",
        "postgresql": "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
        "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%S', 'now')",
    }[connection.dialect.name]
    return str(connection.execute(text(statement)).scalar_one())[:19]


# What an account may have without being able to change a row: reading, and looking at the server's state.
_HARMLESS = {
    "USAGE",
    "SELECT",
    "SHOW DATABASES",
    "SHOW VIEW",
    "PROCESS",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "SLAVE MONITOR",
    "REPLICA MONITOR",
}


def excess_grants(connection: Connection, schema: str | None) -> list[str]:
    """What the account may do beyond reading, as the server words it; empty is as it should be.

    On MySQL the grants on ``schema`` and on everything; on PostgreSQL those on the tables of the database.
    """
    if connection.dialect.name == "mysql":
        found: set[str] = set()
        for (line,) in connection.execute(text("SHOW GRANTS")):
            found |= _beyond_reading(line, schema)
        return sorted(found)
    if connection.dialect.name == "postgresql":
        if connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar():
            return ["SUPERUSER"]
        held = connection.execute(
            text(
                "SELECT DISTINCT privilege FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) "
                "AS privilege WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' "
                # a single column may be granted, too
                "AND CASE WHEN privilege IN ('INSERT', 'UPDATE') "
                "THEN has_any_column_privilege(pg_class.oid, privilege) "
                "ELSE has_table_privilege(pg_class.oid, privilege) END"
            )
        )
        return sorted(row[0] for row in held)
    return []


def _beyond_reading(line: str, schema: str | None) -> set[str]:
    grant = re.match(r"GRANT (?P<what>.+?) ON (?:TABLE |FUNCTION |PROCEDURE )?(?P<where>\S+) TO ", line)
    if grant is None:  # "GRANT role TO user": the role's own grants are listed on lines of their own
        return set()
    pattern = grant["where"].rpartition(".")[0].strip('`"')
    # Who writes the privilege tables may grant himself the rest.
    where = "" if _covers(pattern, schema or "") else " on mysql" if _covers(pattern, "mysql") else None
    if where is None:
        return set()
    # Columns in brackets narrow a privilege; they do not change what it is.
    names = {name.strip() for name in re.sub(r"\([^)]*\)", "", grant["what"]).split(",")}
    if "WITH GRANT OPTION" in line:
        names.add("GRANT OPTION")
    return {name + where for name in names - _HARMLESS}


def _covers(pattern: str, schema: str) -> bool:
    """Whether a grant's database part, in which % and _ stand for others unless escaped, is about this schema."""
    if pattern == "*":
        return True
    parts = re.findall(r"\\.|.", pattern)
    wild = {"%": ".*", "_": "."}
    return re.fullmatch("".join(wild.get(part) or re.escape(part[-1]) for part in parts), schema) is not None


def server_version(connection: Connection) -> str:
    """The server's product and version."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    said = str(connection.execute(text("SELECT version()")).scalar_one())
    return said if said.startswith("PostgreSQL") or "MariaDB" in said else f"MySQL {said}"


def replication_lag(connection: Connection) -> str | None:
    """How far a replica is behind, in words; None when this is no replica or the account may not ask."""
    try:
        behind = seconds_behind(connection)
    except DBAPIError:
        return None
    if not behind:
        return None
    if None in behind:
        return "replication is not running"
    return f"{max(seconds for seconds in behind if seconds is not None)} s behind its primary"


def seconds_behind(connection: Connection) -> list[int | None]:
    """How far a replica is behind each of its primaries; None where replication is not running. Empty: no replica.

    Raises DBAPIError when the account may not ask.
    """
    if connection.dialect.name != "mysql":
        return []
    mariadb = getattr(connection.dialect, "is_mariadb", False)
    rows = connection.execute(text("SHOW ALL REPLICAS STATUS" if mariadb else "SHOW REPLICA STATUS")).mappings().all()
    key = "Seconds_Behind_Master" if mariadb else "Seconds_Behind_Source"
    return [None if row[key] is None else int(row[key]) for row in rows]


def reason_of(error: BaseException) -> str:
    """One line for people out of a driver's error, with what to do about the common ones."""
    original = getattr(error, "orig", None) or error
    arguments = getattr(original, "args", ())
    number = arguments[0] if arguments and isinstance(arguments[0], int) else None
    said = str(arguments[-1]) if arguments else str(original)
    line = " ".join(said.split()) or type(original).__name__
    advice = _ADVICE.get(number) if number is not None else None
    if "CERTIFICATE_VERIFY_FAILED" in line:
        advice = "--ssl-ca names its authority; --no-ssl-verify-identity takes a certificate of another name"
    return f"{line} ({advice})" if advice else line


_ADVICE = {
    1044: "the account may not use this database; GRANT SELECT on it",
    1045: "check user and password",
    1049: "no database of that name on this server",
    1142: "the account lacks SELECT there",
    1143: "the account lacks SELECT on a column",
    1205: "another session holds the table; try again",
    1969: "raise --statement-timeout, or read from a replica",
    2003: "is the server up, and reachable from here?",
    2013: "the server ended the connection",
    3024: "raise --statement-timeout, or read from a replica",
}
