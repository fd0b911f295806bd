from sqlalchemy import exists, select

from placement_audit.checks.relations import nodes, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_node = nodes()

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
    exceptions=("a compute node that was made just now: its provider follows within seconds",),
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
            _node.c.hypervisor_hostname.label("node"),
            _node.c.uuid.label("node_uuid"),
            _node.c.hypervisor_type,
            # Not updated_at: nova-compute writes it every minute while it runs.
            _node.c.created_at.label("newest_change"),
        )
        .where(~exists().where(resource_providers.c.uuid == _node.c.uuid))
        .order_by("cell", "host", "node")
    ),
)
