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
    .where(consumers.c.generation == 0, exists().where(allocations.c.consumer_id == consumers.c.uuid))
    .subquery("never_written")
)

CHECK = Check(
    code="P32",
    name="consumer-of-generation-zero",
    impact=Impact.INFO,
    title="Consumers with allocations that no present release wrote",
    message="{consumers} consumers hold something and are of generation 0: {sample}",
    identity=("table",),
    why=(
        "Placement counts the generation up with the first allocation. Generation 0 tells that the online migration "
        "made the record, or somebody with SQL; it is right until the consumer is next written."
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, created_at FROM consumers'
        ' WHERE generation = 0 AND uuid IN (SELECT consumer_id FROM allocations)"',
        "openstack resource provider allocation show {first}",
    ),
    references=("https://docs.openstack.org/placement/latest/cli/placement-manage.html",),
    members=select(_listed.c.table, _listed.c.uuid.label("consumer")),
    query=(
        select(
            _listed.c.table,
            func.count().label("consumers"),
            func.min(_listed.c.uuid).label("first"),
            sample(_listed.c.uuid, _listed.c.place).label("sample"),
            literal("nothing has to be done: the next write of the consumer counts its generation up").label(
                "withheld"
            ),
            # The oldest: one that is young must not hold back those that were there before.
            func.min(_listed.c.created_at).label("newest_change"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
