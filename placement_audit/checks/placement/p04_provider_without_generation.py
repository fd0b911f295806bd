from sqlalchemy import select

from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

CHECK = Check(
    code="P04",
    name="provider-without-generation",
    impact=Impact.HIGH,
    title="Provider without a generation",
    message="{provider_name} (id {provider_id}) has no generation",
    identity=("provider",),
    why="Placement fails with an internal error whenever something is to be allocated on the provider.",
    remedy=(
        "openstack resource provider show {provider}",
        'mariadb placement -e "UPDATE resource_providers SET generation = 0'
        ' WHERE id = {provider_id} AND generation IS NULL"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-providers",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_providers.c.id.label("provider_id"),
            resource_providers.c.created_at.label("newest_change"),
        )
        .where(resource_providers.c.generation.is_(None))
        .order_by("provider")
    ),
)
