from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import bearers, impact, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    allocations,
    inventories,
    resource_classes,
    resource_provider_aggregates,
    resource_providers,
    traits,
    trees,
)

_provider = resource_providers.c
_own, _other = resource_provider_aggregates.alias("own"), resource_provider_aggregates.alias("other")
_no_inventory = ~exists().where(inventories.c.resource_provider_id == _provider.id)
_no_consumer = _provider.id.not_in(select(allocations.c.resource_provider_id))
_own_tree, _others_tree, _beside = trees.alias("own_tree"), trees.alias("others_tree"), trees.alias("beside")
_offered, _class = inventories.alias("offered_beside"), resource_classes.alias("class_beside")
# Without any aggregate a child still gives to its own tree, where there is a host in that.
_of_a_host = exists().where(
    _own_tree.c.provider_id == _provider.id,
    _beside.c.root_id == _own_tree.c.root_id,
    _offered.c.resource_provider_id == _beside.c.provider_id,
    _class.c.id == _offered.c.resource_class_id,
    _class.c.name.in_(("VCPU", "PCPU", "MEMORY_MB")),
)
_no_aggregate = ~exists().where(_own.c.resource_provider_id == _provider.id)
_alone = ~exists().where(
    _own.c.resource_provider_id == _provider.id,
    _other.c.aggregate_id == _own.c.aggregate_id,
    _own_tree.c.provider_id == _provider.id,
    _others_tree.c.provider_id == _other.c.resource_provider_id,
    _others_tree.c.root_id != _own_tree.c.root_id,
)
_last_inventory = (
    select(func.max(inventories.c.created_at))
    .where(inventories.c.resource_provider_id == _provider.id)
    .scalar_subquery()
)

CHECK = Check(
    code="P23",
    name="useless-sharing-provider",
    impact=Impact.MEDIUM,
    title="Sharing provider that shares nothing, or with nobody",
    message="{provider_name} is a sharing provider, yet {reason}",
    identity=("provider",),
    why=(
        "A sharing provider gives what it has to the providers that are in an aggregate with it. As it is, its "
        "capacity reaches no host. Often the hosts were taken out of the aggregate, or an aggregate set replaced "
        "the whole list."
    ),
    exceptions=(
        "a provider that has just been made",
        "neutron's segments, which are no storage",
        "a provider below a host, which gives to its own tree in any case",
        "one without inventory of which nobody holds anything is information",
    ),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack --os-placement-api-version 1.19 resource provider aggregate list {provider}",
        "openstack --os-placement-api-version 1.6 resource provider trait list {provider}",
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    query=(
        select(
            _provider.uuid.label("provider"),
            _provider.name.label("provider_name"),
            case(
                (_no_inventory, "it has no inventory"),
                (_no_aggregate, "it is in no aggregate"),
                else_="no provider of another tree is in its aggregates",
            ).label("reason"),
            select(func.count(allocations.c.consumer_id.distinct()))
            .where(allocations.c.resource_provider_id == _provider.id)
            .scalar_subquery()
            .label("consumers"),
            literal(
                "Which hosts are to draw from it nobody can tell here. Whoever runs the storage knows; put those hosts "
                "and the provider into one aggregate."
            ).label("withheld"),
            newest(_provider.created_at, _last_inventory).label("newest_change"),
            impact((and_(_no_inventory, _no_consumer), "L"), otherwise="M").label("impact"),
        )
        .where(
            _provider.id.in_(bearers(traits.c.name == SHARING_TRAIT)),
            _provider.name.not_like("Neutron segment id %"),
            or_(_no_inventory, and_(~_of_a_host, or_(_no_aggregate, _alone))),
        )
        .order_by("provider")
    ),
)
