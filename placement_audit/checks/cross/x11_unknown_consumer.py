from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.evidence import (
    build_requested,
    deletion_ordered,
    mapped_cell_name,
    mapped_to_a_cell,
    mapped_to_no_cell,
    newest_of_nova,
    on_host_of_this_nova,
    ordered,
    queued_for_delete,
    requested,
)
from placement_audit.checks.relations import held, impact, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    NOBODY,
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

_consumer, _core = claims.c.consumer_id, claims.alias("core")
_accounted_for = or_(
    exists().where(shadow_instances.c.uuid == _consumer),
    exists().where(shadow_migrations.c.uuid == _consumer),
    build_requested(_consumer),
)
_holds_core = exists().where(_core.c.consumer_id == _consumer, _core.c.core + _core.c.pooled > 0)
_untyped = consumers.c.consumer_type_id.is_(None)
_typed = consumer_types.c.name.in_(("INSTANCE", "MIGRATION"))
_foreign = ~or_(_untyped, func.coalesce(consumer_types.c.name, "INSTANCE").in_(("INSTANCE", "MIGRATION")))
_owned = instances.alias("owned")
# Without servers of its project nothing suggests that a consumer was one, and most likely another service owns it.
_may_have_been_a_server = and_(
    _holds_core,
    _untyped,
    or_(
        func.coalesce(projects.c.external_id, NOBODY) == NOBODY,
        projects.c.external_id.in_(select(_owned.c.project_id).where(_owned.c.project_id.is_not(None))),
    ),
)
# What nova's own rows say, the strongest first.
_queued, _deletion, _pending = queued_for_delete(_consumer), deletion_ordered(_consumer), mapped_to_no_cell(_consumer)
_believed, _ordered, _requested = mapped_to_a_cell(_consumer), ordered(_consumer), requested(_consumer)
# More than the type is not known of it.
_of_this_nova = and_(on_host_of_this_nova(_consumer), claims.c.newest <= func.coalesce(newest_of_nova(), ""))
_look = literal(": look for the guest on ") + resource_providers.c.name + " before anything is deleted."
_withheld = case(
    (
        and_(_queued, ordered(_consumer, "softDelete", "restore"), ~_deletion),
        literal("it was soft-deleted, and perhaps restored since, and its row may have been lost") + _look,
    ),
    (_queued, None),
    (_believed, literal("nova maps this server to a cell, and its row may be in a database that was not read") + _look),
    (or_(_deletion, _pending), None),
    (_ordered, literal("no row says that this server was deleted, and its own row may have been lost") + _look),
    (_requested, literal("nova keeps the request of this server, and its row may have been lost") + _look),
    (and_(_typed, _of_this_nova), None),
    (
        and_(_typed, on_host_of_this_nova(_consumer)),
        literal("it is newer than every server that nova knows, as after the restore of a backup") + _look,
    ),
    (
        _typed,
        literal("its host is unknown to this nova, too: it may belong to a cell or a nova that was not read. ")
        + "Ask who runs it before anything is deleted.",
    ),
    (_foreign, literal("its consumer type says that another service made it: ask those who run that service.")),
    else_=literal("no row of nova proves that this was a server: ask its project and those who run Zun, Blazar or ")
    + "scripts that write to placement. If none of them knows it, a backup of nova's databases shows whether it was a "
    "server that has been purged.",
)
_evidence = case(
    (_queued, literal("nova's API has accepted the deletion of a server of that uuid")),
    (_believed, literal("nova maps such a server to ") + mapped_cell_name(_consumer) + ", which does not have it"),
    (_deletion, literal("a cell has a record of its deletion")),
    (_pending, literal("its build was accepted, but no cell has it and it is no longer queued")),
    (_ordered, literal("a cell has a record of what was ordered for such a server, but not of its deletion")),
    (_requested, literal("nova keeps the request of such a server")),
    (_typed, literal("its consumer type says that it is a server or a migration")),
    (_foreign, literal("its consumer type says that another service made it")),
    else_=literal("nothing of nova says that it ever was a server, and others write to placement, too"),
)
# A database that is not the cell's own, or a late replica, lacks servers that are mapped to it.
_doubtful = and_(_believed, ~_queued)
_known = or_(_queued, _deletion, _pending, _ordered, _requested, _typed)
_mapping_changed = (
    select(func.max(instance_mappings.c.updated_at))
    .where(instance_mappings.c.instance_uuid == _consumer)
    .scalar_subquery()
)

CHECK = Check(
    code="X11",
    name="unknown-consumer",
    impact=Impact.HIGH,
    title="Consumer that no part of nova knows",
    message=(
        "{consumer} of project {project} holds {held} on {provider_name}, and no cell has a server or migration of "
        "that uuid: {evidence}"
    ),
    identity=("consumer", "provider"),
    why=(
        "Placement keeps room for something that nova lost or another service owns. Nova will never release it. Only "
        "a row of nova proves that it was a server: otherwise it may be a container of Zun, or room that somebody "
        "keeps on purpose."
    ),
    exceptions=(
        "a build that is queued: N10 tells of one that has been for an hour",
        "deleted and archived servers and migrations, which are findings of their own",
        "it is a warning, without a deletion, where no row of nova proves that it was a server",
        "it is information where, besides, its project never had a server, another service gave it a type, or it "
        "holds no VCPU, PCPU, MEMORY_MB and DISK_GB",
        "it is a warning, without a deletion, where nova maps it to a cell that does not have it",
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        "nova-manage cell_v2 verify_instance --uuid {mapped}",
        "openstack project show {project}",
        "openstack resource provider allocation delete {ghost}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",), "N02b": ("consumer",)},
    whole_cloud=True,
    query=(
        select(
            _consumer.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            projects.c.external_id.label("project"),
            consumer_types.c.name.label("consumer_type"),
            held(_consumer, resource_providers.c.id).label("held"),
            _evidence.label("evidence"),
            case((_believed, _consumer)).label("mapped"),
            case((_withheld.is_(None), _consumer)).label("ghost"),
            _withheld.label("withheld"),
            newest(claims.c.newest, _mapping_changed).label("newest_change"),
            impact((_doubtful, "M"), (_known, "H"), (_may_have_been_a_server, "M"), otherwise="I").label("impact"),
        )
        .select_from(claims)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .outerjoin(consumers, consumers.c.uuid == _consumer)
        .outerjoin(consumer_types, consumer_types.c.id == consumers.c.consumer_type_id)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .where(_consumer.in_(select(unknown_consumers.c.consumer_id)), ~_accounted_for)
        .order_by("consumer", "provider")
    ),
)
