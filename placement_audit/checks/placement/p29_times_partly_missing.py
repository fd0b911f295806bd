from sqlalchemy import func, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations

# Asked of rows before it is asked of consumers: in most clouds there is none.
_undated = select(allocations.c.consumer_id).where(allocations.c.created_at.is_(None))
_dated = func.count(allocations.c.created_at)

CHECK = Check(
    code="P29",
    name="times-partly-missing",
    impact=Impact.MEDIUM,
    title="Consumer of whose allocations some have a time and some have none",
    message="of the {rows} allocations of {consumer} {undated} have no time of creation",
    identity=("consumer",),
    why=(
        "From microversion 1.15 on placement cannot compare the two and fails with an internal error when it is asked "
        "what the consumer holds. Nova asks so: the server can be neither moved nor resized nor healed. Placement "
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
    query=(
        select(
            allocations.c.consumer_id.label("consumer"),
            func.count().label("rows"),
            (func.count() - _dated).label("undated"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .where(allocations.c.consumer_id.in_(_undated))
        .group_by(allocations.c.consumer_id)
        .having(_dated > 0)
        .order_by("consumer")
    ),
)
