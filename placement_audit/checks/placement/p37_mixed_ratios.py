from sqlalchemy import String, cast, func, literal, select

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    inventories,
    placement_aggregates,
    resource_classes,
    resource_provider_aggregates,
    resource_provider_traits,
    traits,
)

_sharing = (
    select(resource_provider_traits.c.resource_provider_id)
    .join(traits, traits.c.id == resource_provider_traits.c.trait_id)
    .where(traits.c.name == SHARING_TRAIT)
)
_ratio = (
    select(
        resource_provider_aggregates.c.aggregate_id,
        inventories.c.resource_class_id,
        inventories.c.allocation_ratio.label("ratio"),
        func.count().label("providers"),
        func.max(inventories.c.created_at).label("newest"),
    )
    .join_from(
        resource_provider_aggregates,
        inventories,
        inventories.c.resource_provider_id == resource_provider_aggregates.c.resource_provider_id,
    )
    .where(inventories.c.resource_provider_id.not_in(_sharing), inventories.c.allocation_ratio > 0)
    .group_by(
        resource_provider_aggregates.c.aggregate_id, inventories.c.resource_class_id, inventories.c.allocation_ratio
    )
    .subquery("ratio")
)
_lowest, _highest = func.min(_ratio.c.ratio), func.max(_ratio.c.ratio)
_in_words = cast(_ratio.c.ratio, String) + literal(" on ") + cast(_ratio.c.providers, String)
# Grouped by numbers before names are looked up for the few that remain.
_mixed = (
    select(
        _ratio.c.aggregate_id,
        _ratio.c.resource_class_id,
        _lowest.label("lowest"),
        _highest.label("highest"),
        func.sum(_ratio.c.providers).label("providers"),
        func.aggregate_strings(_in_words, ", ").label("ratios"),
        func.max(_ratio.c.newest).label("newest"),
    )
    .group_by(_ratio.c.aggregate_id, _ratio.c.resource_class_id)
    # A FLOAT is read with six digits.
    .having(_highest > _lowest * (1 + 1e-6))
    .subquery("mixed")
)
# A host is in aggregates for its zone, its rack, its customers: what it mixes up in one it does in all.
_listed = (
    select(
        _mixed,
        placement_aggregates.c.uuid,
        resource_classes.c.name.label("resource_class"),
        place_of(placement_aggregates.c.uuid, resource_classes.c.name, _mixed.c.lowest, _mixed.c.highest).label(
            "place"
        ),
    )
    .select_from(_mixed)
    .join(placement_aggregates, placement_aggregates.c.id == _mixed.c.aggregate_id)
    .join(resource_classes, resource_classes.c.id == _mixed.c.resource_class_id)
    .subquery("mixed_aggregates")
)

CHECK = Check(
    code="P37",
    name="mixed-ratios",
    impact=Impact.LOW,
    title="Providers of one aggregate with unlike allocation ratios",
    message=(
        "providers of one aggregate have ratios from {lowest} to {highest} for {resource_class}, in {aggregates} "
        "aggregates: {sample}"
    ),
    identity=("resource_class", "lowest", "highest"),
    why=(
        "One host takes more servers than the next of the same size, though the aggregate offers them as equals. "
        "Often a host missed a change of cpu_allocation_ratio, ram_allocation_ratio or disk_allocation_ratio in "
        "nova.conf, or still has the default of an earlier release."
    ),
    exceptions=(
        "sharing providers, which are no hosts",
        "unlike ratios of different classes",
        "a ratio of 0, which is a finding of its own",
    ),
    remedy=("openstack --os-placement-api-version 1.3 resource provider list --member-of {first}",),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#allocation-ratios",),
    query=(
        select(
            _listed.c.resource_class,
            _listed.c.lowest,
            _listed.c.highest,
            func.count().label("aggregates"),
            sample(_listed.c.uuid + literal(" (") + _listed.c.ratios + literal(")"), _listed.c.place).label("sample"),
            func.min(_listed.c.uuid).label("first"),
            func.max(_listed.c.providers).label("most_providers"),
            literal(
                "the rows do not tell which ratio is meant; nova.conf of the hosts does, and nova-compute writes "
                "back what it sets"
            ).label("withheld"),
            # The oldest: one that is new must not hold back those that were there before.
            func.min(_listed.c.newest).label("newest_change"),
        )
        .group_by(_listed.c.resource_class, _listed.c.lowest, _listed.c.highest)
        .order_by("resource_class", "lowest", "highest")
    ),
)
