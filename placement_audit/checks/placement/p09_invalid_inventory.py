from sqlalchemy import case, select

from placement_audit.checks.relations import impact, invalid
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_inventory = inventories.c
_no_step = _inventory.step_size < 1

CHECK = Check(
    code="P09",
    name="invalid-inventory",
    impact=Impact.MEDIUM,
    title="Inventory with a value that placement never accepts",
    message="the inventory of {resource_class} on {provider_name} is invalid: {reason}",
    identity=("provider", "resource_class"),
    why=(
        "Placement refuses such values, so somebody wrote them past it. The class is offered wrongly or not at all; "
        "with a step size below 1 an allocation of it fails with an internal error."
    ),
    remedy=(
        "openstack resource provider inventory show {provider} {resource_class}",
        # 1.26 is the first that takes back an inventory whose reserved equals its total.
        "openstack --os-placement-api-version 1.26 resource provider inventory set --amend"
        " --resource {resource_class}:{correction} {provider}",
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-inventories",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            case(
                (_no_step, "its step_size is below 1"),
                (_inventory.total < 1, "its total is below 1"),
                (_inventory.reserved < 0, "its reserved amount is negative"),
                (_inventory.reserved > _inventory.total, "more is reserved than its total"),
                (_inventory.min_unit < 1, "its min_unit is below 1"),
                (_inventory.max_unit < 1, "its max_unit is below 1"),
                (_inventory.allocation_ratio < 0, "its allocation_ratio is negative"),
                else_="one of its values is missing",
            ).label("reason"),
            # Only what placement itself takes when it is told nothing; of the rest we do not know the right value.
            case(
                (_no_step, "step_size=1"),
                (_inventory.total < 1, None),
                (_inventory.reserved < 0, "reserved=0"),
                (_inventory.reserved > _inventory.total, None),
                (_inventory.min_unit < 1, "min_unit=1"),
                (_inventory.max_unit < 1, "max_unit=2147483647"),
            ).label("correction"),
            _inventory.total,
            _inventory.reserved,
            _inventory.min_unit,
            _inventory.max_unit,
            _inventory.step_size,
            _inventory.allocation_ratio,
            _inventory.created_at.label("newest_change"),
            impact((_no_step, "H"), otherwise="M").label("impact"),
        )
        .select_from(inventories)
        .join(resource_providers, resource_providers.c.id == _inventory.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == _inventory.resource_class_id)
        .where(invalid(inventories))
        .order_by("provider", "resource_class")
    ),
)
