from sqlalchemy import and_, case, or_, select

from placement_audit.checks.relations import tops
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

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
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
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
            case((_provider.parent_provider_id.is_not(None), _right.c.id)).label("right_root_id"),
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
