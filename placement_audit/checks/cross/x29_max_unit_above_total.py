from sqlalchemy import func, literal, select

from placement_audit.checks.relations import capacity, is_core, nodes
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_node = nodes()

CHECK = Check(
    code="X29",
    name="max-unit-above-total",
    impact=Impact.INFO,
    title="Host that gives one server more than it has",
    message="{provider_name} has {total} {resource_class} and lets a single server have {max_unit}",
    identity=("provider", "resource_class"),
    why=(
        "Nova reports what is physically there as max_unit, so that no server is larger than its host whatever the "
        "allocation ratio. Here a ratio above 1 lets placement offer the host for a server that cannot run on it."
    ),
    exceptions=("sharing providers, and others that no compute node has", "ironic nodes"),
    remedy=("openstack resource provider inventory show {provider} {resource_class}",),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#allocation-ratios",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            resource_classes.c.name.label("resource_class"),
            inventories.c.total,
            inventories.c.max_unit,
            inventories.c.allocation_ratio,
            # What the finding that stands for this one goes by.
            (inventories.c.max_unit - capacity(inventories)).label("excess"),
            literal(
                "whether a custom driver or a script sets max_unit is not in the rows: nova-compute's own report "
                "would be the total"
            ).label("withheld"),
            inventories.c.created_at.label("newest_change"),
        )
        .select_from(inventories)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .join(_node, _node.c.uuid == resource_providers.c.uuid)
        .where(
            is_core(resource_classes.c.name),
            inventories.c.max_unit > inventories.c.total,
            func.coalesce(_node.c.hypervisor_type, "") != "ironic",
        )
        .order_by("provider", "resource_class")
    ),
)
