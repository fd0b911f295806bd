from sqlalchemy import String, case, cast, func, literal, null, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import sources, stale_copies

_count = case((stale_copies.c.rows > 0, stale_copies.c.table + literal(" ") + cast(stale_copies.c.rows, String)))

CHECK = Check(
    code="X28",
    name="stale-placement-tables",
    impact=Impact.INFO,
    title="Rows of placement that were left in nova's API database",
    message="{database} still has {rows} rows of placement from before Stein: {counts}",
    identity=("database",),
    why=(
        "Placement had its tables there until Stein, and its extraction copied them. Nobody reads or writes these "
        "rows any more: whoever looks into them by mistake sees the cloud as it was before Stein."
    ),
    exceptions=("the empty tables that nova itself still makes",),
    remedy=("# look into placement's own database, and leave these rows alone or archive them with the DBA",),
    references=("https://docs.openstack.org/placement/latest/admin/upgrade-to-stein.html",),
    query=(
        select(
            sources.c.name.label("database"),
            func.sum(stale_copies.c.rows).label("rows"),
            func.aggregate_strings(_count, ", ").label("counts"),
            literal(
                "the rows harm nobody, and that no tool still reads them is not in these databases: ask the DBA "
                "before they are removed"
            ).label("withheld"),
            null().label("newest_change"),
        )
        .join_from(sources, stale_copies, stale_copies.c.rows > 0)
        .where(sources.c.role == "api")
        .group_by(sources.c.name)
        .order_by("database")
    ),
)
