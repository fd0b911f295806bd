from sqlalchemy import select

from placement_audit.checks.relations import capacity, invalid
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_capacity = capacity(inventories)
# What the API writes when nobody names a max_unit.
_NEVER_SET = 2147483647

CHECK = Check(
    code="P35",
    name="max-unit-above-capacity",
    impact=Impact.INFO,
    title="Inventory that allows one consumer more than it has",
    message=(
        "{provider_name} allows one consumer {max_unit} {resource_class}, and has a capacity of {capacity} in all"
    ),
    identity=("provider", "resource_class"),
    why=(
        "An amount between the two never fits there, not even when all is free, although max_unit promises it. "
        "Nova reports the physical total as max_unit, so that a host with reserved resources and a ratio of 1 looks "
        "like this by itself."
    ),
    exceptions=(
        "a max_unit that was never set",
        "an inventory that is drained or in use by reserving all of it",
        "an inventory with numbers that the API would refuse is reported as such",
    ),
    remedy=("openstack resource provider inventory show {provider} {resource_class}",),
    absorbs={"X29": ("provider", "resource_class")},
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            inventories.c.max_unit,
            _capacity.label("capacity"),
            inventories.c.total,
            inventories.c.reserved,
            inventories.c.allocation_ratio,
            inventories.c.created_at.label("newest_change"),
        )
        .select_from(inventories)
        .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .where(
            ~invalid(inventories),
            inventories.c.max_unit > _capacity,
            inventories.c.max_unit != _NEVER_SET,
            inventories.c.reserved < inventories.c.total,
        )
        .order_by("provider_name", "provider", "resource_class")
    ),
)
