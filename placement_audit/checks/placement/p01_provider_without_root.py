from sqlalchemy import select

from placement_audit.checks.relations import placement_at, tops
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_tops = tops()

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
        ' WHERE id = {provider_id} AND root_provider_id IS NULL"',
    ),
    references=("https://docs.openstack.org/placement/latest/user/provider-tree.html",),
    absorbs={"P02": ("provider",)},
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_providers.c.id.label("provider_id"),
            resource_providers.c.parent_provider_id.label("parent_id"),
            _tops.c.top_id.label("right_root_id"),
            resource_providers.c.created_at.label("newest_change"),
        )
        .outerjoin_from(resource_providers, _tops, _tops.c.provider_id == resource_providers.c.id)
        # Train's migration 611cd6dffd7b refuses to run while there is one.
        .where(resource_providers.c.root_provider_id.is_(None), ~placement_at("b4ed3a175331"))
        .order_by("provider")
    ),
)
