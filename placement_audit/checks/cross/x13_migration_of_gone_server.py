from sqlalchemy import case, exists, func, literal, null, select

from placement_audit.checks.relations import held, in_progress, newest
from placement_audit.checks.whereabouts import certainly_gone
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, instances, migrations, resource_providers

_live, _deleted, _twin = instances.alias("live"), instances.alias("deleted"), migrations.alias("twin_migration")
_deletion = (
    select(func.max(newest(_deleted.c.deleted_at, _deleted.c.updated_at)))
    .where(_deleted.c.uuid == migrations.c.instance_uuid)
    .scalar_subquery()
)
_gone = certainly_gone(migrations.c.instance_uuid)
_withheld = case(
    (_gone, null()),
    else_=literal("No row proves that the server was deleted: ask openstack server show ")
    + migrations.c.instance_uuid
    + ", see with nova-manage cell_v2 list_cells that no cell is missing here, and look for its guest on "
    + func.coalesce(migrations.c.source_compute, "the source")
    + " and "
    + func.coalesce(migrations.c.dest_compute, "the destination")
    + " (virsh list --all --uuid)",
)

CHECK = Check(
    code="X13",
    name="migration-of-gone-server",
    impact=Impact.HIGH,
    title="Allocation of an open migration whose server is deleted",
    message=("migration {migration} ({status}) holds {held} on {provider_name}, but its server {instance} is {fate}"),
    identity=("migration", "provider"),
    why="The migration can neither end nor be reverted, so nova never releases what it holds.",
    exceptions=("a server that is live in any cell, hidden or not", "a server that was deleted a moment ago"),
    remedy=(
        "openstack server show {instance}",
        "openstack resource provider allocation show {migration}",
        "openstack resource provider allocation delete {residue}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",)},
    whole_cloud=True,
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            migrations.c.cell,
            migrations.c.status,
            case((_gone, "deleted"), else_="in no cell").label("fate"),
            case((_gone, migrations.c.uuid)).label("residue"),
            _withheld.label("withheld"),
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            newest(claims.c.newest, migrations.c.updated_at, migrations.c.created_at, _deletion).label("newest_change"),
        )
        .select_from(migrations)
        .join(claims, claims.c.consumer_id == migrations.c.uuid)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .where(in_progress(migrations), migrations.c.instance_uuid.is_not(None))
        .where(~exists().where(_live.c.uuid == migrations.c.instance_uuid, _live.c.deleted == 0))
        # A cross-cell resize has its row in two cells.
        .where(~exists().where(_twin.c.uuid == migrations.c.uuid, in_progress(_twin), _twin.c.cell > migrations.c.cell))
        .order_by("migration", "provider")
    ),
)
