from sqlalchemy import FromClause, Select, func, select, union

from placement_audit.checks.cross import (
    x06_server_without_allocation,
    x08_allocation_on_wrong_host,
    x10_amounts_unlike_flavor,
)
from placement_audit.checks.relations import nodes, on_node, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import flavors, resource_providers

_bare = x06_server_without_allocation.CHECK.query.order_by(None).subquery("bare")
_stray = x08_allocation_on_wrong_host.CHECK.query.order_by(None).subquery("stray")
_short = x10_amounts_unlike_flavor.CHECK.query.order_by(None).subquery("short")


def _of(found: FromClause, provider: str) -> Select[tuple[str, str, str]]:
    return select(found.c[provider].label("provider"), found.c.instance, found.c.newest_change)


_each = union(
    _of(_bare, "provider").where(_bare.c.impact == "H"),
    _of(_stray, "right_provider").where(_stray.c.impact == "H"),
    _of(_short, "short_on").where(_short.c.short_on.is_not(None), _short.c.impact == "M"),
).subquery("each_server")
# A server that is on two wrong hosts is one all the same.
_found = (
    select(_each.c.provider, _each.c.instance, func.max(_each.c.newest_change).label("newest_change"))
    .group_by(_each.c.provider, _each.c.instance)
    .subquery("found")
)
_placed = select(_found, place_of(_found.c.instance, _found.c.provider).label("place")).subquery("in_order")
_hosts = (
    select(
        _placed.c.provider,
        func.count().label("servers"),
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
    message="{servers} of the {on_host} servers on {node} hold nothing or too little there: {examples}",
    identity=("provider",),
    why=(
        "Placement takes the host for far emptier than it is, and the scheduler goes on filling it. So many at once "
        "have one cause: a provider that was deleted and made anew, a restored database, or an audit with --delete."
    ),
    exceptions=(
        "a single server, or some of many: each is a finding of its own",
        "whatever is none for a server without allocation, one on the wrong host, or one unlike its flavor",
        "servers in error",
    ),
    remedy=(
        "openstack server list --all-projects --host {host}",
        "openstack resource provider usage show {provider}",
        "nova-manage placement heal_allocations --dry-run --verbose",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    absorbs={"X06": ("provider",), "X08": ("right_provider",), "X10": ("short_on",)},
    optional=(flavors,),
    query=(
        select(
            _hosts.c.provider,
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            _hosts.c.provider.label("right_provider"),
            _hosts.c.provider.label("short_on"),
            _hosts.c.servers,
            _there.label("on_host"),
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
