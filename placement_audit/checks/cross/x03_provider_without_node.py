from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.evidence import of_this_nova, removable, was_of_this_nova, why_not_removable
from placement_audit.checks.relations import bearers, capacity, children, consumers_in, impact, is_core
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers, traits, trees

_children = children()
_consumers = consumers_in(resource_providers.c.id)
_child_count = func.coalesce(_children.c.children, 0)
_with_core = (
    select(trees.c.root_id)
    .join(inventories, inventories.c.resource_provider_id == trees.c.provider_id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    # What a provider below shares with others makes no host of its root.
    .where(is_core(resource_classes.c.name), trees.c.shared == 0)
)
_with_room = _with_core.where(inventories.c.max_unit >= inventories.c.min_unit, capacity(inventories) > 0)
_compute = resource_providers.c.id.in_(bearers(traits.c.name == "COMPUTE_NODE"))
# COMPUTE_NODE came with Ussuri; the traits of the driver's capabilities, which nobody else sets, with Stein.
_made_by_nova = resource_providers.c.id.in_(bearers(traits.c.name.like("COMPUTE\\_%", escape="\\")))
_known = was_of_this_nova(resource_providers)
_below = trees.alias("shared_below")
_shares = exists().where(_below.c.root_id == resource_providers.c.id, _below.c.shared == 1).correlate_except(_below)
_removable = and_(_made_by_nova, _consumers == 0, removable(resource_providers), ~_shares)
_withheld = case(
    (_removable, None),
    (
        _consumers > 0,
        literal("something is held there, and nobody can tell from here who holds it: look at its consumers, and on ")
        + resource_providers.c.name
        + " for their guests, before anything is deleted.",
    ),
    (
        ~_made_by_nova,
        literal("it has no trait that nova sets: Zun, or whoever runs ")
        + resource_providers.c.name
        + ", may have made it. Ask them before it is deleted.",
    ),
    (
        _shares,
        literal("a provider below ")
        + resource_providers.c.name
        + " shares with others, which would lose it: see which aggregates it is in, and what draws from it.",
    ),
    else_=why_not_removable(resource_providers),
)

CHECK = Check(
    code="X03",
    name="provider-without-node",
    impact=Impact.MEDIUM,
    title="Root provider that belongs to no compute node",
    message=(
        "{provider_name} is no compute node in any cell, and is still a provider, "
        "with {consumers} consumers and {children} child providers; {standing}"
    ),
    identity=("provider",),
    why=(
        "Placement offers its inventory, and each time the scheduler has to throw the offer away: with enough of them "
        "a server finds no host although there is room. What is held there is held for nothing, unless the host is of "
        "a cell or a nova that was not read."
    ),
    exceptions=(
        "sharing providers and neutron segments",
        "providers without VCPU, PCPU, MEMORY_MB and DISK_GB in their tree and without COMPUTE_NODE, as other services "
        "and operators make them",
        "while any cell is unreadable nothing is said",
    ),
    remedy=(
        "openstack resource provider show --allocations {provider}",
        "openstack --os-placement-api-version 1.14 resource provider list --in-tree {with_children}",
        "# delete the children of {removable_parent} before it, deepest first",
        "openstack resource provider delete {removable}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    whole_cloud=True,
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _consumers.label("consumers"),
            _child_count.label("children"),
            case((_known, "a cell remembers its host"), else_="no cell remembers its host").label("standing"),
            _withheld.label("withheld"),
            case((_child_count > 0, resource_providers.c.uuid)).label("with_children"),
            case((_removable, resource_providers.c.uuid)).label("removable"),
            case((and_(_removable, _child_count > 0), resource_providers.c.uuid)).label("removable_parent"),
            # Not updated_at, which moves with every allocation.
            resource_providers.c.created_at.label("newest_change"),
            impact(
                # What a second nova or another service offers is no fault of this one's.
                (and_(_compute, resource_providers.c.id.in_(_with_room), _known), "H"),
                otherwise="M",
            ).label("impact"),
        )
        .select_from(resource_providers)
        .join(trees, and_(trees.c.provider_id == resource_providers.c.id, trees.c.shared == 0))
        .outerjoin(_children, _children.c.root_id == resource_providers.c.id)
        .where(
            resource_providers.c.parent_provider_id.is_(None),
            ~of_this_nova(resource_providers),
            or_(_compute, resource_providers.c.id.in_(_with_core)),
        )
        .order_by("provider")
    ),
)
