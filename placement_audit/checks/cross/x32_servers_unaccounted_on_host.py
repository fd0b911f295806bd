from sqlalchemy import case, func, literal, select, union

from placement_audit.checks.cross import x06_server_without_allocation, x08_allocation_on_wrong_host
from placement_audit.checks.relations import nodes, on_node, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_bare = x06_server_without_allocation.CHECK.query.order_by(None).subquery("bare")
_stray = x08_allocation_on_wrong_host.CHECK.query.order_by(None).subquery("stray")

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
_placed = select(_found, place_of(_found.c.instance, _found.c.provider).label("place")).subquery("in_order")
_hosts = (
    select(
        _placed.c.provider,
        func.count().label("servers"),
        case((func.min(_placed.c.healable) == 1, func.count())).label("healable"),
        sample(_placed.c.instance, _placed.c.place).label("examples"),
        func.max(_placed.c.newest_change).label("newest_change"),
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

CHECK = Check(
    code="X32",
    name="servers-unaccounted-on-host",
    impact=Impact.HIGH,
    title="Host on which most servers do not hold what they should",
    message="{servers} of the {on_host} servers on {node} hold nothing there: {examples}",
    identity=("provider",),
    why=(
        "Placement takes the host for far emptier than it is, and the scheduler goes on filling it. So many at once "
        "have one cause: a provider that was deleted and made anew, a restored database, or an audit with --delete."
    ),
    exceptions=(
        "a single server, or some of many: each is a finding of its own",
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
            _hosts.c.provider,
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            _hosts.c.provider.label("right_provider"),
            _hosts.c.servers,
            _there.label("on_host"),
            _hosts.c.healable,
            _hosts.c.examples,
            _hosts.c.newest_change,
        )
        .select_from(_hosts)
        .join(resource_providers, resource_providers.c.uuid == _hosts.c.provider)
        .join(_node, _node.c.uuid == _hosts.c.provider)
        .where(_hosts.c.servers * 2 > _there)
        .order_by("provider")
    ),
)
