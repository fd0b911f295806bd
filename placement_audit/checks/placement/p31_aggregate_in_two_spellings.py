from sqlalchemy import func, literal, null, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import placement_aggregates, resource_provider_aggregates

_uuid = placement_aggregates.c.uuid
_members = (
    select(resource_provider_aggregates.c.aggregate_id, func.count().label("members"))
    .group_by(resource_provider_aggregates.c.aggregate_id)
    .subquery("members")
)

CHECK = Check(
    code="P31",
    name="aggregate-in-two-spellings",
    impact=Impact.LOW,
    title="One aggregate that placement has twice, in two spellings",
    message="placement has {spellings} aggregates that are one uuid: {aggregate} and {other}",
    identity=("aggregate",),
    why=(
        "Placement stores an aggregate as it was given, with or without dashes, and compares the text. A provider that "
        "is in one of them is not found in the other: nova, which asks with dashes and in small letters, misses it, "
        "and a sharing provider does not reach it."
    ),
    remedy=(
        "openstack --os-placement-api-version 1.3 resource provider list --member-of {aggregate}",
        "openstack --os-placement-api-version 1.3 resource provider list --member-of {other}",
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-aggregates",),
    query=(
        select(
            func.min(_uuid.concat("")).label("aggregate"),
            func.max(_uuid.concat("")).label("other"),
            func.count().label("spellings"),
            func.coalesce(func.sum(_members.c.members), 0).label("members"),
            literal(
                "aggregate set replaces the whole list of a provider, and whoever wrote the other spelling would "
                "write it again: find out first who that is"
            ).label("withheld"),
            null().label("newest_change"),
        )
        .select_from(placement_aggregates)
        .outerjoin(_members, _members.c.aggregate_id == placement_aggregates.c.id)
        .where(_uuid.is_not(None))
        .group_by(func.replace(func.lower(_uuid), "-", ""))
        .having(func.count() > 1)
        .order_by("aggregate")
    ),
)
