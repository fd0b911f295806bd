from sqlalchemy import exists, func, literal, select

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, consumers

_listed = (
    select(
        literal("consumers").label("table"),
        consumers.c.uuid,
        consumers.c.created_at,
        place_of(consumers.c.uuid).label("place"),
    )
    .where(~exists().where(allocations.c.consumer_id == consumers.c.uuid))
    .subquery("holding_nothing")
)

CHECK = Check(
    code="P16",
    name="consumer-without-allocation",
    impact=Impact.INFO,
    title="Consumers that hold nothing",
    message="{consumers} consumers are recorded and hold nothing: {sample}",
    identity=("table",),
    why=(
        "They do no harm. Writing an empty set of allocations for a consumer that placement did not know leaves such "
        "a record; so does deleting allocations by SQL. The API has no command that removes it: it is used again by "
        "the next claim, and goes with the deletion of that."
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, generation, created_at FROM consumers'
        ' WHERE uuid NOT IN (SELECT consumer_id FROM allocations)"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#update-allocations",),
    members=select(_listed.c.table, _listed.c.uuid.label("consumer")),
    query=(
        select(
            _listed.c.table,
            func.count().label("consumers"),
            sample(_listed.c.uuid, _listed.c.place).label("sample"),
            # The oldest: a claim that is being written is legally here for a moment, and holds back nobody else.
            func.min(_listed.c.created_at).label("newest_change"),
            literal("the API has no command that removes such a record, and it does no harm").label("withheld"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
