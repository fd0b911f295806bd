from sqlalchemy import case, func, literal, or_, select

from placement_audit.checks.relations import capacity, invalid
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_inventory = inventories.c
_capacity = capacity(inventories)
_no_ratio = _inventory.allocation_ratio == 0
_crossed = _inventory.min_unit > _inventory.max_unit
# nullif: a modulo by zero is an error on PostgreSQL, even in a row that another condition rules out.
_largest = _inventory.max_unit - _inventory.max_unit % func.nullif(_inventory.step_size, 0)
_no_multiple = _largest < _inventory.min_unit
_too_small = _capacity < _inventory.min_unit

CHECK = Check(
    code="P10",
    name="unusable-inventory",
    impact=Impact.LOW,
    title="Inventory that no request can ever use",
    message=(
        "nobody can get {resource_class} from {provider_name}: {reason} (total {total}, reserved {reserved}, "
        "ratio {allocation_ratio}, units from {min_unit} to {max_unit} in steps of {step_size})"
    ),
    identity=("provider", "resource_class"),
    why="The numbers rule each other out, so what looks like capacity is never offered.",
    exceptions=(
        "all of it is reserved: a host being drained, an ironic node or one-time-use PCI device in use, a full segment",
        "inventories with invalid values, which have a finding of their own",
    ),
    remedy=("openstack resource provider inventory show {provider} {resource_class}",),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-inventories",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            case(
                (_no_ratio, "its allocation_ratio is 0"),
                (_crossed, "its min_unit is above its max_unit"),
                (_no_multiple, "no multiple of its step_size lies between min_unit and max_unit"),
                else_="its capacity is below its min_unit",
            ).label("reason"),
            literal(
                "the rows do not tell which of the numbers is wrong: compare them with nova.conf of the host, or with "
                "what else reports the provider"
            ).label("withheld"),
            _capacity.label("capacity"),
            _inventory.total,
            _inventory.reserved,
            _inventory.min_unit,
            _inventory.max_unit,
            _inventory.step_size,
            _inventory.allocation_ratio,
            _inventory.created_at.label("newest_change"),
        )
        .select_from(inventories)
        .join(resource_providers, resource_providers.c.id == _inventory.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == _inventory.resource_class_id)
        .where(
            _inventory.reserved < _inventory.total,
            ~invalid(inventories),
            or_(_no_ratio, _crossed, _no_multiple, _too_small),
        )
        .order_by("provider", "resource_class")
    ),
)
