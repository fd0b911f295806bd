from sqlalchemy import String, and_, case, cast, func, literal, select

from placement_audit.checks.relations import impact, lone_computes, newest, nodes, not_ironic, steady, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_providers, trees

_node, _service = nodes(), lone_computes()
_root, _tree = resource_providers.alias("root_above"), trees.alias("tree_of_node")
_below = _root.c.id != resource_providers.c.id
_offering = select(trees.c.root_id).join(inventories, inventories.c.resource_provider_id == trees.c.provider_id)

CHECK = Check(
    code="X27",
    name="running-host-without-inventory",
    impact=Impact.HIGH,
    title="Running host that offers nothing",
    message="nova-compute on {host} runs, and the provider of compute node {node} {state}",
    identity=("cell", "host", "node"),
    why=(
        "The scheduler never gets to see the host. Nova-compute writes the inventory right after it has made the "
        "provider, and again each minute: placement refuses it, or the driver fails before. Its log tells which. Nova "
        "makes a compute node a root: somebody else has put it below another provider."
    ),
    exceptions=(
        "a host that was made, or whose nova-compute was started, a moment ago",
        "a host whose nova-compute is down",
        "it is a warning while nova-compute is disabled there",
        "bare metal, which has no inventory without a resource class or in maintenance",
        "inventory on a child of the host",
        "two services of one host's name",
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack --os-placement-api-version 1.14 resource provider show {below}",
        "openstack compute service list --service nova-compute --host {host}",
        "systemctl restart nova-compute  # on {restartable}, and read in its log why it reports nothing",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            case((~_below, restartable(_node))).label("restartable"),
            case(
                (
                    _below,
                    literal(
                        "A restart does not help, nova never changes the parent of a compute node. Find out who put "
                    )
                    + cast(resource_providers.c.name, String)
                    + " below "
                    + cast(_root.c.name, String)
                    + "; placement's API makes it a root again (parent_provider_uuid null, microversion 1.37).",
                ),
                else_=restart_withheld(_node),
            ).label("withheld"),
            _node.c.hypervisor_hostname.label("node"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            case(
                (
                    _below,
                    literal("stands below another one, ") + _root.c.name + ", and counts as a part of that",
                ),
                else_="has no inventory",
            ).label("state"),
            case((_below, resource_providers.c.uuid)).label("below"),
            newest(_node.c.created_at, resource_providers.c.created_at).label("newest_change"),
            impact((func.coalesce(_service.c.disabled, 0) == 0, "H"), otherwise="M").label("impact"),
        )
        .select_from(_node)
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .join(_tree, _tree.c.provider_id == resource_providers.c.id)
        .join(_root, _root.c.id == _tree.c.root_id)
        .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(not_ironic(_node), up(_service), steady(_service), resource_providers.c.id.not_in(_offering))
        .order_by("cell", "host", "node")
    ),
)
