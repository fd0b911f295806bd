from sqlalchemy import exists, func, literal, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers

_inventory = exists().where(
    inventories.c.resource_provider_id == allocations.c.resource_provider_id,
    inventories.c.resource_class_id == allocations.c.resource_class_id,
)

CHECK = Check(
    code="P21",
    name="allocation-without-inventory",
    impact=Impact.MEDIUM,
    title="Allocations of a class that the provider has no inventory of",
    message=(
        "{consumers} consumers hold {used} {resource_class} on {provider_name}, which has no inventory of that class"
    ),
    identity=("provider", "resource_class"),
    why=(
        "Usage reports leave these amounts out, and each write of such a consumer that keeps them is refused, moves "
        "included. If the class belongs there, whoever reports the provider (nova-compute, a neutron agent) has to "
        "bring its inventory back: its log tells why it does not."
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack resource provider show --allocations {provider}",
    ),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            func.count(allocations.c.consumer_id.distinct()).label("consumers"),
            func.min(allocations.c.consumer_id).label("first_consumer"),
            func.sum(allocations.c.used).label("used"),
            literal(
                "the rows do not tell whether the inventory was lost or these amounts are left over: look "
                "whether what reports the provider (nova-compute, a neutron agent) still has the class, and "
                "whether the consumers are servers there (openstack server show)"
            ).label("withheld"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .select_from(allocations)
        .join(resource_providers, resource_providers.c.id == allocations.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
        .where(~_inventory)
        .group_by(
            resource_providers.c.id,
            resource_providers.c.uuid,
            resource_providers.c.name,
            resource_classes.c.id,
            resource_classes.c.name,
        )
        .order_by("provider", "resource_class")
    ),
)
