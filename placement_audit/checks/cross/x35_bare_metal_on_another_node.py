from sqlalchemy import and_, case, exists, literal, or_, select

from placement_audit.checks.relations import (
    busy,
    doubled,
    evacuated_from,
    held,
    impact,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    placed,
    servers,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, compute_nodes, resource_providers

_server, _node, _of_node = servers(), nodes(), compute_nodes.alias("of_node")
_right, _wrong = resource_providers.alias("right_root"), resource_providers.alias("wrong_root")
_here, _there = claims.alias("here"), claims.alias("there")
_twin = nodes().alias("twin_node")
_holds_its_own = exists().where(_here.c.consumer_id == _server.c.uuid, _here.c.root_id == _right.c.id)
# Bandwidth, accelerators and leases are on the node itself or below it; what no compute node ever had is a pool's.
_is_a_host = exists().where(_of_node.c.uuid == _wrong.c.uuid)
# What it holds of another host's CPUs, memory or disk beside its own node is X09's.
_extra_of_x09 = and_(_there.c.core > 0, _holds_its_own)
# Of two rows of one name nobody can tell whose provider is the node's.
_in_two_rows = exists().where(
    _twin.c.hypervisor_hostname == _node.c.hypervisor_hostname,
    or_(_twin.c.cell != _node.c.cell, _twin.c.id != _node.c.id),
)
_bare_metal = nodes().alias("bare_metal")
# Asked first, so that all the rest is asked of these few.
_names = select(_bare_metal.c.hypervisor_hostname).where(_bare_metal.c.hypervisor_type == "ironic")
_verdict = case(
    (_holds_its_own, literal("and also holds ")),
    else_=literal("and holds nothing of it, but "),
)

CHECK = Check(
    code="X35",
    name="bare-metal-on-another-node",
    impact=Impact.HIGH,
    title="Bare metal server whose allocation is on another node",
    message="server {instance} runs on bare metal node {node} {verdict}{held} on {provider_name}",
    identity=("instance", "provider"),
    why=(
        "To placement the other node is in use, so that it gets no server, and the server's own node is free, unless "
        "nova reserves it. Nobody moves such an allocation later: bare metal is neither resized nor migrated. Ironic "
        "alone knows on which node the server is: its instance_uuid tells."
    ),
    exceptions=(
        "a rebuild, an evacuation or another task of the server is in progress",
        "a node that went to another nova-compute service, which keeps its name and its provider",
        "a node of which nova has two rows, in one cell or in two",
        "a server that holds nothing at all, or whose node nova does not know, which are findings of their own",
        "what is held of providers that no compute node ever had",
        "a server that two cells show",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack baremetal node show {node} --fields uuid instance_uuid provision_state",
        "openstack baremetal node show {provider_name} --fields uuid instance_uuid provision_state",
    ),
    references=("https://docs.openstack.org/ironic/latest/install/configure-nova-flavors.html",),
    query=(
        select(
            _server.c.uuid.label("consumer"),
            _server.c.uuid.label("instance"),
            _wrong.c.uuid.label("provider"),
            _wrong.c.name.label("provider_name"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _server.c.vm_state,
            _right.c.uuid.label("right_provider"),
            _verdict.label("verdict"),
            held(_server.c.uuid, _wrong.c.id).label("held"),
            newest(_there.c.newest, _server.c.updated_at, _server.c.created_at, last_move(_server.c.uuid)).label(
                "newest_change"
            ),
            impact((or_(_server.c.vm_state == "error", _holds_its_own), "M"), otherwise="H").label("impact"),
            (
                literal("Only ironic knows on which node the server is: compare ")
                + "instance_uuid of "
                + _server.c.node
                + " and of "
                + _wrong.c.name
                + ". Its allocation belongs on the node where ironic shows it, and on no other one"
            ).label("withheld"),
        )
        .select_from(_server)
        .join(_node, and_(on_node(_server, _node), _node.c.hypervisor_type == "ironic"))
        .join(_right, _right.c.uuid == _node.c.uuid)
        .join(_there, and_(_there.c.consumer_id == _server.c.uuid, _there.c.root_id != _right.c.id))
        .join(_wrong, _wrong.c.id == _there.c.root_id)
        .where(placed(_server), _there.c.own > 0, _there.c.shared == 0)
        .where(_right.c.parent_provider_id.is_(None), _is_a_host, ~_extra_of_x09)
        .where(_server.c.node.in_(_names), ~_in_two_rows)
        .where(~busy(_server), ~moving(_server), ~doubled(_server), ~evacuated_from(_server, _wrong))
        .order_by("instance", "provider")
    ),
)
