from sqlalchemy import and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.relations import held, impact, in_progress, newest, nodes, on_node, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, instances, migrations, resource_providers, shadow_migrations, trees

_twin, _open = migrations.alias("twin_migration"), migrations.alias("open_migration")
_clocks = newest(migrations.c.updated_at, migrations.c.created_at, migrations.c.deleted_at)
# A cross-cell resize has its row in two cells: none of them may be open, and the last cell's speaks.
_ended = (
    select(
        migrations.c.uuid,
        migrations.c.instance_uuid,
        migrations.c.cell,
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
_counted = and_(
    _move.c.state.in_(("error", "deleted", "archived")),
    exists().where(
        _server.c.uuid == _move.c.instance_uuid,
        or_(
            _server.c.vm_state == "resized",
            _task.like("resize%"),
            _task.like("rebuild%"),
            _task == "migrating",
        ),
    ),
)
# A live migration that broke leaves the running server's own part with the migration (SEMANTICS D.5).
_back, _node, _home = servers(), nodes(), resource_providers.alias("home")
_part, _own = claims.alias("part"), claims.alias("own_part")
_has_its_own = (
    exists()
    .where(_own.c.consumer_id == _back.c.uuid, _own.c.root_id == trees.c.root_id, _own.c.core > 0)
    .correlate_except(_own)
)
_accounts_for_server = exists(
    select(literal(1))
    .select_from(_back)
    .join(_node, on_node(_back, _node))
    .join(_home, _home.c.uuid == _node.c.uuid)
    .join(trees, trees.c.provider_id == _home.c.id)
    .join(_part, _part.c.root_id == trees.c.root_id)
    .where(_back.c.uuid == _move.c.instance_uuid, _part.c.consumer_id == _move.c.uuid, ~_has_its_own)
    .correlate(_move)
)
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
    message="migration {migration} of server {instance} is over ({state}) and still holds {held} on {provider_name}",
    identity=("migration", "provider"),
    why="Nothing moves any more, but placement keeps the room on the old host: it is lost until somebody frees it.",
    exceptions=(
        "a migration that is open in any cell, or was closed a moment ago",
        "a resize that is being reverted, whose status runs ahead of it",
        "one in error that the compute service still counts is a warning",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {migration}",
        "openstack resource provider allocation delete {residue}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",)},
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
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            case((or_(_counted, _accounts_for_server), null()), else_=_move.c.uuid).label("residue"),
            newest(claims.c.newest, _move.c.changed, _server_changed).label("newest_change"),
            impact((_counted, "M"), otherwise="H").label("impact"),
        )
        .select_from(_move)
        .join(claims, claims.c.consumer_id == _move.c.uuid)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .where(~and_(_move.c.state == "reverted", _reverting))
        .order_by("migration", "provider")
    ),
)
