from sqlalchemy import and_, case, func, literal, or_, select

from placement_audit.checks.relations import newest, nodes
from placement_audit.finding import Check, Impact

_node, _other = nodes(), nodes().alias("other_node")
_same_uuid = _node.c.uuid == _other.c.uuid
_ironic = and_(_node.c.hypervisor_type == "ironic", _other.c.hypervisor_type == "ironic")
_after = or_(_other.c.cell > _node.c.cell, and_(_other.c.cell == _node.c.cell, _other.c.host > _node.c.host))

CHECK = Check(
    code="N05",
    name="node-in-two-places",
    impact=Impact.HIGH,
    title="Compute node of the same name or uuid in two cells or under two hosts",
    message=(
        "compute node {node} of {host} in {cell} and compute node {other_node} of {other_host} in {other_cell} "
        "have the same {shared}"
    ),
    identity=("cell", "host", "node", "other_cell", "other_host"),
    why=(
        "In placement a provider's name and its uuid are unique. So two such nodes share one provider, or one of them "
        "has none. Often a host was renamed, and its servers still have the old name."
    ),
    exceptions=(
        "bare metal within one cell, whose nodes wander between services",
        "a node made just now",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "openstack compute service list --service nova-compute --host {other_host}",
        "openstack resource provider list --name {node}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    # A host is mapped to one cell, and a provider's name is one node's.
    absorbs={"N03": ("host_in_two_cells",), "X02": ("name_in_two_places",)},
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            _other.c.cell.label("other_cell"),
            _other.c.host.label("other_host"),
            _other.c.hypervisor_hostname.label("other_node"),
            case((_same_uuid, "uuid"), else_="name").label("shared"),
            case((and_(_node.c.host == _other.c.host, _node.c.cell != _other.c.cell), func.lower(_node.c.host))).label(
                "host_in_two_cells"
            ),
            case(
                (_node.c.hypervisor_hostname == _other.c.hypervisor_hostname, func.lower(_other.c.hypervisor_hostname))
            ).label("name_in_two_places"),
            case(
                (
                    and_(_node.c.cell == _other.c.cell, _node.c.hypervisor_hostname == _other.c.hypervisor_hostname),
                    func.lower(_node.c.hypervisor_hostname),
                )
            ).label("lost_node"),
            literal(
                "only one of the two can be the machine: see on it what it calls itself (hostname, [DEFAULT]host in "
                "nova.conf and, since 2023.1, the file compute_id), and which of the services is up. Remove the other "
                "one when no server names it any more."
            ).label("withheld"),
            # Not updated_at, which moves every minute.
            newest(_node.c.created_at, _other.c.created_at).label("newest_change"),
        )
        .join_from(
            _node,
            _other,
            or_(_same_uuid, _node.c.hypervisor_hostname == _other.c.hypervisor_hostname),
        )
        .where(_after, or_(_node.c.cell != _other.c.cell, ~func.coalesce(_ironic, False)))
        .order_by("cell", "host", "node", "other_cell", "other_host")
    ),
)
