"""What proves that a consumer, or a provider, is this nova's own. That no row is found proves nothing by itself.

Nova never names a consumer's type (SEMANTICS A.9), and Zun and scripts write as nova does: only nova's own rows tell
whose a consumer is. A host may be of a cell, or of a nova, that was not read: only rows of this nova tell whose a
provider is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Case,
    ColumnElement,
    Exists,
    FromClause,
    ScalarSelect,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from placement_audit import schema as t
from placement_audit.checks.relations import mapped_cells

_DELETIONS = ("delete", "forceDelete")


def queued_for_delete(consumer: ColumnElement[Any]) -> Exists:
    """Whether the API has accepted the deletion of a server of this uuid."""
    mapping = t.instance_mappings.alias("queued_mapping")
    return exists().where(mapping.c.instance_uuid == consumer, mapping.c.queued_for_delete == 1)


def mapped_to_a_cell(consumer: ColumnElement[Any]) -> Exists:
    """Whether nova believes that a cell has a server of this uuid: a mapping to a cell, not queued for deletion."""
    mapping = t.instance_mappings.alias("believed_mapping")
    return exists().where(
        mapping.c.instance_uuid == consumer,
        mapping.c.cell_id.is_not(None),
        func.coalesce(mapping.c.queued_for_delete, 0) == 0,
    )


def mapped_to_no_cell(consumer: ColumnElement[Any]) -> Exists:
    """Whether the API has accepted a build of this uuid that has come to no cell."""
    mapping = t.instance_mappings.alias("pending_mapping")
    return exists().where(mapping.c.instance_uuid == consumer, mapping.c.cell_id.is_(None))


def build_requested(consumer: ColumnElement[Any]) -> Exists:
    """Whether a build of this uuid is queued (N10 tells of one that has been for too long)."""
    request = t.build_requests.alias("queued_build")
    return exists().where(request.c.instance_uuid == consumer)


def requested(consumer: ColumnElement[Any]) -> Exists:
    """Whether nova keeps the request of a server of this uuid."""
    request = t.request_specs.alias("kept_request")
    return exists().where(request.c.instance_uuid == consumer)


def ordered(consumer: ColumnElement[Any], *actions: str) -> Exists:
    """Whether a cell has a record of something, or of one of these actions, that was ordered for such a server."""
    action = t.instance_actions.alias("ordered_action")
    condition = exists().where(action.c.instance_uuid == consumer)
    return condition.where(action.c.action.in_(actions)) if actions else condition


def deletion_ordered(consumer: ColumnElement[Any]) -> Exists:
    """Whether the last that was ordered for such a server is its deletion, which did not fail."""
    action, later = t.instance_actions.alias("deletion"), t.instance_actions.alias("later_action")
    after = (
        exists()
        .where(
            later.c.instance_uuid == action.c.instance_uuid,
            func.coalesce(later.c.start_time, "") > func.coalesce(action.c.start_time, ""),
        )
        .correlate_except(later)
    )
    return exists().where(
        action.c.instance_uuid == consumer,
        action.c.action.in_(_DELETIONS),
        func.coalesce(action.c.message, "") != "Error",
        ~after,
    )


def ran_once(consumer: ColumnElement[Any]) -> Exists:
    """Whether more was ordered for a server than its build and its deletion: it must have been on a host before."""
    action = t.instance_actions.alias("action_on_host")
    return exists().where(
        action.c.instance_uuid == consumer,
        action.c.action.not_in(("create", *_DELETIONS, "softDelete")),
        func.coalesce(action.c.deleted, 0) == 0,
    )


def mapped_cell_name(consumer: ColumnElement[Any]) -> ColumnElement[Any]:
    """The name of the cell that nova maps a server of this uuid to, in words; NULL without a mapping to a cell."""
    mapping, cell = t.instance_mappings.alias("named_mapping"), mapped_cells("named_cell")
    return (
        select(func.max(func.coalesce(cell.c.cell, "a cell that is not there")))
        .select_from(mapping)
        .outerjoin(cell, cell.c.cell_id == mapping.c.cell_id)
        .where(mapping.c.instance_uuid == consumer, mapping.c.cell_id.is_not(None))
        .scalar_subquery()
    )


def newest_of_nova() -> ScalarSelect[Any]:
    """When the newest server or migration that any cell has was made; NULL without any."""
    server, migration = t.instances.alias("newest_server"), t.migrations.alias("newest_migration")
    made = union_all(
        select(func.max(server.c.created_at).label("made")), select(func.max(migration.c.created_at).label("made"))
    ).subquery("newest_of_nova")
    return select(func.max(made.c.made)).scalar_subquery()


def of_this_nova(provider: FromClause) -> Exists:
    """Whether a cell that was read has, or had, a compute node of a root provider's uuid."""
    node = t.compute_nodes.alias("node_of_this_nova")
    return exists().where(node.c.uuid == provider.c.uuid)


def on_host_of_this_nova(consumer: ColumnElement[Any]) -> Exists:
    """Whether a consumer holds anything on a host of a cell that was read."""
    claim, root, node = (
        t.claims.alias("claim_on_host"),
        t.resource_providers.alias("root_on_host"),
        t.compute_nodes.alias("node_on_host"),
    )
    return exists().where(claim.c.consumer_id == consumer, root.c.id == claim.c.root_id, node.c.uuid == root.c.uuid)


def removable(provider: FromClause) -> ColumnElement[bool]:
    """Whether nova's own rows prove that a root provider without a live compute node, and without consumers, may go.

    The host was this nova's, and no live compute node and no server goes by its name. The caller asks for consumers.
    """
    return and_(was_of_this_nova(provider), ~in_use_by_name(provider))


def was_of_this_nova(provider: FromClause) -> ColumnElement[bool]:
    """Whether a cell that was read remembers the host of a root provider.

    A deleted compute node of its uuid or name, or a nova-compute service of its name, deleted or not.
    """
    node, service = t.compute_nodes.alias("remembered_node"), t.services.alias("remembered_service")
    return or_(
        exists().where(node.c.uuid == provider.c.uuid),
        exists().where(node.c.hypervisor_hostname == provider.c.name),
        exists().where(service.c.host == provider.c.name, service.c.binary == "nova-compute"),
    )


def in_use_by_name(provider: FromClause) -> ColumnElement[bool]:
    """Whether a live compute node or server of this nova names a root provider's host."""
    node, server = t.compute_nodes.alias("node_of_name"), t.instances.alias("server_of_name")
    return or_(
        exists().where(node.c.hypervisor_hostname == provider.c.name, node.c.deleted == 0),
        # Few: servers of which the host is no compute node.
        exists().where(
            server.c.uuid.in_(select(t.odd_servers.c.uuid)),
            server.c.deleted == 0,
            or_(server.c.node == provider.c.name, server.c.host == provider.c.name),
        ),
    )


def why_not_removable(provider: FromClause) -> Case[Any]:
    """Why such a provider may not be removed, although nothing is held there; NULL where it may."""
    name = cast(provider.c.name, String)
    return case(
        (removable(provider), None),
        (
            in_use_by_name(provider),
            literal("nova has a compute node or servers of a host named ")
            + name
            + ": find out which host that is before the provider is deleted.",
        ),
        else_=literal("no cell remembers a host named ")
        + name
        + ": it may belong to a cell or a nova that was not read. Ask who runs it before the provider is deleted.",
    )
