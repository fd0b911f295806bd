from sqlalchemy import String, cast, exists, func, select

from placement_audit.checks.relations import class_name, placement_at
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, claims, consumers, resource_classes, resource_providers

_amount = class_name(allocations.c.resource_class_id) + " " + cast(allocations.c.used, String)
# Asked of consumers before it is asked of rows, and grouped before anything is joined: those in question are few.
_unrecorded = select(claims.c.consumer_id).where(~exists().where(consumers.c.uuid == claims.c.consumer_id))
_lone = (
    select(
        allocations.c.consumer_id,
        allocations.c.resource_provider_id,
        func.aggregate_strings(_amount, ", ").label("held"),
        func.max(allocations.c.created_at).label("newest"),
    )
    .outerjoin_from(allocations, resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
    .where(allocations.c.consumer_id.in_(_unrecorded))
    .group_by(allocations.c.consumer_id, allocations.c.resource_provider_id)
    .subquery("lone")
)

CHECK = Check(
    code="P13",
    name="allocation-without-consumer",
    impact=Impact.HIGH,
    title="Allocation whose consumer record is missing",
    message="{consumer} holds {held} on {provider_name}, but placement has no record of the consumer",
    identity=("consumer", "provider"),
    why=(
        "The rows count as usage, yet the API shows none of them and answers 404 to whoever wants to delete them. "
        "The migration below only adds a consumer without owner; then they can be read, healed or deleted."
    ),
    exceptions=("placement before Train, which has yet to make records of its oldest consumers",),
    remedy=(
        'mariadb placement -e "SELECT * FROM allocations WHERE resource_provider_id = {provider_id}'
        ' AND consumer_id NOT IN (SELECT uuid FROM consumers)"',
        "placement-manage db online_data_migrations",
    ),
    references=("https://docs.openstack.org/placement/latest/cli/placement-manage.html",),
    absorbs=dict.fromkeys(("X07", "X11", "X12", "X13", "P30", "N02b"), ("consumer",)),
    query=(
        select(
            _lone.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_providers.c.id.label("provider_id"),
            _lone.c.held,
            _lone.c.newest.label("newest_change"),
        )
        .select_from(_lone)
        .join(resource_providers, resource_providers.c.id == _lone.c.resource_provider_id)
        # Train's migration b5c396305c25 refuses to run while there is one.
        .where(~placement_at("b4ed3a175331", "611cd6dffd7b"))
        .order_by("consumer", "provider")
    ),
)
