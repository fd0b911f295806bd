from sqlalchemy import and_, case, exists, func, literal, or_, select, union_all

from placement_audit.checks.deployment import is_off, number
from placement_audit.checks.relations import (
    bearers,
    busy,
    changed,
    doubled,
    impact,
    in_progress,
    last_move,
    lone_computes,
    newest,
    nodes,
    on_node,
    place_of,
    placed,
    restartable,
    sample,
    servers,
    steady,
    up,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, claims, inventories, migrations, pci_devices, resource_providers, traits

_server, _node, _service = servers(), nodes(), lone_computes()
_own, _move, _moved = resource_providers.alias("own_provider"), migrations.alias("open_move"), claims.alias("moved")
_whole = pci_devices.c.dev_type.in_(("type-PCI", "type-PF"))
# A virtual function is counted on the provider of the device that it is a part of.
_device = (
    select(
        pci_devices.c.cell,
        pci_devices.c.compute_node_id,
        pci_devices.c.instance_uuid,
        pci_devices.c.status,
        case((_whole, 1), else_=0).label("whole"),
        func.upper(case((_whole, pci_devices.c.address), else_=pci_devices.c.parent_addr)).label("address"),
        (pci_devices.c.vendor_id + literal(":") + pci_devices.c.product_id).label("product"),
        changed(pci_devices).label("changed"),
    )
    .where(pci_devices.c.deleted == 0, pci_devices.c.instance_uuid.is_not(None))
    .subquery("device")
)
_its = and_(
    _device.c.cell == _node.c.cell, _device.c.compute_node_id == _node.c.id, _device.c.instance_uuid == _server.c.uuid
)
_name = _node.c.hypervisor_hostname + literal("_") + _device.c.address
# Nova gives this trait to what it reports, and does not start any more when it is told to report no longer.
_managed = and_(
    resource_providers.c.id.in_(bearers(traits.c.name == "COMPUTE_MANAGED_PCI_DEVICE")),
    resource_providers.c.root_provider_id == _own.c.id,
)
# Some virtual functions of a device may be neutron's, which placement does not count; a whole device is the one unit.
_one_unit = (
    select(inventories.c.resource_provider_id)
    .group_by(inventories.c.resource_provider_id)
    .having(func.count() == 1, func.max(inventories.c.total) == 1)
)
_holds_it = exists().where(
    allocations.c.resource_provider_id == resource_providers.c.id, allocations.c.consumer_id == _server.c.uuid
)
_held_at_all = (
    exists()
    .where(claims.c.consumer_id == _server.c.uuid, claims.c.root_id == _own.c.id, claims.c.core > 0)
    .correlate_except(claims)
)
_moving = exists().where(_move.c.instance_uuid == _server.c.uuid, in_progress(_move))
_held_by_a_move = exists().where(_move.c.instance_uuid == _server.c.uuid, _move.c.uuid == _moved.c.consumer_id)
_at_rest = (
    placed(_server),
    _server.c.vm_state.not_in(("error", "resized")),
    ~busy(_server),
    ~_moving,
    ~_held_by_a_move,
    ~doubled(_server),
    # Its next look puts right what is only late.
    up(_service),
    steady(_service),
)
_columns = (_node.c.cell, _node.c.host, _node.c.hypervisor_hostname.label("node"), _own.c.uuid.label("provider"))
_server_changed = newest(changed(_server), last_move(_server.c.uuid))

_not_held = (
    select(
        *_columns,
        _server.c.uuid.label("server"),
        (_server.c.uuid + literal(" (") + resource_providers.c.name + literal(")")).label("what"),
        literal("use PCI devices and hold none of them").label("state"),
        _device.c.product,
        newest(_server_changed, _device.c.changed).label("changed"),
    )
    .select_from(_device)
    .join(_node, and_(_node.c.cell == _device.c.cell, _node.c.id == _device.c.compute_node_id))
    .join(_server, and_(_server.c.uuid == _device.c.instance_uuid, on_node(_server, _node)))
    .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
    .join(_own, _own.c.uuid == _node.c.uuid)
    .join(resource_providers, and_(resource_providers.c.name == _name, _managed))
    .where(_device.c.whole == 1, _device.c.status == "allocated", resource_providers.c.id.in_(_one_unit))
    # A server that holds nothing at all is a finding of its own.
    .where(~_holds_it, _held_at_all, *_at_rest)
)
_used = func.sum(allocations.c.used)
_units = (
    select(
        allocations.c.consumer_id,
        allocations.c.resource_provider_id,
        _used.label("used"),
        func.max(allocations.c.created_at).label("claimed"),
    )
    .where(allocations.c.resource_provider_id.in_(bearers(traits.c.name == "COMPUTE_MANAGED_PCI_DEVICE")))
    .group_by(allocations.c.consumer_id, allocations.c.resource_provider_id)
    .subquery("units")
)
_count = select(func.count()).select_from(_device).where(_its, _name == resource_providers.c.name).scalar_subquery()
_nameless = exists().where(_its, _device.c.address.is_(None)).correlate_except(_device)
_not_used = (
    select(
        *_columns,
        _server.c.uuid,
        (_server.c.uuid + literal(" (") + resource_providers.c.name + literal(")")),
        literal("hold more PCI devices than they use"),
        literal(None),
        newest(_server_changed, _units.c.claimed),
    )
    .select_from(_units)
    .join(resource_providers, resource_providers.c.id == _units.c.resource_provider_id)
    .join(_own, _own.c.id == resource_providers.c.root_provider_id)
    .join(_server, _server.c.uuid == _units.c.consumer_id)
    .join(_node, and_(_node.c.uuid == _own.c.uuid, on_node(_server, _node)))
    .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
    .where(_units.c.used > _count, ~_nameless, *_at_rest)
)
_each = union_all(_not_held, _not_used).subquery("each_device")
_listed = select(
    _each, place_of(_each.c.what, _each.c.cell, _each.c.host, _each.c.node, _each.c.state).label("place")
).subquery("listed")

# Nova-compute then looks at its start alone, or not within any grace.
_no_look = or_(
    is_off("report_in_placement"),
    number("update_resources_interval") < 0,
    number("update_resources_interval") > 300,
)

CHECK = Check(
    code="X26",
    name="pci-device-unlike-placement",
    impact=Impact.MEDIUM,
    title="Servers whose PCI devices are not what they hold in placement",
    message="servers on {node} {state}: {devices} devices, {sample}",
    identity=("cell", "host", "node", "state"),
    why=(
        "Either placement offers a device that is taken, and the server that gets it does not start; or it keeps back "
        "a device that is free. Nova-compute, which runs, puts in what is missing each minute, unless placement "
        "refuses: its log tells."
    ),
    exceptions=(
        "devices that placement has no provider for: report_in_placement is off, or neutron's ports use them",
        "virtual functions that are not held, since neutron's may be among those of one device",
        "a migration, resize or another task of the server is in progress, or its move still holds something",
        "servers in error, and servers that hold nothing at all, which is a finding of its own",
        "a host whose nova-compute is down, has just been started, or was just enabled or disabled",
        "devices that were taken out of the host or of its configuration while a server had them",
        "a server or device that changed just now",
        "it is information where --config-file gives a nova.conf that turns off report_in_placement or the report "
        "each minute",
    ),
    remedy=(
        "openstack server show {server}",
        "openstack resource provider allocation show {server}",
        "systemctl restart nova-compute  # on {restartable}, and read in its log what it says of PCI in placement",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/pci-passthrough.html#pci-tracking-in-placement",),
    query=(
        select(
            _listed.c.cell,
            _listed.c.host,
            restartable(_listed).label("restartable"),
            case(
                (
                    restartable(_listed).is_(None),
                    literal("A start of nova-compute on ")
                    + _listed.c.host
                    + " would remove a server that was evacuated from there and is back, or is about to be. Read in "
                    "its log what it says of PCI in placement; openstack server migration list shows the evacuations.",
                )
            ).label("withheld"),
            _listed.c.node,
            _listed.c.provider,
            _listed.c.state,
            func.count().label("devices"),
            func.count(_listed.c.server.distinct()).label("servers"),
            sample(_listed.c.what, _listed.c.place).label("sample"),
            func.min(_listed.c.server).label("server"),
            func.min(_listed.c.product).label("product"),
            # The oldest: one that is young must not hold back those that were there before.
            func.min(_listed.c.changed).label("newest_change"),
            impact((_no_look, "I"), otherwise="M").label("impact"),
        )
        .group_by(_listed.c.cell, _listed.c.host, _listed.c.node, _listed.c.provider, _listed.c.state)
        .order_by("cell", "host", "node", "state")
    ),
)
