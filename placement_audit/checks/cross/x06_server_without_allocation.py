from sqlalchemy import ColumnElement, String, and_, case, cast, exists, func, literal, null, or_, select

from placement_audit.checks.healing import POOL, disk_pools, held_rows, offers, takes, writable
from placement_audit.checks.relations import (
    busy,
    doubled,
    held_in_all,
    impact,
    is_core,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    placed,
    servers,
    storage_alone,
)
from placement_audit.checks.whereabouts import look_on_both, other_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, claims, expected, resource_classes, resource_providers, trees, unclaimed

_server, _node, _own = servers(), nodes(), resource_providers.alias("own_provider")
_any, _here = claims.alias("any_claim"), claims.alias("here")
_row, _row_class = allocations.alias("row_on_host"), resource_classes.alias("row_class")
_bare_metal = func.coalesce(_node.c.hypervisor_type, "") == "ironic"
_something_here = exists().where(
    _here.c.consumer_id == _server.c.uuid, _here.c.root_id == trees.c.root_id, _here.c.own > 0
)
_of_the_host = or_(
    exists().where(_here.c.consumer_id == _server.c.uuid, _here.c.root_id == trees.c.root_id, _here.c.core > 0),
    and_(_bare_metal, _something_here),
    # Its own host counts even where somebody gave that the trait of a sharing provider.
    exists().where(
        _row.c.consumer_id == _server.c.uuid,
        _row.c.resource_provider_id == _own.c.id,
        _row_class.c.id == _row.c.resource_class_id,
        is_core(_row_class.c.name),
    ),
)
_any_flavor, _asked, _offered = expected.alias("any_flavor"), expected.alias("asked"), expected.alias("offered_asked")
_known = exists().where(_any_flavor.c.instance_uuid == _server.c.uuid)


def _asks(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_asked.c.instance_uuid == _server.c.uuid, _asked.c.amount > 0, *conditions)


# No doubt of the list below.
_NONE = 99
_CPUS_AND_MEMORY = ("VCPU", "PCPU", "MEMORY_MB")
# Disk alone proves nothing: the flavor's root disk is not asked for when the server boots from a volume.
_lacks = or_(
    and_(~_known, ~_something_here),
    _asks(_asked.c.resource_class.in_(_CPUS_AND_MEMORY)),
    and_(_asks(_asked.c.resource_class != "DISK_GB"), ~_something_here),
)
_asked_class = resource_classes.alias("asked_class")


def _of_asked(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the conditions hold for some class that the flavor asks for."""
    return exists().where(
        _offered.c.instance_uuid == _server.c.uuid,
        _offered.c.amount > 0,
        _asked_class.c.name == _offered.c.resource_class,
        *conditions,
    )


# A bare metal node without a resource class has no inventory; what its server holds can only be of what it has.
_bare_metal_offers = _of_asked(offers(_own.c.id, _asked_class.c.id))
_last_claim = select(func.max(_any.c.newest)).where(_any.c.consumer_id == _server.c.uuid).scalar_subquery()
_holds = held_in_all(_server.c.uuid)

# Where the disk belongs: nothing tells between the host and a pool, or between two pools.
_disk = _offered.c.resource_class == "DISK_GB"
_pools = disk_pools(_own.c.id, func.count(POOL.c.id.distinct()))
_asks_for_disk = _of_asked(_disk)
_disk_here = _of_asked(_disk, offers(_own.c.id, _asked_class.c.id))
_disk_rows, _disk_class = allocations.alias("disk_row"), resource_classes.alias("disk_class")
_disk_held = (
    select(func.coalesce(func.sum(_disk_rows.c.used), 0))
    .join(_disk_class, _disk_class.c.id == _disk_rows.c.resource_class_id)
    .where(_disk_rows.c.consumer_id == _server.c.uuid, _disk_class.c.name == "DISK_GB")
    .correlate(_server)
    .scalar_subquery()
)
_disk_has_two_places = and_(
    _asks_for_disk, _disk_held == 0, or_(and_(_disk_here, _pools > 0), and_(~_disk_here, _pools > 1))
)
_disk_of_pool = and_(_asks_for_disk, _disk_held == 0, ~_disk_here, _pools == 1)

# What is to be added, and whether there is room for it. What the server holds of a class stays as it is.
_mine, _its = allocations.alias("mine"), _offered.c
_held_of_it = (
    select(func.coalesce(func.sum(_mine.c.used), 0))
    .where(_mine.c.consumer_id == _server.c.uuid, _mine.c.resource_class_id == _asked_class.c.id)
    .correlate(_server, _asked_class)
    .scalar_subquery()
)
_to_add = _held_of_it == 0
_on_host = or_(~_disk, ~_disk_of_pool)
_pool_id = disk_pools(_own.c.id, func.min(POOL.c.id))
_pool_uuid = disk_pools(_own.c.id, func.min(POOL.c.uuid))
_lacks_class = or_(
    exists().where(
        _asked.c.instance_uuid == _server.c.uuid,
        _asked.c.amount > 0,
        _asked.c.resource_class.not_in(select(resource_classes.c.name)),
    ),
    _of_asked(_to_add, _on_host, ~offers(_own.c.id, _asked_class.c.id)),
)
_full = _of_asked(
    _to_add,
    or_(
        and_(_on_host, ~takes(_own.c.id, _asked_class.c.id, _its.amount)),
        and_(~_on_host, ~takes(_pool_id, _asked_class.c.id, _its.amount)),
    ),
)
_other_amounts = _of_asked(_held_of_it > 0, _held_of_it != _its.amount)
_elsewhere, _other_root = claims.alias("elsewhere"), resource_providers.alias("other_root")
_on_another_host = exists().where(
    _elsewhere.c.consumer_id == _server.c.uuid,
    _elsewhere.c.root_id == _other_root.c.id,
    _elsewhere.c.root_id != trees.c.root_id,
    _elsewhere.c.own > 0,
    ~storage_alone(_other_root).self_group(),
)
_hindrance = select(func.max(expected.c.hindrance)).where(expected.c.instance_uuid == _server.c.uuid).scalar_subquery()
_sure = exists().where(expected.c.instance_uuid == _server.c.uuid, expected.c.sure == 1)
_other = other_host(_server)

# Each of these keeps nova-manage from it and people, too; the first that holds is told.
_doubts = (
    _other.is_not(None),
    _on_another_host,
    _server.c.vm_state == "error",
    _server.c.task_state.is_not(None),
    ~_known,
    _disk_has_two_places,
    _lacks_class,
    _full,
)
_option = literal("--allocation rp=")
_new_rows = (
    select(func.aggregate_strings(_its.resource_class + "=" + cast(_its.amount, String), ","))
    .select_from(_offered)
    .join(_asked_class, _asked_class.c.name == _its.resource_class)
    .where(_its.instance_uuid == _server.c.uuid, _its.amount > 0, _to_add, _on_host)
    .correlate_except(_offered, _asked_class)
    .scalar_subquery()
)
_new_disk = (
    select(func.max(_asked.c.amount))
    .where(_asked.c.instance_uuid == _server.c.uuid, _asked.c.resource_class == "DISK_GB")
    .scalar_subquery()
)
_allocations = (
    _option
    + _own.c.uuid
    + ","
    + _new_rows
    + func.coalesce(
        literal(" ") + case((_disk_of_pool, _option + _pool_uuid + ",DISK_GB=" + cast(_new_disk, String))), ""
    )
    + func.coalesce(literal(" ") + held_rows(_server.c.uuid), "")
)
# Facts first, words after: in one select SQLite's parser would not take them.
_bare = (
    select(
        _server.c.uuid,
        _server.c.cell,
        _server.c.host,
        _server.c.node,
        _server.c.vm_state,
        _server.c.task_state,
        _server.c.project_id,
        _server.c.user_id,
        _own.c.uuid.label("provider"),
        case((_something_here, 1), else_=0).label("something_here"),
        _holds.label("held"),
        case(*((condition, number) for number, condition in enumerate(_doubts)), else_=_NONE).label("doubt"),
        _other.label("other_host"),
        _hindrance.label("hindrance"),
        case((or_(_disk_of_pool, _node.c.host != _server.c.host), 0), else_=1).label("as_nova_heals"),
        case((or_(~_sure, _other_amounts, ~writable(_server.c.uuid)), 0), else_=1).label("certain"),
        _allocations.label("allocation_words"),
        newest(_server.c.updated_at, _server.c.created_at, _last_claim, last_move(_server.c.uuid)).label("changed"),
    )
    .select_from(_server)
    .join(_node, on_node(_server, _node))
    .join(_own, _own.c.uuid == _node.c.uuid)
    .join(trees, trees.c.provider_id == _own.c.id)
    .where(_server.c.uuid.in_(select(unclaimed.c.uuid)), placed(_server), ~_of_the_host, _lacks)
    .where(or_(~_bare_metal, _bare_metal_offers))
    .where(and_(~busy(_server), ~moving(_server), ~doubled(_server)))
    # Of distinct rows SQLite works out each column once, and not wherever it is named.
    .distinct()
    .cte("bare_servers")
)
_clear = _bare.c.doubt == _NONE
_healable = and_(_clear, _bare.c.held.is_(None), _bare.c.hindrance.is_(None), _bare.c.as_nova_heals == 1)
_settable = and_(
    *(_clear, _bare.c.certain == 1, _bare.c.allocation_words.is_not(None)),
    *(_bare.c.project_id.is_not(None), _bare.c.user_id.is_not(None)),
)
# In the order of the doubts.
_reasons: tuple[ColumnElement[str], ...] = (
    look_on_both(_bare.c.host, _bare.c.other_host),
    literal(
        "It holds something on another host, too, so nova may have the wrong host for it. Look on both hosts for the "
    )
    + "guest (virsh list --all) before anything is written.",
    literal("The server is in error, and the rows do not tell whether its guest is there. Look for it on ")
    + _bare.c.host
    + " (virsh list --all); where it runs, reset the server's state and audit again.",
    literal("The server has the task ")
    + _bare.c.task_state
    + ", and heal_allocations passes over such a server. See first what became of the task.",
    literal(
        "What nova keeps of its flavor cannot be read, so nobody can tell what it should hold. Look at its size on "
    )
    + "the host (virsh dumpxml) and write that with allocation set.",
    literal("Its disk may belong on the host itself or on a pool that the host draws from, and heal_allocations takes ")
    + "the host itself. Find out where the disk is, and write that with allocation set.",
    literal("The host itself does not offer all that the flavor asks for, and placement refuses what is not offered. ")
    + "See what other servers of the flavor hold, and on which provider, and write that with allocation set.",
    literal(
        "Placement has no room for it: with what is reserved and held there, the host or its pool takes no more, and "
    )
    + "every write is refused. Move other servers away first, or correct what is reserved.",
)
_withheld = case(
    (or_(_healable, _settable), null()),
    *((_bare.c.doubt == number, reason) for number, reason in enumerate(_reasons)),
    (
        _bare.c.hindrance.is_not(None),
        literal("nova-manage ")
        + _bare.c.hindrance
        + ", and the rows do not tell which devices or providers of the host it has. Look on the host (virsh dumpxml), "
        + "and write all of it with allocation set.",
    ),
    (
        _bare.c.certain == 0,
        literal("The amounts are not certain: its flavor can be read in several ways, or it holds another amount of a ")
        + "class. See what other servers of the flavor hold, and write that with allocation set.",
    ),
    else_=literal(
        "Nova's row names no project or user, and placement accepts no allocation without them. Find out "
        "whose server it is."
    ),
)

CHECK = Check(
    code="X06",
    name="server-without-allocation",
    impact=Impact.HIGH,
    title="Server that holds nothing on its host",
    message="server {instance} is {vm_state} on {node} and holds {lacks} of that host; all that it holds: {held}",
    identity=("instance",),
    why=(
        "Placement takes the host for emptier than it is and offers the same CPUs and memory once more, so the host "
        "is overbooked without anybody having decided so."
    ),
    exceptions=(
        "a migration, resize or another task of the server is in progress",
        "a flavor that asks for nothing, or for disk alone",
        "a bare metal node that offers nothing the server asks for",
        "a server that a cross-cell resize hides, or that two cells show",
        "a host whose provider is missing, which is a finding of its own",
        "a server whose CPUs and memory are on another host, which is a finding of its own",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        # It acts only on a server that holds nothing at all.
        "nova-manage placement heal_allocations --instance {healable}",
        "openstack --os-placement-api-version 1.28 resource provider allocation set {allocation_words}"
        " --project-id {project} --user-id {user} {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    query=(
        select(
            _bare.c.uuid.label("consumer"),
            _bare.c.uuid.label("instance"),
            _bare.c.cell,
            _bare.c.host,
            _bare.c.node,
            _bare.c.provider,
            _bare.c.vm_state,
            _bare.c.project_id.label("project"),
            _bare.c.user_id.label("user"),
            case((_bare.c.something_here == 1, "no CPUs and no memory"), else_="nothing").label("lacks"),
            func.coalesce(_bare.c.held, literal("nothing")).label("held"),
            case((_healable, _bare.c.uuid)).label("healable"),
            case((and_(~_healable, _settable), _bare.c.allocation_words)).label("allocation_words"),
            _withheld.label("withheld"),
            _bare.c.changed.label("newest_change"),
            impact((_bare.c.vm_state == "error", "M"), otherwise="H").label("impact"),
        ).order_by("instance")
    ),
)
