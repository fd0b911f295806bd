from sqlalchemy import String, and_, case, cast, func, null, select

from placement_audit.checks.relations import placement_at, tops
from placement_audit.finding import Check, Impact
from placement_audit.schema import compute_nodes, resource_providers

_tops = tops()
_provider = resource_providers.c
# Nova gives the provider of a compute node no parent: one that has a parent is not where that leads.
_misplaced_host = and_(
    _provider.parent_provider_id.is_not(None),
    _provider.uuid.in_(select(compute_nodes.c.uuid).where(compute_nodes.c.deleted == 0)),
)
_right_root = case((~_misplaced_host, _tops.c.top_id))

CHECK = Check(
    code="P01",
    name="provider-without-root",
    impact=Impact.CLOUD,
    title="Provider without a root",
    message="{provider_name} (id {provider_id}) has no root provider",
    identity=("provider",),
    why=(
        "The API does not show the provider, and every request for allocation candidates that its inventory could "
        "serve fails for the whole cloud. Do not run the online data migrations while it has a parent: they make each "
        "such provider a root of its own."
    ),
    exceptions=("placement before Train, which has yet to fill in the roots",),
    remedy=(
        'mariadb placement -e "SELECT * FROM resource_providers WHERE id = {provider_id}"',
        'mariadb placement -e "UPDATE resource_providers SET root_provider_id = {right_root_id}'
        ' WHERE id = {provider_id} AND root_provider_id IS NULL AND parent_provider_id <=> {parent_or_null}"',
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    absorbs={"P02": ("provider",)},
    optional=(compute_nodes,),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_providers.c.id.label("provider_id"),
            resource_providers.c.parent_provider_id.label("parent_id"),
            func.coalesce(cast(_provider.parent_provider_id, String), "NULL").label("parent_or_null"),
            _right_root.label("right_root_id"),
            case(
                (_right_root.is_not(None), null()),
                (
                    _misplaced_host,
                    "it is a compute node's provider, which nova gives no parent, and has one: find out who set its "
                    "parent_provider_id before a root is written",
                ),
                else_="its parents end in no root: restore the parent that is missing, or mend their circle (P03), "
                "and look with openstack --os-placement-api-version 1.14 resource provider list where it belongs",
            ).label("withheld"),
            resource_providers.c.created_at.label("newest_change"),
        )
        .outerjoin_from(resource_providers, _tops, _tops.c.provider_id == resource_providers.c.id)
        # Train's migration 611cd6dffd7b refuses to run while there is one.
        .where(resource_providers.c.root_provider_id.is_(None), ~placement_at("b4ed3a175331"))
        .order_by("provider")
    ),
)
