from sqlalchemy import String, and_, case, cast, func, literal, null, or_, select

from placement_audit.checks.relations import bearers, tops
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, compute_nodes, resource_providers, traits, trees

_tops = tops()
_parent, _root, _right = (
    resource_providers.alias("parent"),
    resource_providers.alias("root"),
    resource_providers.alias("right_root"),
)
_provider = resource_providers.c
_orphan = and_(_provider.parent_provider_id.is_not(None), _parent.c.id.is_(None))
_own_root = and_(_provider.parent_provider_id.is_not(None), _provider.root_provider_id == _provider.id)
_lone = _provider.parent_provider_id.is_(None)
# Nova makes the provider of a compute node a root: its parent is the mistake, or its root.
_is_host = _provider.uuid.in_(select(compute_nodes.c.uuid).where(compute_nodes.c.deleted == 0))
_like_a_host = _provider.id.in_(bearers(traits.c.name == "COMPUTE_NODE"))
# Who holds something of it together with something of the tree where it is recorded speaks for that tree.
_held, _beside, _tree = allocations.alias("held"), allocations.alias("beside"), trees.alias("recorded_tree")
_tied_to = (
    select(func.min(_held.c.consumer_id))
    .join(_beside, _beside.c.consumer_id == _held.c.consumer_id)
    .join(_tree, _tree.c.provider_id == _beside.c.resource_provider_id)
    .where(_held.c.resource_provider_id == _provider.id, _beside.c.resource_provider_id != _provider.id)
    .where(_tree.c.root_id == _provider.root_provider_id)
    .scalar_subquery()
)
_moves = and_(_provider.parent_provider_id.is_not(None), ~_is_host, ~_like_a_host, _tied_to.is_(None))

CHECK = Check(
    code="P02",
    name="root-contradicts-parent",
    impact=Impact.HIGH,
    title="Provider whose root is not where its parents lead",
    message="{provider_name} is in the wrong tree: {reason} (parent {parent_name}, root {root_name})",
    identity=("provider",),
    why=(
        "Placement goes by the root: it offers the provider's resources together with those of another host, and "
        "misses them on its own."
    ),
    remedy=(
        "openstack --os-placement-api-version 1.14 resource provider show {provider}",
        'mariadb placement -e "UPDATE resource_providers SET root_provider_id = {right_root_id}'
        ' WHERE id = {provider_id} AND root_provider_id = {root_id} AND parent_provider_id = {parent_id}"',
        'mariadb placement -e "UPDATE resource_providers SET parent_provider_id = NULL, root_provider_id = {host_id}'
        ' WHERE id = {host_id} AND root_provider_id = {root_id} AND parent_provider_id <=> {parent_or_null}"',
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    optional=(compute_nodes,),
    query=(
        select(
            _provider.uuid.label("provider"),
            _provider.name.label("provider_name"),
            case(
                (_orphan, "its parent does not exist"),
                (_lone, "it has no parent, yet is not its own root"),
                (_own_root, "it has a parent, yet is its own root"),
                else_="its parents lead to another root",
            ).label("reason"),
            _provider.id.label("provider_id"),
            _provider.parent_provider_id.label("parent_id"),
            _parent.c.name.label("parent_name"),
            _provider.root_provider_id.label("root_id"),
            _root.c.name.label("root_name"),
            # A root that stands below no one any more may as well have lost its parent: no command for it.
            case((_moves, _right.c.id)).label("right_root_id"),
            case((_is_host, _provider.id)).label("host_id"),
            func.coalesce(cast(_provider.parent_provider_id, String), "NULL").label("parent_or_null"),
            case(
                (_is_host, null()),
                (
                    _orphan,
                    "its parent is gone from the table: restore that row, or ask whatever reports the provider (its "
                    "name tells: nova-compute, a neutron agent) where it belongs",
                ),
                (
                    or_(_lone, _like_a_host),
                    "it may be a host's own root or have lost its parent: audit with nova's databases, or compare its "
                    "uuid with openstack hypervisor list --long",
                ),
                (_right.c.id.is_(None), "its parents end in no root, which is a finding of its own (P01, P03)"),
                (
                    _tied_to.is_not(None),
                    literal("its parent may be the mistake, not its root: ")
                    + _tied_to
                    + " holds something of it and of the tree of its root; openstack resource provider allocation show "
                    "tells which host that is",
                ),
            ).label("withheld"),
            _right.c.name.label("right_root_name"),
            _provider.created_at.label("newest_change"),
        )
        .select_from(resource_providers)
        .outerjoin(_parent, _parent.c.id == _provider.parent_provider_id)
        .outerjoin(_root, _root.c.id == _provider.root_provider_id)
        .outerjoin(_tops, _tops.c.provider_id == _provider.id)
        .outerjoin(_right, _right.c.id == _tops.c.top_id)
        # Compared with the end of the line and not with the parent's root: the children of one in the wrong tree
        # are right. NULL, which is P01's, and a line without end, which is P03's, compare as unknown.
        .where(
            _provider.root_provider_id.is_not(None),
            or_(_orphan, _own_root, _provider.root_provider_id != _tops.c.top_id),
        )
        .order_by("provider")
    ),
)
