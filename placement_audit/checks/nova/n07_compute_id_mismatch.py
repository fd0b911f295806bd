from sqlalchemy import and_, exists, func, select

from placement_audit.checks.relations import (
    busy,
    changed,
    doubled,
    moving,
    newest,
    nodes,
    on_node,
    servers,
)
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import odd_servers

_server, _node, _right = servers(), nodes(), nodes().alias("right_node")

CHECK = Check(
    code="N07",
    name="compute-id-mismatch",
    impact=Impact.LOW,
    title="Servers that name another compute node by id than by host and node",
    message=(
        "{servers} servers on {node} of {host}, {example} among them, name compute node {compute_id}, "
        "but that node's id is {node_id}"
    ),
    identity=("cell", "host", "node"),
    why=(
        "Host and node are what counts today, so nothing breaks yet. The compute service corrects the id when it "
        "counts the server next: where it stays wrong, that service is down, or the node was made anew."
    ),
    exceptions=(
        "servers without a compute_id, as before 2023.2",
        "a migration, resize or another task of the server is in progress",
        "servers on no live compute node, which are a finding of their own",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "# the next start of nova-compute on {restartable} corrects it",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    query=(
        select(
            _server.c.cell,
            _server.c.host,
            func.max(restartable(_node)).label("restartable"),
            func.max(restart_withheld(_node)).label("withheld"),
            _server.c.node,
            func.count(_server.c.uuid.distinct()).label("servers"),
            func.min(_server.c.uuid).label("example"),
            func.min(_server.c.compute_id).label("compute_id"),
            func.min(_node.c.id).label("node_id"),
            newest(func.min(changed(_server)), func.max(_node.c.created_at)).label("newest_change"),
        )
        .join_from(_server, _node, and_(_node.c.id != _server.c.compute_id, on_node(_server, _node)))
        .where(_server.c.uuid.in_(select(odd_servers.c.uuid)))
        .where(
            ~exists().where(_right.c.id == _server.c.compute_id, on_node(_server, _right)),
            ~busy(_server),
            ~moving(_server),
            ~doubled(_server),
        )
        .group_by(_server.c.cell, _server.c.host, _server.c.node)
        .order_by("cell", "host", "node")
    ),
)
