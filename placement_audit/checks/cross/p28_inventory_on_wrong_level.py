from sqlalchemy import and_, case, func, literal, or_, select

from placement_audit.checks.relations import lone_computes, newest, nodes, restartable, steady
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers

_node, _service = nodes(), lone_computes()
_class = resource_classes.c.name
# Since when libvirt's driver has each class on a child, by the service's version (SEMANTICS 0.1).
_moved = or_(
    and_(_class == "VGPU", _service.c.version >= 37),  # Stein
    and_(_class == "MEM_ENCRYPTION_CONTEXT", _service.c.version >= 70),  # 2025.2
)

CHECK = Check(
    code="P28",
    name="inventory-on-wrong-level",
    impact=Impact.MEDIUM,
    title="Inventory that belongs on a child and is on the host itself",
    message="{provider_name} has {resource_class} itself, which this release of nova has on a provider below it",
    identity=("provider", "resource_class"),
    why=(
        "Nova-compute moves inventory and allocations down when it first starts in a release that has them there. "
        "Here it has started and not moved them: placement offers what nova does not give out, and the driver "
        "refuses to go on while consumers hold the class on the host. Its log tells why the reshape failed."
    ),
    exceptions=(
        "a host whose nova-compute has not been restarted in the new release yet",
        "a host whose nova-compute was started a moment ago and may still move them",
        "two services of one host's name",
        "hosts of other drivers than libvirt",
        "roots that are no compute node's",
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack resource provider show --allocations {provider}",
        "systemctl restart nova-compute  # on {restartable}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/virtual-gpu.html",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            restartable(_node).label("restartable"),
            case(
                (
                    restartable(_node).is_(None),
                    literal("A start of nova-compute on ")
                    + _node.c.host
                    + " would remove a server that was evacuated from there and is back, or is about to be. See "
                    "openstack server migration list for evacuations from that host, and end that first.",
                )
            ).label("withheld"),
            _class.label("resource_class"),
            inventories.c.total,
            _service.c.version,
            select(func.count(allocations.c.consumer_id.distinct()))
            .where(
                allocations.c.resource_provider_id == resource_providers.c.id,
                allocations.c.resource_class_id == resource_classes.c.id,
            )
            .scalar_subquery()
            .label("consumers"),
            # It is started in a new release, and moves them before its next sign of life.
            newest(inventories.c.created_at, case((~steady(_service), _service.c.updated_at))).label("newest_change"),
        )
        .select_from(inventories)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .join(_node, _node.c.uuid == resource_providers.c.uuid)
        .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(
            _class.in_(("VGPU", "MEM_ENCRYPTION_CONTEXT")),
            _moved,
            resource_providers.c.parent_provider_id.is_(None),
            func.lower(_node.c.hypervisor_type).in_(("qemu", "kvm")),
        )
        .order_by("provider", "resource_class")
    ),
)
