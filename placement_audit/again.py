"""The second look: what some findings rest on is read again, by key, into the snapshot that the first look made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from placement_audit import clock, derived
from placement_audit import schema as t
from placement_audit.errors import CannotTell
from placement_audit.schema import Role
from placement_audit.snapshot import Estate, Progress, Reader, one_spelling
from placement_audit.source.connect import local_file, reason_of, utc_now

_CHUNK = 10_000  # SQLite binds at most 32,766 values

# What grows with the number of servers, and the columns by which all that belongs to a uuid is found.
_BY_UUID: Mapping[Table, tuple[str, ...]] = {
    t.allocations: ("consumer_id",),
    t.consumers: ("uuid",),
    t.instances: ("uuid",),
    t.migrations: ("uuid", "instance_uuid"),
    t.instance_mappings: ("instance_uuid",),
    t.request_specs: ("instance_uuid",),
    t.build_requests: ("instance_uuid",),
}
_ROLES = (Role.PLACEMENT, Role.CELL, Role.API)


@dataclass
class Doubts:
    """What findings in doubt are about. Of a row without a server, all servers of its provider or host are."""

    uuids: set[str] = field(default_factory=set)
    migrations: set[int] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    provider_ids: set[int] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)

    def add(self, row: Mapping[Any, Any]) -> bool:
        """Take in what a finding's row is about; whether it names anything that can be read by key."""
        named: list[tuple[set[Any], str]] = [
            (self.uuids, "consumer"),
            (self.uuids, "instance"),
            (self.uuids, "migration"),
        ]
        if not any(row.get(name) for _, name in named):
            named += [(self.providers, "provider"), (self.provider_ids, "provider_id")]
            named += [(self.hosts, "host"), (self.nodes, "node")]
        named.append((self.migrations, "migration_id"))
        found = [(values, row[name]) for values, name in named if row.get(name) is not None]
        for values, value in found:
            values.add(value)
        return bool(found)


def by_key_alone(tables: Iterable[Table]) -> bool:
    """Whether any of the tables grows with the number of servers, so that it is never read whole again."""
    return any(table in _BY_UUID or (table in derived.KEYED and table is not t.pci_devices) for table in tables)


def read_again(
    estate: Estate, path: Path, wanted: Iterable[Table], doubts: Doubts, progress: Progress = lambda *_: None
) -> None:
    """Renew a snapshot's rows of what is in doubt, so that only those findings may be judged by it.

    Of the large tables (allocations, consumers, instances, migrations, mappings, request specs and what hangs on
    them) the rows of ``doubts`` alone, in every cell. Tables that grow with the number of hosts, classes, flavors
    or projects are read whole. Raises CannotTell when a database that the snapshot has cannot be read.
    """
    tables = derived.with_parts(wanted)
    if any(table.info["home"] is Role.CELL for table in tables):
        tables = tables | {t.services}
    try:
        with local_file(path, write=True).begin() as into:
            _same_databases(estate, into)
            reader = Reader(estate.databases, into, progress, estate.limits, once_more=False, would_read=None)
            _Second(reader, into, tables, doubts).run()
            if reader.failed:
                raise CannotTell("; ".join(reader.failed.values()))
            reader.finish()
            # How old things are is measured from here.
            now = utc_now(estate.databases[0].connection)
            into.execute(update(t.snapshot).values(taken_at=now, as_of=clock.as_of(into, now)))
    except SQLAlchemyError as error:
        raise CannotTell(f"the second look: {reason_of(error)}") from None


def _same_databases(estate: Estate, into: Connection) -> None:
    now = {(database.role.value, database.name) for database in estate.databases}
    then = {(row.role, row.name) for row in into.execute(select(t.sources).where(t.sources.c.status == "read"))}
    for unread in estate.unreadable:
        if (unread.role.value, unread.name) in then:
            raise CannotTell(f"{unread.role.value} {unread.name}: {unread.reason}")
    if now != then:
        names = ", ".join(sorted(name for _, name in now ^ then))
        raise CannotTell(f"the databases are not those of the first look: {names}; audit again")


@dataclass
class _Second:
    reader: Reader
    into: Connection
    tables: set[Table]
    doubts: Doubts

    def run(self) -> None:
        whole = [table for table in self.tables if table.info["home"] and table not in {*_BY_UUID, *derived.KEYED}]
        for role in _ROLES:
            for table in whole:
                if table.info["home"] is role:
                    self.into.execute(delete(table))
                    self.reader.read(role, [table])
        self._forget_spellings(t.resource_providers, None)
        for table in whole:
            one_spelling(self.into, table)
        self._servers_of_providers_and_hosts()
        self._migrations_and_their_servers()
        uuids = list(_spellings(self.doubts.uuids))
        self._forget_spellings(t.consumers, uuids)
        keyed = [table for table in _BY_UUID if table in self.tables]
        for role in _ROLES:
            for table in keyed:
                if table.info["home"] is role:
                    for name in _BY_UUID[table]:
                        self._renew(table, table.c[name], uuids)
        if t.migrations in self.tables and self.doubts.migrations:
            self._renew(t.migrations, t.migrations.c.id, list(self.doubts.migrations))
        for table in keyed:
            one_spelling(self.into, table)
        self._derive(uuids)

    def _derive(self, uuids: Sequence[str]) -> None:
        for table in derived.SELECTS:
            self._refill(table)
        mine = {uuid.lower() for uuid in uuids}
        for table, (key, query) in derived.KEYED.items():
            if table in self.tables:
                keys = list(self.into.scalars(query))
                if table is t.pci_devices:  # as many as the hosts have
                    self.into.execute(delete(table))
                    self.reader.read(table.info["home"], [table], key, keys)
                else:
                    self._renew(table, key, uuids, [found for found in keys if found and found.lower() in mine])
        for table in derived.COMPUTED:
            self._refill(table)

    def _refill(self, table: Table) -> None:
        if table in self.tables:
            self.into.execute(delete(table))
            derived.fill(self.into, table)

    def _renew(self, table: Table, key: Column[Any], keys: Sequence[Any], to_read: Sequence[Any] | None = None) -> None:
        """Rows of these keys as they are now; a row that is gone is gone here, too."""
        for some in _chunks(keys):
            self.into.execute(delete(table).where(key.in_(some)))
        self.reader.read(table.info["home"], [table], key, keys if to_read is None else to_read)

    def _forget_spellings(self, table: Table, uuids: Sequence[str] | None) -> None:
        """What was noted of uuids that are about to be read once more, None for all of a table that was read whole."""
        if table in self.tables:
            noted = delete(t.respelled).where(t.respelled.c.table == table.name)
            for some in [None] if uuids is None else _chunks(uuids):
                self.into.execute(noted if some is None else noted.where(t.respelled.c.uuid.in_(some)))

    def _servers_of_providers_and_hosts(self) -> None:
        doubts, provider, node, tree = self.doubts, t.resource_providers.c, t.compute_nodes.c, t.trees.c
        if doubts.hosts or doubts.nodes:
            at = or_(node.host.in_(doubts.hosts), node.hypervisor_hostname.in_(doubts.nodes))
            doubts.providers |= set(self.into.scalars(select(node.uuid).where(at, node.uuid.is_not(None))))
        known = set(self._local(provider.id, provider.uuid, doubts.providers)) | doubts.provider_ids
        # A tree as it was, and as it is.
        roots = set(self._local(tree.root_id, tree.provider_id, known))
        roots |= {one for one in self._local(provider.root_provider_id, provider.id, known) if one is not None}
        known |= roots | set(self._local(tree.provider_id, tree.root_id, roots))
        known |= set(self._local(provider.id, provider.root_provider_id, roots))
        uuids = {uuid for uuid in self._local(provider.uuid, provider.id, known) if uuid}
        doubts.hosts |= {host for host in self._local(node.host, node.uuid, uuids) if host}
        if t.allocations in self.tables and known:
            doubts.uuids |= self._seen(t.allocations, "resource_provider_id", known, "consumer_id")
        if t.instances in self.tables and doubts.hosts:
            doubts.uuids |= self._seen(t.instances, "host", doubts.hosts, "uuid")
            at_node = self._local(t.instances.c.uuid, t.instances.c.node, doubts.nodes)
            doubts.uuids |= {uuid for uuid in at_node if uuid}
        if t.migrations in self.tables and doubts.hosts:
            # Of the moves from and to these hosts those that the first look saw: no index leads to others.
            move = t.migrations.c
            for column in (move.source_compute, move.dest_compute):
                moved = self._local(move.instance_uuid, column, doubts.hosts)
                doubts.uuids |= {uuid for uuid in moved if uuid}

    def _migrations_and_their_servers(self) -> None:
        """Who holds a part of a server while it moves, and whose part a migration holds."""
        if t.migrations not in self.tables:
            return
        asked: set[str] = set()
        while new := self.doubts.uuids - asked:
            asked |= new
            keys = set(_spellings(new))
            for name in _BY_UUID[t.migrations]:
                self.doubts.uuids |= self._seen(t.migrations, name, keys, "uuid", "instance_uuid")

    def _local(self, column: Column[Any], key: Column[Any], keys: Iterable[Any]) -> Iterator[Any]:
        for some in _chunks(list(keys)):
            yield from self.into.scalars(select(column).where(key.in_(some)))

    def _seen(self, table: Table, key: str, keys: Iterable[Any], *columns: str) -> set[str]:
        """What the rows of these keys have in other columns: then, and now in every database of the role."""
        listed = list(keys)
        found: set[str] = set()
        for name in columns:
            found |= set(self._local(table.c[name], table.c[key], listed))
        for row in self.reader.rows(table, table.c[key], listed):
            found |= {row[name] for name in columns}
        return {str(value) for value in found if value is not None}


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _spellings(uuids: Iterable[str]) -> set[str]:
    """Uuids with those spellings of theirs that SQL by hand leaves (SEMANTICS 0): not every server folds case."""
    dashed = {form for uuid in uuids for form in (uuid, uuid.lower(), uuid.upper())}
    return dashed | {form.replace("-", "") for form in dashed}
