from typing import Any

from sqlalchemy import Case, FromClause, and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.evidence import build_requested, mapped_cell_name, ran_once
from placement_audit.checks.relations import busy, held, last_move, mapped_cells, moving, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    claims,
    instance_mappings,
    instances,
    resource_providers,
    shadow_instances,
    sources,
)

_DELETED, _ARCHIVED = "is deleted", "is deleted and archived"
_FAILED, _OFFLOADED = "is in error and on no host", "is offloaded"
_cell0 = select(sources.c.name).where(sources.c.role == "cell", sources.c.cell0 == 1)


def _state_of(row: FromClause) -> Case[Any]:
    """Why a row of the server entitles it to nothing; NULL for a row that may."""
    visible = func.coalesce(row.c.hidden, 0) == 0
    return case(
        (row.c.deleted != 0, literal(_DELETED)),
        (or_(~visible, busy(row)), None),
        # With a host it has left: then the database is not cell0's.
        (and_(row.c.cell.in_(_cell0), row.c.host.is_(None), row.c.node.is_(None)), literal("never left cell0")),
        (and_(row.c.vm_state == "error", row.c.host.is_(None)), literal(_FAILED)),
        (and_(row.c.vm_state == "shelved_offloaded", row.c.task_state.is_(None)), literal(_OFFLOADED)),
    )


_row = instances.alias("row")
_state = _state_of(instances)
_live = instances.c.deleted == 0
# A cross-cell resize leaves rows of one server in two cells: all of them must say the same.
_gone = (
    select(
        instances.c.uuid,
        func.coalesce(func.max(case((_live, _state))), func.max(_state)).label("state"),
        func.coalesce(func.max(case((_live, instances.c.cell))), func.max(instances.c.cell)).label("cell"),
        func.max(case((_live, instances.c.host))).label("host"),
        newest(
            func.max(instances.c.updated_at), func.max(instances.c.created_at), func.max(instances.c.deleted_at)
        ).label("changed"),
    )
    .where(instances.c.uuid.in_(select(_row.c.uuid).where(_state_of(_row).is_not(None))))
    .where(instances.c.uuid.in_(select(claims.c.consumer_id)))
    .group_by(instances.c.uuid)
    .having(func.count(_state) == func.count())
)
_archived = (
    select(
        shadow_instances.c.uuid,
        literal(_ARCHIVED).label("state"),
        func.max(shadow_instances.c.cell).label("cell"),
        null().label("host"),
        func.max(shadow_instances.c.deleted_at).label("changed"),
    )
    .where(~exists().where(instances.c.uuid == shadow_instances.c.uuid))
    .group_by(shadow_instances.c.uuid)
)
_server = union_all(_gone, _archived).subquery("gone")
# A mapping without a cell is no build of its own: with the request gone, or the row made, it is only left behind.
_mapping, _own, _any_mapped = instance_mappings.alias("mapping"), mapped_cells("own_cell"), mapped_cells("any_mapped")
_mapping_changed = (
    select(func.max(_mapping.c.updated_at)).where(_mapping.c.instance_uuid == _server.c.uuid).scalar_subquery()
)
_lives_elsewhere = (
    exists()
    .where(
        instance_mappings.c.instance_uuid == _server.c.uuid,
        instance_mappings.c.cell_id.is_not(None),
        func.coalesce(instance_mappings.c.queued_for_delete, 0) == 0,
        ~exists()
        .where(_own.c.cell == _server.c.cell, _own.c.cell_id == instance_mappings.c.cell_id)
        .correlate_except(_own),
        exists().where(_any_mapped.c.cell_id.is_not(None)),
    )
    .correlate_except(instance_mappings)
)
_look = literal(": look for the guest on ") + resource_providers.c.name + " before anything is deleted."
_withheld = case(
    (
        _lives_elsewhere,
        literal("nova maps this server to ")
        + mapped_cell_name(_server.c.uuid)
        + ", whose database may lack its row"
        + _look,
    ),
    (
        and_(_server.c.state == _OFFLOADED, _server.c.host.is_not(None)),
        literal("its row names the host ") + _server.c.host + ", as after an unshelving that broke off" + _look,
    ),
    (
        and_(_server.c.state == _FAILED, ran_once(_server.c.uuid)),
        literal("it was on a host before, and nova leaves the host in the row of a server that fails later") + _look,
    ),
)

CHECK = Check(
    code="X07",
    name="allocation-of-gone-server",
    impact=Impact.HIGH,
    title="Allocation of a server that is deleted or on no host",
    message="server {instance} {state}, yet it still holds {held} on {provider_name}",
    identity=("consumer", "provider"),
    why="Nothing runs there, but placement keeps the room: it is lost until somebody deletes the allocation.",
    exceptions=(
        "a build that is rescheduled or under way, or queued: N10 tells of one that has been for an hour",
        "a server that is being unshelved, or has another task or migration in progress",
        "a deleted row whose server lives on in another cell",
        "a row that a cross-cell resize hides",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack resource provider allocation show {consumer}",
        "openstack resource provider allocation delete {left}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",)},
    whole_cloud=True,
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            _server.c.uuid.label("instance"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _server.c.cell,
            _server.c.state,
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            case((_withheld.is_(None), claims.c.consumer_id)).label("left"),
            _withheld.label("withheld"),
            newest(claims.c.newest, _server.c.changed, last_move(_server.c.uuid), _mapping_changed).label(
                "newest_change"
            ),
        )
        .select_from(_server)
        .join(claims, claims.c.consumer_id == _server.c.uuid)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .where(~build_requested(_server.c.uuid), or_(_server.c.state.in_((_DELETED, _ARCHIVED)), ~moving(_server)))
        .order_by("consumer", "provider")
    ),
)
