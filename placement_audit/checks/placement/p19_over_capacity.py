from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import capacity, impact, is_core, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers, sources

_used = (
    select(
        allocations.c.resource_provider_id,
        allocations.c.resource_class_id,
        func.sum(allocations.c.used).label("used"),
        func.max(allocations.c.created_at).label("newest"),
    )
    .group_by(allocations.c.resource_provider_id, allocations.c.resource_class_id)
    .subquery("usage")
)
_capacity = capacity(inventories)
# An ironic node that is in use (nova 27+) and a one-time-use PCI device (nova 32+) reserve all they have. The device
# is a child, and may have been given a standard class.
_reserved_while_used = and_(
    or_(
        resource_classes.c.name.like("CUSTOM\\_%", escape="\\"),
        and_(resource_providers.c.parent_provider_id.is_not(None), ~is_core(resource_classes.c.name)),
    ),
    inventories.c.reserved == inventories.c.total,
    _used.c.used <= inventories.c.total,
)
_by_rounding = and_(
    _used.c.used - _capacity <= 1,
    inventories.c.allocation_ratio != func.floor(inventories.c.allocation_ratio),
)
_cause = case(
    (inventories.c.reserved >= inventories.c.total, "all of it is reserved"),
    (inventories.c.allocation_ratio == 0, "the allocation ratio is 0"),
    (_used.c.used <= inventories.c.total * inventories.c.allocation_ratio, "it would fit but for what is reserved"),
    (_used.c.used <= inventories.c.total, "it would fit at a ratio of 1"),
    else_="more is in use than exists at this ratio",
)
# Placement before 2023.2 is surely older than 14.0.0, which softened the rule that blocks moves (SEMANTICS B.4).
_old_placement = exists().where(
    sources.c.role == "placement",
    sources.c.revision.in_(("b4ed3a175331", "611cd6dffd7b", "b5c396305c25", "422ece571366")),
)

CHECK = Check(
    code="P19",
    name="over-capacity",
    impact=Impact.MEDIUM,
    title="Provider with more in use than its capacity",
    message=(
        "{provider_name} has {used} {resource_class} in use, {excess} more than its capacity of {capacity}: {cause}"
    ),
    identity=("provider", "resource_class"),
    why=(
        "Somebody lowered total or allocation_ratio or raised the reserve, which placement allows, or wrote by SQL. "
        "Placement offers nothing of the class there. Before 2025.2 it also refuses every write that leaves the class "
        "over capacity, so that no server can be resized, migrated or evacuated away."
    ),
    exceptions=(
        "an ironic node in use, or a one-time-use PCI device, which reserve all they have",
        "an excess of one by rounding of the ratio is information",
    ),
    remedy=(
        "openstack resource provider inventory show {provider} {resource_class}",
        "openstack resource provider show --allocations {provider}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#allocation-ratios",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            _used.c.used,
            _capacity.label("capacity"),
            (_used.c.used - _capacity).label("excess"),
            _cause.label("cause"),
            inventories.c.total,
            inventories.c.reserved,
            inventories.c.allocation_ratio,
            literal(
                "the rows do not tell whether the capacity or the servers are wrong: compare nova.conf of the "
                "host (allocation ratios, reserved_host_*) with openstack server list --all-projects --host"
            ).label("withheld"),
            newest(inventories.c.created_at, _used.c.newest).label("newest_change"),
            impact((_by_rounding, "I"), (_old_placement, "H"), otherwise="M").label("impact"),
        )
        .select_from(inventories)
        .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .join(
            _used,
            and_(
                _used.c.resource_provider_id == inventories.c.resource_provider_id,
                _used.c.resource_class_id == inventories.c.resource_class_id,
            ),
        )
        .where(_used.c.used > _capacity, ~_reserved_while_used)
        .order_by("provider_name", "provider", "resource_class")
    ),
)
