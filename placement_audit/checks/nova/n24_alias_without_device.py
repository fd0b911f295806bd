from sqlalchemy import and_, case, exists, func, select

from placement_audit.checks.relations import (
    bearers,
    busy,
    changed,
    doubled,
    in_progress,
    last_move,
    lone_computes,
    newest,
    nodes,
    not_ironic,
    on_node,
    placed,
    servers,
    steady,
    up,
)
from placement_audit.checks.whereabouts import look_on_both, other_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, claims, migrations, pci_devices, traits, unmet

_server, _node, _service = servers(), nodes(), lone_computes()
_move, _open, _moved = migrations.alias("holding_move"), migrations.alias("open_move"), claims.alias("moved")
_devices = (
    select(func.count())
    .select_from(pci_devices)
    .where(
        pci_devices.c.instance_uuid == _server.c.uuid,
        pci_devices.c.cell == _server.c.cell,
        pci_devices.c.deleted == 0,
        pci_devices.c.compute_node_id == _node.c.id,
    )
    .scalar_subquery()
)
_held_by_a_move = exists().where(_move.c.instance_uuid == _server.c.uuid, _move.c.uuid == _moved.c.consumer_id)
_moving = exists().where(_open.c.instance_uuid == _server.c.uuid, in_progress(_open))
# What placement knows of its devices is judged there.
_counted_in_placement = exists().where(
    allocations.c.consumer_id == _server.c.uuid,
    allocations.c.resource_provider_id.in_(bearers(traits.c.name == "COMPUTE_MANAGED_PCI_DEVICE")),
)

CHECK = Check(
    code="N24",
    name="alias-without-device",
    impact=Impact.MEDIUM,
    title="Server whose flavor asks for PCI devices and that has none",
    message="the flavor of server {instance} ({vm_state} on {node}) asks for PCI devices ({alias}), but nova has "
    "assigned none to it there",
    identity=("instance",),
    why=(
        "If the guest has a device, nova believes that the device is free and gives it to another server, which then "
        "fails to start. If the guest has none, the server lacks what its flavor promises. Nova gives devices when it "
        "builds or moves a server, and never again by itself."
    ),
    exceptions=(
        "an alias that the flavor got only later: what the server keeps of its own flavor counts",
        "devices of SR-IOV ports, which no alias asks for, and a server that has some of its devices",
        "a migration, resize or another task of the server is in progress, waits for its end, or still holds something",
        "a server in error or shelved away, or whose devices placement counts",
        "a host whose nova-compute is down, or has just been started",
        "a server that a cross-cell resize hides, or that two cells show",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "# on {host}: virsh dumpxml {instance}  # a hostdev in it is a device that the guest has",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/pci-passthrough.html",),
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _server.c.vm_state,
            unmet.c.name.label("alias"),
            unmet.c.amount,
            case(
                (
                    other_host(_server).is_not(None),
                    look_on_both(_server.c.host, other_host(_server)),
                ),
                else_="No command gives a device to a server that runs; a cold migration or a resize gives it new "
                "ones. See on the host whether its guest has one now; if so, keep other servers off that device "
                "until then.",
            ).label("withheld"),
            newest(changed(_server), last_move(_server.c.uuid)).label("newest_change"),
        )
        .select_from(unmet)
        .join(_server, and_(_server.c.uuid == unmet.c.instance_uuid, _server.c.cell == unmet.c.cell))
        .join(_node, on_node(_server, _node))
        .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(unmet.c.kind == "alias", placed(_server), _server.c.vm_state.not_in(("error", "resized")))
        .where(_devices == 0, ~_counted_in_placement, not_ironic(_node), up(_service), steady(_service))
        .where(~busy(_server), ~_moving, ~_held_by_a_move, ~doubled(_server))
        .order_by("instance")
    ),
)
