from sqlalchemy import and_, case, func, literal, or_, select

from placement_audit.checks.relations import impact, lone_computes, newest, nodes, not_ironic, steady, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers, trees

_node, _service = nodes(), lone_computes()
# What each tree has, so that classes which some driver has on a child count as well.
_offered = (
    select(
        trees.c.root_id,
        func.max(case((resource_classes.c.name == "MEMORY_MB", 1), else_=0)).label("memory"),
        func.max(case((resource_classes.c.name.in_(("VCPU", "PCPU")), 1), else_=0)).label("cpus"),
        func.max(inventories.c.created_at).label("newest"),
    )
    .join_from(inventories, trees, trees.c.provider_id == inventories.c.resource_provider_id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .group_by(trees.c.root_id)
    .subquery("offered")
)
_runs = and_(_service.c.host.is_not(None), func.coalesce(_service.c.disabled, 0) == 0, up(_service), steady(_service))

CHECK = Check(
    code="X18",
    name="missing-core-inventory",
    impact=Impact.HIGH,
    title="Host that offers no memory or no CPUs",
    message="compute node {node} offers no {missing}, so that placement never proposes it for an ordinary server",
    identity=("cell", "host", "node"),
    why=(
        "Every flavor asks for CPUs and memory. Nova-compute leaves out a class of which it finds none, such as CPUs "
        "where cpu_shared_set and cpu_dedicated_set name none that exist; otherwise somebody removed it, and "
        "nova-compute does not notice before its next start."
    ),
    exceptions=(
        "bare metal",
        "hosts with pinned CPUs alone have PCPU and no VCPU",
        "hosts without a disk of their own have no DISK_GB",
        "classes that a child of the host has",
        "a host without any inventory, which is a finding of its own",
        "it is information while nova-compute is down or disabled there",
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack compute service list --service nova-compute --host {host}",
        "systemctl restart nova-compute  # on {restartable}, and read in its log what it reports",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/cpu-topologies.html",),
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            restartable(_node).label("restartable"),
            restart_withheld(_node).label("withheld"),
            _node.c.hypervisor_hostname.label("node"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            case(
                (_offered.c.memory == 1, literal("VCPU or PCPU")),
                (_offered.c.cpus == 1, literal("MEMORY_MB")),
                else_="CPUs and no MEMORY_MB",
            ).label("missing"),
            newest(_offered.c.newest, _node.c.created_at, resource_providers.c.created_at).label("newest_change"),
            impact((_runs, "H"), otherwise="L").label("impact"),
        )
        .select_from(_node)
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .join(trees, trees.c.provider_id == resource_providers.c.id)
        .join(_offered, _offered.c.root_id == trees.c.root_id)
        .outerjoin(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(not_ironic(_node), or_(_offered.c.memory == 0, _offered.c.cpus == 0))
        .order_by("cell", "host", "node")
    ),
)
