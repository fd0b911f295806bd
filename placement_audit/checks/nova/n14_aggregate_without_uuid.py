from sqlalchemy import literal, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import aggregates

CHECK = Check(
    code="N14",
    name="aggregate-without-uuid",
    impact=Impact.MEDIUM,
    title="Host aggregate without a uuid",
    message="aggregate {aggregate}, number {aggregate_id}, has no uuid",
    identity=("aggregate_id",),
    why=(
        "Placement knows aggregates by their uuid alone, so that this one is never mirrored there. Present nova "
        "cannot even load it: each list of aggregates or availability zones fails on it."
    ),
    remedy=(
        "openstack aggregate list",
        "# if the list fails, write a uuid into nova_api.aggregates by hand",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html#aggregates-in-placement",),
    query=(
        select(
            aggregates.c.id.label("aggregate_id"),
            aggregates.c.name.label("aggregate"),
            literal(
                "nova has no command that gives an aggregate a uuid while it cannot load it, and placement may "
                "know the aggregate under one: look for it with openstack resource provider aggregate list on "
                "its hosts"
            ).label("withheld"),
            aggregates.c.created_at.label("newest_change"),
        )
        .where(aggregates.c.uuid.is_(None))
        .order_by("aggregate_id")
    ),
)
