from sqlalchemy import case, func, literal, or_, select

from placement_audit.checks.identity import stranded
from placement_audit.checks.relations import impact, newest, nodes
from placement_audit.finding import Check, Impact
from placement_audit.schema import compute_nodes

_group, _renamed, _gone = stranded(), nodes().alias("renamed"), compute_nodes.alias("gone_node")
_new_host = (
    select(func.min(_renamed.c.host))
    .where(_renamed.c.cell == _group.c.cell, _renamed.c.hypervisor_hostname == _group.c.node)
    .scalar_subquery()
)
_deleted_at = (
    select(func.max(_gone.c.deleted_at))
    .where(
        _gone.c.cell == _group.c.cell,
        _gone.c.hypervisor_hostname == _group.c.node,
        # A node of ironic may have been another service's when it was deleted.
        or_(_gone.c.host == _group.c.host, _gone.c.hypervisor_type == "ironic"),
    )
    .scalar_subquery()
)

CHECK = Check(
    code="N06",
    name="server-on-unknown-node",
    impact=Impact.HIGH,
    title="Servers on a host that is no compute node",
    message="{servers} servers, {example} among them, are on {node} of {host} in {cell}, which {state}",
    identity=("cell", "host", "node"),
    why=(
        "No compute service counts these servers or takes orders for them, and nova's figures of its hosts leave them "
        "out. They cannot be moved, stopped or repaired."
    ),
    exceptions=(
        "a migration, resize or another task of the server is in progress",
        "bare metal nodes go by their own name: their service may be another by now",
        "a server that a cross-cell resize hides, or that two cells show",
        "a host whose node is there under another host's name is a warning",
        "a node that was deleted just now",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "openstack hypervisor list --matching {node}",
        "openstack server list --all-projects --host {host}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    # A mapping that is left over is the same host's.
    absorbs={"N03": ("cell", "host")},
    query=(
        select(
            _group.c.cell,
            _group.c.host,
            _group.c.node,
            _group.c.servers,
            _group.c.example,
            case(
                (_new_host.is_not(None), literal("now belongs to ") + _new_host),
                (_deleted_at.is_not(None), literal("was deleted at ") + _deleted_at),
                else_="is no compute node of that cell",
            ).label("state"),
            literal(
                "nova has no command that gives a server another host's name. See on the machine whether the guests "
                "run there (virsh list --all), and under which name it is known to nova now: give the machine that "
                "name back, or have a DBA set host and node of these servers in the cell's database, both together."
            ).label("withheld"),
            newest(_group.c.changed, _deleted_at).label("newest_change"),
            impact((_new_host.is_not(None), "M"), otherwise="H").label("impact"),
        ).order_by("cell", "host", "node")
    ),
)
