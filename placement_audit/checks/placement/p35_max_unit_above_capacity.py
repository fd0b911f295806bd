from sqlalchemy import case, func, literal, select

from placement_audit.checks.relations import capacity, invalid, place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_capacity = capacity(inventories)
_excess = inventories.c.max_unit - _capacity
# What the API writes when nobody names a max_unit.
_NEVER_SET = 2147483647
# On hosts as nova reports them the difference is what they reserve, whatever their size: one setting, one finding.
_listed = (
    select(
        resource_classes.c.name.label("resource_class"),
        resource_classes.c.id.label("class_id"),
        _excess.label("excess"),
        resource_providers.c.uuid,
        resource_providers.c.name,
        inventories.c.max_unit,
        _capacity.label("capacity"),
        inventories.c.created_at,
        place_of(resource_providers.c.name, resource_classes.c.name, _excess).label("place"),
    )
    .select_from(inventories)
    .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(
        ~invalid(inventories),
        inventories.c.max_unit > _capacity,
        inventories.c.max_unit != _NEVER_SET,
        inventories.c.reserved < inventories.c.total,
        _capacity >= 1,
    )
    .subquery("above_capacity")
)

CHECK = Check(
    code="P35",
    name="max-unit-above-capacity",
    impact=Impact.INFO,
    title="Inventories that allow one consumer more than they have",
    message=(
        "{providers} providers allow one consumer {excess} {resource_class} more than their whole capacity: {sample}"
    ),
    identity=("resource_class", "excess"),
    why=(
        "An amount between the two never fits there, not even when all is free, although max_unit promises it. Nova "
        "reports the physical total as max_unit: so every host with a reserve and a ratio of 1 is like this."
    ),
    exceptions=(
        "a max_unit that was never set",
        "an inventory that is drained or in use by reserving all of it",
        "an inventory of which nobody can get anything, which is a finding of its own",
        "an inventory with numbers that the API would refuse is reported as such",
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, name, total, reserved, allocation_ratio, max_unit FROM inventories'
        " JOIN resource_providers ON resource_providers.id = resource_provider_id"
        ' WHERE resource_class_id = {class_id} AND max_unit > (total - reserved) * allocation_ratio"',
        "openstack resource provider inventory show {first} {resource_class}",
    ),
    absorbs={"X29": ("resource_class", "excess")},
    query=(
        select(
            _listed.c.resource_class,
            _listed.c.excess,
            func.min(_listed.c.class_id).label("class_id"),
            func.count().label("providers"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            func.max(case((_listed.c.place == 1, _listed.c.uuid))).label("first"),
            func.max(_listed.c.max_unit).label("largest_max_unit"),
            func.min(_listed.c.capacity).label("smallest_capacity"),
            literal(
                "nothing has to be done where the hosts are to keep this reserve; nova-compute reports max_unit "
                "itself, and would set it back"
            ).label("withheld"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_listed.c.created_at).label("newest_change"),
        )
        .group_by(_listed.c.resource_class, _listed.c.excess)
        .order_by("resource_class", "excess")
    ),
)
