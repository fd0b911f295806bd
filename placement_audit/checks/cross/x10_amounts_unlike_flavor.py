from sqlalchemy import String, and_, case, cast, exists, func, literal, or_, select

from placement_audit.checks.relations import held_below, misfit_sums, servers, unlike_flavor
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    claims,
    consumers,
    flavors,
    inventories,
    migrations,
    misfits,
    projects,
    reach,
    resource_classes,
    resource_providers,
    trees,
    users,
)

_sums, _server, _own = misfit_sums(), servers(), resource_providers.alias("own_provider")

# `allocation set` replaces all that the server holds: offered only where that is one plain set of rows on one provider,
# too small for the only flavor that it can have.
_rows, _classes, _wanted, _differs = (
    allocations.alias("kept_row"),
    resource_classes.alias("kept_class"),
    misfits.alias("wanted"),
    misfits.alias("differs"),
)
_here, _elsewhere, _move, _moved = (
    claims.alias("here"),
    claims.alias("elsewhere"),
    migrations.alias("unsettled_move"),
    claims.alias("moved"),
)
_differing = exists().where(_differs.c.instance_uuid == _server.c.uuid, _differs.c.resource_class == _classes.c.name)
_kept = (
    select(func.aggregate_strings(_classes.c.name + "=" + cast(_rows.c.used, String), ","))
    .select_from(_rows)
    .join(_classes, _classes.c.id == _rows.c.resource_class_id)
    .where(_rows.c.consumer_id == _server.c.uuid, ~_differing.correlate_except(_differs))
    .scalar_subquery()
)
_corrected = (
    select(func.aggregate_strings(_wanted.c.resource_class + "=" + cast(_wanted.c.amount, String), ","))
    .where(_wanted.c.instance_uuid == _server.c.uuid, _wanted.c.amount > 0)
    .scalar_subquery()
)
_names = (
    select(func.count(_rows.c.resource_class_id.distinct()))
    .where(_rows.c.consumer_id == _server.c.uuid, _rows.c.used > 0)
    .correlate(_server)
    .scalar_subquery()
)
_unsettled = exists().where(
    _move.c.instance_uuid == _server.c.uuid,
    or_(
        and_(_move.c.deleted == 0, _move.c.status.in_(("error", "failed", "finished"))),
        exists().where(_moved.c.consumer_id == _move.c.uuid).correlate_except(_moved),
    ),
)
_plain = exists().where(_here.c.consumer_id == _server.c.uuid, _here.c.root_id == _own.c.id, _here.c.rows == _names)
_more = exists().where(_elsewhere.c.consumer_id == _server.c.uuid, _elsewhere.c.root_id != _own.c.id)
# What the host itself does not offer cannot be set on it, and disk may belong on what shares with it.
_offered, _offered_class, _asked = (
    inventories.alias("offered"),
    resource_classes.alias("offered_class"),
    misfits.alias("asked"),
)
_offers = exists().where(
    _offered.c.resource_provider_id == _own.c.id,
    _offered.c.resource_class_id == _offered_class.c.id,
    _offered_class.c.name == _asked.c.resource_class,
)
_not_offered = exists().where(
    _asked.c.instance_uuid == _server.c.uuid,
    _asked.c.amount > 0,
    ~_offers.correlate_except(_offered, _offered_class),
)
_disk_differs = exists().where(_asked.c.instance_uuid == _server.c.uuid, _asked.c.resource_class == "DISK_GB")
_shares_disk = exists().where(
    reach.c.root_id == _own.c.id,
    trees.c.provider_id == reach.c.provider_id,
    trees.c.root_id != _own.c.id,
    _offered.c.resource_provider_id == reach.c.provider_id,
    _offered.c.resource_class_id == _offered_class.c.id,
    _offered_class.c.name == "DISK_GB",
)
_certain = and_(
    _sums.c.sure == 1,
    _sums.c.short > 0,
    _server.c.vm_state.not_in(("error", "resized")),
    _plain,
    ~_more,
    held_below(_server.c.uuid, _own.c.id).is_(None),
    ~_unsettled,
    ~_not_offered,
    ~and_(_disk_differs, _shares_disk),
)

CHECK = Check(
    code="X10",
    name="amounts-unlike-flavor",
    impact=Impact.MEDIUM,
    title="Server that holds other amounts on its host than its flavor asks for",
    message="server {instance} ({vm_state} on {node}) {verdict}",
    identity=("instance",),
    why=(
        "Placement counts what is allocated, not what runs: with too little of it the host gets more servers than it "
        "has room for, with too much of it room is lost."
    ),
    exceptions=(
        "a migration, resize, evacuation or another task of the server is in progress",
        "the flavor before a resize and the one after it, as long as nova keeps both",
        "an evacuated server: the amounts on its own host count, not the sum",
        "a root disk that is a volume, or was not left out for one, as before Rocky",
        "disk on the host itself, on what shares with it, or on both",
        "pinned CPUs as PCPU or as VCPU, and a healed allocation that knows nothing of the image",
        "groups with a suffix that nova before 24 did not read",
        "amounts of a flavor's plain size, whatever its extra specs say",
        "other classes than VCPU, PCPU, MEMORY_MB and DISK_GB, which ports, devices and accelerators bring along",
        "bare metal nodes",
        "a server that a cross-cell resize hides, or that two cells show",
        "a server that holds nothing on its host, or something where nobody can tell whose that is",
        "too much of everything, a server in error, or a flavor that cannot be read, is information",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack --os-placement-api-version 1.28 resource provider allocation set --allocation {allocation}"
        " --project-id {project} --user-id {user} {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/user/flavors.html",),
    optional=(flavors,),
    query=(
        unlike_flavor(_sums, _server, _own)
        .add_columns(
            projects.c.external_id.label("project"),
            users.c.external_id.label("user"),
            case(
                (
                    _certain,
                    literal("rp=")
                    + _own.c.uuid
                    + func.coalesce(literal(",") + _corrected, "")
                    + func.coalesce(literal(",") + _kept, ""),
                )
            ).label("allocation"),
        )
        .outerjoin(consumers, consumers.c.uuid == _server.c.uuid)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .outerjoin(users, users.c.id == consumers.c.user_id)
        # The CPUs alone of a server with pinned ones are X31's.
        .where(or_(_sums.c.classes == 0, _sums.c.pinned == 0, _sums.c.cpus < _sums.c.classes))
    ),
)
