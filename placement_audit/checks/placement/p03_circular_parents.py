from sqlalchemy import and_, case, func, literal, null, select

from placement_audit.checks.relations import lineage
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_line, _parent = lineage(), resource_providers.alias("parent")
_provider = resource_providers.c
_below = _line.alias("below")
_up, _down, _other = _line.alias("up"), _line.alias("down"), resource_providers.alias("other_root")
# Another of the same circle that is recorded as its own root.
_in_the_circle = (
    select(func.min(_other.c.name))
    .select_from(_up)
    .join(_down, and_(_down.c.provider_id == _up.c.ancestor_id, _down.c.ancestor_id == _up.c.provider_id))
    .join(_other, and_(_other.c.id == _up.c.ancestor_id, _other.c.root_provider_id == _other.c.id))
    .where(_up.c.provider_id == _provider.id, _other.c.id != _provider.id)
    .scalar_subquery()
)
_was_top = and_(_provider.root_provider_id == _provider.id, _in_the_circle.is_(None))

CHECK = Check(
    code="P03",
    name="circular-parents",
    impact=Impact.CLOUD,
    title="Provider that is its own ancestor",
    message="{provider_name} is its own ancestor: the parents of its parent {parent_name} lead back to it",
    identity=("provider",),
    why=(
        "The tree has no top. Placement can delete none of the providers in it, and a request for candidates of the "
        "same subtree that meets them fails for everybody."
    ),
    remedy=(
        "mariadb placement -e "
        '"SELECT id, uuid, name, parent_provider_id, root_provider_id FROM resource_providers'
        ' WHERE id IN ({provider_id}, {parent_id})"',
        'mariadb placement -e "UPDATE resource_providers SET parent_provider_id = NULL'
        ' WHERE id = {own_root_id} AND parent_provider_id = {parent_id} AND root_provider_id = {own_root_id}"',
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    absorbs={"P02": ("provider",)},
    query=(
        select(
            _provider.uuid.label("provider"),
            _provider.name.label("provider_name"),
            _provider.id.label("provider_id"),
            _provider.parent_provider_id.label("parent_id"),
            _parent.c.name.label("parent_name"),
            _provider.root_provider_id.label("root_id"),
            # Of a circle the one that is recorded as its own root was its top.
            case((_was_top, _provider.id)).label("own_root_id"),
            case(
                (_was_top, null()),
                (
                    _provider.root_provider_id == _provider.id,
                    literal("it is recorded as its own root, and so is ")
                    + _in_the_circle
                    + " of the same circle: compare both uuids with openstack hypervisor list --long, for the host is "
                    "the one that has no parent",
                ),
                (
                    _in_the_circle.is_not(None),
                    literal("the circle is to be opened above ")
                    + _in_the_circle
                    + ", which is recorded as its own root: see the finding about that one, then audit again",
                ),
                else_="none of the circle is recorded as its own root: compare the uuids with openstack hypervisor "
                "list --long, for the host is the one that has no parent",
            ).label("withheld"),
            select(func.count() - 1).where(_below.c.ancestor_id == _provider.id).scalar_subquery().label("below"),
            _provider.created_at.label("newest_change"),
        )
        .select_from(resource_providers)
        .join(_parent, _parent.c.id == _provider.parent_provider_id)
        .join(_line, and_(_line.c.provider_id == _provider.parent_provider_id, _line.c.ancestor_id == _provider.id))
        .order_by("provider")
    ),
)
