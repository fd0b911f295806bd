"""The snapshot: one SQLite file that holds what the checks need of all databases, read at one instant a server."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, delete, func, insert, inspect, literal, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.expression import CompoundSelect

from placement_audit import __version__, clock, derived
from placement_audit import schema as t
from placement_audit.errors import CannotTell
from placement_audit.schema import Role
from placement_audit.source import cells as cell_list
from placement_audit.source import load
from placement_audit.source.abreast import abreast
from placement_audit.source.config import Sources, Value, masked
from placement_audit.source.connect import (
    Limits,
    at_home,
    begin_again,
    break_off,
    end_reading,
    excess_grants,
    is_lost,
    local_file,
    reading,
    reason_of,
    replication_lag,
    schema_of,
    server_of,
    server_version,
    utc_now,
)
from placement_audit.source.read import NO_BOUNDS, rows_of, statements_of
from placement_audit.source.recognise import Recognised, recognise

FORMAT = 5

# Columns that checks join on. Each is worth more in the checks than it costs in the making.
_INDEXED = (
    (t.resource_providers, "id"),
    (t.resource_providers, "uuid"),
    (t.resource_providers, "name"),
    (t.resource_classes, "id"),
    (t.inventories, "resource_provider_id"),
    (t.inventories, "resource_class_id"),
    (t.placement_aggregates, "id"),
    (t.placement_aggregates, "uuid"),
    (t.resource_provider_aggregates, "resource_provider_id"),
    (t.resource_provider_aggregates, "aggregate_id"),
    (t.resource_provider_traits, "resource_provider_id"),
    (t.consumers, "uuid"),
    (t.projects, "id"),
    (t.users, "id"),
    (t.instances, "uuid"),
    (t.instances, "host"),
    (t.instance_actions, "instance_uuid"),
    (t.migrations, "uuid"),
    (t.migrations, "instance_uuid"),
    (t.compute_nodes, "uuid"),
    (t.compute_nodes, "hypervisor_hostname"),
    (t.compute_nodes, "host"),
    (t.services, "host"),
    (t.host_mappings, "host"),
    (t.aggregate_hosts, "host", "aggregate_id"),
    (t.aggregate_hosts, "aggregate_id"),
    (t.instance_mappings, "instance_uuid", "cell_id"),
    (t.request_specs, "instance_uuid"),
    (t.build_requests, "instance_uuid"),
    (t.allocations, "consumer_id"),
    # All of it: what sums up each provider's rows need not look at the table.
    (t.allocations, "resource_provider_id", "resource_class_id", "consumer_id", "used", "created_at"),
    (t.trees, "provider_id"),
    (t.claims, "consumer_id"),
    (t.claims, "root_id"),
    (t.start_hazards, "host"),
    (t.reach, "root_id"),
    (t.flavor_requests, "flavor_id"),
    (t.expected, "instance_uuid"),
    (t.block_device_mapping, "instance_uuid"),
    (t.misfits, "instance_uuid"),
    (t.pci_devices, "instance_uuid"),
    (t.request_flavors, "instance_uuid"),
    (t.instance_flavors, "instance_uuid"),
)

Progress = Callable[[str, int], None]
# For a dry run: what would be read of a table, and whether only the rows of suspects.
WouldRead = Callable[["Database", Table, Iterable[Select[Any]], bool], None]


class Lost(CannotTell):
    """The way to a server broke off while it was read; with luck a second attempt gets through."""


@dataclass(frozen=True)
class Database:
    """A live database, opened and recognised."""

    role: Role
    name: str
    url: URL
    connection: Connection
    recognised: Recognised
    excess: tuple[str, ...] = ()
    cell: cell_list.Cell | None = None


@dataclass(frozen=True)
class Unreadable:
    """A database that cannot be read, and why."""

    role: Role
    name: str
    url: URL | None
    reason: str
    cell: cell_list.Cell | None = None


@dataclass
class Estate:
    """All databases of a deployment. ``warnings``: what people should know although the run goes on.

    ``settings``: what the services' configuration files say, as far as they were given.
    """

    limits: Limits = field(default_factory=Limits)
    databases: list[Database] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: Mapping[str, Value] = field(default_factory=dict)


@contextmanager
def opened(sources: Sources, limits: Limits, *, own_credentials: bool = True, strict: bool = True) -> Iterator[Estate]:
    """Every database behind ``sources``, placement first; one connection and transaction for each server.

    A cell that cannot be read becomes an Unreadable. So do placement and the API database unless ``strict``;
    else they raise CannotTell.
    """
    with ExitStack() as stack:
        connections: dict[URL, Connection] = {}
        estate = Estate(limits, warnings=list(sources.warnings), settings=sources.settings)

        def open_one(role: Role, name: str, url: URL, cell: cell_list.Cell | None = None) -> Database:
            server = server_of(url)
            if server not in connections:
                connections[server] = stack.enter_context(reading(server, limits))
                _settle(connections[server], server, estate)
            connection = connections[server]
            recognised = recognise(connection, url, role)
            estate.warnings += recognised.warnings
            try:
                excess = tuple(excess_grants(connection, schema_of(url)))
            except SQLAlchemyError as error:
                raise CannotTell(f"{masked(url)}: looking at the account's grants: {reason_of(error)}") from None
            database = Database(role, name, url, connection, recognised, excess, cell)
            estate.databases.append(database)
            return database

        def open_needed(role: Role, name: str, url: URL) -> Database | None:
            try:
                return open_one(role, name, url)
            except CannotTell as error:
                if strict:
                    raise
                estate.unreadable.append(Unreadable(role, name, url, str(error)))
                return None

        open_needed(Role.PLACEMENT, "placement", sources.placement)
        listed: list[cell_list.Cell] = []
        api = open_needed(Role.API, "nova_api", sources.api) if sources.api is not None else None
        if api is not None:
            try:
                listed = cell_list.known_cells(api.connection, api.url, sources.base, own_credentials)
            except SQLAlchemyError as error:
                raise CannotTell(f"{masked(api.url)}: cell_mappings: {reason_of(error)}") from None
        seen: dict[tuple[URL, str | None], str] = {}
        for cell in cell_list.overridden(listed, dict(sources.cells)):
            if cell.disabled:
                estate.disabled.append(cell.name)
            try:
                if cell.url is None:
                    raise CannotTell(cell.problem)
                twin = seen.setdefault((server_of(cell.url), cell.url.database), cell.name)
                if twin != cell.name:
                    # One of them is some other database, whose servers would all look unknown.
                    raise CannotTell(f"{masked(cell.url)}: the same database as {twin}; correct one of the addresses")
                open_one(Role.CELL, cell.name, cell.url, cell)
            except CannotTell as error:
                estate.unreadable.append(Unreadable(Role.CELL, cell.name, cell.url, str(error), cell))
        if api is not None:
            _after_the_cells(api, estate)
        estate.warnings += _too_much_granted(estate.databases)
        yield estate


def _after_the_cells(api: Database, estate: Estate) -> None:
    """Its instant is to be the last (SEMANTICS J.2), and the cells' addresses had to be read of it first."""
    if any(other.connection is api.connection for other in estate.databases if other is not api):
        return
    try:
        begin_again(api.connection, estate.limits)
    except SQLAlchemyError as error:
        raise CannotTell(f"{masked(api.url)}: {reason_of(error)}") from None


def _settle(connection: Connection, server: URL, estate: Estate) -> None:
    try:
        if load.wait(connection, server, estate.limits):
            begin_again(connection, estate.limits)  # rows as they are after the wait
        estate.warnings += load.notes(connection, server, estate.limits)
    except SQLAlchemyError as error:
        raise CannotTell(f"{masked(server)}: looking at its state: {reason_of(error)}") from None


def taken(
    sources: Sources,
    limits: Limits,
    path: Path,
    wanted: Iterable[Table] | None = None,
    progress: Progress = lambda *_: None,
    *,
    own_credentials: bool = True,
) -> Estate:
    """Open all databases, take the snapshot, and let go of them. Raises CannotTell.

    When the way to a server is lost, once more from the start, and of all servers: placement must be seen before
    the cells, and these before the API (SEMANTICS J.2).
    """
    tables = None if wanted is None else set(wanted)
    try:
        with opened(sources, limits, own_credentials=own_credentials) as estate:
            take(estate, path, tables, progress, once_more=True)
        return estate
    except Lost as lost:
        told = f"{lost}; everything was read a second time"
    with opened(sources, limits, own_credentials=own_credentials) as estate:
        take(estate, path, tables, progress)
    estate.warnings.append(told)
    return estate


def _too_much_granted(databases: Sequence[Database]) -> Iterator[str]:
    by_account: dict[tuple[URL, tuple[str, ...]], list[str]] = {}
    for database in databases:
        if database.excess:
            by_account.setdefault((server_of(database.url), database.excess), []).append(database.name)
    for (server, excess), names in by_account.items():
        yield (
            f"{masked(server)}: the account may do more than read in {', '.join(names)}: {', '.join(excess)}; "
            "SELECT alone is enough, and safer"
        )


def take(
    estate: Estate,
    path: Path,
    wanted: Iterable[Table] | None = None,
    progress: Progress = lambda *_: None,
    *,
    once_more: bool = False,
    would_read: WouldRead | None = None,
) -> None:
    """Read what ``wanted`` is made of (None: the whole vocabulary) into a new snapshot at ``path``, mode 0600.

    The file has that name only when it is whole. Raises CannotTell when placement or the API database fails, or
    the file cannot be written; a cell that fails is marked as unreadable in ``sources``. With ``once_more`` raises
    Lost where another attempt may help. With ``would_read`` no row is read: it is told of each table instead.
    """
    tables = derived.with_parts(t.metadata.tables.values() if wanted is None else wanted)
    if not path.name or path.is_dir():
        raise CannotTell(f"cannot write the snapshot to {str(path)!r}: it is a folder")
    if path.exists():
        with kept(path):
            pass  # anything but an old snapshot is not ours to replace: it may be an audited database
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            engine = local_file(part, write=True)
            with engine.begin() as into:
                _take(estate, into, tables, progress, once_more, would_read)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotTell(f"cannot write the snapshot {path}: {error.strerror}") from None
    except SQLAlchemyError as error:
        raise CannotTell(f"cannot write the snapshot {path}: {reason_of(error)}") from None


def _take(
    estate: Estate,
    into: Connection,
    tables: set[Table],
    progress: Progress,
    once_more: bool,
    would_read: WouldRead | None,
) -> None:
    t.metadata.create_all(into)
    taken_at = utc_now(estate.databases[0].connection)
    reader = Reader(estate.databases, into, progress, estate.limits, once_more, would_read)
    if any(table.info["home"] is Role.CELL for table in tables):
        tables = tables | {t.services}  # as of when a cell is, its services tell
    plain = {table for table in tables if table.info["home"] and table not in derived.KEYED}
    # Placement before the cells before the API: read from different servers in another order, fresh claims
    # would look unknown (SEMANTICS J.2).
    for role in (Role.PLACEMENT, Role.CELL, Role.API):
        reader.read(role, [table for table in t.live_tables(role) if table in plain])
    progress("indexing", 0)
    for table in plain:
        one_spelling(into, table)
    _index(into, plain)
    for table in derived.SELECTS:
        if table in tables:
            derived.fill(into, table)
            _index(into, {table})
    keys: dict[Select[Any] | CompoundSelect[Any], list[str]] = {}
    for table, (key, query) in derived.KEYED.items():
        if table in tables:
            if query not in keys:
                spelt = list(into.scalars(query))
                # Nova's own rows are in small letters, and many servers compare with case (SEMANTICS A.11).
                keys[query] = list(dict.fromkeys([*spelt, *(key.lower() for key in spelt if key)]))
            reader.read(table.info["home"], [table], key, keys[query])
            _index(into, {table})
    if t.stale_copies in tables:
        _count_left_behind(estate, into, would_read)
    reader.finish()
    for table in derived.COMPUTED:
        if table in tables:
            derived.fill(into, table)
            _index(into, {table})
    _describe(estate, into, reader.counts, reader.failed)
    into.execute(
        insert(t.snapshot).values(
            format=FORMAT, version=__version__, taken_at=taken_at, as_of=clock.as_of(into, taken_at)
        )
    )
    into.exec_driver_sql("PRAGMA analysis_limit = 1000")
    into.exec_driver_sql("ANALYZE")


def _count_left_behind(estate: Estate, into: Connection, would_read: WouldRead | None) -> None:
    for database in estate.databases:
        if database.role is Role.API:
            for table in t.left_behind:
                if table.name in database.recognised.columns:
                    count = select(func.count()).select_from(at_home(table, database.url))
                    if would_read is not None:
                        would_read(database, table, [count], False)
                        continue
                    try:
                        load.between_tables(database.connection, database.url, estate.limits)
                        rows = database.connection.scalar(count)
                    except SQLAlchemyError as error:
                        raise CannotTell(f"{masked(database.url)}: {table.name}: {reason_of(error)}") from None
                    into.execute(insert(t.stale_copies).values(table=table.name, rows=rows))


@dataclass
class Reader:
    """Reads tables of all databases of a role. A cell that fails loses what was read of it, and lands in ``failed``."""

    databases: Sequence[Database]
    into: Connection
    progress: Progress
    limits: Limits
    once_more: bool
    would_read: WouldRead | None
    counts: dict[tuple[Role, str], int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def read(
        self, role: Role, tables: Sequence[Table], key: Column[Any] | None = None, keys: Sequence[Any] = ()
    ) -> None:
        """Different servers are read at a time, the databases of one after the other.

        Raises CannotTell when placement or the API database fails, or the connection that it shares with a cell.
        """
        databases = [one for one in self.databases if one.role is role and one.name not in self.failed]
        if self.would_read is not None:
            for database in databases:
                for table in tables:
                    self._would_read_one(self.would_read, database, table, key)
            return
        lanes = _by_server(databases)
        sending = [self._sent(lane, tables, key, keys) for lane in lanes]
        with closing(abreast(sending, lambda number: break_off(lanes[number][0].connection))) as coming:
            for sent in coming:
                self._keep(sent)

    def _would_read_one(self, would_read: WouldRead, database: Database, table: Table, key: Column[Any] | None) -> None:
        live = _live(database, table)
        if live is not None:
            some, only = ["…"] if key is not None else (), derived.ONLY.get(table, NO_BOUNDS)
            would = statements_of(database.connection, database.url, table, live, key, some, only)
            would_read(database, table, would, key is not None)

    def _sent(
        self, databases: Sequence[Database], tables: Sequence[Table], key: Column[Any] | None, keys: Sequence[Any]
    ) -> Generator[_Sent, None, None]:
        """All batches of some databases of one server. Writes nothing: this may be a thread of its own."""
        for database in databases:
            for table in tables:
                live = _live(database, table)
                if live is None:
                    continue
                only = derived.ONLY.get(table, NO_BOUNDS)
                try:
                    load.between_tables(database.connection, database.url, self.limits)
                    for batch in rows_of(database.connection, database.url, table, live, key, keys, only):
                        yield _Sent(database, table, batch)
                except SQLAlchemyError as error:
                    reason = f"{masked(database.url)}: reading {table.name}: {reason_of(error)}"
                    if self.once_more and is_lost(database.connection, error):
                        raise Lost(reason) from None
                    if database.role is not Role.CELL or self._lost_with_others(database):
                        raise CannotTell(reason) from None
                    yield _Sent(database, table, failure=reason)
                    break

    def _keep(self, sent: _Sent) -> None:
        database, table, batch = sent.database, sent.table, sent.rows
        if sent.failure is not None:
            self.failed[database.name] = sent.failure
            for each in t.metadata.tables.values():
                if each.info["home"] is Role.CELL:
                    self.into.execute(delete(each).where(each.c.cell == database.name))
            return
        lead = (database.name,) if database.role is Role.CELL else ()
        _write(self.into, table, batch if not lead else [(*lead, *row) for row in batch])
        read = database.role, database.name
        self.counts[read] = self.counts.get(read, 0) + len(batch)
        self.progress(f"{database.name}.{table.name}", len(batch))

    def rows(self, table: Table, key: Column[Any], keys: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """Rows by key of all databases of the table's role, not kept. Raises CannotTell when one cannot be read."""
        names = [column.name for column in table.columns if column.name != "cell"]
        for database in self.databases:
            live = database.recognised.columns.get(table.name)
            if database.role is table.info["home"] and live is not None:
                try:
                    for batch in rows_of(database.connection, database.url, table, live, key, keys):
                        yield from (dict(zip(names, row, strict=True)) for row in batch)
                except SQLAlchemyError as error:
                    raise CannotTell(f"{masked(database.url)}: reading {table.name}: {reason_of(error)}") from None

    def _lost_with_others(self, database: Database) -> bool:
        shared = any(
            other.connection is database.connection and other.role is not Role.CELL for other in self.databases
        )
        return shared and is_lost(database.connection)

    def finish(self) -> None:
        """Let go of every server: what is left to do is done here."""
        for connection in {id(database.connection): database.connection for database in self.databases}.values():
            if not is_lost(connection):
                with suppress(SQLAlchemyError):  # what cannot be ended is over
                    end_reading(connection)


@dataclass(frozen=True)
class _Sent:
    """Some rows of a table; or why no more can be read of its database."""

    database: Database
    table: Table
    rows: Sequence[Sequence[Any]] = ()
    failure: str | None = None


def _live(database: Database, table: Table) -> frozenset[str] | None:
    return database.recognised.columns.get(table.info.get("of", table.name))


def _by_server(databases: Iterable[Database]) -> list[list[Database]]:
    """What is read over one connection, and all files, whose reading waits for nobody, together."""
    found: dict[int | None, list[Database]] = {}
    for database in databases:
        file = database.connection.dialect.name == "sqlite"
        found.setdefault(None if file else id(database.connection), []).append(database)
    return list(found.values())


# Uuids are compared as text; a form without dashes, which only SQL by hand leaves, is the same uuid (SEMANTICS 0).
UUIDS = {
    t.allocations: ("consumer_id",),
    t.consumers: ("uuid",),
    t.instances: ("uuid",),
    t.migrations: ("uuid", "instance_uuid"),
    t.instance_mappings: ("instance_uuid",),
    t.request_specs: ("instance_uuid",),
    t.instance_actions: ("instance_uuid",),
    t.build_requests: ("instance_uuid",),
    t.compute_nodes: ("uuid",),
    t.resource_providers: ("uuid",),
}
# Where placement itself finds a row by its spelling alone.
_ASKED_AS_SPELT = {t.resource_providers, t.consumers}


def one_spelling(into: Connection, table: Table) -> None:
    """Put dashes into uuids that were read without; those that placement itself finds by spelling are noted."""
    for name in UUIDS.get(table, ()):
        column = table.c[name]
        parts = [func.substr(column, start, length) for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
        dashed = parts[0] + "-" + parts[1] + "-" + parts[2] + "-" + parts[3] + "-" + parts[4]
        bare = func.length(column) == 32, func.instr(column, "-") == 0
        if table in _ASKED_AS_SPELT:
            found = select(literal(table.name), dashed).where(*bare)
            into.execute(insert(t.respelled).from_select(["table", "uuid"], found))
        into.execute(update(table).where(*bare).values({name: dashed}))


def _write(into: Connection, table: Table, batch: Sequence[Sequence[Any]]) -> None:
    """Past SQLAlchemy, whose work per row would double the time of a snapshot."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  names of the vocabulary
    driver = into.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101  for the type checker
    try:
        driver.executemany(statement, batch)
    except sqlite3.Error as error:
        raise CannotTell(f"cannot write the snapshot: {error}") from None


def _index(into: Connection, tables: set[Table]) -> None:
    for table, *columns in _INDEXED:
        if table in tables:
            name = "_".join(["by", table.name, *columns])
            listed = ", ".join(f'"{column}"' for column in columns)
            into.exec_driver_sql(f'CREATE INDEX "{name}" ON "{table.name}" ({listed})')


def _as_mapped(cell: cell_list.Cell | None) -> dict[str, Any]:
    if cell is None:
        return {"cell0": 0, "cell_id": None, "cell_uuid": None}
    return {"cell0": int(cell.cell0), "cell_id": cell.id, "cell_uuid": cell.uuid}


def _describe(estate: Estate, into: Connection, counts: dict[tuple[Role, str], int], failed: dict[str, str]) -> None:
    records: list[dict[str, Any]] = []
    for database in estate.databases:
        records.append(
            {
                "role": database.role.value,
                "name": database.name,
                "url": masked(database.url),
                **_as_mapped(database.cell),
                "release": database.recognised.release,
                "revision": database.recognised.revision,
                "status": "unreadable" if database.name in failed else "read",
                "reason": failed.get(database.name),
                "rows": counts.get((database.role, database.name), 0),
            }
        )
        for table, detail in database.recognised.deviations:
            into.execute(
                insert(t.deviations).values(
                    role=database.role.value,
                    name=database.name,
                    revision=database.recognised.revision,
                    table=table,
                    detail=detail,
                )
            )
    for unread in estate.unreadable:
        records.append(
            {
                "role": unread.role.value,
                "name": unread.name,
                "url": masked(unread.url) if unread.url else None,
                **_as_mapped(unread.cell),
                "release": None,
                "revision": None,
                "status": "unreadable",
                "reason": unread.reason,
                "rows": 0,
            }
        )
    into.execute(insert(t.sources), records)
    for name, value in estate.settings.items():
        into.execute(insert(t.settings).values(name=name, value=str(int(value) if isinstance(value, bool) else value)))


@dataclass(frozen=True)
class Source:
    """One database of a snapshot: ``status`` is read or unreadable, ``url`` has its password hidden."""

    role: str
    name: str
    url: str | None
    release: str | None
    revision: str | None
    status: str
    reason: str | None
    rows: int


def sources_in(connection: Connection) -> list[Source]:
    """The databases that a snapshot was made of."""
    return [
        Source(row.role, row.name, row.url, row.release, row.revision, row.status, row.reason, row.rows or 0)
        for row in connection.execute(select(t.sources))
    ]


@dataclass(frozen=True)
class Examined:
    """What the doctor sees of one database: ``rows`` by table, ``lag`` in words if it is a replica."""

    database: Database
    url: str
    server: str
    lag: str | None
    rows: dict[str, int]


def examined(database: Database, limits: Limits) -> Examined:
    """Look at one opened database. Raises CannotTell when a table cannot be counted."""
    connection = database.connection
    rows = {}
    for table in t.live_tables(database.role):
        if table.name not in database.recognised.columns:
            continue
        try:
            load.between_tables(connection, database.url, limits)
            rows[table.name] = connection.scalar(select(func.count()).select_from(at_home(table, database.url))) or 0
        except SQLAlchemyError as error:
            raise CannotTell(f"{masked(database.url)}: counting {table.name}: {reason_of(error)}") from None
    return Examined(database, masked(database.url), server_version(connection), replication_lag(connection), rows)


@contextmanager
def kept(path: Path) -> Iterator[Connection]:
    """An existing snapshot, read-only. Raises CannotTell when the file is none, is half-written or too new."""
    if not path.is_file():
        raise CannotTell(f"{path}: no such file")
    try:
        with local_file(path).connect() as connection:
            if not inspect(connection).has_table(t.snapshot.name):
                raise CannotTell(f"{path}: a SQLite file, but no snapshot of placement-audit")
            # An older one may lack the other columns.
            row = connection.execute(select(t.snapshot.c.format, t.snapshot.c.version)).first()
            if row is None:
                raise CannotTell(f"{path}: half-written snapshot: its reading was interrupted; take it again")
            if row.format != FORMAT:
                raise CannotTell(
                    f"{path}: snapshot format {row.format}, written by placement-audit {row.version}; "
                    f"this version reads format {FORMAT}"
                )
            yield connection
    except SQLAlchemyError as error:
        raise CannotTell(f"{path}: no snapshot, or a damaged one ({reason_of(error)}); take it again") from None
