from sqlalchemy import case, exists, func, literal, or_, select

from placement_audit.checks.relations import class_name
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers

_provider_id, _below = inventories.c.resource_provider_id, resource_providers.alias("below")
_held = exists().where(allocations.c.resource_provider_id == _provider_id)
_has_children = exists().where(
    or_(_below.c.parent_provider_id == _provider_id, _below.c.root_provider_id == _provider_id)
)

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
        'mariadb placement -e "DELETE FROM inventories WHERE resource_provider_id = {useless_id}'
        " AND NOT EXISTS (SELECT * FROM resource_providers WHERE {useless_id} IN (id, parent_provider_id,"
        ' root_provider_id)) AND NOT EXISTS (SELECT * FROM allocations WHERE resource_provider_id = {useless_id})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-inventories",),
    query=(
        select(
            literal("inventories").label("table"),
            inventories.c.resource_provider_id.label("provider_id"),
            func.count().label("rows"),
            func.aggregate_strings(class_name(inventories.c.resource_class_id), ", ").label("classes"),
            case((~or_(_held, _has_children), _provider_id)).label("useless_id"),
            case(
                (
                    or_(_held, _has_children),
                    "something is still held of the provider, or others are below it, so that its row was lost and not "
                    "deleted: restore that row from a backup, and keep these",
                )
            ).label("withheld"),
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
