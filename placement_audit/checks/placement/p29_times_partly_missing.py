from sqlalchemy import func, literal, select

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations

# Asked of rows before it is asked of consumers: in most clouds there is none.
_undated = select(allocations.c.consumer_id).where(allocations.c.created_at.is_(None))
_dated = func.count(allocations.c.created_at)

_consumer = (
    select(
        literal("allocations").label("table"),
        allocations.c.consumer_id,
        (func.count() - _dated).label("undated"),
        func.max(allocations.c.created_at).label("latest"),
    )
    .where(allocations.c.consumer_id.in_(_undated))
    .group_by(allocations.c.consumer_id)
    .having(_dated > 0)
    .subquery("consumer")
)
_listed = select(_consumer, place_of(_consumer.c.consumer_id).label("place")).subquery("listed")

CHECK = Check(
    code="P29",
    name="times-partly-missing",
    impact=Impact.MEDIUM,
    title="Consumers of whose allocations some have a time and some have none",
    message=(
        "{undated} allocations of {consumers} consumers have no time of creation, while others of theirs do: {sample}"
    ),
    identity=("table",),
    why=(
        "From microversion 1.15 on placement cannot compare the two and fails with an internal error when it is asked "
        "what such a consumer holds. Nova asks so: the server can be neither moved nor resized nor healed. Placement "
        "writes a time into every row, so somebody inserted these by hand. The command below gives all such rows the "
        "time of the same consumer's others."
    ),
    exceptions=("a consumer none of whose rows has a time",),
    remedy=(
        'mariadb placement -e "SELECT * FROM allocations WHERE created_at IS NULL"',
        'mariadb placement -e "UPDATE allocations AS undated JOIN (SELECT consumer_id, MAX(created_at) AS latest'
        " FROM allocations GROUP BY consumer_id) AS dated ON dated.consumer_id = undated.consumer_id"
        " SET undated.created_at = dated.latest"
        ' WHERE undated.created_at IS NULL AND dated.latest IS NOT NULL"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#list-allocations",),
    members=select(_consumer.c.table, _consumer.c.consumer_id.label("consumer")),
    query=(
        select(
            _listed.c.table,
            func.count().label("consumers"),
            func.sum(_listed.c.undated).label("undated"),
            sample(_listed.c.consumer_id, _listed.c.place).label("sample"),
            # The oldest: one that is young must not hold back those that were there before.
            func.min(_listed.c.latest).label("newest_change"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
