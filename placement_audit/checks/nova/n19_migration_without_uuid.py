from sqlalchemy import case, exists, func, literal, select

from placement_audit.checks.relations import changed, in_progress
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, migrations

_present = exists().where(instances.c.uuid == migrations.c.instance_uuid, instances.c.deleted == 0)

CHECK = Check(
    code="N19",
    name="migration-without-uuid",
    impact=Impact.LOW,
    title="Open migration without a uuid",
    message="migration {migration_id} of {instance} in {cell} has been {status} since before Queens: it has no uuid",
    identity=("cell", "migration_id"),
    why=(
        "It can hold nothing in placement: its source is not kept free for it, and the server takes no other move "
        "while it is open."
    ),
    exceptions=("migrations that are over, as those of before Queens should be",),
    remedy=("openstack server migration list --server {present}",),
    references=("https://docs.openstack.org/nova/latest/admin/migrate-instance-with-snapshot.html",),
    query=(
        select(
            migrations.c.cell,
            migrations.c.id.label("migration_id"),
            migrations.c.instance_uuid.label("instance"),
            migrations.c.source_compute.label("host"),
            func.coalesce(migrations.c.status, "open").label("status"),
            case((_present, migrations.c.instance_uuid)).label("present"),
            literal(
                "where the server runs only its host tells: look there for the guest, then end the migration's row by "
                "hand"
            ).label("withheld"),
            changed(migrations).label("newest_change"),
        )
        .where(in_progress(migrations), migrations.c.uuid.is_(None))
        .order_by("cell", "migration_id")
    ),
)
