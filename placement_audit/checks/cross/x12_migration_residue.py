from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.actions import REVERT, ordered
from placement_audit.checks.relations import (
    busy,
    doubled,
    held,
    impact,
    in_progress,
    newest,
    nodes,
    on_node,
    servers,
    storage_alone,
)
from placement_audit.checks.whereabouts import (
    accounts_for_as_much,
    certainly_gone,
    is_or_was,
    may_be_on,
    not_cleaned_up,
    settled_since,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, instances, migrations, resource_providers, shadow_migrations

_twin, _open = migrations.alias("twin_migration"), migrations.alias("open_migration")
_clocks = newest(migrations.c.updated_at, migrations.c.created_at, migrations.c.deleted_at)
# A cross-cell resize has its row in two cells: none of them may be open, and the last cell's speaks.
_ended = (
    select(
        migrations.c.uuid,
        migrations.c.instance_uuid,
        migrations.c.cell,
        migrations.c.created_at,
        case((migrations.c.deleted != 0, literal("deleted")), else_=migrations.c.status).label("state"),
        _clocks.label("changed"),
    )
    .where(~exists().where(_open.c.uuid == migrations.c.uuid, in_progress(_open)))
    .where(~exists().where(_twin.c.uuid == migrations.c.uuid, _twin.c.cell > migrations.c.cell))
)
_archive = shadow_migrations.alias("archive")
_archived = select(
    _archive.c.uuid,
    _archive.c.instance_uuid,
    _archive.c.cell,
    _archive.c.created_at,
    literal("archived").label("state"),
    newest(_archive.c.updated_at, _archive.c.created_at, _archive.c.deleted_at).label("changed"),
).where(
    ~exists().where(migrations.c.uuid == _archive.c.uuid),
    ~exists().where(shadow_migrations.c.uuid == _archive.c.uuid, shadow_migrations.c.cell > _archive.c.cell),
)
_move = union_all(_ended, _archived).subquery("ended")
_server, _reverted = servers(), instances.alias("reverted_server")
_reverting = exists().where(
    _reverted.c.uuid == _move.c.instance_uuid, _reverted.c.deleted == 0, _reverted.c.task_state == "resize_reverting"
)
_task = func.coalesce(_server.c.task_state, "")
# The compute service itself still counts such a migration on its host (SEMANTICS D.1).
_counted = func.coalesce(
    and_(
        _move.c.state.in_(("error", "deleted", "archived")),
        or_(
            _server.c.vm_state == "resized",
            _task.like("resize%"),
            _task.like("rebuild%"),
            _task == "migrating",
        ),
    ),
    False,
)
# nova deletes and archives a migration's row with those of its server alone.
_gone = certainly_gone(_move.c.instance_uuid, _move.c.state.in_(("deleted", "archived")))
_node, _live, _other = nodes(), instances.alias("live_row"), migrations.alias("other_migration")
_on_a_known_node = exists().where(on_node(_server, _node)).correlate_except(_node)
_is_hidden = func.coalesce(_live.c.hidden, 0) != 0
_has_hidden_row = exists().where(_live.c.uuid == _move.c.instance_uuid, _live.c.deleted == 0, _is_hidden)
_moves_on = or_(busy(_server), exists().where(_other.c.instance_uuid == _move.c.instance_uuid, in_progress(_other)))
# An offloaded server has no guest, unless one was left behind where a move of it failed.
_left_somewhere = exists().where(
    _other.c.instance_uuid == _move.c.instance_uuid,
    func.coalesce(_other.c.status, "").not_in(("confirmed", "completed")),
    or_(_other.c.dest_compute.is_not(None), in_progress(_other)),
)
_offloaded = func.coalesce(
    and_(_server.c.vm_state == "shelved_offloaded", _server.c.host.is_(None), ~_left_somewhere), False
)
_two_cells = exists().where(_live.c.uuid == _move.c.instance_uuid, _live.c.deleted == 0, ~_is_hidden)
_at_rest = and_(_server.c.uuid.is_not(None), ~_has_hidden_row, ~_moves_on, ~_counted)
_proven = settled_since(_server, _move)


def _stays(claim: FromClause, root: FromClause) -> ColumnElement[bool]:
    """Whether the server may depend on a part of what its migration holds."""
    elsewhere = and_(
        _on_a_known_node,
        _proven,
        ~is_or_was(root, _server.c.host, _server.c.node),
        ~may_be_on(_server, root),
        ~not_cleaned_up(_server.c.uuid, root),
        ~storage_alone(root),
        # What is in a pool is the server's wherever it runs.
        claim.c.own == claim.c.rows,
    )
    return ~or_(accounts_for_as_much(_server.c.uuid, claim), elsewhere)


# The deletion takes all that the migration holds, wherever.
_part, _part_root = claims.alias("any_part"), resource_providers.alias("any_part_root")
_needed = (
    exists(select(literal(1)).select_from(_part).join(_part_root, _part_root.c.id == _part.c.root_id))
    .where(_part.c.consumer_id == _move.c.uuid, _stays(_part, _part_root))
    .correlate(_move, _server)
)
_residue = or_(_gone, and_(_at_rest, or_(_offloaded, ~_needed)))
# Any of them may be missing in damaged rows.
_place = func.coalesce(resource_providers.c.name, resource_providers.c.uuid, "the provider")
_which = func.coalesce(_move.c.instance_uuid, "of the migration")
_here = is_or_was(resource_providers, _server.c.host, _server.c.node)
_look = (
    literal(": look for the guest there and on ")
    + func.coalesce(_server.c.host, "its host")
    + " (virsh list --all --uuid), and read what openstack server event list "
    + _which
    + " says; delete this only if the guest is on "
    + func.coalesce(_server.c.host, "another host")
    + " alone, and that is a machine of its own"
)
_withheld = case(
    (_residue, null()),
    (
        and_(_server.c.uuid.is_(None), _two_cells),
        literal("Two cells show the server, and nobody can tell from rows which of them is right: settle that first"),
    ),
    (
        and_(_server.c.uuid.is_(None), ~_has_hidden_row),
        literal("No row proves that the server was deleted: ask openstack server show ")
        + _which
        + ", and look for its guest on "
        + _place
        + " (virsh list --all --uuid)",
    ),
    (
        _has_hidden_row,
        literal("A cell has a hidden row of the server, whose host may still have the guest: settle that first"),
    ),
    (
        or_(_moves_on, _counted),
        literal("A move or another task of the server has not ended, or nova-compute still counts this one: see that ")
        + "openstack server show "
        + _which
        + " shows neither a task nor VERIFY_RESIZE, and look again",
    ),
    (
        _here,
        literal("Nova has the server on ")
        + _place
        + ", where it holds less itself, so this may be all that accounts for it there: look for the guest on both "
        + "hosts of the migration (virsh list --all --uuid), and read what openstack server event list "
        + _which
        + " says",
    ),
    (
        and_(_move.c.state != "confirmed", ordered(REVERT, _move)),
        literal("A revert was ordered, and one that fails may leave the guest on ")
        + _place
        + " alone, whatever nova has as its host"
        + _look,
    ),
    else_=literal("No row proves that nothing of the server is left on ") + _place + _look,
)
_verdict = case((_residue, ""), else_=", which may be all that accounts for its guest there")
_changed = instances.alias("changed_server")
_server_changed = (
    select(func.max(newest(_changed.c.updated_at, _changed.c.deleted_at)))
    .where(_changed.c.uuid == _move.c.instance_uuid)
    .scalar_subquery()
)

CHECK = Check(
    code="X12",
    name="migration-residue",
    impact=Impact.HIGH,
    title="Allocation of a migration that is over",
    message=(
        "migration {migration} of server {instance} is over ({state}) and still holds {held} on "
        "{provider_name}{verdict}"
    ),
    identity=("migration", "provider"),
    why=(
        "Nothing moves any more, but placement keeps the room on the old host: it is lost until somebody frees it. "
        "Where the move failed half-way, the guest may still be there, and then it is all that accounts for the guest."
    ),
    exceptions=(
        "a migration that is open in any cell, or was closed a moment ago",
        "a resize that is being reverted, whose status runs ahead of it",
        "one in error that the compute service still counts is a warning",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack server event list {instance}",
        "openstack resource provider allocation show {migration}",
        "openstack resource provider allocation delete {residue}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",), "N22": ("migration",)},
    whole_cloud=True,
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            _move.c.uuid.label("migration"),
            _move.c.instance_uuid.label("instance"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _move.c.cell,
            _move.c.state,
            _server.c.host.label("now_on"),
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            _verdict.label("verdict"),
            case((_residue, _move.c.uuid)).label("residue"),
            _withheld.label("withheld"),
            newest(claims.c.newest, _move.c.changed, _server_changed).label("newest_change"),
            impact((_counted, "M"), otherwise="H").label("impact"),
        )
        .select_from(_move)
        .join(claims, claims.c.consumer_id == _move.c.uuid)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .outerjoin(_server, and_(_server.c.uuid == _move.c.instance_uuid, ~doubled(_server)))
        .where(~and_(_move.c.state == "reverted", _reverting))
        .order_by("migration", "provider")
    ),
)
