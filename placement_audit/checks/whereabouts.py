"""On which host the guest of a server can be, as far as the rows of its moves prove it (SEMANTICS D.4-D.6).

nova's `host` is what nova believes. It is wrong after a live migration whose last step failed on the destination, which
was only logged up to nova 30, and after a resize that failed between the two hosts. So a host that a move of the
server names may have the guest, until a move proves otherwise.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Exists, FromClause, and_, case, exists, func, literal, or_, select

from placement_audit import schema as t
from placement_audit.checks.actions import confirm_was_last
from placement_audit.checks.relations import TERMINAL, every_cell_is_read
from placement_audit.derived import REMOVING

_LIVE = "live-migration"


def _at(server: FromClause, host: ColumnElement[Any], node: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(server.c.host == host, server.c.node == node)


def settled(move: FromClause, server: FromClause) -> ColumnElement[bool]:
    """Whether the end of a move proves that the guest is on the host that nova has for its server.

    An evacuation that is done, a resize that is confirmed, a live migration that is completed: with the server on the
    destination. A resize that waits there has its guest there, too, and so has one that failed while it was being
    confirmed. nova writes a live migration's destination into the server's row when the guest has got there, so one in
    error proves it as well. A live migration that was rolled back, a resize that was reverted: with the server on the
    source. The status `error` proves nothing of a resize by itself: a revert that failed on the destination has already
    removed the guest there. All else proves nothing.
    """
    kind, status = func.coalesce(move.c.migration_type, "migration"), func.coalesce(move.c.status, "")
    ended = status.in_(TERMINAL)
    there = _at(server, move.c.dest_compute, move.c.dest_node)
    back = _at(server, move.c.source_compute, move.c.source_node)
    resize, live = kind.in_(("migration", "resize")), kind == _LIVE
    proof = or_(
        and_(there, status.in_(("confirmed", "completed", "done"))),
        and_(there, resize, status.in_(("finished", "confirming")), move.c.deleted == 0),
        and_(there, resize, status == "error", confirm_was_last(move)),
        and_(there, live, status == "error"),
        and_(back, live, status.in_(("failed", "cancelled"))),
        and_(back, resize, status == "reverted"),
        and_(there, back, ended),
    )
    return func.coalesce(proof, False)


def led_nowhere(move: FromClause) -> ColumnElement[bool]:
    """Whether a move ended before it had a destination: no host was found."""
    status = func.coalesce(move.c.status, "")
    return and_(status.in_(TERMINAL), move.c.dest_compute.is_(None), move.c.dest_node.is_(None))


def is_or_was(root: FromClause, host: ColumnElement[Any], node: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a provider may be that of a host or node of these names.

    By either name alone: after a renaming rows go by the old one. Compute nodes that were deleted count, too.
    """
    known = t.compute_nodes.alias("known_node")
    by_uuid = (
        exists()
        .where(known.c.uuid == root.c.uuid, or_(known.c.hypervisor_hostname == node, known.c.host == host))
        .correlate_except(known)
    )
    return or_(func.coalesce(root.c.name.in_((node, host)), False), by_uuid)


def names(move: FromClause, root: FromClause) -> ColumnElement[bool]:
    """Whether a move of a server led from a provider's host, or to it."""
    return or_(
        is_or_was(root, move.c.source_compute, move.c.source_node),
        is_or_was(root, move.c.dest_compute, move.c.dest_node),
    )


def _unsettled(server: FromClause, move: FromClause, proof: FromClause) -> ColumnElement[bool]:
    proven = (
        exists()
        .where(proof.c.instance_uuid == server.c.uuid, settled(proof, server))
        # What began in the same second may have begun after it.
        .where(func.coalesce(proof.c.created_at > move.c.created_at, False))
        .correlate_except(proof)
    )
    return and_(move.c.instance_uuid == server.c.uuid, ~settled(move, server), ~led_nowhere(move), ~proven)


def _vouched_for(server: FromClause) -> ColumnElement[bool]:
    """Whether a row says how the server came to the host that nova has for it, which somebody may have written by hand.

    It was built or unshelved there (nova 20 to 34: instance_claim writes launched_on), or a move took it there.
    """
    proof = t.migrations.alias("vouching_move")
    moved = exists().where(proof.c.instance_uuid == server.c.uuid, settled(proof, server)).correlate_except(proof)
    return or_(func.coalesce(server.c.launched_on == server.c.host, False), moved)


def may_be_on(server: FromClause, root: FromClause) -> ColumnElement[bool]:
    """Whether the guest of a server may be on a provider's host though nova has it elsewhere.

    It may where a move of the server named that host, deleted moves included, and neither the end of that move nor a
    later one proves that the guest is where nova says; or where no row says how the server came to nova's host.
    ``False`` is what a command needs that takes away there what the server holds.
    """
    move, proof = t.migrations.alias("doubtful_move"), t.migrations.alias("proving_move")
    doubtful = exists().where(_unsettled(server, move, proof), names(move, root)).correlate_except(move)
    return or_(doubtful, ~_vouched_for(server))


def host_in_doubt(server: FromClause) -> ColumnElement[bool]:
    """Whether the guest of a server may be on another host than nova's, whichever.

    ``False`` is what a command needs that claims something for the server on the host that nova has for it.
    """
    move, proof = t.migrations.alias("doubtful_move"), t.migrations.alias("proving_move")
    return or_(exists().where(_unsettled(server, move, proof)).correlate_except(move), ~_vouched_for(server))


def other_host(server: FromClause, root: FromClause | None = None) -> ColumnElement[Any]:
    """The host that puts nova's in doubt; NULL where none does.

    The last by name that an unsettled move names, or else, where no row says how the server came to nova's host, the
    one that it was built on. With ``root`` only moves that name that provider's host count.
    """
    move, proof = t.migrations.alias("doubtful_move"), t.migrations.alias("proving_move")
    named = case((move.c.dest_compute != server.c.host, move.c.dest_compute), else_=move.c.source_compute)
    of_root = [] if root is None else [names(move, root)]
    by_a_move = (
        select(func.max(named))
        .where(_unsettled(server, move, proof), *of_root)
        .correlate(server, *([] if root is None else [root]))
        .scalar_subquery()
    )
    built_on = func.coalesce(server.c.launched_on, "the one where it was built")
    return func.coalesce(by_a_move, case((~_vouched_for(server), built_on)))


def look_on_both(host: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The sentence for a server whose guest may be on another host than nova says."""
    return (
        literal("No row proves that the guest is on ")
        + host
        + ": nova may have the wrong host for it. Look on both hosts, "
        + host
        + " and "
        + other
        + ", for the guest (virsh list --all) before anything is written."
    )


def settled_since(server: FromClause, move: FromClause) -> Exists:
    """Whether a move of a server, that one or a later one, proves that the guest is on nova's host."""
    proof = t.migrations.alias("settling_move")
    return (
        exists()
        .where(proof.c.instance_uuid == server.c.uuid, settled(proof, server))
        .where(or_(proof.c.uuid == move.c.uuid, func.coalesce(proof.c.created_at > move.c.created_at, False)))
        .correlate_except(proof)
    )


def not_cleaned_up(server_uuid: ColumnElement[Any], root: FromClause) -> Exists:
    """Whether an evacuation left a guest on a provider's host, which the next start of nova-compute there removes."""
    left = t.migrations.alias("evacuation_from_there")
    return (
        exists()
        .where(left.c.instance_uuid == server_uuid, left.c.migration_type == "evacuation")
        .where(left.c.status.in_(REMOVING))
        .where(is_or_was(root, left.c.source_compute, left.c.source_node))
        .correlate_except(left)
    )


def certainly_gone(server_uuid: ColumnElement[Any], *deletions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a server is deleted beyond doubt.

    No cell has a live row of it, hidden or not, and all cells were read; a deleted row, or one of the other
    ``deletions``, is evidence that it was there; and no mapping says that it lives in a cell which has no deleted row
    of it, as when that cell's rows were lost.
    """
    live, deleted = t.instances.alias("live_row"), t.instances.alias("deleted_row")
    mapped, there = t.instance_mappings.alias("mapped"), t.instances.alias("deleted_there")
    cell = t.sources.alias("mapped_to")
    was_there = (
        exists()
        .where(there.c.uuid == server_uuid, there.c.deleted != 0, cell.c.name == there.c.cell)
        .where(cell.c.role == "cell", cell.c.cell_id == mapped.c.cell_id)
        .correlate_except(there, cell)
    )
    lives_elsewhere = (
        exists()
        .where(mapped.c.instance_uuid == server_uuid, func.coalesce(mapped.c.queued_for_delete, 0) == 0, ~was_there)
        .correlate_except(mapped)
    )
    return and_(
        every_cell_is_read(),
        ~exists().where(live.c.uuid == server_uuid, live.c.deleted == 0).correlate_except(live),
        or_(
            exists().where(deleted.c.uuid == server_uuid, deleted.c.deleted != 0).correlate_except(deleted), *deletions
        ),
        ~lives_elsewhere,
    )


def accounts_for_as_much(holder: ColumnElement[Any], other: FromClause) -> Exists:
    """Whether a consumer holds at least as much in a claim's tree as that claim, which then can go."""
    mine = t.claims.alias("as_much")
    row, place, own = t.allocations.alias("row_of_other"), t.trees.alias("place_of_it"), t.allocations.alias("own_row")
    core = select(t.resource_classes.c.id).where(t.resource_classes.c.name.in_(t.CORE_CLASSES))
    as_many = (
        exists()
        .where(own.c.consumer_id == holder, own.c.resource_provider_id == row.c.resource_provider_id)
        .where(own.c.resource_class_id == row.c.resource_class_id, own.c.used >= row.c.used)
        .correlate_except(own)
    )
    # Devices and ports are counted one by one.
    lacking = (
        exists()
        .where(row.c.consumer_id == other.c.consumer_id, place.c.provider_id == row.c.resource_provider_id)
        .where(place.c.root_id == other.c.root_id, row.c.resource_class_id.not_in(core), ~as_many)
        .correlate_except(row, place)
    )
    amounts = (mine.c[name] >= other.c[name] for name in ("vcpu", "pcpu", "memory_mb", "disk_gb", "pooled_gb"))
    return (
        exists()
        .where(mine.c.consumer_id == holder, mine.c.root_id == other.c.root_id, *amounts)
        .where(~lacking)
        .correlate_except(mine)
    )


def of_a_host(root: FromClause) -> Exists:
    """Whether a provider is or was that of a compute node."""
    node = t.compute_nodes.alias("node_of_root")
    return exists().where(node.c.uuid == root.c.uuid).correlate_except(node)
