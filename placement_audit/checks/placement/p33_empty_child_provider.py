from sqlalchemy import case, exists, func, literal, select

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    inventories,
    resource_provider_aggregates,
    resource_provider_traits,
    resource_providers,
    traits,
)

_provider = resource_providers.c
_child = resource_providers.alias("child")
# OWNER_NOVA and OWNER_CYBORG tell who made the provider, and not what it is for.
_owner = select(traits.c.id).where(traits.c.name.like("OWNER\\_%", escape="\\"))
_listed = (
    select(
        literal("resource_providers").label("table"),
        _provider.uuid,
        _provider.name,
        _provider.created_at,
        place_of(_provider.name).label("place"),
    )
    .where(
        _provider.parent_provider_id.is_not(None),
        _provider.name.not_like("blazar\\_%", escape="\\"),
        ~exists().where(inventories.c.resource_provider_id == _provider.id),
        ~exists().where(allocations.c.resource_provider_id == _provider.id),
        ~exists().where(resource_provider_aggregates.c.resource_provider_id == _provider.id),
        ~exists().where(
            resource_provider_traits.c.resource_provider_id == _provider.id,
            resource_provider_traits.c.trait_id.not_in(_owner),
        ),
        _provider.id.not_in(select(_child.c.parent_provider_id).where(_child.c.parent_provider_id.is_not(None))),
    )
    .subquery("empty_children")
)

CHECK = Check(
    code="P33",
    name="empty-child-provider",
    impact=Impact.INFO,
    title="Child providers without inventory, traits and children",
    message="{providers} providers below others have neither inventory nor traits nor children: {sample}",
    identity=("table",),
    why=(
        "What they stood for is gone or not configured any more: a GPU that was taken out, a PCI device or an agent "
        "that is no longer reported. They do no harm. Before you delete one (openstack resource provider delete), "
        "stop the service that made it: while that runs, it may need its provider."
    ),
    exceptions=(
        "blazar's, which has inventory while something is reserved",
        "a provider in an aggregate, which may bring a sharing provider to its tree",
        "a provider with traits of its own, which a request without resources can ask for",
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, name, created_at FROM resource_providers'
        " WHERE parent_provider_id IS NOT NULL AND id NOT IN (SELECT resource_provider_id FROM inventories)"
        ' AND id NOT IN (SELECT resource_provider_id FROM allocations)"',
        "openstack --os-placement-api-version 1.14 resource provider show {first}",
        "openstack resource provider inventory list {first}",
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    members=select(_listed.c.table, _listed.c.uuid.label("provider")),
    query=(
        select(
            _listed.c.table,
            func.count().label("providers"),
            func.max(case((_listed.c.place == 1, _listed.c.uuid))).label("first"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            literal(
                "the rows do not tell whether what made a provider still runs and counts on it: its name and its "
                "root tell whom to ask (nova-compute, a neutron agent, cyborg)"
            ).label("withheld"),
            # The oldest: one that is being set up must not hold back those that were there before.
            func.min(_listed.c.created_at).label("newest_change"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
