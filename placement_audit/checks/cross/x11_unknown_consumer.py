from sqlalchemy import and_, case, exists, func, or_, select

from placement_audit.checks.relations import held, impact
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    build_requests,
    claims,
    consumer_types,
    consumers,
    instance_mappings,
    instances,
    projects,
    resource_providers,
    shadow_instances,
    shadow_migrations,
    unknown_consumers,
)

# Placement's default for what was written without an owner (SEMANTICS A.7).
_NOBODY = "00000000-0000-0000-0000-000000000000"
_mapping, _queued, _core = instance_mappings.alias("mapping"), instance_mappings.alias("queued"), claims.alias("core")
_known = or_(
    exists().where(shadow_instances.c.uuid == claims.c.consumer_id),
    exists().where(shadow_migrations.c.uuid == claims.c.consumer_id),
    exists().where(build_requests.c.instance_uuid == claims.c.consumer_id),
    exists().where(_queued.c.instance_uuid == claims.c.consumer_id, _queued.c.cell_id.is_(None)),
)
_mapped = exists().where(_mapping.c.instance_uuid == claims.c.consumer_id)
_holds_core = exists().where(_core.c.consumer_id == claims.c.consumer_id, _core.c.core + _core.c.pooled > 0)
_untyped = consumers.c.consumer_type_id.is_(None)
_of_nova = or_(_untyped, consumer_types.c.name.in_(("INSTANCE", "MIGRATION")))
_owned = instances.alias("owned")
_owner_has_servers = projects.c.external_id.in_(select(_owned.c.project_id).where(_owned.c.project_id.is_not(None)))
_nobodys = and_(_untyped, func.coalesce(projects.c.external_id, _NOBODY) == _NOBODY)
# From here on "ghost": what nova left behind, as far as anybody can tell.
_ghost = and_(_holds_core, _of_nova, _owner_has_servers)

CHECK = Check(
    code="X11",
    name="unknown-consumer",
    impact=Impact.HIGH,
    title="Consumer that no part of nova knows",
    message=(
        "{consumer} of project {project} holds {held} on {provider_name}, "
        "but no cell has a server or migration of that uuid, and no build of it is queued"
    ),
    identity=("consumer", "provider"),
    why=(
        "Placement keeps room for something that nova lost or another service owns. Nova will never release it; ask "
        "the project before it is deleted, since others may write to placement too."
    ),
    exceptions=(
        "a build that is queued",
        "deleted and archived servers and migrations, which are findings of their own",
        "another service's or an operator's: a consumer type, project or class that is not nova's is information",
        "a server that nova maps to a cell which does not have it is a warning, and nothing of it is to be deleted",
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        "nova-manage cell_v2 verify_instance --uuid {mapped}",
        "openstack project show {project}",
        "openstack resource provider allocation delete {ghost}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",)},
    whole_cloud=True,
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            projects.c.external_id.label("project"),
            consumer_types.c.name.label("consumer_type"),
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            case((_mapped, claims.c.consumer_id)).label("mapped"),
            case((and_(_ghost, ~_mapped), claims.c.consumer_id)).label("ghost"),
            claims.c.newest.label("newest_change"),
            # A database that is not the cell's own, or a late replica, lacks servers that are mapped to it.
            impact(
                (and_(_holds_core, _mapped), "M"),
                (_ghost, "H"),
                # Nova has named an owner since Queens: this may as well be a hold of the operators.
                (and_(_holds_core, _nobodys), "M"),
                otherwise="I",
            ).label("impact"),
        )
        .select_from(claims)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .outerjoin(consumers, consumers.c.uuid == claims.c.consumer_id)
        .outerjoin(consumer_types, consumer_types.c.id == consumers.c.consumer_type_id)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .where(claims.c.consumer_id.in_(select(unknown_consumers.c.consumer_id)), ~_known)
        .order_by("consumer", "provider")
    ),
)
