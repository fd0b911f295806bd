from sqlalchemy import func, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, resource_classes, resource_providers

CHECK = Check(
    code="P18",
    name="duplicate-allocation",
    impact=Impact.MEDIUM,
    title="Several allocation rows where there can be one",
    message="{consumer} has {rows} rows of {resource_class} on {provider_name}; together they take {used}",
    identity=("consumer", "provider", "resource_class"),
    why=(
        "Usage is the sum of the rows, while the API shows a single one of them, so that part of what is taken cannot "
        "be seen. Whoever writes the consumer anew with all that it should hold (openstack resource provider "
        "allocation set) replaces every row of it."
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        'mariadb placement -e "SELECT consumer_id, id, used, created_at FROM allocations'
        ' WHERE resource_provider_id = {provider_id} AND resource_class_id = {class_id} ORDER BY consumer_id"',
    ),
    references=("https://docs.openstack.org/osc-placement/latest/cli/index.html",),
    query=(
        select(
            allocations.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            func.count().label("rows"),
            func.sum(allocations.c.used).label("used"),
            func.min(allocations.c.used).label("smallest"),
            func.max(allocations.c.used).label("largest"),
            resource_providers.c.id.label("provider_id"),
            resource_classes.c.id.label("class_id"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .select_from(allocations)
        .join(resource_providers, resource_providers.c.id == allocations.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
        .group_by(
            allocations.c.consumer_id,
            resource_providers.c.id,
            resource_providers.c.uuid,
            resource_providers.c.name,
            resource_classes.c.id,
            resource_classes.c.name,
        )
        .having(func.count() > 1)
        .order_by("consumer", "provider", "resource_class")
    ),
)
