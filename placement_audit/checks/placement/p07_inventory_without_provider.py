from sqlalchemy import func, literal, select

from placement_audit.checks.relations import class_name
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

CHECK = Check(
    code="P07",
    name="inventory-without-provider",
    impact=Impact.LOW,
    title="Inventory whose provider is missing",
    message="inventories of {classes} belong to provider id {provider_id}, which does not exist (rows: {rows})",
    identity=("provider_id",),
    why=(
        "The rows do nothing as they are. They show that a provider was removed by hand or lost in a restore, and "
        "keep custom resource classes from being deleted."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM inventories WHERE resource_provider_id = {provider_id}"',
        'mariadb placement -e "DELETE FROM inventories WHERE resource_provider_id = {provider_id}'
        ' AND NOT EXISTS (SELECT * FROM resource_providers WHERE id = {provider_id})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-inventories",),
    query=(
        select(
            literal("inventories").label("table"),
            inventories.c.resource_provider_id.label("provider_id"),
            func.count().label("rows"),
            func.aggregate_strings(class_name(inventories.c.resource_class_id), ", ").label("classes"),
            func.max(inventories.c.created_at).label("newest_change"),
        )
        .select_from(inventories)
        .outerjoin(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .outerjoin(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .where(resource_providers.c.id.is_(None))
        .group_by(inventories.c.resource_provider_id)
        .order_by("provider_id")
    ),
)
