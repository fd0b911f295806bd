from sqlalchemy import and_, exists, func, select

from placement_audit.checks.relations import before, changed, computes, moving, nodes, servers, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import migrations

_source, _server, _node, _later = computes(), servers(), nodes(), migrations.alias("later")
_changed = changed(migrations)

CHECK = Check(
    code="N17",
    name="evacuation-not-cleaned-up",
    impact=Impact.INFO,
    title="Evacuated server that may still hold its part of a host that is back",
    message=(
        "server {instance} was evacuated from {host} at {newest_change}; nova-compute there is up again, but has not "
        "cleaned up after it"
    ),
    identity=("cell", "migration_id"),
    why=(
        "When it starts, the compute service removes the guests that were evacuated in the meantime, and gives back "
        "what they held. Until then a second guest may run there, and what the server still holds there is lost to "
        "others."
    ),
    exceptions=(
        "a host that is down, or was seen last more than a minute ago",
        "evacuations of the last day, since nobody can see when the service came up",
        "servers that are deleted, and older evacuations from a host that has cleaned up since",
        "servers that are back on the host, or move: a start of nova-compute there would remove the guest that runs",
        "hosts whose compute node is gone, which nova then leaves alone",
    ),
    remedy=(
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        "# the next start of nova-compute on {restartable} removes the guest there: see first that none is in use",
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
            restartable(_source).label("restartable"),
            restart_withheld(_source).label("withheld"),
            _changed.label("newest_change"),
        )
        .join(_source, and_(_source.c.cell == migrations.c.cell, _source.c.host == migrations.c.source_compute))
        .join(_server, and_(_server.c.cell == migrations.c.cell, _server.c.uuid == migrations.c.instance_uuid))
        .where(migrations.c.migration_type == "evacuation", migrations.c.status == "done", migrations.c.deleted == 0)
        .where(_changed < before(days=1), up(_source))
        # nova 34 looks at the migration alone, and would remove a server that has come back meanwhile.
        .where(func.coalesce(_server.c.host, "") != migrations.c.source_compute, ~moving(_server))
        .where(
            exists().where(
                _node.c.cell == migrations.c.cell,
                _node.c.host == migrations.c.source_compute,
                _node.c.hypervisor_hostname == migrations.c.source_node,
            )
        )
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
