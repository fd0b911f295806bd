from sqlalchemy import literal, null, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import deviations

CHECK = Check(
    code="P27",
    name="schema-not-as-revision",
    impact=Impact.CLOUD,
    title="Placement database whose tables are not those of its revision",
    message="database {database} (revision {revision}): {detail}",
    identity=("database", "table"),
    why=(
        "Placement's own migrations leave no such state. It comes of an upgrade that stopped half-way, of single "
        "tables that were restored from another release, or of a revision that was stamped by hand. The API fails on "
        "what is missing, and placement-manage db sync on what is there too early."
    ),
    exceptions=(
        "an older release, whose tables are those of its revision",
        "a later release, whose revision is not known yet, is a warning of the run",
    ),
    remedy=(
        "placement-manage db version",
        'mariadb placement -e "SELECT version_num FROM alembic_version"',
        'mariadb placement -e "SHOW TABLES"',
    ),
    references=("https://docs.openstack.org/placement/latest/cli/placement-manage.html",),
    query=(
        select(
            deviations.c.name.label("database"),
            deviations.c.table,
            deviations.c.revision,
            deviations.c.detail,
            literal(
                "placement's migrations do not repair a schema that they did not make: compare it with a new database "
                "of this revision, and look into a backup which rows the missing parts had"
            ).label("withheld"),
            null().label("newest_change"),
        )
        .where(deviations.c.role == "placement")
        .order_by("database", "table")
    ),
)
