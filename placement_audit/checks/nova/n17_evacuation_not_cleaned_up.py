from sqlalchemy import and_, exists, select

from placement_audit.checks.relations import before, changed, computes, servers, up
from placement_audit.finding import Check, Impact
from placement_audit.schema import migrations

_source, _server, _later = computes(), servers(), migrations.alias("later")
_changed = changed(migrations)

CHECK = Check(
    code="N17",
    name="evacuation-not-cleaned-up",
    impact=Impact.INFO,
    title="Evacuated server that still holds its part of a host that is back",
    message=(
        "server {instance} was evacuated from {host} at {newest_change}; nova-compute there is up again, but has not "
        "cleaned up after it"
    ),
    identity=("cell", "migration_id"),
    why=(
        "When it starts, the compute service removes the guests that were evacuated in the meantime, and gives back "
        "what they held. As long as it has not, a second guest may run there, and its room is lost."
    ),
    exceptions=(
        "a host that is down, or was seen last more than a minute ago",
        "evacuations of the last day, since nobody can see when the service came up",
        "servers that are deleted, and older evacuations from a host that has cleaned up since",
    ),
    remedy=(
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        "# restart nova-compute on {host}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/evacuate.html",),
    query=(
        select(
            migrations.c.cell,
            migrations.c.id.label("migration_id"),
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            migrations.c.source_compute.label("host"),
            migrations.c.source_node.label("node"),
            _changed.label("newest_change"),
        )
        .join(_source, and_(_source.c.cell == migrations.c.cell, _source.c.host == migrations.c.source_compute))
        .join(_server, and_(_server.c.cell == migrations.c.cell, _server.c.uuid == migrations.c.instance_uuid))
        .where(migrations.c.migration_type == "evacuation", migrations.c.status == "done", migrations.c.deleted == 0)
        .where(_changed < before(days=1), up(_source))
        # Of several evacuations from one host nova completes the last alone.
        .where(
            ~exists().where(
                _later.c.instance_uuid == migrations.c.instance_uuid,
                _later.c.source_compute == migrations.c.source_compute,
                _later.c.migration_type == "evacuation",
                _later.c.id > migrations.c.id,
            )
        )
        .order_by("cell", "migration_id")
    ),
)
