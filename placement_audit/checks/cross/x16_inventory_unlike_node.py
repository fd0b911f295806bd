from sqlalchemy import and_, case, func, or_, select

from placement_audit.checks.relations import libvirt, lone_computes, newest, nodes, steady, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_node, _service = nodes(), lone_computes()
_class = resource_classes.c.name
_reported = case(
    (_class == "VCPU", _node.c.vcpus),
    (_class == "MEMORY_MB", _node.c.memory_mb),
    (_class == "DISK_GB", _node.c.local_gb),
)
_apart = func.abs(inventories.c.total - _reported)
# The size of a disk, often that of a shared pool, is looked up anew for either table.
_differs = or_(and_(_class != "DISK_GB", _apart > 0), and_(_apart > 1, _apart * 50 > _reported))

CHECK = Check(
    code="X16",
    name="inventory-unlike-node",
    impact=Impact.MEDIUM,
    title="Host that is of another size in placement than in nova",
    message="{provider_name} has {total} {resource_class} in placement, and {reported} in nova's compute_nodes",
    identity=("provider", "resource_class"),
    why=(
        "The same nova-compute writes both, one after the other, each minute. It runs, so what it tells placement is "
        "refused or goes elsewhere, and placement offers what the host had once. Its log has the refusal."
    ),
    exceptions=(
        "a host whose nova-compute is down, has just been started, or was just enabled or disabled",
        "other drivers than libvirt, whose two numbers are not the same thing; bare metal",
        "PCPU, which nova's compute_nodes do not count",
        "a number that is zero in nova",
        "DISK_GB that differ by 1 GB or by 2 percent: the size of a shared pool moves between two looks",
        "two services of one host's name",
    ),
    remedy=(
        "openstack resource provider inventory show {provider} {resource_class}",
        "openstack compute service list --service nova-compute --host {host}",
        "systemctl restart nova-compute  # on {restartable}, and read in its log what placement answers",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            restartable(_node).label("restartable"),
            restart_withheld(_node).label("withheld"),
            _node.c.hypervisor_hostname.label("node"),
            _class.label("resource_class"),
            inventories.c.total,
            _reported.label("reported"),
            newest(inventories.c.created_at, _node.c.created_at).label("newest_change"),
        )
        .select_from(_node)
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .join(inventories, inventories.c.resource_provider_id == resource_providers.c.id)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(_class.in_(("VCPU", "MEMORY_MB", "DISK_GB")), _reported > 0, _differs)
        .where(libvirt(_node), up(_service), steady(_service))
        .order_by("provider", "resource_class")
    ),
)
