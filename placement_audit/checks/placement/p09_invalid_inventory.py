from sqlalchemy import String, case, cast, func, literal, select

from placement_audit.checks.relations import bearers, impact, invalid
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers, traits

_inventory = inventories.c
_no_step = _inventory.step_size < 1
_faults = (
    _no_step,
    _inventory.total < 1,
    _inventory.reserved < 0,
    _inventory.reserved > _inventory.total,
    _inventory.min_unit < 1,
    _inventory.max_unit < 1,
    _inventory.allocation_ratio < 0,
    *(_inventory[name].is_(None) for name in ("total", "reserved", "min_unit", "max_unit", "step_size")),
    _inventory.allocation_ratio.is_(None),
)
# The API takes all inventories of a provider or none: with a second mistake it refuses the first one's correction.
_all = inventories.alias("all_of_it").c
_others_wrong = (
    select(func.count())
    .select_from(_all.total.table)
    .where(
        _all.resource_provider_id == _inventory.resource_provider_id,
        _all.resource_class_id != _inventory.resource_class_id,
        invalid(_all.total.table),
    )
    .scalar_subquery()
)
_alone = sum((func.coalesce(case((fault, 1)), 0) for fault in _faults), _others_wrong) == 1
# What a host keeps for itself comes from its nova.conf.
_of_a_host = _inventory.resource_provider_id.in_(bearers(traits.c.name == "COMPUTE_NODE"))
# Only what placement itself takes when it is told nothing; of the rest we do not know the right value.
_correction = case(
    (~_alone, None),
    (_no_step, literal("step_size=1")),
    (_inventory.total < 1, None),
    (_inventory.reserved < 0, case((~_of_a_host, "reserved=0"))),
    (_inventory.reserved > _inventory.total, None),
    (_inventory.min_unit < 1, "min_unit=1"),
    # No consumer gets more than there is.
    (_inventory.max_unit < 1, literal("max_unit=") + cast(_inventory.total, String)),
)

CHECK = Check(
    code="P09",
    name="invalid-inventory",
    impact=Impact.MEDIUM,
    title="Inventory with a value that placement never accepts",
    message="the inventory of {resource_class} on {provider_name} is invalid: {reason}",
    identity=("provider", "resource_class"),
    why=(
        "Placement refuses such values: somebody wrote them by SQL. The class is offered wrongly or not at all; with "
        "a step size below 1 an allocation of it fails with an internal error."
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
            _correction.label("correction"),
            case(
                (_correction.is_not(None), None),
                (
                    ~_alone,
                    literal("several values of the provider are wrong, and the API takes all of them or none: write ")
                    + "them together, as nova.conf of the host or whoever reports the provider has them",
                ),
                else_="the right value is not in the rows: nova.conf of the host (reserved_host_*, allocation ratios) "
                "or whoever reports the provider has it",
            ).label("withheld"),
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
