from sqlalchemy import String, and_, case, cast, exists, func, literal, or_, select

from placement_audit.checks.relations import (
    before,
    busy,
    changed,
    doubled,
    last_move,
    lone_computes,
    moving,
    newest,
    nodes,
    on_node,
    servers,
    up,
)
from placement_audit.derived import REMOVING
from placement_audit.finding import Check, Impact
from placement_audit.schema import migrations

_server, _service = servers(), lone_computes()
_up = func.coalesce(up(_service), 0) == 1
_node = nodes()
_bare_metal = exists().where(on_node(_server, _node), _node.c.hypervisor_type == "ironic").correlate_except(_node)
# nova 34 asks the driver first, and ironic's evacuates nothing.
_spared = and_(_bare_metal, func.coalesce(_service.c.version, 0) >= 74)
_movable = and_(
    ~_bare_metal, _up, _server.c.vm_state == "active", _server.c.task_state.is_(None), ~busy(_server), ~moving(_server)
)
_name = cast(migrations.c.source_compute, String)
_end_it = (
    literal("a DBA sets the status of the record (table migrations of ")
    + migrations.c.cell
    + ", id "
    + cast(migrations.c.id, String)
    + case((migrations.c.status == "done", literal(") to 'completed'")), else_=literal(") to 'failed'"))
)

CHECK = Check(
    code="N21",
    name="evacuation-record-of-running-server",
    impact=Impact.HIGH,
    title="Server that the next start of nova-compute on its host would remove",
    message=(
        "server {instance} ({vm_state}) is on {host}, and its evacuation from {host} is still {status}: do not "
        "restart nova-compute on {host}, for its next start removes the guest"
    ),
    identity=("cell", "migration_id"),
    why=(
        "When it starts, nova-compute destroys every guest on its host of which it finds an evacuation from there "
        "that is accepted, pre-migrating or done, also in deleted records. It does not look where the server is by "
        "now (nova 20 to 34). So it removes a server that came back, or that was never evacuated after all, in newer "
        "releases with its local disks. A restart for an upgrade or a reboot of the host is enough. It makes no "
        "difference whether the host is up, down or forced down."
    ),
    exceptions=(
        "an evacuation that goes on, or is stuck while the host is down (N08)",
        "a server that is on another host: its old guest here is to be removed",
        "a server that two cells show",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack --os-compute-api-version 2.30 server migrate --live-migration {movable}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/evacuate.html",),
    absorbs={"N08": ("cell", "migration_id")},
    query=(
        select(
            migrations.c.cell,
            migrations.c.id.label("migration_id"),
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            migrations.c.source_compute.label("host"),
            migrations.c.status,
            migrations.c.dest_compute.label("dest_host"),
            _server.c.vm_state,
            _server.c.task_state,
            case((_up, "up"), else_="down").label("service"),
            case((_movable, _server.c.uuid)).label("movable"),
            case(
                (_movable, None),
                (
                    ~_up,
                    literal("nova-compute on ")
                    + _name
                    + " is down and must not start yet, and nova has no command that ends such a record. See where "
                    "the guest is ('virsh list --all' there and on the record's destination). If it is on "
                    + _name
                    + " alone, "
                    + _end_it
                    + " before that service starts.",
                ),
                else_=literal(
                    "the server cannot be live-migrated as it is. Let its task or migration end, then move it "
                    "to another host (stopped ones with 'openstack server migrate'), or see with 'virsh list --all' "
                    "that the guest is on "
                )
                + _name
                + " alone: then "
                + _end_it
                + ". Until then that nova-compute must not restart.",
            ).label("withheld"),
            newest(changed(migrations), last_move(_server.c.uuid)).label("newest_change"),
        )
        .join(_server, and_(_server.c.cell == migrations.c.cell, _server.c.uuid == migrations.c.instance_uuid))
        .outerjoin(
            _service,
            and_(_service.c.cell == migrations.c.cell, _service.c.host == migrations.c.source_compute),
        )
        .where(migrations.c.migration_type == "evacuation", migrations.c.status.in_(REMOVING))
        .where(_server.c.host == migrations.c.source_compute, ~doubled(_server), ~_spared)
        .where(
            or_(
                migrations.c.status == "done",
                func.coalesce(_server.c.task_state, "").not_like("rebuild%"),
                and_(_up, changed(migrations) < before(hours=1)),
            )
        )
        .order_by("cell", "migration_id")
    ),
)
