from sqlalchemy import String, and_, case, cast, exists, func, literal, null, select, union_all

from placement_audit.checks.relations import (
    capacity,
    impact,
    lone_computes,
    newest,
    nodes,
    not_ironic,
    place_of,
    sample,
    steady,
    up,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers, sources, trees

_node, _service = nodes(), lone_computes()
_class, _inventory = resource_classes.c.name, inventories.c
_capacity = capacity(inventories)
_reason = case(
    (_inventory.allocation_ratio == 0, literal("its allocation ratio is 0")),
    (_inventory.reserved >= _inventory.total, "all of it is reserved"),
    else_="less than one is left after the reserve and the allocation ratio",
)
_used = (
    select(func.coalesce(func.sum(allocations.c.used), 0))
    .where(
        allocations.c.resource_provider_id == _inventory.resource_provider_id,
        allocations.c.resource_class_id == _inventory.resource_class_id,
    )
    .scalar_subquery()
)
# Whatever driver has a class on children of the host: the best of them counts.
_in_tree = (
    select(
        trees.c.root_id,
        _class.label("resource_class"),
        func.max(_capacity).label("capacity"),
        # A ratio that is not known gives no capacity; a step below 1 or a negative value is P09's.
        func.min(case((_capacity.is_(None), 0), (_inventory.allocation_ratio < 0, 0), else_=1)).label("known"),
        func.max(_reason).label("reason"),
        func.max(_inventory.created_at).label("changed"),
        func.max(case((_capacity < 1, _used), else_=0)).label("used"),
    )
    .join_from(inventories, trees, trees.c.provider_id == _inventory.resource_provider_id)
    .join(resource_classes, resource_classes.c.id == _inventory.resource_class_id)
    .where(_class.in_(("VCPU", "PCPU", "MEMORY_MB")), trees.c.shared == 0)
    .group_by(trees.c.root_id, _class)
    .cte("in_tree")
)
# A host whose CPUs all go to pinned servers may keep none for the others.
_pinned = _in_tree.alias("pinned")
_takes_pinned = exists().where(
    _pinned.c.root_id == _in_tree.c.root_id, _pinned.c.resource_class == "PCPU", _pinned.c.capacity >= 1
)
_running = (
    select(
        _node.c.cell,
        _node.c.host,
        _node.c.hypervisor_hostname.label("node"),
        resource_providers.c.uuid.label("provider"),
        resource_providers.c.name.label("provider_name"),
        _in_tree.c.resource_class,
        _in_tree.c.reason,
        _in_tree.c.used,
        case((and_(_in_tree.c.capacity < 1, ~_takes_pinned), 1), else_=0).label("empty"),
        newest(_in_tree.c.changed, _node.c.created_at, resource_providers.c.created_at).label("changed"),
    )
    .select_from(_node)
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .join(_in_tree, _in_tree.c.root_id == resource_providers.c.id)
    .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
    .where(not_ironic(_node), up(_service), steady(_service), func.coalesce(_service.c.disabled, 0) == 0)
    .where(_in_tree.c.resource_class.in_(("VCPU", "MEMORY_MB")), _in_tree.c.known == 1)
    .cte("running")
)
# With every host that offers a class: the cloud's own fault, and no host's.
_spread = (
    select(_running.c.resource_class)
    .group_by(_running.c.resource_class)
    .having(func.min(_running.c.empty) == 1)
    .cte("spread")
)
_found = (
    select(
        _running,
        _spread.c.resource_class.label("everywhere"),
        place_of(_running.c.host, _running.c.resource_class).label("place"),
    )
    .outerjoin_from(_running, _spread, _spread.c.resource_class == _running.c.resource_class)
    .where(_running.c.empty == 1)
    .cte("found")
)
# Placement before 2025.2 refuses every write that leaves a class over capacity (SEMANTICS B.4), also of a server that
# is to leave.
_old_placement = exists().where(
    sources.c.role == "placement",
    sources.c.revision.in_(("b4ed3a175331", "611cd6dffd7b", "b5c396305c25", "422ece571366")),
)
_one = _found.c.resource_class + literal(": ") + _found.c.reason
_of_a_host = (
    select(
        null().label("everywhere"),
        _found.c.cell,
        _found.c.host,
        _found.c.node,
        _found.c.provider,
        _found.c.provider_name,
        case((func.count() == 1, func.max(_found.c.resource_class))).label("resource_class"),
        (
            literal("nova-compute on ")
            + _found.c.host
            + " runs and is enabled, yet placement has nothing to give there: "
            + func.aggregate_strings(_one, ", ")
        ).label("what"),
        literal(1).label("hosts"),
        func.max(_found.c.changed).label("newest_change"),
        impact((and_(func.max(_found.c.used) > 0, _old_placement), "H"), otherwise="M").label("impact"),
        (
            literal("the rows do not tell whether somebody drains ")
            + _found.c.host
            + " on purpose; if not, look for allocation ratios and reserved_host_ options in nova.conf on "
            + _found.c.host
            + ": nova-compute writes them into placement. What nova.conf does not set, set in placement"
        ).label("withheld"),
    )
    .where(_found.c.everywhere.is_(None))
    .group_by(_found.c.cell, _found.c.host, _found.c.node, _found.c.provider, _found.c.provider_name)
)
_of_all = (
    select(
        _found.c.everywhere,
        literal(None, String).label("cell"),
        literal(None, String).label("host"),
        literal(None, String).label("node"),
        func.max(case((_found.c.place == 1, _found.c.provider))).label("provider"),
        literal(None, String).label("provider_name"),
        _found.c.everywhere.label("resource_class"),
        (
            literal("no server can be placed: all ")
            + cast(func.count(), String)
            + " running hosts have no "
            + _found.c.everywhere
            + " to give ("
            + case(
                (func.min(_found.c.reason) == func.max(_found.c.reason), func.min(_found.c.reason)),
                else_="its allocation ratio is 0, or all of it is reserved",
            )
            + "): "
            + sample(_found.c.host, _found.c.place)
        ).label("what"),
        func.count().label("hosts"),
        # The oldest: a host that is new must not hold back those that were there before.
        func.min(_found.c.changed).label("newest_change"),
        literal("H").label("impact"),
        literal(
            "the rows do not tell what it should be; look for allocation ratios and reserved_host_ options in "
            "nova.conf on these hosts: nova-compute writes them into placement. What nova.conf does not set, set in "
            "placement"
        ).label("withheld"),
    )
    .where(_found.c.everywhere.is_not(None))
    .group_by(_found.c.everywhere)
)
_row = union_all(_of_a_host, _of_all).subquery("row")
_everywhere = _found.c.everywhere.is_not(None)

CHECK = Check(
    code="X36",
    name="nothing-can-be-placed",
    impact=Impact.MEDIUM,
    title="Running host whose CPUs or memory placement gives to nobody",
    message="{what}",
    identity=("everywhere", "cell", "host", "node"),
    why=(
        "Every ordinary flavor asks for CPUs and memory, and placement offers none where the allocation ratio is 0 or "
        "all is reserved. The host runs, is enabled, and never gets a server; nothing in nova says so. Where all hosts "
        "are like this, every build ends in No valid host was found."
    ),
    exceptions=(
        "a host whose nova-compute is down, disabled or was started a moment ago",
        "bare metal, which reserves all it has while it is in use",
        "CPUs of a host that has PCPU to give, and classes that the host does not have at all",
        "a ratio that is not known, and values that placement's API refuses",
        "a host that offers the class on a child",
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack compute service list --service nova-compute --host {host}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#allocation-ratios",),
    absorbs={"P10": ("provider", "resource_class"), "P19": ("provider", "resource_class")},
    members=select(
        _found.c.everywhere,
        case((~_everywhere, _found.c.cell)).label("cell"),
        case((~_everywhere, _found.c.host)).label("host"),
        case((~_everywhere, _found.c.node)).label("node"),
        _found.c.provider,
        _found.c.resource_class,
    ),
    query=select(_row).order_by("everywhere", "cell", "host", "node"),
)
