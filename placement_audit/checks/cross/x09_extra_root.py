from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, exists, func, literal, null, or_, select

from placement_audit.checks.healing import writable
from placement_audit.checks.relations import (
    busy,
    class_name,
    doubled,
    evacuated_from,
    in_progress,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    servers,
    storage_alone,
)
from placement_audit.checks.whereabouts import look_on_both, not_cleaned_up, other_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    claims,
    compute_nodes,
    migrations,
    resource_classes,
    resource_providers,
    trees,
)

_server, _node = servers(), nodes()
_right, _extra = resource_providers.alias("right_root"), resource_providers.alias("extra_root")
_here, _there, _any = claims.alias("here"), claims.alias("there"), claims.alias("any_claim")

# Asked first, so that all the rest is asked of these few: the planner cannot know that they are few.
_several = select(claims.c.consumer_id).group_by(claims.c.consumer_id).having(func.count() > 1)

# What it holds there of providers that share with nobody: a sharing one may be its own host's, whatever it is below.
_row, _class, _place, _on = (
    allocations.alias("row_there"),
    resource_classes.alias("class_there"),
    trees.alias("place_there"),
    resource_providers.alias("provider_there"),
)
_of_it = and_(
    _row.c.consumer_id == _server.c.uuid,
    _place.c.provider_id == _row.c.resource_provider_id,
    _place.c.root_id == _extra.c.id,
    _place.c.shared == 0,
)


def _listed(what: ColumnElement[str]) -> ColumnElement[str]:
    rows = (
        select(func.aggregate_strings(what, ", "))
        .select_from(_row)
        .join(_place, _place.c.provider_id == _row.c.resource_provider_id)
        .join(_on, _on.c.id == _row.c.resource_provider_id)
        .outerjoin(_class, _class.c.id == _row.c.resource_class_id)
        .where(_of_it)
    )
    return rows.correlate(_server, _extra).scalar_subquery()


def _below(what: ColumnElement[Any], separator: str, *conditions: ColumnElement[bool]) -> ColumnElement[str]:
    """A word on each descendant of the extra root of which it holds something that it shares with nobody."""
    holds = exists().where(_row.c.consumer_id == _server.c.uuid, _row.c.resource_provider_id == _on.c.id)
    return (
        select(func.aggregate_strings(what, separator))
        .select_from(_on)
        .join(_place, _place.c.provider_id == _on.c.id)
        .where(_place.c.root_id == _extra.c.id, _place.c.shared == 0, _on.c.id != _extra.c.id)
        .where(holds.correlate_except(_row), *conditions)
        .correlate(_server, _extra, _right)
        .scalar_subquery()
    )


# Nova and neutron name what is below a host by the host; one that was moved here from elsewhere keeps its name.
def _named_after(root: ColumnElement[str]) -> ColumnElement[bool]:
    start = func.lower(func.substr(_on.c.name, 1, func.length(root) + 1))
    return or_(start == func.lower(root + literal("_")), start == func.lower(root + literal(":")))


_disk = (
    exists()
    .where(_row.c.consumer_id == _server.c.uuid, _row.c.resource_provider_id == _on.c.id)
    .where(_class.c.id == _row.c.resource_class_id, _class.c.name == "DISK_GB")
    .correlate_except(_row, _class)
)
# A host's own disk is on its root. One of a name that begins with both is as doubtful.
_strange = or_(~_named_after(_extra.c.name), _named_after(_right.c.name), _disk)
_of_root = (
    exists()
    .where(_row.c.consumer_id == _server.c.uuid, _row.c.resource_provider_id == _extra.c.id)
    .correlate(_server, _extra)
)
_of_a_host = exists().where(compute_nodes.c.uuid == _extra.c.uuid)
_metal = compute_nodes.alias("bare_metal_there")
_on_bare_metal = exists().where(_metal.c.uuid == _extra.c.uuid, _metal.c.hypervisor_type == "ironic")
_bare_metal = func.coalesce(_node.c.hypervisor_type, "") == "ironic"
_disk_anywhere_else = exists().where(
    _any.c.consumer_id == _server.c.uuid, _any.c.root_id != _there.c.root_id, or_(_any.c.disk_gb > 0, _any.c.pooled > 0)
)
# Its disk may be there after all: on what shares with its host and lost the trait, or its aggregate.
_disk_alone = and_(_there.c.disk_gb > 0, _there.c.vcpu + _there.c.pcpu + _there.c.memory_mb == 0, ~_disk_anywhere_else)
# Of nothing that it holds there may it lack all at home.
_holds_as_much = and_(
    _here.c.core > 0,
    or_(_there.c.vcpu + _there.c.pcpu == 0, _here.c.vcpu + _here.c.pcpu > 0),
    or_(_there.c.memory_mb == 0, _here.c.memory_mb > 0),
)
_open = migrations.alias("open_move")
_waits = exists().where(_open.c.instance_uuid == _server.c.uuid, in_progress(_open)).correlate_except(_open)
_children, _strangers = _below(_on.c.uuid, " "), _below(_on.c.name, ", ", _strange)
_found = (
    select(
        _server.c.uuid,
        _extra.c.uuid.label("provider"),
        _extra.c.name.label("provider_name"),
        _server.c.cell,
        _server.c.host,
        _server.c.node,
        _server.c.vm_state,
        _right.c.uuid.label("right_provider"),
        _listed(class_name(_row.c.resource_class_id, _class) + " " + cast(_row.c.used, String)).label("held"),
        _children.label("children"),
        case((_of_root, _extra.c.uuid)).label("root_part"),
        _strangers.label("strangers"),
        other_host(_server, _extra).label("other_host"),
        case((_waits, 1), else_=0).label("waits"),
        case((_disk_alone, 1), else_=0).label("disk_alone"),
        case((or_(_holds_as_much, _bare_metal), 1), else_=0).label("accounted_here"),
        case((not_cleaned_up(_server.c.uuid, _extra), 1), else_=0).label("old_guest"),
        case((writable(_server.c.uuid), 1), else_=0).label("writable"),
        newest(
            _there.c.newest,
            _here.c.newest,
            _server.c.updated_at,
            _server.c.created_at,
            last_move(_server.c.uuid),
        ).label("newest_change"),
    )
    .select_from(_server)
    .join(_node, on_node(_server, _node))
    .join(_right, _right.c.uuid == _node.c.uuid)
    .join(_here, (_here.c.consumer_id == _server.c.uuid) & (_here.c.root_id == _right.c.id))
    .join(_there, (_there.c.consumer_id == _server.c.uuid) & (_there.c.root_id != _right.c.id))
    .join(_extra, _extra.c.id == _there.c.root_id)
    .where(_server.c.uuid.in_(_several))
    .where(_there.c.own > 0, func.coalesce(_server.c.vm_state, "") != "shelved_offloaded")
    # Ports and devices of what is no host, such as a script's own providers, are nobody's mistake.
    .where(or_(and_(_there.c.core > 0, ~storage_alone(_extra)), _of_a_host))
    # Which of two bare metal nodes is right only ironic tells: X35.
    .where(~and_(_bare_metal, _on_bare_metal))
    # With nothing but a port's bandwidth on its own host, the extra part is all that accounts for it: X08's.
    .where(or_(_here.c.core > 0, _bare_metal, and_(_here.c.own > 0, _there.c.core == 0)))
    .where(~busy(_server), ~moving(_server), ~doubled(_server), ~evacuated_from(_server, _extra))
    # Of distinct rows SQLite works out each column once, and not wherever it is named.
    .distinct()
    .cte("found")
)
_certain = and_(
    _found.c.other_host.is_(None),
    _found.c.accounted_here == 1,
    _found.c.waits == 0,
    _found.c.old_guest == 0,
    _found.c.writable == 1,
    _found.c.disk_alone == 0,
    _found.c.strangers.is_(None),
    or_(_found.c.children.is_not(None), _found.c.root_part.is_not(None)),
)

CHECK = Check(
    code="X09",
    name="extra-root",
    impact=Impact.MEDIUM,
    title="Server that holds allocations on a second host",
    message="server {instance} runs on {node} and also holds {held} on {provider_name}, where it is not",
    identity=("instance", "provider"),
    why="The second host looks fuller than it is: placement offers less of it than is free.",
    exceptions=(
        "a migration, resize, evacuation or another task of the server is in progress",
        "an evacuated server, until its old host is back (migration status done)",
        "sharing providers, wherever they stand, one that lost its trait included, and neutron segments",
        "ports and devices of providers that are no host's",
        "a server that two cells show, so that nobody can tell which host is right",
        "two nodes of bare metal, which are a finding of their own",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        # Unset takes one provider's part, not a tree's; after the root's is gone nothing would point to the rest.
        "for provider in $(echo {children}); do openstack --os-placement-api-version 1.12"
        ' resource provider allocation unset --provider "$provider" {instance}; done',
        "openstack --os-placement-api-version 1.28 resource provider allocation unset --provider {root_part}"
        " {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    # The placement-only view of the same thing.
    absorbs={"P30": ("consumer",)},
    query=(
        select(
            _found.c.uuid.label("consumer"),
            _found.c.uuid.label("instance"),
            _found.c.provider,
            _found.c.provider_name,
            _found.c.cell,
            _found.c.host,
            _found.c.node,
            _found.c.vm_state,
            _found.c.right_provider,
            _found.c.held,
            case((_certain, _found.c.children)).label("children"),
            case((_certain, _found.c.root_part)).label("root_part"),
            case(
                (_certain, null()),
                (_found.c.other_host.is_not(None), look_on_both(_found.c.host, _found.c.other_host)),
                (
                    _found.c.waits == 1,
                    literal(
                        "A resize of the server is not over, and a revert needs its room on the host that it left. "
                    )
                    + "Confirm or revert it first (openstack server migration list --server "
                    + _found.c.uuid
                    + ").",
                ),
                (
                    _found.c.old_guest == 1,
                    literal("An evacuation from there is not cleaned up, so its old guest may still run there: start ")
                    + "nova-compute there, which removes that, or look for it (virsh list --all).",
                ),
                (
                    _found.c.accounted_here == 0,
                    literal(
                        "It lacks CPUs or memory on its own host that it holds there, so nothing proves where it runs. "
                    )
                    + "Look "
                    + "on both hosts for the guest (virsh list --all).",
                ),
                (
                    _found.c.disk_alone == 1,
                    literal(
                        "It holds disk nowhere else, so its disk may be there, on a pool that lost the trait or the "
                    )
                    + "aggregate by which it shares. Find out where the disk is.",
                ),
                (
                    _found.c.strangers.is_not(None),
                    literal("Part of it is on ")
                    + _found.c.strangers
                    + ". By its name that provider belongs to another host, or is a pool, so the server may use it. "
                    "Find out whose it is (openstack resource provider show).",
                ),
                (
                    _found.c.writable == 0,
                    "It has duplicate rows or rows of nothing, which placement takes from no command: see P17 and P18 "
                    "first.",
                ),
                else_="The provider has no uuid that a command could name: see P06 first.",
            ).label("withheld"),
            _found.c.newest_change,
        ).order_by("instance", "provider")
    ),
)
