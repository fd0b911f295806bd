"""A small language for writing a cloud's rows. Each noun is coherent by default; a defect is a composition of nouns.

A noun returns the rows it wrote as dicts, so that a story can bend them: ``host.provider["generation"] = None``.
Uuids come from names (``uuid_of``). Unless told otherwise all was written 30 hours ago: no check draws a line there.
The only writer of nova and placement rows in the project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    exists,
    insert,
    inspect,
    literal,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from placement_audit import schema as t
from placement_audit.amounts import Flavor, requests, totals
from placement_audit.errors import CannotTell
from placement_audit.schema import Role
from placement_audit.source.config import masked, url_of
from placement_audit.source.connect import reason_of, writing
from placement_audit.source.read import LARGE
from placement_audit.source.recognise import REVISIONS

Row = dict[str, Any]
CLOCK = "%Y-%m-%d %H:%M:%S"
SERVICE_VERSION = 74  # nova 34
# Of nova's stored objects, those that nova itself is asked to read.
_OBJECT_VERSIONS = {"Flavor": "1.2"}
_LOTS = 2147483647


def uuid_of(name: str) -> str:
    """The uuid that goes with a name."""
    return str(uuid5(NAMESPACE_DNS, name))


@dataclass(frozen=True)
class Compute:
    """A host with one compute node, its service, the service's mapping to the cell, and its provider."""

    name: str
    cell: str
    provider: Row
    node: Row
    service: Row
    mapping: Row

    @property
    def uuid(self) -> str:
        return str(self.provider["uuid"])


@dataclass(frozen=True)
class Server:
    """A server's row, the mapping to its cell, its request, and the flavor it was made of."""

    name: str
    cell: str
    instance: Row
    mapping: Row
    request: Row
    flavor: Row

    @property
    def uuid(self) -> str:
        return str(self.instance["uuid"])


@dataclass
class Urls:
    """Where a cloud is written."""

    placement: str
    api: str
    cells: Mapping[str, str]


class Estate:
    """The rows of one cloud, by table."""

    def __init__(self, now: datetime | None = None, cells: Sequence[str] = ("cell0", "cell1")) -> None:
        self.now = now or datetime.now(timezone.utc).replace(tzinfo=None)
        self.cells = tuple(cells)
        # Whether services are written as they were at ``now``, and not as up while the rows are written.
        self.is_past = False
        self.rows: dict[Table, list[Row]] = {}
        self._ids: dict[str, int] = {}
        self._classes: dict[str, int] = {}
        self._traits: dict[str, int] = {}
        self._aggregates: dict[str, int] = {}
        self._owners: dict[tuple[Table, str], int] = {}
        self._specs: dict[int, dict[str, str]] = {}
        for number, name in enumerate(t.STANDARD_CLASSES):
            self._classes[name] = number
            self.add(t.resource_classes, id=number, name=name)
        for name in (t.SHARING_TRAIT, "COMPUTE_STATUS_DISABLED"):
            self._trait_id(name)

    # --- plumbing ---

    def ago(self, **how_long: float) -> str:
        """A time in the past: ``ago(minutes=5)``."""
        return (self.now - timedelta(**how_long)).strftime(CLOCK)

    @property
    def written(self) -> str:
        """When all was written, unless told otherwise."""
        return self.ago(hours=30)

    def add(self, table: Table, **values: Any) -> Row:
        """One row of any table, as it is."""
        self.rows.setdefault(table, []).append(values)
        return values

    def remove(self, table: Table, row: Row) -> None:
        """Take a row back out."""
        self.rows[table] = [other for other in self.rows[table] if other is not row]

    def _next(self, kind: str) -> int:
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return self._ids[kind]

    def class_id(self, name: str) -> int:
        """The id of a resource class; a custom one is made on first mention."""
        if name not in self._classes:
            self._classes[name] = 9999 + self._next("class")
            self.add(t.resource_classes, id=self._classes[name], name=name)
        return self._classes[name]

    def _trait_id(self, name: str) -> int:
        if name not in self._traits:
            self._traits[name] = self._next("trait")
            self.add(t.traits, id=self._traits[name], name=name)
        return self._traits[name]

    def _owner_id(self, table: Table, external_id: str) -> int:
        key = table, external_id
        if key not in self._owners:
            self._owners[key] = self._next(table.name)
            self.add(table, id=self._owners[key], external_id=external_id)
        return self._owners[key]

    # --- placement's nouns ---

    def provider(self, name: str, *, parent: Row | None = None, uuid: str | None = None, at: str | None = None) -> Row:
        """A resource provider: a root, or a child of ``parent``."""
        number = self._next("provider")
        return self.add(
            t.resource_providers,
            id=number,
            uuid=uuid or uuid_of(name),
            name=name,
            generation=1,
            root_provider_id=parent["root_provider_id"] if parent else number,
            parent_provider_id=parent["id"] if parent else None,
            created_at=at or self.written,
        )

    def inventory(self, provider: Row, resource_class: str, total: int, **fields: Any) -> Row:
        """What a provider has of one class; fields as placement names them."""
        values: Row = {
            "reserved": 0,
            "min_unit": 1,
            "max_unit": total,
            "step_size": 1,
            "allocation_ratio": 1.0,
            "created_at": self.written,
        }
        return self.add(
            t.inventories,
            resource_provider_id=provider["id"],
            resource_class_id=self.class_id(resource_class),
            total=total,
            **(values | fields),
        )

    def trait(self, provider: Row, name: str) -> Row:
        """A trait on a provider."""
        return self.add(
            t.resource_provider_traits,
            resource_provider_id=provider["id"],
            trait_id=self._trait_id(name),
            created_at=provider["created_at"],
        )

    def aggregate(self, name: str, *members: Row) -> str:
        """An aggregate of placement with providers in it; returns its uuid."""
        uuid = uuid_of(f"aggregate {name}")
        if uuid not in self._aggregates:
            self._aggregates[uuid] = self._next("aggregate")
            self.add(t.placement_aggregates, id=self._aggregates[uuid], uuid=uuid)
        for member in members:
            self.add(
                t.resource_provider_aggregates,
                resource_provider_id=member["id"],
                aggregate_id=self._aggregates[uuid],
            )
        return uuid

    def shared(self, name: str, disk_gb: int, *members: Row) -> Row:
        """A sharing provider of DISK_GB for the members of its aggregate."""
        pool = self.provider(name)
        self.inventory(pool, "DISK_GB", disk_gb, max_unit=_LOTS)
        self.trait(pool, t.SHARING_TRAIT)
        self.aggregate(f"users of {name}", pool, *members)
        return pool

    def consumer(
        self,
        uuid: str,
        *,
        project: str = "project-a",
        user: str = "user-a",
        kind: str | None = None,
        generation: int = 1,
        at: str | None = None,
    ) -> Row:
        """Placement's record of a consumer; ``kind`` is its consumer type."""
        kinds = {row["name"]: row["id"] for row in self.rows.get(t.consumer_types, [])}
        if kind and kind not in kinds:
            kinds[kind] = self._next("consumer type")
            self.add(t.consumer_types, id=kinds[kind], name=kind)
        return self.add(
            t.consumers,
            uuid=uuid,
            project_id=self._owner_id(t.projects, project),
            user_id=self._owner_id(t.users, user),
            consumer_type_id=kinds[kind] if kind else None,
            generation=generation,
            created_at=at or self.written,
        )

    def allocate(self, consumer: str, provider: Row, amounts: Mapping[str, int], at: str | None = None) -> list[Row]:
        """Allocation rows alone."""
        return [
            self.add(
                t.allocations,
                resource_provider_id=provider["id"],
                consumer_id=consumer,
                resource_class_id=self.class_id(name),
                used=used,
                created_at=at or self.written,
            )
            for name, used in amounts.items()
        ]

    def claim(
        self,
        consumer: str,
        provider: Row,
        amounts: Mapping[str, int],
        *,
        project: str = "project-a",
        user: str = "user-a",
        kind: str | None = None,
        at: str | None = None,
    ) -> list[Row]:
        """Allocations with their consumer's record, which is made on first mention."""
        if not any(row["uuid"] == consumer for row in self._recent_consumers()):
            self.consumer(consumer, project=project, user=user, kind=kind, at=at)
        return self.allocate(consumer, provider, amounts, at)

    def _recent_consumers(self) -> list[Row]:
        # A consumer's claims are written close together: looking at the last few keeps large clouds linear.
        return self.rows.get(t.consumers, [])[-50:]

    # --- nova's nouns ---

    def compute(
        self,
        name: str,
        *,
        cell: str = "cell1",
        node: str | None = None,
        vcpus: int = 48,
        memory_mb: int = 262144,
        disk_gb: int = 2000,
        vcpu_ratio: float = 4.0,
        memory_ratio: float = 1.0,
        reserved_mb: int = 4096,
        hypervisor_type: str = "QEMU",
        at: str | None = None,
    ) -> Compute:
        """A host: compute node, service, and a provider with what libvirt reports (SEMANTICS F.2)."""
        node = node or name
        provider = self.provider(node, at=at)
        if hypervisor_type != "ironic":
            self.inventory(provider, "VCPU", vcpus, allocation_ratio=vcpu_ratio)
            self.inventory(provider, "MEMORY_MB", memory_mb, reserved=reserved_mb, allocation_ratio=memory_ratio)
            if disk_gb:
                self.inventory(provider, "DISK_GB", disk_gb)
        self.trait(provider, "COMPUTE_NODE")
        self.trait(provider, "OWNER_NOVA")
        row = self.compute_node(name, node, cell=cell, uuid=provider["uuid"], hypervisor_type=hypervisor_type, at=at)
        if hypervisor_type != "ironic":
            row.update(vcpus=vcpus, memory_mb=memory_mb, local_gb=disk_gb)
            row.update(cpu_allocation_ratio=vcpu_ratio, ram_allocation_ratio=memory_ratio, disk_allocation_ratio=1.0)
        service = self.service(name, cell=cell, at=at)
        return Compute(name, cell, provider, row, service, self.host_mapping(name, cell, at=at))

    def service(
        self, host: str, binary: str = "nova-compute", *, cell: str = "cell1", at: str | None = None, **fields: Any
    ) -> Row:
        """A service that was seen up just now; fields as in ``services``."""
        values: Row = {
            "version": SERVICE_VERSION,
            "disabled": 0,
            "forced_down": 0,
            "last_seen_up": self.ago(seconds=5),
            "deleted": 0,
            "deleted_at": None,
            "created_at": at or self.written,
            "updated_at": self.ago(seconds=5),
        } | fields
        return self.add(t.services, cell=cell, host=host, binary=binary, **values)

    def host_mapping(self, host: str, cell: str, at: str | None = None) -> Row:
        """The API database's word on the cell of a host."""
        return self.add(
            t.host_mappings,
            host=host,
            cell_id=self.cell_id(cell),
            created_at=at or self.written,
            updated_at=None,
        )

    def cell_id(self, cell: str) -> int:
        """The id of a cell's mapping."""
        return self.cells.index(cell) + 1

    def compute_node(
        self,
        host: str,
        node: str,
        *,
        cell: str = "cell1",
        uuid: str | None = None,
        hypervisor_type: str = "QEMU",
        deleted_at: str | None = None,
        at: str | None = None,
    ) -> Row:
        """A compute node's row alone, without service or provider."""
        return self.add(
            t.compute_nodes,
            cell=cell,
            id=self._next("compute node"),
            uuid=uuid or uuid_of(node),
            host=host,
            hypervisor_hostname=node,
            hypervisor_type=hypervisor_type,
            vcpus=0,
            memory_mb=0,
            local_gb=0,
            deleted=self._next("deleted node") if deleted_at else 0,
            deleted_at=deleted_at,
            created_at=at or self.written,
            updated_at=self.ago(seconds=30),
        )

    def flavor(self, name: str, vcpus: int, memory_mb: int, root_gb: int, **fields: Any) -> Row:
        """A flavor; ``extra_specs``, ``ephemeral_gb``, ``swap`` and ``disabled`` may be given."""
        specs = fields.pop("extra_specs", {})
        values: Row = {
            "flavorid": fields.pop("flavorid", name),
            "ephemeral_gb": 0,
            "swap": 0,
            "disabled": 0,
            "created_at": self.ago(days=30),
            "updated_at": None,
        } | fields
        number = self._next("flavor")
        self._specs[number] = specs
        for key, value in specs.items():
            self.add(t.flavor_extra_specs, flavor_id=number, key=key, value=value, created_at=self.ago(days=30))
        return self.add(t.flavors, id=number, name=name, vcpus=vcpus, memory_mb=memory_mb, root_gb=root_gb, **values)

    def amounts(self, flavor: Row, **how: Any) -> dict[str, int]:
        """What a server of this flavor holds on one host, summed over request groups; ``how`` as for ``requests``."""
        return totals(requests(self._flavor(flavor), **how))

    def _flavor(self, row: Row) -> Flavor:
        return Flavor(
            row["vcpus"],
            row["memory_mb"],
            row["root_gb"],
            row["ephemeral_gb"],
            row["swap"],
            self._specs[row["id"]],
        )

    def server(
        self,
        name: str,
        host: Compute | None,
        flavor: Row | None = None,
        *,
        cell: str | None = None,
        holds: bool = True,
        volume_backed: bool = False,
        project: str = "project-a",
        user: str = "user-a",
        at: str | None = None,
        **fields: Any,
    ) -> Server:
        """A server on a host, with its allocation there unless ``holds`` is False; fields as in ``instances``."""
        cell = cell or (host.cell if host else "cell1")
        flavor = flavor or self._small()
        uuid = uuid_of(name)
        at = at or self.written
        values: Row = {
            "host": host.name if host else None,
            "node": host.node["hypervisor_hostname"] if host else None,
            "vm_state": "active",
            "task_state": None,
            "hidden": 0,
            "compute_id": host.node["id"] if host else None,
            "launched_on": host.name if host else None,
            "instance_type_id": flavor["id"],
            **{name: flavor[name] for name in ("vcpus", "memory_mb", "root_gb", "ephemeral_gb")},
            "deleted": 0,
            "deleted_at": None,
            "created_at": at,
            "updated_at": at,
        } | fields
        instance = self.add(t.instances, cell=cell, uuid=uuid, project_id=project, user_id=user, **values)
        mapping = self.add(
            t.instance_mappings,
            instance_uuid=uuid,
            cell_id=self.cell_id(cell),
            queued_for_delete=int(values["deleted"] != 0 or values["vm_state"] == "soft-delete"),
            updated_at=at,
        )
        request = self.add(t.request_specs, instance_uuid=uuid)
        self.add(t.instance_extra, cell=cell, instance_uuid=uuid, flavor=self.embedded(flavor))
        self.add(
            t.block_device_mapping,
            cell=cell,
            instance_uuid=uuid,
            boot_index=0,
            destination_type="volume" if volume_backed else "local",
            deleted=0,
        )
        if host and holds:
            amounts = self.amounts(flavor, volume_backed=volume_backed)
            self.claim(uuid, host.provider, amounts, project=project, user=user, at=at)
        return Server(name, cell, instance, mapping, request, flavor)

    def _small(self) -> Row:
        for row in self.rows.get(t.flavors, []):
            if row["name"] == "m1.small":
                return row
        return self.flavor("m1.small", 2, 4096, 20)

    def embedded(self, flavor: Row, *, old: Row | None = None, new: Row | None = None) -> str:
        """instance_extra.flavor as nova writes it; ``old`` and ``new`` are a resize's (SEMANTICS C.4)."""
        keys = ("id", "flavorid", "name", "vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap")
        stored = {
            name: row and _stored("Flavor", {key: row[key] for key in keys} | {"extra_specs": self._specs[row["id"]]})
            for name, row in (("cur", flavor), ("old", old), ("new", new))
        }
        return json.dumps(stored)

    def image_property(self, server: Server, name: str, value: str) -> Row:
        """What the image of a server says, as nova keeps it with the server."""
        return self.add(
            t.instance_system_metadata,
            cell=server.cell,
            instance_uuid=server.uuid,
            key=f"image_{name}",
            value=value,
            deleted=0,
        )

    def nova_aggregate(self, name: str, *hosts: Compute, metadata: Mapping[str, str] | None = None) -> str:
        """A host aggregate and its mirror in placement (SEMANTICS G.1); returns their uuid."""
        uuid = self.aggregate(name, *(host.provider for host in hosts))
        number, at = self._next("host aggregate"), self.written
        self.add(t.aggregates, id=number, uuid=uuid, name=name, created_at=at)
        for host in hosts:
            self.add(t.aggregate_hosts, aggregate_id=number, host=host.name, created_at=at)
        for key, value in (metadata or {}).items():
            self.add(t.aggregate_metadata, aggregate_id=number, key=key, value=value, created_at=at, updated_at=None)
        return uuid

    def request_spec(
        self, server: Server, *, image: Mapping[str, Any] | None = None, disk_format: str | None = None, **fields: Any
    ) -> Row:
        """What nova was asked for when the server was made; fields as in the object RequestSpec (SEMANTICS C.4)."""
        picture = {"disk_format": disk_format, "properties": _stored("ImageMetaProps", image or {})}
        data = {
            "flavor": json.loads(self.embedded(server.flavor))["cur"],
            "image": _stored("ImageMeta", {key: value for key, value in picture.items() if value}),
            "project_id": server.instance["project_id"],
            "availability_zone": None,
            "is_bfv": False,
            "force_hosts": None,
            "force_nodes": None,
            "scheduler_hints": {},
            "pci_requests": None,
        } | fields
        server.request["spec"] = json.dumps(_stored("RequestSpec", data))
        return server.request

    def migration(
        self,
        server: Server,
        kind: str,
        status: str,
        source: Compute,
        dest: Compute | None = None,
        *,
        at: str | None = None,
        **fields: Any,
    ) -> Row:
        """A migration of a server; it holds nothing until it claims."""
        at = at or self.written
        values: Row = {
            "uuid": uuid_of(f"{kind} {self._next('migration')} of {server.name}"),
            "deleted": 0,
            "deleted_at": None,
            "created_at": at,
            "updated_at": at,
        } | fields
        return self.add(
            t.migrations,
            cell=server.cell,
            id=self._next("migration row"),
            instance_uuid=server.uuid,
            migration_type=kind,
            status=status,
            source_compute=source.name,
            source_node=source.node["hypervisor_hostname"],
            dest_compute=dest.name if dest else None,
            dest_node=dest.node["hypervisor_hostname"] if dest else None,
            **values,
        )

    def action(self, server: Server, action: str, *, failed: bool = False, at: str | None = None, **fields: Any) -> Row:
        """What was ordered for a server: ``confirmResize``, ``revertResize``, ``migrate``, ``live-migration``, ..."""
        values: Row = {
            "message": "Error" if failed else None,
            "start_time": at or self.written,
            "deleted": 0,
        } | fields
        return self.add(t.instance_actions, cell=server.cell, instance_uuid=server.uuid, action=action, **values)

    def building(self, name: str, at: str | None = None) -> str:
        """A server that the API has accepted and no cell has yet; returns its uuid."""
        uuid = uuid_of(name)
        self.add(t.build_requests, instance_uuid=uuid, created_at=at or self.ago(minutes=1))
        self.add(t.instance_mappings, instance_uuid=uuid, cell_id=None, queued_for_delete=0, updated_at=None)
        self.add(t.request_specs, instance_uuid=uuid)
        return uuid

    # --- to databases ---

    def write(self, urls: Urls) -> None:
        """Insert everything. Tables that do not exist are made as the vocabulary has them.

        Raises CannotTell when a database cannot be written or already has rows in it.
        """
        targets = [
            (Role.PLACEMENT, "placement", urls.placement),
            (Role.API, "nova_api", urls.api),
            *((Role.CELL, cell, urls.cells[cell]) for cell in self.cells),
        ]
        for role, _, url in targets:
            _refuse_rows(url, role)
        mappings = [
            {
                "id": number,
                "uuid": t.CELL0_UUID if cell == "cell0" else uuid_of(f"cell {cell}"),
                "name": cell,
                "database_connection": urls.cells[cell],
                "disabled": 0,
            }
            for number, cell in enumerate(self.cells, start=1)
        ]
        for role, name, url in targets:
            requests: list[Row] = [{"spec": ""} | row for row in self.rows.get(t.request_specs, [])]
            unkept: dict[Table, list[Row]] = {table: self.rows.get(table, []) for table in t.left_behind}
            unkept |= {t.cell_mappings: mappings, t.whole_request_specs: requests}
            self._write(role, name, url, unkept if role is Role.API else {})

    def _write(self, role: Role, name: str, url: str, more: dict[Table, list[Row]]) -> None:
        target = url_of(url, name)
        rows = {
            table: [row for row in self.rows.get(table, []) if role is not Role.CELL or row["cell"] == name]
            for table in _own_tables(role)
        } | more
        services = rows.pop(t.services, [])
        try:
            with writing(target).begin() as connection:
                _prepare(connection, role)
                for table, records in rows.items():
                    _insert(connection, table, records)
                _insert(connection, t.services, services if self.is_past else self._beating(services))
        except SQLAlchemyError as error:
            raise CannotTell(f"{masked(target)}: {reason_of(error)}") from None

    def _beating(self, services: list[Row]) -> list[Row]:
        """What is up says so still after a large cloud has been written, which may take minutes."""
        late = datetime.now(timezone.utc).replace(tzinfo=None) - self.now
        if late < timedelta(seconds=20):
            return services
        up, seen = self.ago(minutes=1), self.ago(seconds=5 - late.total_seconds())
        return [
            row | {"last_seen_up": seen, "updated_at": seen} if str(row["last_seen_up"] or "") > up else row
            for row in services
        ]


def _stored(name: str, data: Mapping[str, Any]) -> Row:
    """An object as nova keeps it in JSON."""
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": _OBJECT_VERSIONS.get(name, "1.0"),
        "nova_object.data": data,
    }


def create_databases(urls: Urls) -> None:
    """Make the schemas that do not exist yet on a MySQL or MariaDB server. Raises CannotTell."""
    for text in (urls.placement, urls.api, *urls.cells.values()):
        url = url_of(text, "--load")
        if url.get_backend_name() != "mysql":
            continue  # PostgreSQL makes no database inside a transaction; its databases must be there
        engine = writing(url._replace(database=None))
        name = engine.dialect.identifier_preparer.quote_identifier(url.database or "")
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {name}")
        except SQLAlchemyError as error:
            raise CannotTell(f"{masked(url)}: {reason_of(error)}") from None


def _prepare(connection: Connection, role: Role) -> None:
    """Tables made where there are none; constraints off, for faults are part of the story."""
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
        # Without this VCPU, whose id is 0, would be numbered anew (SEMANTICS A.4).
        connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = replica")
    if not inspect(connection).get_table_names():
        _make(connection, _own_tables(role), list(REVISIONS[role])[-1])


def _refuse_rows(text: str, role: Role) -> None:
    url = url_of(text, "the demo cloud")
    try:
        with writing(url).connect() as connection:
            present = set(inspect(connection).get_table_names())
            tables = [table for table in _own_tables(role) if table.name in present]
            filled = [exists(select(literal(1)).select_from(_bare(table))).label(table.name) for table in tables]
            found = connection.execute(select(*filled)).mappings().one() if filled else {}
            for name, has_rows in found.items():
                if has_rows:
                    raise CannotTell(
                        f"{masked(url)}: {name} has rows in it; the demo cloud goes into empty databases alone"
                    )
    except SQLAlchemyError as error:
        raise CannotTell(f"{masked(url)}: {reason_of(error)}") from None


def _own_tables(role: Role) -> list[Table]:
    """The tables of a role, each with all the columns that are ever read of it."""
    whole = [t.cell_mappings, t.whole_request_specs, *t.left_behind] if role is Role.API else []
    return [*(table for table in t.live_tables(role) if table is not t.request_specs), *whole]


def _bare(table: Table) -> Table:
    """The table as it is in its live home: without the snapshot's cell column."""
    columns = [Column(column.name, column.type) for column in table.columns if column.name != "cell"]
    return Table(table.name, MetaData(), *columns)


def _make(connection: Connection, tables: Sequence[Table], head: str) -> None:
    large = {table.name for table in LARGE}
    for table in tables:
        live = _bare(table)
        if table.name in large and "id" not in live.columns:
            live.append_column(Column("id", Integer, primary_key=True))  # by which an audit reads it
        live.create(connection)
    version = Table("alembic_version", MetaData(), Column("version_num", String(32)))
    version.create(connection)
    connection.execute(insert(version).values(version_num=head))


def _insert(connection: Connection, table: Table, records: Sequence[Row]) -> None:
    if not records:
        return
    live = Table(table.name, MetaData(), autoload_with=connection)
    names = [column.name for column in table.columns if column.name != "cell"]
    filler = {
        column.name: "" if column.type.python_type is str else 0
        for column in live.columns
        if not column.nullable and column.server_default is None and column.name not in names and not column.primary_key
    }
    chosen = [name for name in names if name in live.columns]
    # PostgreSQL takes no number for a truth value.
    truths = {name for name in chosen if isinstance(live.columns[name].type, Boolean)}
    connection.execute(
        insert(_bare_like(live, [*chosen, *filler])),
        [
            {name: bool(record.get(name)) if name in truths else record.get(name) for name in chosen} | filler
            for record in records
        ],
    )


def _bare_like(live: Table, names: Sequence[str]) -> Table:
    # Without types: the vocabulary's times are text, which a reflected DATETIME would refuse.
    return Table(live.name, MetaData(), *[Column(name) for name in names])
