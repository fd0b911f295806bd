from sqlalchemy import and_, func, literal, select

from placement_audit.checks.relations import changed, last_move, moving, newest, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances

_server, _other = servers(), servers().alias("other_server")
# Asked first: the index alone tells that hardly any uuid stands twice.
_repeated = select(instances.c.uuid).group_by(instances.c.uuid).having(func.count() > 1)

CHECK = Check(
    code="N01",
    name="server-in-two-cells",
    impact=Impact.HIGH,
    title="Server that two cells show at once",
    message=(
        "server {instance} is {vm_state} on {host} in {cell}, and at the same time {other_vm_state} on {other_host} "
        "in {other_cell}"
    ),
    identity=("instance", "cell", "other_cell"),
    why=(
        "Nova works on the row of the cell that the server is mapped to. Nobody sees the other row, yet the compute "
        "service there may count, restart or delete a guest of the same uuid."
    ),
    exceptions=(
        "a resize between cells, which hides one of the rows",
        "a migration of the server is in progress",
        "rows made or changed just now: a build that fails goes to cell0 within moments",
    ),
    remedy=(
        "openstack server show {instance}",
        "nova-manage cell_v2 verify_instance --uuid {instance}",
        "# look on both hosts for the guest before a row is deleted by hand, in the cell that is not the server's",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/cells.html",),
    absorbs={"N02": ("instance",)},
    whole_cloud=True,
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            _other.c.cell.label("other_cell"),
            _other.c.host.label("other_host"),
            _other.c.vm_state.label("other_vm_state"),
            literal(
                "which of the rows is the server's own only its guest tells: look for it on both hosts, then have the "
                "other row deleted by hand, in the cell that is not the server's"
            ).label("withheld"),
            newest(changed(_server), changed(_other), last_move(_server.c.uuid)).label("newest_change"),
        )
        .join_from(_server, _other, and_(_other.c.uuid == _server.c.uuid, _other.c.cell > _server.c.cell))
        .where(_server.c.uuid.in_(_repeated), ~moving(_server))
        .order_by("instance", "cell", "other_cell")
    ),
)
