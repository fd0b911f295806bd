from typing import Any

from sqlalchemy import CTE, Select, and_, case, func, literal, or_, select, union

from placement_audit.checks.cross import x06_server_without_allocation, x08_allocation_on_wrong_host
from placement_audit.checks.relations import nodes, on_node, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

# Of a large host these are enough to have one cause.
_MANY = 10


def _short(query: Select[Any], name: str) -> CTE:
    """A check's query without what only its own findings need: SQLite takes no statement that is too deep."""
    wanted = ("provider", "right_provider", "instance", "newest_change", "healable", "impact")
    columns = [column for column in query.selected_columns if column.name in wanted]
    return query.order_by(None).with_only_columns(*columns).cte(name)


_bare = _short(x06_server_without_allocation.CHECK.query, "bare")
_stray = _short(x08_allocation_on_wrong_host.CHECK.query, "stray")

_each = union(
    select(
        _bare.c.provider,
        _bare.c.instance,
        _bare.c.newest_change,
        case((_bare.c.healable.is_not(None), 1), else_=0).label("healable"),
    ).where(_bare.c.impact == "H"),
    select(_stray.c.right_provider, _stray.c.instance, _stray.c.newest_change, literal(0)).where(
        _stray.c.impact == "H"
    ),
).cte("each_server")
# A server that is on two wrong hosts is one all the same.
_found = (
    select(
        _each.c.provider,
        _each.c.instance,
        func.max(_each.c.newest_change).label("newest_change"),
        func.min(_each.c.healable).label("healable"),
    )
    .group_by(_each.c.provider, _each.c.instance)
    .cte("found")
)
_placed = select(
    _found,
    place_of(_found.c.instance, _found.c.provider).label("place"),
    func.row_number()
    .over(partition_by=_found.c.provider, order_by=(_found.c.newest_change, _found.c.instance))
    .label("age"),
).cte("in_order")
_hosts = (
    select(
        _placed.c.provider,
        func.count().label("servers"),
        case((func.min(_placed.c.healable) == 1, func.count())).label("healable"),
        sample(_placed.c.instance, _placed.c.place).label("examples"),
    )
    .group_by(_placed.c.provider)
    .having(func.count() > 1)
    .cte("hosts")
)
_node, _server = nodes(), servers()
# Counted once for all hosts: a look at the servers for each host takes as long as the cloud is large, squared.
_tally = (
    select(_server.c.cell, _server.c.host, _server.c.node, func.count().label("servers"))
    .where(placed(_server), _server.c.vm_state != "error")
    .group_by(_server.c.cell, _server.c.host, _server.c.node)
    .cte("tally")
)
_there = (
    select(_node.c.uuid, func.sum(_tally.c.servers).label("on_host"))
    .join(_tally, on_node(_tally, _node))
    .group_by(_node.c.uuid)
    .cte("there")
)
_live = nodes()
_counted = (
    select(
        _hosts,
        resource_providers.c.name.label("provider_name"),
        _live.c.cell,
        _live.c.host,
        _live.c.hypervisor_hostname.label("node"),
        func.coalesce(_there.c.on_host, 0).label("on_host"),
    )
    .select_from(_hosts)
    .join(resource_providers, resource_providers.c.uuid == _hosts.c.provider)
    .join(_live, _live.c.uuid == _hosts.c.provider)
    .outerjoin(_there, _there.c.uuid == _hosts.c.provider)
    .cte("counted")
)
# As many as make a finding by themselves: with the youngest of them it began, whatever came later.
_enough = case((_counted.c.on_host >= 2 * _MANY, _MANY), (_counted.c.on_host > 2, _counted.c.on_host // 2 + 1), else_=2)
_began = (
    select(_counted.c.provider, func.max(_placed.c.newest_change).label("newest_change"))
    .join(_placed, and_(_placed.c.provider == _counted.c.provider, _placed.c.age <= _enough))
    .group_by(_counted.c.provider)
    .cte("began")
)

CHECK = Check(
    code="X32",
    name="servers-unaccounted-on-host",
    impact=Impact.HIGH,
    title="Host on which most or many servers do not hold what they should",
    message="{servers} of the {on_host} servers on {node} hold nothing there: {examples}",
    identity=("provider",),
    why=(
        "Placement takes the host for far emptier than it is, and the scheduler goes on filling it. So many at once "
        "have one cause: a provider that was deleted and made anew, a restored database, or an audit with --delete."
    ),
    exceptions=(
        "fewer than ten servers that are less than half of all: each is a finding of its own",
        "servers that X06 and X08 leave alone",
        "servers that hold too little there: each is a finding of its own",
        "servers in error",
    ),
    remedy=(
        "openstack server list --all-projects --host {host}",
        "openstack resource provider usage show {provider}",
        # One by one: without --instance it goes through all servers, and stops at the first that it refuses.
        "for server in $(openstack server list --all-projects --host {healable_host} -f value -c ID); do"
        ' nova-manage placement heal_allocations --dry-run --verbose --instance "$server"; done'
        "  # shall name all {healable}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    absorbs={"X06": ("provider",), "X08": ("right_provider",)},
    query=(
        select(
            _counted.c.provider,
            _counted.c.provider_name,
            _counted.c.cell,
            _counted.c.host,
            _counted.c.node,
            _counted.c.provider.label("right_provider"),
            _counted.c.servers,
            _counted.c.on_host,
            _counted.c.healable,
            case((_counted.c.healable.is_not(None), _counted.c.host)).label("healable_host"),
            _counted.c.examples,
            case(
                (
                    _counted.c.healable.is_(None),
                    "Not all of these servers can be healed by nova-manage: of some the rows do not tell where they "
                    "run or what they should hold. placement-audit audit --select X06,X08 tells of each of them.",
                )
            ).label("withheld"),
            _began.c.newest_change,
        )
        .join(_began, _began.c.provider == _counted.c.provider)
        .where(or_(_counted.c.servers * 2 > _counted.c.on_host, _counted.c.servers >= _MANY))
        .order_by("provider")
    ),
)
