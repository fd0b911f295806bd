from sqlalchemy import exists, func, literal, null, select

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import placement_aggregates, resource_provider_aggregates

_listed = (
    select(
        literal("placement_aggregates").label("table"),
        placement_aggregates.c.uuid,
        place_of(placement_aggregates.c.uuid).label("place"),
    )
    .where(~exists().where(resource_provider_aggregates.c.aggregate_id == placement_aggregates.c.id))
    .subquery("empty_aggregates")
)

CHECK = Check(
    code="P24",
    name="aggregate-without-members",
    impact=Impact.INFO,
    title="Aggregates that no provider is in",
    message="{aggregates} aggregates of placement have no provider: {sample}",
    identity=("table",),
    why=(
        "Placement makes an aggregate when it is first mentioned and never removes it, so that those of the past "
        "remain. Nothing is to be done, unless an aggregate is among them that should have hosts."
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, created_at FROM placement_aggregates'
        ' WHERE id NOT IN (SELECT aggregate_id FROM resource_provider_aggregates)"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-aggregates",),
    query=(
        select(
            _listed.c.table,
            func.count().label("aggregates"),
            sample(_listed.c.uuid, _listed.c.place).label("sample"),
            literal("nothing has to be done; placement has no command to remove an aggregate").label("withheld"),
            null().label("newest_change"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
