"""Every table and column the auditor knows, as Core Tables: the vocabulary of snapshot and checks.

A live table is read through the Table of the same name; what a release does not have yet is empty or NULL in the
snapshot. ``info`` of a Table: ``home`` (a Role, or None for tables that only a snapshot has) and, as for a Column,
``since``: the alembic revision that brought it, absent if Train has it. A table with ``of`` is a part of the live
table of that name, and a column with ``json`` what is found in a text column of it, on this path: the server looks
it up, so that the rest of the text stays there. Sources: SEMANTICS A.1, C.3, C.5.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine


class Role(str, Enum):
    """What a database is to OpenStack."""

    PLACEMENT = "placement"
    API = "api"
    CELL = "cell"


metadata = MetaData()

# Uuids and host names are compared without case (SEMANTICS J.6): placement and nova columns take the server's
# default collation, the snapshot says it outright.
Folded: TypeEngine[str] = String(255).with_variant(String(255, collation="NOCASE"), "sqlite")
# Times are naive UTC and kept as 'YYYY-MM-DD HH:MM:SS': text that sorts as time, whatever a server stored.
Clock: TypeEngine[str] = String(19)

XENA = {"since": "422ece571366"}
# Where an object that nova keeps as JSON has the name of a flavor (SEMANTICS C.4).
FLAVORID = ("nova_object.data", "flavorid")
COMPUTE_ID = {"since": "1acf2c98e646"}  # 2023.2


def _table(home: Role | None, name: str, *columns: Column[Any], info: dict[str, str] | None = None) -> Table:
    lead = [Column("cell", String(255))] if home is Role.CELL else []
    return Table(name, metadata, *lead, *columns, info={"home": home, **(info or {})})


def _written() -> tuple[Column[Any], Column[Any]]:
    return Column("created_at", Clock), Column("updated_at", Clock)


# --- placement ---------------------------------------------------------------------------------------------

resource_providers = _table(
    Role.PLACEMENT,
    "resource_providers",
    Column("id", Integer),
    Column("uuid", Folded),
    Column("name", Folded),
    Column("generation", Integer),
    Column("root_provider_id", Integer),
    Column("parent_provider_id", Integer),
    # no updated_at: it moves with every allocation
    Column("created_at", Clock),
)
inventories = _table(
    Role.PLACEMENT,
    "inventories",
    Column("resource_provider_id", Integer),
    Column("resource_class_id", Integer),
    Column("total", Integer),
    Column("reserved", Integer),
    Column("min_unit", Integer),
    Column("max_unit", Integer),
    Column("step_size", Integer),
    Column("allocation_ratio", Float),
    # no updated_at: nova writes a host's inventory each time the size of a shared pool changes
    Column("created_at", Clock),
)
# Every write of a consumer replaces all its rows: created_at is its last change, updated_at is always NULL
# (SEMANTICS A.8).
allocations = _table(
    Role.PLACEMENT,
    "allocations",
    Column("resource_provider_id", Integer),
    Column("consumer_id", Folded),
    Column("resource_class_id", Integer),
    Column("used", Integer),
    Column("created_at", Clock),
)
consumers = _table(
    Role.PLACEMENT,
    "consumers",
    Column("uuid", Folded),
    Column("project_id", Integer),
    Column("user_id", Integer),
    Column("consumer_type_id", Integer, info=XENA),
    Column("generation", Integer),
    Column("created_at", Clock),
)
consumer_types = _table(Role.PLACEMENT, "consumer_types", Column("id", Integer), Column("name", String(255)), info=XENA)
projects = _table(Role.PLACEMENT, "projects", Column("id", Integer), Column("external_id", String(255)))
users = _table(Role.PLACEMENT, "users", Column("id", Integer), Column("external_id", String(255)))
resource_classes = _table(Role.PLACEMENT, "resource_classes", Column("id", Integer), Column("name", String(255)))
traits = _table(Role.PLACEMENT, "traits", Column("id", Integer), Column("name", String(255)))
resource_provider_traits = _table(
    Role.PLACEMENT,
    "resource_provider_traits",
    Column("resource_provider_id", Integer),
    Column("trait_id", Integer),
    Column("created_at", Clock),
)
placement_aggregates = _table(Role.PLACEMENT, "placement_aggregates", Column("id", Integer), Column("uuid", Folded))
resource_provider_aggregates = _table(
    Role.PLACEMENT,
    "resource_provider_aggregates",
    Column("resource_provider_id", Integer),
    Column("aggregate_id", Integer),
)

# --- nova_api ----------------------------------------------------------------------------------------------

# A row a server. Its created_at is older than the server itself; updated_at is when the cell or the mark was set.
instance_mappings = _table(
    Role.API,
    "instance_mappings",
    Column("instance_uuid", Folded),
    Column("cell_id", Integer),
    Column("queued_for_delete", Integer),
    Column("updated_at", Clock),
)
host_mappings = _table(
    Role.API,
    "host_mappings",
    Column("host", Folded),
    Column("cell_id", Integer),
    *_written(),
)
# A row a server, too, and kilobytes in it, which stay where they are.
request_specs = _table(Role.API, "request_specs", Column("instance_uuid", Folded))
# The flavor that a request has, of suspects alone: all else of it stays where it is.
request_flavors = _table(
    Role.API,
    "request_flavors",
    Column("instance_uuid", Folded),
    Column("flavorid", String(255), info={"json": ("spec", "nova_object.data", "flavor", *FLAVORID)}),
    info={"of": "request_specs"},
)
build_requests = _table(Role.API, "build_requests", Column("instance_uuid", Folded), Column("created_at", Clock))
flavors = _table(
    Role.API,
    "flavors",
    Column("id", Integer),
    Column("flavorid", String(255)),
    Column("name", String(255)),
    Column("vcpus", Integer),
    Column("memory_mb", Integer),
    Column("root_gb", Integer),
    Column("ephemeral_gb", Integer),
    Column("swap", Integer),
    Column("disabled", Integer),
    *_written(),
)
flavor_extra_specs = _table(
    Role.API,
    "flavor_extra_specs",
    Column("flavor_id", Integer),
    Column("key", String(255)),
    Column("value", String(255)),
    *_written(),
)
aggregates = _table(
    Role.API,
    "aggregates",
    Column("id", Integer),
    Column("uuid", Folded),
    Column("name", String(255)),
    Column("created_at", Clock),
)
aggregate_hosts = _table(
    Role.API, "aggregate_hosts", Column("aggregate_id", Integer), Column("host", Folded), Column("created_at", Clock)
)
aggregate_metadata = _table(
    Role.API,
    "aggregate_metadata",
    Column("aggregate_id", Integer),
    Column("key", Folded),
    Column("value", Folded),
    *_written(),
)

# One server's at a time, never a whole cloud's: up to 16 MB of JSON a row, which no snapshot keeps (SEMANTICS C.4).
whole_request_specs = Table(
    "request_specs",
    MetaData(),
    Column("instance_uuid", Folded),
    Column("spec", Text),
    info={"home": Role.API},
)

# What placement left behind when it moved out of nova_api (SEMANTICS 0.2): counted, and never read.
left_behind = tuple(
    Table(name, MetaData(), Column("id", Integer), info={"home": Role.API})
    for name in ("allocations", "inventories", "resource_providers")
)

# Read to find the cells and never kept: its URLs hold nova's own credentials.
cell_mappings = Table(
    "cell_mappings",
    MetaData(),
    Column("id", Integer),
    Column("uuid", Folded),
    Column("name", String(255)),
    Column("database_connection", Text),
    Column("disabled", Integer),
    info={"home": Role.API},
)

alembic_version = Table("alembic_version", MetaData(), Column("version_num", String(32)))
# sqlalchemy-migrate's, until 2023.2: the only word on the release before Xena (SEMANTICS C.6).
migrate_version = Table("migrate_version", MetaData(), Column("repository_id", String(250)), Column("version", Integer))

# What a server of MySQL's kind shows of its tables: the columns that an account may read.
shown_columns = Table(
    "columns",
    MetaData(),
    Column("table_schema", String(64)),
    Column("table_name", String(64)),
    Column("column_name", String(64)),
    schema="information_schema",
)

# --- cells -------------------------------------------------------------------------------------------------

instances = _table(
    Role.CELL,
    "instances",
    Column("uuid", Folded),
    Column("host", Folded),
    Column("node", Folded),
    Column("vm_state", String(255)),
    Column("task_state", String(255)),
    Column("project_id", String(255)),
    Column("user_id", String(255)),
    Column("availability_zone", Folded),
    Column("hidden", Integer),
    Column("compute_id", Integer, info=COMPUTE_ID),
    # where it was last built or unshelved, which no move changes
    Column("launched_on", Folded),
    # the current flavor's, but neither its swap nor its extra specs
    Column("vcpus", Integer),
    Column("memory_mb", Integer),
    Column("root_gb", Integer),
    Column("ephemeral_gb", Integer),
    Column("deleted", Integer),
    Column("deleted_at", Clock),
    *_written(),
)
migrations = _table(
    Role.CELL,
    "migrations",
    Column("id", Integer),
    Column("uuid", Folded),
    Column("instance_uuid", Folded),
    Column("migration_type", String(255)),
    Column("status", String(255)),
    Column("source_compute", Folded),
    Column("source_node", Folded),
    Column("dest_compute", Folded),
    Column("dest_node", Folded),
    Column("deleted", Integer),
    Column("deleted_at", Clock),
    *_written(),
)
compute_nodes = _table(
    Role.CELL,
    "compute_nodes",
    Column("id", Integer),
    Column("uuid", Folded),
    Column("host", Folded),
    Column("hypervisor_hostname", Folded),
    Column("hypervisor_type", String(255)),
    Column("vcpus", Integer),
    Column("memory_mb", Integer),
    Column("local_gb", Integer),
    Column("cpu_allocation_ratio", Float),
    Column("ram_allocation_ratio", Float),
    Column("disk_allocation_ratio", Float),
    Column("deleted", Integer),
    Column("deleted_at", Clock),
    *_written(),
)
services = _table(
    Role.CELL,
    "services",
    Column("host", Folded),
    Column("binary", String(255)),
    Column("version", Integer),
    Column("disabled", Integer),
    Column("forced_down", Integer),
    Column("last_seen_up", Clock),
    Column("deleted", Integer),
    Column("deleted_at", Clock),
    # updated_at is no clock: the services write it every few seconds
    *_written(),
)
# Of the tables below, large and hardly needed, only some rows are read (derived.KEYED): suspects, and devices in use.
pci_devices = _table(
    Role.CELL,
    "pci_devices",
    Column("compute_node_id", Integer),
    Column("address", String(12)),
    Column("parent_addr", String(12)),
    Column("dev_type", String(8)),
    Column("vendor_id", String(4)),
    Column("product_id", String(4)),
    Column("status", String(36)),
    Column("instance_uuid", Folded),
    Column("deleted", Integer),
    *_written(),
)
instance_extra = _table(Role.CELL, "instance_extra", Column("instance_uuid", Folded), Column("flavor", Text))
# The current flavor that a server has, of suspects alone.
instance_flavors = _table(
    Role.CELL,
    "instance_flavors",
    Column("instance_uuid", Folded),
    Column("flavorid", String(255), info={"json": ("flavor", "cur", *FLAVORID)}),
    info={"of": "instance_extra"},
)
# Of these two only live rows of a kind (derived.ONLY): root disks, and what an image says of CPUs and memory.
block_device_mapping = _table(
    Role.CELL,
    "block_device_mapping",
    Column("instance_uuid", Folded),
    Column("boot_index", Integer),
    Column("destination_type", String(255)),
    Column("deleted", Integer),
)
instance_system_metadata = _table(
    Role.CELL,
    "instance_system_metadata",
    Column("instance_uuid", Folded),
    Column("key", String(255)),
    Column("value", String(255)),
    Column("deleted", Integer),
)
# What was ordered for a server, and "Error" as the message where it failed: of suspects alone.
instance_actions = _table(
    Role.CELL,
    "instance_actions",
    Column("instance_uuid", Folded),
    Column("action", String(255)),
    Column("message", String(255)),
    Column("start_time", Clock),
    Column("deleted", Integer),
)
shadow_instances = _table(Role.CELL, "shadow_instances", Column("uuid", Folded), Column("deleted_at", Clock))
shadow_migrations = _table(
    Role.CELL,
    "shadow_migrations",
    Column("uuid", Folded),
    Column("instance_uuid", Folded),
    Column("status", String(255)),
    Column("deleted_at", Clock),
    *_written(),
)

# --- what only a snapshot has ------------------------------------------------------------------------------

# One row: what wrote the snapshot, and the placement server's own UTC time when its reading began.
snapshot = _table(None, "snapshot", Column("format", Integer), Column("version", String(32)), Column("taken_at", Clock))
# Options of nova.conf and placement.conf that the files name which were given, by name; a truth is 1 or 0. What is not
# here is unknown, and no default.
settings = _table(None, "settings", Column("name", String(255)), Column("value", Text))
# One row a database: status is "read", "unreadable" or "missing" (a cell known only by its mapping).
# cell_id and cell_uuid: a cell's, as cell_mappings has them; NULL when the cell is known only by its address.
sources = _table(
    None,
    "sources",
    Column("role", String(16)),
    Column("name", String(255)),
    Column("url", Text),
    Column("cell0", Integer),
    Column("cell_id", Integer),
    Column("cell_uuid", Folded),
    Column("release", String(64)),
    Column("revision", String(255)),
    Column("status", String(16)),
    Column("reason", Text),
    Column("rows", Integer),
)
# Where a database's tables do not match the revision it claims (SEMANTICS A.3).
deviations = _table(
    None,
    "deviations",
    Column("role", String(16)),
    Column("name", String(255)),
    Column("revision", String(255)),
    Column("table", String(255)),
    Column("detail", Text),
)
# Uuids of placement that were found without dashes; their own tables have them with dashes.
respelled = _table(None, "respelled", Column("table", String(255)), Column("uuid", Folded))

# How many rows the tables that placement left behind in nova_api have, counted when that was read.
stale_copies = _table(None, "stale_copies", Column("table", String(255)), Column("rows", Integer))

# Derived tables are filled once, after the reading (derived.py).

# A provider's tree. shared: the provider itself shares with others, or is a neutron segment's.
trees = _table(
    None,
    "trees",
    Column("provider_id", Integer),
    Column("root_id", Integer),
    Column("shared", Integer),
)
# What one consumer holds in one tree. own: rows on providers that share with nobody; core: those of them of VCPU, PCPU,
# MEMORY_MB or DISK_GB, whose amounts are summed up; pooled: rows of these classes on providers that share, and
# pooled_gb their disk. shared: all that is held there is on such providers.
claims = _table(
    None,
    "claims",
    Column("consumer_id", Folded),
    Column("root_id", Integer),
    Column("shared", Integer),
    Column("rows", Integer),
    Column("own", Integer),
    Column("core", Integer),
    Column("pooled", Integer),
    Column("vcpu", Integer),
    Column("pcpu", Integer),
    Column("memory_mb", Integer),
    Column("disk_gb", Integer),
    Column("pooled_gb", Integer),
    Column("newest", Clock),
)
# Every provider that a tree can draw from: its own, and the sharing providers associated with one of them.
reach = _table(None, "reach", Column("root_id", Integer), Column("provider_id", Integer))
# The few live rows of servers of which something is out of the ordinary: a task, a host that is no compute node,
# another node by id than by name, a row that is hidden, or one in a cell without hosts. One look at a large table, of
# which several checks would each take their own.
odd_servers = _table(None, "odd_servers", Column("uuid", Folded))
# Servers with a host that hold nothing on any host.
unclaimed = _table(None, "unclaimed", Column("uuid", Folded))
# Servers that hold something of a host, devices and ports included, in the tree of what is not their own compute node.
astray = _table(None, "astray", Column("uuid", Folded))
# Consumers that hold something and are neither a server nor a migration of the cells.
unknown_consumers = _table(None, "unknown_consumers", Column("consumer_id", Folded))
# Servers that hold something on their host, but not what their own size says, and what they hold: that of their host's
# tree, and disk of what it shares too. root_id: that host's tree. disk_known: whether the disk is all of that host.
# lean: only the root disk is missing, as it is where a server boots from a volume.
doubtful = _table(
    None,
    "doubtful",
    Column("cell", String(255)),
    Column("uuid", Folded),
    Column("root_id", Integer),
    Column("vcpu", Integer),
    Column("pcpu", Integer),
    Column("memory_mb", Integer),
    Column("disk_gb", Integer),
    Column("disk_known", Integer),
    Column("lean", Integer),
)
# Of the doubtful ones those that hold what no reading of their flavor asks for, with a row per core class that differs
# from the nearest reading (SEMANTICS E.2, E.4). resource_class NULL: the flavor could not be read. pinned: it asks for
# PCPU. sure: there is no other reading.
misfits = _table(
    None,
    "misfits",
    Column("cell", String(255)),
    Column("instance_uuid", Folded),
    Column("root_id", Integer),
    Column("resource_class", String(255)),
    Column("held", Integer),
    Column("amount", Integer),
    Column("pinned", Integer),
    Column("sure", Integer),
)
# What a flavor asks of placement, a row per request group ("" is the unsuffixed one) and class (SEMANTICS E.1).
# A further variant is the second request of a flavor with pinned CPUs, where VCPU stands for PCPU (SEMANTICS E.2), or
# what a nova before Xena may make of it, which knows a request group by a number alone.
flavor_requests = _table(
    None,
    "flavor_requests",
    Column("flavor_id", Integer),
    Column("variant", Integer),
    Column("suffix", String(64)),
    Column("resource_class", String(255)),
    Column("amount", Integer),
)
# What the current flavor, image and root disk of a server ask that holds nothing on its host, summed over groups; zero
# amounts of core classes are kept, so that such a server without any row is one whose flavor could not be read.
expected = _table(
    None,
    "expected",
    Column("instance_uuid", Folded),
    Column("resource_class", String(255)),
    Column("amount", Integer),
)

# os_resource_classes.STANDARDS: the index is the id (SEMANTICS A.4). The last three came with Xena.
STANDARD_CLASSES = (
    "VCPU",
    "MEMORY_MB",
    "DISK_GB",
    "PCI_DEVICE",
    "SRIOV_NET_VF",
    "NUMA_SOCKET",
    "NUMA_CORE",
    "NUMA_THREAD",
    "NUMA_MEMORY_MB",
    "IPV4_ADDRESS",
    "VGPU",
    "VGPU_DISPLAY_HEAD",
    "NET_BW_EGR_KILOBIT_PER_SEC",
    "NET_BW_IGR_KILOBIT_PER_SEC",
    "PCPU",
    "MEM_ENCRYPTION_CONTEXT",
    "FPGA",
    "PGPU",
    "NET_PACKET_RATE_KILOPACKET_PER_SEC",
    "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
)
TRAIN_CLASSES = STANDARD_CLASSES[:18]
CORE_CLASSES = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB")
SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
# Placement's owner of what it knows no owner of, unless it is configured otherwise (SEMANTICS A.7).
NOBODY = "00000000-0000-0000-0000-000000000000"

CELL0_UUID = "00000000-0000-0000-0000-000000000000"


def live_tables(role: Role) -> list[Table]:
    """The vocabulary of one role, in order of definition, without what is a part of another table."""
    return [table for table in metadata.tables.values() if table.info["home"] is role and "of" not in table.info]
