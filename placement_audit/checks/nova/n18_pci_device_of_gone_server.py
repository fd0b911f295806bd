from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import busy, changed, computes, in_progress, last_move, newest, nodes, up
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, migrations, pci_devices

_node, _here, _any, _busy = nodes(), instances.alias("here"), instances.alias("any_server"), instances.alias("busy")
_service = computes()
# Not the node's updated_at, which rests while the node's amounts do.
_counts = exists().where(_service.c.cell == _node.c.cell, _service.c.host == _node.c.host, up(_service))
_nobody = pci_devices.c.instance_uuid.is_(None)
# By the node alone: after a host was renamed (N06) its servers still go by the old name, and use their devices.
_runs_here = exists().where(
    _here.c.uuid == pci_devices.c.instance_uuid,
    _here.c.deleted == 0,
    _here.c.cell == _node.c.cell,
    _here.c.node == _node.c.hypervisor_hostname,
)
# A resize that failed at its end is still counted on both hosts (SEMANTICS D.1).
_has_a_task = exists().where(
    _busy.c.uuid == pci_devices.c.instance_uuid,
    _busy.c.deleted == 0,
    or_(busy(_busy), _busy.c.vm_state == "resized"),
)
# A resize keeps the source's devices until it is confirmed, an evacuation until the host is back.
_moves = exists().where(
    migrations.c.instance_uuid == pci_devices.c.instance_uuid,
    or_(
        in_progress(migrations),
        and_(migrations.c.migration_type == "evacuation", migrations.c.status == "done"),
    ),
)
_lives = exists().where(_any.c.uuid == pci_devices.c.instance_uuid, _any.c.deleted == 0)
_server_changed = (
    select(func.max(newest(_any.c.updated_at, _any.c.created_at, _any.c.deleted_at)))
    .where(_any.c.uuid == pci_devices.c.instance_uuid)
    .scalar_subquery()
)

CHECK = Check(
    code="N18",
    name="pci-device-of-gone-server",
    impact=Impact.MEDIUM,
    title="PCI device that is taken by a server which is not there",
    message="PCI device {address} of {node} is {status} to {owner}",
    identity=("cell", "node", "address"),
    why=(
        "Nobody else gets the device. The compute service frees such devices each time it counts its resources, unless "
        "that fails."
    ),
    exceptions=(
        "a migration, resize, evacuation or another task of the server is in progress, or waits for its end",
        "what is merely claimed for a server",
        "hosts whose compute service is down: it frees the device when it comes back",
        "devices and servers changed just now",
    ),
    remedy=(
        "openstack server show {instance}",
        "# read in the log of nova-compute on {host} what it says of {address}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/pci-passthrough.html",),
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            pci_devices.c.address,
            pci_devices.c.status,
            pci_devices.c.instance_uuid.label("instance"),
            case(
                (_nobody, literal("nobody")),
                (_lives, literal("server ") + pci_devices.c.instance_uuid + ", which is not on this host"),
                else_=literal("server ") + pci_devices.c.instance_uuid + ", which is gone",
            ).label("owner"),
            literal(
                "No command frees a device. Nova-compute frees it when it counts its resources, each minute, and it "
                "is up: its log tells what keeps it from that."
            ).label("withheld"),
            newest(changed(pci_devices), _server_changed, last_move(pci_devices.c.instance_uuid)).label(
                "newest_change"
            ),
        )
        .join_from(
            pci_devices, _node, and_(_node.c.cell == pci_devices.c.cell, _node.c.id == pci_devices.c.compute_node_id)
        )
        .where(pci_devices.c.deleted == 0, _counts)
        .where(
            or_(
                and_(_nobody, pci_devices.c.status.in_(("claimed", "allocated"))),
                and_(pci_devices.c.status == "allocated", ~_nobody, ~_runs_here, ~_has_a_task, ~_moves),
            )
        )
        .order_by("cell", "node", "address")
    ),
)
