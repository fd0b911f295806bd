from sqlalchemy import and_, func, literal, or_, select

from placement_audit.checks.relations import busy, cell0s, changed, doubled, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import odd_servers

_server = servers()

CHECK = Check(
    code="N12",
    name="placed-server-in-cell0",
    impact=Impact.LOW,
    title="Server in cell0 that is on a host, or not in error",
    message="server {instance} in {cell} is {vm_state}, with host {host} and node {node}",
    identity=("instance",),
    why=(
        "Cell0 is for servers that found no host. A server with a host is there because somebody moved rows or mapped "
        "the wrong database as cell0; nova can only delete it."
    ),
    exceptions=("a server made or changed just now, or being deleted", "a server that two cells show"),
    remedy=("openstack server show {instance}", "nova-manage cell_v2 list_cells"),
    references=("https://docs.openstack.org/nova/latest/admin/cells.html",),
    whole_cloud=True,
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _server.c.vm_state,
            literal(
                "the rows do not tell whether the server or the mapping of cell0 is wrong: compare the addresses that "
                "list_cells shows with those in nova.conf"
            ).label("withheld"),
            changed(_server).label("newest_change"),
        )
        .where(_server.c.uuid.in_(select(odd_servers.c.uuid)), _server.c.cell.in_(cell0s()))
        .where(
            or_(
                _server.c.host.is_not(None),
                _server.c.node.is_not(None),
                func.coalesce(_server.c.vm_state, "") != "error",
            )
        )
        .where(and_(~busy(_server), ~doubled(_server)))
        .order_by("instance")
    ),
)
