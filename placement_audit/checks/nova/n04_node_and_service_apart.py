from sqlalchemy import String, and_, case, cast, exists, func, literal, null, select, union_all

from placement_audit.checks.relations import cell0s, computes, impact, newest, nodes, up
from placement_audit.checks.restarts import restart_withheld, restartable, serviceless
from placement_audit.finding import Check, Impact
from placement_audit.schema import compute_nodes, instances, services

_node, _service = nodes(), computes()
_own_service, _own_node = computes().alias("own_service"), nodes().alias("own_node")
_gone_service, _gone_node, _any_node = services.alias("gone_service"), compute_nodes.alias("gone_node"), compute_nodes
_has_servers = exists().where(
    instances.c.deleted == 0,
    instances.c.cell == _node.c.cell,
    instances.c.host == _node.c.host,
    instances.c.node == _node.c.hypervisor_hostname,
)
_service_deleted_at = (
    select(func.max(_gone_service.c.deleted_at))
    .where(_gone_service.c.cell == _node.c.cell, _gone_service.c.host == _node.c.host)
    .scalar_subquery()
)
_node_without_service = select(
    _node.c.cell,
    _node.c.host,
    _node.c.hypervisor_hostname.label("node"),
    literal("is a compute node, but its host has no nova-compute service").label("state"),
    _node.c.host.label("without_service"),
    null().label("without_node"),
    case((_node.c.hypervisor_type != "ironic", restartable(_node))).label("startable"),
    case(
        (
            _node.c.hypervisor_type == "ironic",
            literal("another service takes bare metal over as soon as one is up: nothing is to be started for it."),
        ),
        (
            serviceless(_node),
            literal("servers are on ")
            + cast(_node.c.host, String)
            + ", and since 2024.1 nova-compute refuses to start beside guests when its service record is gone. A DBA "
            "brings the record back (deleted = 0 in services of "
            + _node.c.cell
            + "; an archived one is in shadow_services). See with 'virsh list --all' on it which guests there are.",
        ),
        else_=restart_withheld(_node),
    ).label("withheld"),
    newest(_node.c.created_at, _service_deleted_at).label("newest_change"),
    impact(
        # Another service takes such a node over before long.
        (_node.c.hypervisor_type == "ironic", "L"),
        (_has_servers, "H"),
        otherwise="M",
    ).label("impact"),
).where(
    _node.c.host.is_not(None),
    ~exists().where(_own_service.c.cell == _node.c.cell, _own_service.c.host == _node.c.host),
)
_former = (
    select(func.max(_gone_node.c.deleted_at))
    .where(
        _gone_node.c.cell == _service.c.cell,
        _gone_node.c.host == _service.c.host,
        func.coalesce(_gone_node.c.hypervisor_type, "") != "ironic",
    )
    .scalar_subquery()
)
_service_without_node = select(
    _service.c.cell,
    _service.c.host,
    null().label("node"),
    literal("has a nova-compute service that is up, but no compute node").label("state"),
    null().label("without_service"),
    _service.c.host.label("without_node"),
    null().label("startable"),
    literal(
        "nova-compute runs and tries each minute to create its compute node: its log says what refuses it. Since "
        "2023.1 that is usually another compute node of the same name with another uuid."
    ).label("withheld"),
    newest(_service.c.created_at, _former).label("newest_change"),
    # It had a node that is no longer there; or it never had one, which is how a service of ironic begins.
    case((_former.is_not(None), "H"), else_="L").label("impact"),
).where(
    _service.c.cell.not_in(cell0s()),
    up(_service),
    ~exists().where(_own_node.c.cell == _service.c.cell, _own_node.c.host == _service.c.host),
    # A service of ironic may have no node left; which service is one cannot be seen then.
    ~exists().where(and_(_any_node.c.cell == _service.c.cell, _any_node.c.hypervisor_type == "ironic")),
)
_row = union_all(_node_without_service, _service_without_node).subquery("row")

CHECK = Check(
    code="N04",
    name="node-and-service-apart",
    impact=Impact.HIGH,
    title="Compute node without its service, or service without a compute node",
    message="{host} in {cell} {state}",
    identity=("cell", "host", "node"),
    why=(
        "The scheduler drops a host of which it finds only one half. A node without a service is offered by placement "
        "all the same, and nobody can act on the servers there."
    ),
    exceptions=(
        "a service or node made or deleted just now: the other half follows within a minute",
        "a service that is down",
        "services of a cell with bare metal, where a service may have no node",
        "bare metal nodes whose service is gone are information: another service takes them over",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "openstack server list --all-projects --host {without_service}",
        "# start nova-compute on {startable}, which makes its service anew",
        "# read in the log of nova-compute on {without_node} why it cannot register its node",
    ),
    # A mapping that is left over is the same host's.
    absorbs={"N03": ("cell", "host")},
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    query=select(_row).order_by("cell", "host", "node"),
)
