from sqlalchemy import and_, exists, func, select

from placement_audit.checks.relations import impact, lone_computes, nodes, on_node, servers, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_node, _service, _server = nodes(), lone_computes(), servers()
_off = and_(_service.c.host.is_not(None), func.coalesce(_service.c.disabled, 0) != 0, ~func.coalesce(up(_service), 0))
_has_servers = exists().where(on_node(_server, _node))

CHECK = Check(
    code="X01",
    name="node-without-provider",
    impact=Impact.HIGH,
    title="Compute node that placement does not know",
    message="compute node {node} of {host} in {cell} has no resource provider {node_uuid}",
    identity=("cell", "host", "node"),
    why=(
        "The scheduler asks placement for hosts, so that this one gets no server. Its own servers hold nothing, and "
        "nova-compute, which makes the provider again every minute while it runs, is down or fails to."
    ),
    exceptions=(
        "a compute node that was made just now: its provider follows within seconds",
        "a host that is disabled and down is information, and a warning while servers are there",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "openstack resource provider list --name {node}",
        "# read in the log of nova-compute on {host} why it cannot make the provider",
        "systemctl restart nova-compute  # on {restartable}, if it does not try",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    # Servers cannot hold anything on a host without a provider.
    absorbs={"X06": ("cell", "host", "node")},
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            restartable(_node).label("restartable"),
            restart_withheld(_node).label("withheld"),
            _node.c.hypervisor_hostname.label("node"),
            _node.c.uuid.label("node_uuid"),
            _node.c.hypervisor_type,
            # Not updated_at: nova-compute writes it every minute while it runs.
            _node.c.created_at.label("newest_change"),
            impact((and_(_off, _has_servers), "M"), (_off, "L"), otherwise="H").label("impact"),
        )
        .select_from(_node)
        .outerjoin(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(~exists().where(resource_providers.c.uuid == _node.c.uuid))
        .order_by("cell", "host", "node")
    ),
)
