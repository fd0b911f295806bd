"""What several checks ask: who is who, what moves, what is held. Selects and conditions, no findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    Case,
    ColumnElement,
    Exists,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction

from placement_audit import schema as t
from placement_audit.checks.deployment import is_on, number

# SEMANTICS D.1: anything else, unknown words and NULL included, is in progress.
TERMINAL = ("confirmed", "reverted", "error", "failed", "completed", "cancelled", "done")
# SEMANTICS C.8: task states in which allocations may be on their way; resize_* and rebuild* are matched by prefix.
_BUSY = (
    "scheduling",
    "block_device_mapping",
    "networking",
    "spawning",
    "migrating",
    "deleting",
    "soft-deleting",
    "restoring",
    "shelving_offloading",
    "unshelving",
)
# SEMANTICS D.2: on a host, a server in one of these holds what it was given there.
_HOLDING = (
    "active",
    "paused",
    "suspended",
    "stopped",
    "rescued",
    "resized",
    "shelved",
    "soft-delete",
    "error",
)
# More than any inventory has: a ratio is a FLOAT, and may be 1e30.
_BOUNDLESS = 10**15
# How many of many are named in one finding.
_FEW = 5


def newest(*clocks: ColumnElement[Any]) -> ColumnElement[Any]:
    """The latest of several clocks, each of which may be NULL; NULL when all are."""
    found, *others = clocks
    for clock in others:
        found = case((clock >= func.coalesce(found, ""), clock), else_=found)
    return found


def capacity(inventory: FromClause) -> ColumnElement[Any]:
    """floor((total - reserved) * ratio), forgiving the rounding of a decimal ratio (SEMANTICS B.3)."""
    product = (inventory.c.total - inventory.c.reserved) * inventory.c.allocation_ratio
    # SQLAlchemy's floor on SQLite is Python's, which takes no NULL, and gives integers that SQLite cannot hold.
    return case(
        (product < _BOUNDLESS, cast(func.floor(product * (1 + 1e-9)), Integer)), (product.is_not(None), _BOUNDLESS)
    )


def invalid(inventory: FromClause) -> ColumnElement[bool]:
    """Whether an inventory has a value that placement's API refuses; step sizes below 1 break what divides by them."""
    column = inventory.c
    values = (
        column.total,
        column.reserved,
        column.min_unit,
        column.max_unit,
        column.step_size,
        column.allocation_ratio,
    )
    return or_(
        *(value.is_(None) for value in values),
        *(value < 1 for value in (column.total, column.min_unit, column.max_unit, column.step_size)),
        *(value < 0 for value in (column.reserved, column.allocation_ratio)),
        column.reserved > column.total,
    )


def is_core(name: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a resource class is one that every virtual machine's host has."""
    return name.in_(t.CORE_CLASSES)


def class_name(class_id: ColumnElement[Any], classes: FromClause = t.resource_classes) -> ColumnElement[Any]:
    """The name of a class, or its id in words when the class is gone."""
    return func.coalesce(classes.c.name, literal("class ") + cast(class_id, String))


def standard_classes(names: Sequence[str] = t.STANDARD_CLASSES) -> Subquery:
    """The classes that placement makes by itself, with the ids that it gives them (SEMANTICS A.4)."""
    rows = [select(literal(number).label("id"), literal(name).label("name")) for number, name in enumerate(names)]
    return union_all(*rows).subquery("standard_classes")


# The servers that are there: live rows that no cross-cell resize hides (SEMANTICS H, INST).
def servers() -> Subquery:
    """Live, visible instances."""
    return (
        select(t.instances)
        .where(t.instances.c.deleted == 0, func.coalesce(t.instances.c.hidden, 0) == 0)
        .subquery("servers")
    )


def placed(server: FromClause) -> ColumnElement[bool]:
    """Whether a server is on a host for good: it must hold something there (SEMANTICS D.17)."""
    return and_(server.c.vm_state.in_(_HOLDING), server.c.host.is_not(None), server.c.node.is_not(None))


def doubled(server: FromClause) -> Exists:
    """Whether another cell shows a server of the same uuid, so that nobody can tell which host is right (N01)."""
    twin = t.instances.alias("twin")
    return exists().where(
        twin.c.uuid == server.c.uuid,
        twin.c.cell != server.c.cell,
        twin.c.deleted == 0,
        func.coalesce(twin.c.hidden, 0) == 0,
    )


def nodes() -> Subquery:
    """Live compute nodes; cell0 has none (SEMANTICS H, CN)."""
    return select(t.compute_nodes).where(t.compute_nodes.c.deleted == 0).subquery("nodes")


def on_node(server: FromClause, node: FromClause) -> ColumnElement[bool]:
    """Whether a server runs on a compute node. Ironic nodes change their host, so they go by node alone."""
    return and_(
        node.c.cell == server.c.cell,
        node.c.hypervisor_hostname == server.c.node,
        or_(node.c.host == server.c.host, node.c.hypervisor_type == "ironic"),
    )


def busy(server: FromClause) -> ColumnElement[bool]:
    """Whether the server's task may be moving its allocations right now."""
    task = func.coalesce(server.c.task_state, "")
    return or_(task.in_(_BUSY), task.like("resize%"), task.like("rebuild%"))


def in_progress(migration: FromClause) -> ColumnElement[bool]:
    """Whether a migration row is open (SEMANTICS H, OPEN)."""
    return and_(func.coalesce(migration.c.deleted, 0) == 0, func.coalesce(migration.c.status, "").not_in(TERMINAL))


def moving(server: FromClause) -> Exists:
    """Whether the server has an open migration other than one that waits for its confirmation."""
    move = t.migrations.alias("move")
    return exists().where(
        move.c.instance_uuid == server.c.uuid,
        in_progress(move),
        func.coalesce(move.c.status, "") != "finished",
    )


def last_move(server_uuid: ColumnElement[Any]) -> ScalarSelect[Any]:
    """When a migration of the server last changed."""
    move = t.migrations.alias("last_move")
    return (
        select(func.max(newest(move.c.updated_at, move.c.created_at, move.c.deleted_at)))
        .where(move.c.instance_uuid == server_uuid)
        .scalar_subquery()
    )


def evacuated_from(server: FromClause, root: FromClause) -> Exists:
    """Whether a finished evacuation left this root's part legally with the server (SEMANTICS D.6)."""
    evacuation, node = t.migrations.alias("evacuation"), t.compute_nodes.alias("left_node")
    # correlate_except: of itself SQLAlchemy correlates with the next query outwards, not with the one beyond.
    was_node = (
        exists()
        .where(node.c.uuid == root.c.uuid, node.c.hypervisor_hostname == evacuation.c.source_node)
        .correlate_except(node)
    )
    return exists().where(
        evacuation.c.instance_uuid == server.c.uuid,
        evacuation.c.deleted == 0,
        evacuation.c.migration_type == "evacuation",
        evacuation.c.status == "done",
        or_(root.c.name == evacuation.c.source_node, was_node),
    )


def restartable(node: FromClause) -> Case[Any]:
    """The host of a node; NULL where a start of nova-compute would remove a server that runs there.

    It does so to whatever was evacuated from the host since it last started, even if that has come back or is about
    to (nova 34, SEMANTICS D.6).
    """
    evacuation, back = t.migrations.alias("evacuation_from_here"), t.instances.alias("back_here")
    coming = t.migrations.alias("coming_here")
    comes = (
        exists()
        .where(coming.c.instance_uuid == back.c.uuid, coming.c.dest_compute == node.c.host, in_progress(coming))
        .correlate_except(coming)
    )
    removes = (
        exists()
        .where(
            evacuation.c.cell == node.c.cell,
            evacuation.c.source_compute == node.c.host,
            evacuation.c.deleted == 0,
            evacuation.c.migration_type == "evacuation",
            evacuation.c.status.in_(("accepted", "pre-migrating", "done")),
            back.c.uuid == evacuation.c.instance_uuid,
            back.c.deleted == 0,
            or_(back.c.host == node.c.host, comes),
        )
        .correlate_except(evacuation, back)
    )
    return case((~removes, node.c.host))


def held(consumer: ColumnElement[Any], root_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """What a consumer holds in one tree, in words: "VCPU 4, MEMORY_MB 8192"."""
    rows, trees, classes = (
        t.allocations.alias("held"),
        t.trees.alias("held_in"),
        t.resource_classes.alias("held_class"),
    )
    amount = class_name(rows.c.resource_class_id, classes) + " " + cast(rows.c.used, String)
    return (
        select(func.aggregate_strings(amount, ", "))
        .select_from(rows)
        .join(trees, trees.c.provider_id == rows.c.resource_provider_id)
        .outerjoin(classes, classes.c.id == rows.c.resource_class_id)
        .where(rows.c.consumer_id == consumer, trees.c.root_id == root_id)
        .scalar_subquery()
    )


def consumers_in(root_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """How many consumers hold something in one tree."""
    holding = t.claims.alias("holding")
    return select(func.count()).select_from(holding).where(holding.c.root_id == root_id).scalar_subquery()


def children() -> Subquery:
    """How many providers stand below each root (root_id, children); a root without any has no row."""
    return (
        select(t.trees.c.root_id, func.count().label("children"))
        .where(t.trees.c.provider_id != t.trees.c.root_id)
        .group_by(t.trees.c.root_id)
        .subquery("children")
    )


def bearers(trait: ColumnElement[bool]) -> Select[Any]:
    """The ids of the providers that bear a trait: ``bearers(traits.c.name == "COMPUTE_NODE")``."""
    return select(t.resource_provider_traits.c.resource_provider_id).join(
        t.traits, and_(t.traits.c.id == t.resource_provider_traits.c.trait_id, trait)
    )


def every_cell_is_read() -> ColumnElement[bool]:
    """Whether no compute node can be missing here: only the API database knows all cells."""
    return and_(
        exists().where(t.sources.c.role == "api", t.sources.c.status == "read"),
        ~exists().where(t.sources.c.status != "read"),
    )


def held_in_all(consumer: ColumnElement[Any]) -> ScalarSelect[Any]:
    """What a consumer holds anywhere, in words: "DISK_GB 20 on nfs"; NULL when it holds nothing."""
    rows, classes, owner = (
        t.allocations.alias("any_held"),
        t.resource_classes.alias("any_held_class"),
        t.resource_providers.alias("any_held_on"),
    )
    amount = class_name(rows.c.resource_class_id, classes) + " " + cast(rows.c.used, String) + " on " + owner.c.name
    return (
        select(func.aggregate_strings(amount, ", "))
        .select_from(rows)
        .join(owner, owner.c.id == rows.c.resource_provider_id)
        .outerjoin(classes, classes.c.id == rows.c.resource_class_id)
        .where(rows.c.consumer_id == consumer)
        .scalar_subquery()
    )


def held_below(consumer: ColumnElement[Any], root_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """The uuids of a root's descendants of which a consumer holds something, with blanks between; NULL for none."""
    below, trees = t.resource_providers.alias("below"), t.trees.alias("below_in")
    rows = t.allocations.alias("below_held")
    holds = (
        exists().where(rows.c.resource_provider_id == below.c.id, rows.c.consumer_id == consumer).correlate_except(rows)
    )
    return (
        select(func.aggregate_strings(below.c.uuid, " "))
        .select_from(below)
        .join(trees, trees.c.provider_id == below.c.id)
        .where(trees.c.root_id == root_id, below.c.id != root_id, holds)
        .scalar_subquery()
    )


def storage_alone(root: FromClause) -> ColumnElement[bool]:
    """Whether a root looks like storage: no compute node ever had it, and it offers neither CPUs nor memory.

    A sharing provider that lost its trait is one. The disks of live servers are on it (SEMANTICS E.5).
    """
    node, offered, classes = (
        t.compute_nodes.alias("storage_node"),
        t.inventories.alias("offered"),
        t.resource_classes.alias("offered_class"),
    )
    computes = (
        exists()
        .where(offered.c.resource_provider_id == root.c.id, classes.c.id == offered.c.resource_class_id)
        .where(classes.c.name.in_(("VCPU", "PCPU", "MEMORY_MB")))
    )
    return and_(~exists().where(node.c.uuid == root.c.uuid), ~computes)


def reads_nova() -> Exists:
    """Whether any cell is part of this snapshot."""
    return exists().where(t.sources.c.role == "cell", t.sources.c.status == "read")


def place_of(name: ColumnElement[Any], *among: ColumnElement[Any]) -> ColumnElement[int]:
    """Where a name stands in the order of names, within a group: what ``sample`` needs."""
    return func.row_number().over(partition_by=among or None, order_by=name)


def sample(name: ColumnElement[Any], place: ColumnElement[int]) -> ColumnElement[str]:
    """The first few names of a group and how many there are besides: "a, b, c and 34 more".

    Not aggregate_strings: that has no order, and all names of a large cloud in one text are of use to nobody.
    """
    first, *others = (func.max(case((place == number, name))) for number in range(1, _FEW + 1))
    listed: ColumnElement[str] = cast(first, String)
    for other in others:
        listed = listed + func.coalesce(literal(", ") + other, "")
    more = literal(" and ") + cast(func.count() - _FEW, String) + literal(" more")
    return listed + case((func.count() > _FEW, more), else_="")


def impact(*letters: tuple[ColumnElement[bool], str], otherwise: str) -> Case[Any]:
    """The ``impact`` column of a row: the letter of the first condition that holds."""
    return case(*[(condition, literal(letter)) for condition, letter in letters], else_=literal(otherwise))


def lineage() -> CTE:
    """Every provider with itself and with each of those above it. UNION drops repeats, so a circle ends it too."""
    above = t.resource_providers.alias("above")
    own = select(t.resource_providers.c.id.label("provider_id"), t.resource_providers.c.id.label("ancestor_id"))
    line = own.cte("lineage", recursive=True)
    return line.union(
        select(line.c.provider_id, above.c.parent_provider_id)
        .join(above, above.c.id == line.c.ancestor_id)
        .where(above.c.parent_provider_id.is_not(None))
    )


def tops() -> Subquery:
    """Where the parents of every provider end; no row for one whose parents never end, or end in nothing."""
    line, top = lineage(), t.resource_providers.alias("top_provider")
    return (
        select(line.c.provider_id, line.c.ancestor_id.label("top_id"))
        .join(top, top.c.id == line.c.ancestor_id)
        .where(top.c.parent_provider_id.is_(None))
        .subquery("tops")
    )


def placement_at(*revisions: str) -> Exists:
    """Whether placement's schema is at one of these revisions (SEMANTICS A.3)."""
    return exists().where(t.sources.c.role == "placement", t.sources.c.revision.in_(revisions))


def standard_to_come(class_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The standard class that placement's next start inserts under this id, or NULL."""
    there = t.resource_classes.alias("class_there")
    name = case(dict(enumerate(t.STANDARD_CLASSES)), value=class_id)
    return case((~exists().where(there.c.name == name), name))


def never_started(class_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the class is a standard one, and placement's API has not inserted any of them yet."""
    # Before Stein the table held custom classes only (SEMANTICS A.4).
    standard = t.resource_classes.alias("standard_class")
    return and_(class_id < len(t.STANDARD_CLASSES), ~exists().where(standard.c.name.in_(t.STANDARD_CLASSES)))


class _Later(FunctionElement[Any]):
    """A clock that many seconds later."""

    inherit_cache = True

    def __init__(self, clock: ColumnElement[Any], seconds: int | ColumnElement[Any]) -> None:
        super().__init__(clock, literal_column(str(seconds)) if isinstance(seconds, int) else seconds)


@compiles(_Later, "sqlite")
def _later_on_sqlite(element: _Later, compiler: SQLCompiler, **options: Any) -> str:
    clock, seconds = (compiler.process(part, **options) for part in element.clauses)
    return f"datetime({clock}, ({seconds}) || ' seconds')"


@compiles(_Later, "mysql")
def _later_on_mysql(element: _Later, compiler: SQLCompiler, **options: Any) -> str:
    clock, seconds = (compiler.process(part, **options) for part in element.clauses)
    return f"CONVERT({clock} + INTERVAL ({seconds}) SECOND USING ascii)"


class ltrim(GenericFunction[str]):
    """A text without those of some letters that it begins with; MySQL knows blanks alone."""

    type = String()
    inherit_cache = True


@compiles(ltrim, "mysql")
def _ltrim_on_mysql(element: ltrim, compiler: SQLCompiler, **options: Any) -> str:
    text, letters = (compiler.process(part, **options) for part in element.clauses)
    return f"REGEXP_REPLACE({text}, CONCAT('^[', {letters}, ']+'), '')"


def now() -> ScalarSelect[Any]:
    """As of when the rows are: the server's clock, or the newest sign of life in them where that is older."""
    return select(t.snapshot.c.as_of).scalar_subquery()


def before(*, days: int = 0, hours: int = 0, minutes: int = 0) -> ColumnElement[Any]:
    """A moment that long before the snapshot. A comparison of a clock that is NULL with it holds for nothing."""
    seconds = ((days * 24 + hours) * 60 + minutes) * 60
    return _Later(now(), -seconds)


def cell0s() -> Select[Any]:
    """The name of cell0, which has no hosts."""
    return select(t.sources.c.name).where(t.sources.c.role == "cell", t.sources.c.cell0 == 1)


def mapped_cells(name: str) -> Subquery:
    """The cells that nova's cell_mappings lists (cell, cell_id, cell_uuid)."""
    return (
        select(t.sources.c.name.label("cell"), t.sources.c.cell_id, t.sources.c.cell_uuid)
        .where(t.sources.c.role == "cell", t.sources.c.cell_id.is_not(None))
        .subquery(name)
    )


def computes() -> Subquery:
    """Live nova-compute services."""
    return (
        select(t.services)
        .where(t.services.c.deleted == 0, t.services.c.binary == "nova-compute", t.services.c.host.is_not(None))
        .subquery("computes")
    )


def up(service: FromClause) -> ColumnElement[bool]:
    """Whether a service is up for certain: seen within nova's default patience, a minute (SEMANTICS C.3).

    service_down_time, where it is known, makes that less. It makes it no more: a host that died minutes ago is up in
    nova's eyes, and writes nothing.
    """
    patience = case((number("service_down_time") < 60, number("service_down_time")), else_=60)
    since = _Later(now(), -patience)
    return and_(func.coalesce(service.c.forced_down, 0) == 0, service.c.last_seen_up >= since)


def changed(row: FromClause) -> ColumnElement[Any]:
    """When a row was last written, or made."""
    return newest(row.c.updated_at, row.c.created_at)


def lone_computes() -> Subquery:
    """Live nova-compute services, but for hosts that have two in one cell, of which nobody can tell the right one."""
    service = computes()
    return (
        select(
            service.c.cell,
            service.c.host,
            *(func.max(service.c[name]).label(name) for name in ("version", "disabled", "forced_down")),
            *(func.max(service.c[name]).label(name) for name in ("last_seen_up", "created_at", "updated_at")),
        )
        .group_by(service.c.cell, service.c.host)
        .having(func.count() == 1)
        .subquery("lone_computes")
    )


def steady(service: FromClause) -> ColumnElement[bool]:
    """Whether nobody has written a service's row since its last sign of life.

    A service that starts, and the API that enables or disables one, write it before anything else follows from that;
    the next sign of life comes after.
    """
    written = func.coalesce(service.c.updated_at, "")
    return or_(written <= _Later(service.c.last_seen_up, 2), service.c.last_seen_up.is_(None))


def not_ironic(node: FromClause) -> ColumnElement[bool]:
    """Whether a compute node is no bare metal."""
    return func.coalesce(node.c.hypervisor_type, "") != "ironic"


def libvirt(node: FromClause) -> ColumnElement[bool]:
    """Whether libvirt reports a compute node."""
    return func.lower(node.c.hypervisor_type).in_(("qemu", "kvm"))


def oldest_compute() -> ScalarSelect[Any]:
    """The lowest version among the live nova-compute services of all cells."""
    return select(func.min(computes().c.version)).scalar_subquery()


def zones() -> Subquery:
    """The availability zones of hosts, as the aggregates give them (host, zone); the default zone has no row."""
    kept, listed = t.aggregate_metadata.alias("zone_metadata"), t.aggregate_hosts.alias("zone_hosts")
    return (
        select(listed.c.host, kept.c.value.label("zone"))
        .join_from(kept, listed, listed.c.aggregate_id == kept.c.aggregate_id)
        .where(kept.c.key == "availability_zone")
        .distinct()
        .subquery("zones")
    )


def zones_are_asked_of_placement() -> ColumnElement[bool]:
    """Whether the scheduler asks placement for the members of a zone for certain.

    From nova 28 on it always does. No nova-compute is newer than the scheduler, and 66 is also the number of nova 27.
    Before, an option tells, where it is known.
    """
    return or_(func.coalesce(oldest_compute(), 0) >= 67, is_on("query_placement_for_availability_zone"))


def misfit_sums() -> Subquery:
    """One row a server of the derived table misfits.

    ``classes`` differ, 0 where the flavor is unknown; ``short`` of them are too small, ``cpus`` are VCPU or PCPU.
    """
    row = t.misfits
    missing = literal(" where it should be ")
    words = row.c.resource_class + " " + cast(row.c.held, String) + missing + cast(row.c.amount, String)
    return (
        select(
            row.c.cell,
            row.c.instance_uuid,
            row.c.root_id,
            func.count(row.c.resource_class).label("classes"),
            func.sum(case((row.c.held < row.c.amount, 1), else_=0)).label("short"),
            func.sum(case((row.c.resource_class.in_(("VCPU", "PCPU")), 1), else_=0)).label("cpus"),
            func.max(row.c.pinned).label("pinned"),
            func.min(row.c.sure).label("sure"),
            func.aggregate_strings(words, ", ").label("differences"),
        )
        .group_by(row.c.cell, row.c.instance_uuid, row.c.root_id)
        .subquery("misfit_sums")
    )


def unlike_flavor(sums: FromClause, server: FromClause, own: FromClause) -> Select[Any]:
    """Servers at rest that hold other amounts than their flavor asks for, with the columns that their findings share.

    ``sums`` are ``misfit_sums``, ``own`` is the provider of the server's host.
    """
    claim, unknown = t.claims.alias("misfit_claim"), sums.c.classes == 0
    last_claim = select(func.max(claim.c.newest)).where(claim.c.consumer_id == server.c.uuid).scalar_subquery()
    nobody_knows = literal("does not hold what its size is, and what nova keeps of its flavor cannot be read")
    letter = impact((or_(server.c.vm_state == "error", unknown), "I"), (sums.c.short == 0, "L"), otherwise="M")
    return (
        select(
            server.c.uuid.label("consumer"),
            server.c.uuid.label("instance"),
            own.c.uuid.label("provider"),
            own.c.name.label("provider_name"),
            server.c.cell,
            server.c.host,
            server.c.node,
            server.c.vm_state,
            case((unknown, nobody_knows), else_=literal("holds ") + sums.c.differences).label("verdict"),
            held_in_all(server.c.uuid).label("held"),
            newest(server.c.updated_at, server.c.created_at, last_claim, last_move(server.c.uuid)).label(
                "newest_change"
            ),
            letter.label("impact"),
        )
        .select_from(sums)
        .join(server, and_(server.c.uuid == sums.c.instance_uuid, server.c.cell == sums.c.cell))
        .join(own, own.c.id == sums.c.root_id)
        .where(placed(server), ~busy(server), ~moving(server), ~doubled(server))
        .order_by("instance")
    )
