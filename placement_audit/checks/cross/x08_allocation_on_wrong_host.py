from sqlalchemy import String, and_, case, cast, exists, func, literal, null, or_, select

from placement_audit.checks.relations import (
    busy,
    doubled,
    evacuated_from,
    every_cell_is_read,
    held,
    held_below,
    impact,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    placed,
    servers,
    storage_alone,
)
from placement_audit.checks.whereabouts import host_in_doubt, of_a_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    astray,
    claims,
    consumers,
    migrations,
    projects,
    resource_classes,
    resource_providers,
    trees,
    users,
)

_server, _node = servers(), nodes()
_right, _wrong = resource_providers.alias("right_root"), resource_providers.alias("wrong_root")
_here, _there, _elsewhere = claims.alias("here"), claims.alias("there"), claims.alias("elsewhere")
_holds_here = exists().where(_here.c.consumer_id == _server.c.uuid, _here.c.root_id == trees.c.root_id)
# A port's bandwidth on its own host does not account for its CPUs. A device elsewhere is a second part where anything
# of the server's own host is held: that is X09's.
_instead = or_(
    and_(_there.c.core > 0, ~_holds_here.where(_here.c.core > 0)),
    and_(_there.c.core == 0, of_a_host(_wrong), ~_holds_here.where(_here.c.own > 0)),
)
_more = exists().where(
    _elsewhere.c.consumer_id == _server.c.uuid,
    _elsewhere.c.root_id != _wrong.c.id,
)
# While a migration holds a part of the server, nobody can tell from here on which of the two hosts it runs.
_move, _moved = migrations.alias("holding_move"), claims.alias("moved")
_held_by_a_move = exists().where(_move.c.instance_uuid == _server.c.uuid, _move.c.uuid == _moved.c.consumer_id)
_rows, _classes = allocations.alias("to_move"), resource_classes.alias("to_move_class")
_amounts = (
    select(func.aggregate_strings(_classes.c.name + "=" + cast(_rows.c.used, String), ","))
    .select_from(_rows)
    .join(_classes, _classes.c.id == _rows.c.resource_class_id)
    .where(_rows.c.consumer_id == _server.c.uuid, _rows.c.resource_provider_id == _wrong.c.id)
    .scalar_subquery()
)
_count = (
    select(func.count(_classes.c.name.distinct()))
    .select_from(_rows)
    .join(_classes, _classes.c.id == _rows.c.resource_class_id)
    .where(_rows.c.consumer_id == _server.c.uuid, _rows.c.resource_provider_id == _wrong.c.id, _rows.c.used > 0)
    .scalar_subquery()
)
# `allocation set` replaces all that the server holds: offered only when that is one plain set of rows on one provider.
_plain = and_(
    _right.c.id == trees.c.root_id,
    ~_more,
    held_below(_server.c.uuid, _wrong.c.id).is_(None),
    _count == _there.c.rows,
    _there.c.own == _there.c.rows,
)
_doubtful = or_(host_in_doubt(_server), _held_by_a_move, _server.c.vm_state == "error")
_place = func.coalesce(_wrong.c.name, _wrong.c.uuid, "the other one")
_left_there = evacuated_from(_server, _wrong)
_owned = and_(projects.c.external_id.is_not(None), users.c.external_id.is_not(None))
_movable = and_(~_doubtful, ~_left_there, _plain, _owned, every_cell_is_read())
_withheld = case(
    (_movable, null()),
    (
        _doubtful,
        literal("No row proves that the guest is on the host that nova has for it: look on both hosts, ")
        + _server.c.host
        + " and "
        + _place
        + ", which of them has it (virsh list --all --uuid). If that is the one that nova has, move the allocation "
        "there; otherwise nova's row is wrong",
    ),
    (
        _left_there,
        literal("The server was evacuated from ")
        + _place
        + ", where the old guest may still be: see first that nova-compute there has been started and has removed it",
    ),
    (
        ~_plain,
        literal(
            "allocation set replaces all that the server holds, and this server holds more than plain rows on one "
            "provider: see "
        )
        + "with allocation show "
        + _server.c.uuid
        + " what it holds, and with virsh whether the guest is on "
        + _server.c.host
        + ", then write all of it anew",
    ),
    (
        ~_owned,
        literal("Placement has no owner for the allocation, and allocation set must name one: take ")
        + "project_id and user_id of openstack server show "
        + _server.c.uuid,
    ),
    else_=literal("Not every cell was read, and one of the others may have the server, too: look again with all cells"),
)

CHECK = Check(
    code="X08",
    name="allocation-on-wrong-host",
    impact=Impact.HIGH,
    title="Server whose allocation is on another host alone",
    message="nova has server {instance} on {node}, but it holds {held} on {provider_name} instead",
    identity=("instance", "provider"),
    why=(
        "Its own host is overbooked, since placement does not know of the server there, and the other host looks "
        "fuller than it is. What it holds is all that accounts for it: move it, do not delete it. But see first where "
        "the guest is: after a move that failed, what nova has as the host may be wrong instead."
    ),
    exceptions=(
        "a migration, resize, evacuation or another task of the server is in progress",
        "sharing providers and neutron segments",
        "bare metal nodes",
        "a server that a cross-cell resize hides, or that two cells show",
        "a host whose provider is missing, which is a finding of its own",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack server event list {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack --os-placement-api-version 1.28 resource provider allocation set --allocation {allocation}"
        " --project-id {project} --user-id {user} {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    absorbs={"P30": ("consumer",)},
    query=(
        select(
            _server.c.uuid.label("consumer"),
            _server.c.uuid.label("instance"),
            _wrong.c.uuid.label("provider"),
            _wrong.c.name.label("provider_name"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            projects.c.external_id.label("project"),
            users.c.external_id.label("user"),
            _server.c.vm_state,
            _right.c.uuid.label("right_provider"),
            held(_server.c.uuid, _wrong.c.id).label("held"),
            case((_movable, literal("rp=") + _right.c.uuid + "," + _amounts)).label("allocation"),
            _withheld.label("withheld"),
            newest(_there.c.newest, _server.c.updated_at, _server.c.created_at, last_move(_server.c.uuid)).label(
                "newest_change"
            ),
            impact((_server.c.vm_state == "error", "M"), otherwise="H").label("impact"),
        )
        .select_from(_server)
        .join(_node, on_node(_server, _node))
        .join(_right, _right.c.uuid == _node.c.uuid)
        .join(trees, trees.c.provider_id == _right.c.id)
        .join(_there, and_(_there.c.consumer_id == _server.c.uuid, _there.c.root_id != trees.c.root_id))
        .join(_wrong, _wrong.c.id == _there.c.root_id)
        .outerjoin(consumers, consumers.c.uuid == _server.c.uuid)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .outerjoin(users, users.c.id == consumers.c.user_id)
        .where(_server.c.uuid.in_(select(astray.c.uuid)))
        .where(placed(_server), func.coalesce(_node.c.hypervisor_type, "") != "ironic")
        # Devices and ports count, too.
        .where(_there.c.own > 0, ~storage_alone(_wrong), _instead)
        .where(~busy(_server), ~moving(_server), ~doubled(_server))
        .order_by("instance", "provider")
    ),
)
