"""What several checks ask: who is who, what moves, what is held. Selects and conditions, no findings."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Case,
    ColumnElement,
    Exists,
    FromClause,
    Integer,
    ScalarSelect,
    String,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from placement_audit import schema as t

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


def newest(*clocks: ColumnElement[Any]) -> ColumnElement[Any]:
    """The latest of several clocks, each of which may be NULL; NULL when all are."""
    first, *others = clocks
    found: ColumnElement[Any] = first
    for clock in others:
        found = case((found.is_(None), clock), (clock.is_(None), found), (clock > found, clock), else_=found)
    return found


def capacity(inventory: FromClause) -> ColumnElement[Any]:
    """floor((total - reserved) * ratio), forgiving the rounding of a decimal ratio (SEMANTICS B.3)."""
    product = (inventory.c.total - inventory.c.reserved) * inventory.c.allocation_ratio
    return cast(func.floor(product * (1 + 1e-9)), Integer)


def is_core(name: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a resource class is one that every virtual machine's host has."""
    return name.in_(t.CORE_CLASSES)


def class_name(class_id: ColumnElement[Any], classes: FromClause = t.resource_classes) -> ColumnElement[Any]:
    """The name of a class, or its id in words when the class is gone."""
    return func.coalesce(classes.c.name, literal("class ") + cast(class_id, String))


# The servers that are there: live rows that no cross-cell resize hides (SEMANTICS H, INST).
def servers() -> Subquery:
    """Live, visible instances."""
    return (
        select(t.instances)
        .where(t.instances.c.deleted == 0, func.coalesce(t.instances.c.hidden, 0) == 0)
        .subquery("servers")
    )


def nodes() -> Subquery:
    """Live compute nodes outside cell0 (SEMANTICS H, CN)."""
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
    return and_(migration.c.deleted == 0, func.coalesce(migration.c.status, "").not_in(TERMINAL))


def moving(server: FromClause) -> Exists:
    """Whether the server has an open migration other than one that waits for its confirmation."""
    move = t.migrations.alias("move")
    return exists().where(
        move.c.instance_uuid == server.c.uuid,
        in_progress(move),
        func.coalesce(move.c.status, "") != "finished",
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


def reads_nova() -> Exists:
    """Whether any cell is part of this snapshot."""
    return exists().where(t.sources.c.role == "cell", t.sources.c.status == "read")


def impact(*letters: tuple[ColumnElement[bool], str], otherwise: str) -> Case[Any]:
    """The ``impact`` column of a row: the letter of the first condition that holds."""
    return case(*[(condition, literal(letter)) for condition, letter in letters], else_=literal(otherwise))
