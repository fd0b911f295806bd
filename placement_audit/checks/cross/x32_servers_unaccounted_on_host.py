from typing import Any

from sqlalchemy import Select, Subquery, case, func, literal, or_, select, union

from placement_audit.checks.cross import x06_server_without_allocation, x08_allocation_on_wrong_host
from placement_audit.checks.relations import nodes, on_node, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

# Of a large host these are enough to have one cause.
_MANY = 10


def _short(query: Select[Any], name: str) -> Subquery:
    """A check's query without what only its own findings need: SQLite takes no statement that is too deep."""
    wanted = ("provider", "right_provider", "instance", "newest_change", "healable", "impact")
    columns = [column for column in query.selected_columns if column.name in wanted]
    return query.order_by(None).with_only_columns(*columns).subquery(name)


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
).subquery("each_server")
# A server that is on two wrong hosts is one all the same.
_found = (
    select(
        _each.c.provider,
        _each.c.instance,
        func.max(_each.c.newest_change).label("newest_change"),
        func.min(_each.c.healable).label("healable"),
    )
    .group_by(_each.c.provider, _each.c.instance)
    .subquery("found")
)
_placed = select(
    _found,
    place_of(_found.c.instance, _found.c.provider).label("place"),
    func.row_number()
    .over(partition_by=_found.c.provider, order_by=(_found.c.newest_change, _found.c.instance))
    .label("age"),
).subquery("in_order")
_hosts = (
    select(
        _placed.c.provider,
        func.count().label("servers"),
        case((func.min(_placed.c.healable) == 1, func.count())).label("healable"),
        sample(_placed.c.instance, _placed.c.place).label("examples"),
    )
    .group_by(_placed.c.provider)
    .having(func.count() > 1)
    .subquery("hosts")
)
_node, _server = nodes(), servers()
_there = (
    select(func.count())
    .select_from(_server)
    .where(on_node(_server, _node), placed(_server), _server.c.vm_state != "error")
    .correlate(_node)
    .scalar_subquery()
)
_counted = (
    select(
        _hosts,
        resource_providers.c.name.label("provider_name"),
        _node.c.cell,
        _node.c.host,
        _node.c.hypervisor_hostname.label("node"),
        _there.label("on_host"),
    )
    .select_from(_hosts)
    .join(resource_providers, resource_providers.c.uuid == _hosts.c.provider)
    .join(_node, _node.c.uuid == _hosts.c.provider)
    .subquery("counted")
)
# As many as make a finding by themselves: with the youngest of them it began, whatever came later.
_enough = case((_counted.c.on_host >= 2 * _MANY, _MANY), (_counted.c.on_host > 2, _counted.c.on_host // 2 + 1), else_=2)
_began = (
    select(func.max(_placed.c.newest_change))
    .where(_placed.c.provider == _counted.c.provider, _placed.c.age <= _enough)
    .scalar_subquery()
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
        "a single server, or fewer than ten and half of all: each is a finding of its own",
        "whatever is none for a server without allocation, or for one on the wrong host",
        "servers that hold too little there: each is a finding of its own",
        "servers in error",
    ),
    remedy=(
        "openstack server list --all-projects --host {host}",
        "openstack resource provider usage show {provider}",
        # It acts only on servers that hold nothing at all.
        "nova-manage placement heal_allocations --dry-run --verbose  # shall name all {healable}",
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
            _counted.c.examples,
            _began.label("newest_change"),
        )
        .where(or_(_counted.c.servers * 2 > _counted.c.on_host, _counted.c.servers >= _MANY))
        .order_by("provider")
    ),
)
