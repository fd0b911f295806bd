from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import (
    busy,
    changed,
    doubled,
    held_in_all,
    impact,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    placed,
    servers,
)
from placement_audit.checks.whereabouts import look_on_both, other_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, inventories, migrations, reach, resource_classes, resource_providers, unmet

_server, _node, _own = servers(), nodes(), resource_providers.alias("own_provider")
_here, _any, _move, _moved = (
    claims.alias("here"),
    claims.alias("any_claim"),
    migrations.alias("holding_move"),
    claims.alias("moved"),
)
_offered, _class = inventories.alias("offered"), resource_classes.alias("offered_class")
_offers_it = exists().where(
    reach.c.root_id == _own.c.id,
    _offered.c.resource_provider_id == reach.c.provider_id,
    _class.c.id == _offered.c.resource_class_id,
    _class.c.name == unmet.c.name,
)
# One that holds nothing there is a finding of its own.
_accounted = exists().where(
    _here.c.consumer_id == _server.c.uuid,
    _here.c.root_id == _own.c.id,
    or_(_here.c.core > 0, and_(_node.c.hypervisor_type == "ironic", _here.c.own > 0)),
)
_held_by_a_move = exists().where(_move.c.instance_uuid == _server.c.uuid, _move.c.uuid == _moved.c.consumer_id)
_last_claim = select(func.max(_any.c.newest)).where(_any.c.consumer_id == _server.c.uuid).scalar_subquery()

CHECK = Check(
    code="X37",
    name="class-held-nowhere",
    impact=Impact.MEDIUM,
    title="Server that does not hold a resource its flavor asks for",
    message=(
        "server {instance} ({vm_state} on {node}) holds no {resource_class}, of which its flavor asks for {amount}; "
        "all that it holds: {held}"
    ),
    identity=("instance", "resource_class"),
    why=(
        "Placement believes that what the server uses, such as a VGPU, is free: the next server that gets it fails to "
        "start. Somebody wrote the allocation anew without it, as heal_allocations --force, an audit with --delete, "
        "or a set that left it out does."
    ),
    exceptions=(
        "a class that the flavor asked for only later: what the server keeps of its own flavor counts",
        "amounts of 0, and groups that nova before 24 did not read",
        "the flavor before a resize and the one after it, as long as nova keeps both",
        "what only the image, a port or a device profile asks for",
        "a migration, resize or another task of the server is in progress, waits for its end, or still holds something",
        "a server that holds nothing on its host, which is a finding of its own",
        "a server that a cross-cell resize hides, or that two cells show",
        "a flavor that was deleted, where no flavor of the same size has such a request",
        "information where nothing that the host draws from offers the class, and for a server in error",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/user/flavors.html",),
    query=(
        select(
            _server.c.uuid.label("consumer"),
            _server.c.uuid.label("instance"),
            _own.c.uuid.label("provider"),
            _own.c.name.label("provider_name"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _server.c.vm_state,
            unmet.c.name.label("resource_class"),
            unmet.c.amount,
            func.coalesce(held_in_all(_server.c.uuid), literal("nothing")).label("held"),
            case(
                (
                    other_host(_server).is_not(None),
                    look_on_both(_server.c.host, other_host(_server)),
                ),
                (
                    ~_offers_it,
                    "Nothing that its host draws from offers the class, so there is nothing to write. Look on the host "
                    "(virsh dumpxml) whether the server has what it asked for.",
                ),
                else_="The rows do not tell from which provider the server has it. The host does (virsh dumpxml); "
                "write that, and all else that it holds, with allocation set.",
            ).label("withheld"),
            newest(changed(_server), _last_claim, last_move(_server.c.uuid)).label("newest_change"),
            impact((or_(_server.c.vm_state == "error", ~_offers_it), "I"), otherwise="M").label("impact"),
        )
        .select_from(unmet)
        .join(_server, and_(_server.c.uuid == unmet.c.instance_uuid, _server.c.cell == unmet.c.cell))
        .join(_node, on_node(_server, _node))
        .join(_own, _own.c.uuid == _node.c.uuid)
        .where(unmet.c.kind == "class", placed(_server), _server.c.vm_state != "resized", _accounted)
        .where(~busy(_server), ~moving(_server), ~_held_by_a_move, ~doubled(_server))
        .order_by("instance", "resource_class")
    ),
)
