from sqlalchemy import ColumnElement, String, and_, case, cast, exists, func, literal, or_, select

from placement_audit.checks.healing import KEPT_CLASS, KEPT_ON, POOL, disk_pools, held_rows, offers, takes, writable
from placement_audit.checks.relations import misfit_sums, servers, storage_alone, unlike_flavor
from placement_audit.checks.whereabouts import look_on_both, other_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    claims,
    consumers,
    flavors,
    migrations,
    misfits,
    projects,
    resource_classes,
    resource_providers,
    users,
)

_sums, _server, _own = misfit_sums(), servers(), resource_providers.alias("own_provider")

# `allocation set` replaces all that the server holds: offered only where what differs is on the host itself and too
# small for the only flavor that it can have. All else is written as it is.
_rows, _classes, _wanted, _differs = (
    allocations.alias("kept_on_host"),
    resource_classes.alias("kept_class_on_host"),
    misfits.alias("wanted"),
    misfits.alias("differs"),
)
_elsewhere, _move, _moved, _other_root = (
    claims.alias("elsewhere"),
    migrations.alias("unsettled_move"),
    claims.alias("moved"),
    resource_providers.alias("other_root"),
)


def _differing(name: ColumnElement[str]) -> ColumnElement[bool]:
    of_it = exists().where(_differs.c.instance_uuid == _server.c.uuid, _differs.c.resource_class == name)
    return of_it.correlate_except(_differs)


_kept = (
    select(func.aggregate_strings(_classes.c.name + "=" + cast(_rows.c.used, String), ","))
    .select_from(_rows)
    .join(_classes, _classes.c.id == _rows.c.resource_class_id)
    .where(_rows.c.consumer_id == _server.c.uuid, _rows.c.resource_provider_id == _own.c.id)
    .where(~_differing(_classes.c.name))
    .correlate(_server, _own)
    .scalar_subquery()
)
_corrected = (
    select(func.aggregate_strings(_wanted.c.resource_class + "=" + cast(_wanted.c.amount, String), ","))
    .where(_wanted.c.instance_uuid == _server.c.uuid, _wanted.c.amount > 0)
    .scalar_subquery()
)
_others = held_rows(_server.c.uuid, KEPT_ON.c.id != _own.c.id)
_allocations = (
    literal("--allocation rp=")
    + _own.c.uuid
    + func.coalesce(literal(",") + _corrected, "")
    + func.coalesce(literal(",") + _kept, "")
    + func.coalesce(literal(" ") + _others, "")
)
_unsettled = exists().where(
    _move.c.instance_uuid == _server.c.uuid,
    or_(
        and_(_move.c.deleted == 0, _move.c.status.in_(("error", "failed", "finished"))),
        exists().where(_moved.c.consumer_id == _move.c.uuid).correlate_except(_moved),
    ),
)
_on_another_host = exists().where(
    _elsewhere.c.consumer_id == _server.c.uuid,
    _elsewhere.c.root_id == _other_root.c.id,
    _elsewhere.c.root_id != _own.c.id,
    _elsewhere.c.own > 0,
    ~storage_alone(_other_root).self_group(),
)
_asked_class = resource_classes.alias("asked_class")


def _of_differing(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the conditions hold for some class that differs."""
    return exists().where(
        _differs.c.instance_uuid == _server.c.uuid, _asked_class.c.name == _differs.c.resource_class, *conditions
    )


# Some of what differs is on what is below the host, or on what shares with it.
_apart = held_rows(_server.c.uuid, KEPT_ON.c.id != _own.c.id, _differing(KEPT_CLASS.c.name)).is_not(None)
_disk_in_a_pool = and_(
    _of_differing(_asked_class.c.name == "DISK_GB"), disk_pools(_own.c.id, func.count(POOL.c.id)) > 0
)
_not_offered = _of_differing(_differs.c.amount > 0, ~offers(_own.c.id, _asked_class.c.id))
_same, _same_class = allocations.alias("same"), resource_classes.alias("same_class")
# What stays as it is is written, too: before release 14 placement refuses that where more is held than there is.
_no_longer_taken = exists().where(
    _same.c.consumer_id == _server.c.uuid,
    _same_class.c.id == _same.c.resource_class_id,
    ~_differing(_same_class.c.name),
    ~takes(_same.c.resource_provider_id, _same.c.resource_class_id, _same.c.used, literal(0)),
)
_full = or_(
    _of_differing(
        _differs.c.amount > 0,
        ~takes(_own.c.id, _asked_class.c.id, _differs.c.amount, _differs.c.amount - _differs.c.held),
    ),
    _no_longer_taken,
)
_other = other_host(_server)
# In the order in which they are told.
_doubts: tuple[tuple[ColumnElement[bool], ColumnElement[str] | str], ...] = (
    (
        _sums.c.classes == 0,
        "What nova keeps of its flavor cannot be read. Look at its size on the host (virsh dumpxml).",
    ),
    (
        _server.c.vm_state == "error",
        "The server is in error, and the rows do not tell with which size it runs, if at all. Look on the host (virsh "
        "dumpxml).",
    ),
    (_other.is_not(None), look_on_both(_server.c.host, func.coalesce(_other, ""))),
    (
        or_(_unsettled, _server.c.vm_state == "resized"),
        "A resize or migration of it has not ended well, or not yet, so it may run with its old size or the new one. "
        "Look on the host (virsh dumpxml), and end the move first.",
    ),
    (
        _on_another_host,
        "It holds something on another host, too: see first which of the two is right (X09).",
    ),
    (
        _sums.c.short == 0,
        "It holds no less than its flavor asks for, so no server is in danger, and placement itself may have counted "
        "twice. A resize or a cold migration writes it anew.",
    ),
    (
        _sums.c.sure == 0,
        "Its flavor can be read in several ways, so the right amounts are not certain. See what other servers of the "
        "flavor hold, and what the host gives it (virsh dumpxml).",
    ),
    (
        or_(_apart, _disk_in_a_pool),
        "What differs may belong on the host itself, below it, or on a pool that it draws from. Find out where the "
        "server has it, and write all that it holds with allocation set.",
    ),
    (
        ~writable(_server.c.uuid),
        "It has duplicate rows, or rows of a class or provider that is missing. Allocation set cannot write those "
        "again: mend them first.",
    ),
    (
        _not_offered,
        "The host itself does not offer all that is missing, and placement refuses what is not offered. Find out on "
        "which provider other servers of the host have it.",
    ),
    (
        _full,
        "Placement has no room for it: with what is reserved and held there, a provider that it holds takes no more, "
        "and the write is refused. Move other servers away first, or correct what is reserved.",
    ),
)
_certain = and_(*(~condition for condition, _ in _doubts))

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
        "the plain size of the flavor (vcpus, memory, disk) where its extra specs ask for other amounts",
        "other classes than VCPU, PCPU, MEMORY_MB and DISK_GB, which ports, devices and accelerators bring along",
        "bare metal nodes",
        "a server that a cross-cell resize hides, or that two cells show",
        "a server that holds nothing on its host, and one that holds something on a provider of which nobody can tell "
        "whose it is",
        "too much of everything, a server in error, or a flavor that cannot be read, is information",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack --os-placement-api-version 1.28 resource provider allocation set {allocation_words}"
        " --project-id {project} --user-id {user} {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/user/flavors.html",),
    optional=(flavors,),
    query=(
        unlike_flavor(_sums, _server, _own)
        .add_columns(
            projects.c.external_id.label("project"),
            users.c.external_id.label("user"),
            case((_certain, _allocations)).label("allocation_words"),
            case(
                (projects.c.external_id.is_(None), "Placement knows no owner of it, see P13 to P15."),
                *_doubts,
            ).label("withheld"),
        )
        .outerjoin(consumers, consumers.c.uuid == _server.c.uuid)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .outerjoin(users, users.c.id == consumers.c.user_id)
        # The CPUs alone of a server with pinned ones are X31's.
        .where(or_(_sums.c.classes == 0, _sums.c.pinned == 0, _sums.c.cpus < _sums.c.classes))
    ),
)
