from sqlalchemy import func, literal, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, resource_classes, resource_providers

# Grouped before it is joined: names are looked up for the few that remain.
_twice = (
    select(
        allocations.c.resource_provider_id,
        allocations.c.resource_class_id,
        allocations.c.consumer_id,
        func.count().label("rows"),
        func.sum(allocations.c.used).label("used"),
        func.min(allocations.c.used).label("smallest"),
        func.max(allocations.c.used).label("largest"),
        func.max(allocations.c.created_at).label("newest_change"),
    )
    .group_by(allocations.c.resource_provider_id, allocations.c.resource_class_id, allocations.c.consumer_id)
    .having(func.count() > 1)
    .subquery("twice")
)

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
            _twice.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            _twice.c.rows,
            _twice.c.used,
            _twice.c.smallest,
            _twice.c.largest,
            resource_providers.c.id.label("provider_id"),
            resource_classes.c.id.label("class_id"),
            literal(
                "the rows do not tell which amount is right, and allocation set replaces all that the consumer "
                "holds: the flavor in openstack server show tells what that should be"
            ).label("withheld"),
            _twice.c.newest_change,
        )
        .select_from(_twice)
        .join(resource_providers, resource_providers.c.id == _twice.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == _twice.c.resource_class_id)
        .order_by("consumer", "provider", "resource_class")
    ),
)
