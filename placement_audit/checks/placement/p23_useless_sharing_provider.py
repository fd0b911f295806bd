from sqlalchemy import case, exists, func, or_, select

from placement_audit.checks.relations import bearers, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    allocations,
    inventories,
    resource_provider_aggregates,
    resource_providers,
    traits,
)

_provider = resource_providers.c
_own, _other = resource_provider_aggregates.alias("own"), resource_provider_aggregates.alias("other")
_no_inventory = ~exists().where(inventories.c.resource_provider_id == _provider.id)
_no_aggregate = ~exists().where(_own.c.resource_provider_id == _provider.id)
_alone = ~exists().where(
    _own.c.resource_provider_id == _provider.id,
    _other.c.aggregate_id == _own.c.aggregate_id,
    _other.c.resource_provider_id != _provider.id,
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
    exceptions=("a provider that has just been made", "neutron's segments, which are no storage"),
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
                else_="no other provider is in its aggregates",
            ).label("reason"),
            select(func.count(allocations.c.consumer_id.distinct()))
            .where(allocations.c.resource_provider_id == _provider.id)
            .scalar_subquery()
            .label("consumers"),
            newest(_provider.created_at, _last_inventory).label("newest_change"),
        )
        .where(
            _provider.id.in_(bearers(traits.c.name == SHARING_TRAIT)),
            _provider.name.not_like("Neutron segment id %"),
            or_(_no_inventory, _no_aggregate, _alone),
        )
        .order_by("provider")
    ),
)
