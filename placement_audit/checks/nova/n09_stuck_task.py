from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import before, cell0s, changed, doubled, in_progress, last_move, newest, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import migrations, odd_servers

_server = servers()
_changed = changed(_server)
# What uploads an image is as slow as the image is large.
_uploads = or_(_server.c.task_state.like("image%"), _server.c.task_state.like("shelving%"))
_goes_on = exists().where(
    migrations.c.instance_uuid == _server.c.uuid,
    in_progress(migrations),
    changed(migrations) >= before(days=1),
)
_host = func.coalesce(_server.c.host, "its host")
_withheld = case(
    (
        _server.c.task_state == "resize_reverting",
        literal(
            "After a revert that was lost the guest is on the old host alone, and a reset makes nova look for it on "
        )
        + _host
        + ": look on both hosts of its last move (virsh list --all --uuid)",
    ),
    (
        or_(_server.c.task_state.like("resize%"), _server.c.task_state == "migrating"),
        literal("The guest may be on either host of the move, and a reset moves neither it nor what it holds: look on ")
        + "both (virsh list --all --uuid)",
    ),
    else_=literal("A reset ends no work that still goes on: read in the log of nova-compute on ")
    + _host
    + " whether it does",
)

CHECK = Check(
    code="N09",
    name="stuck-task",
    impact=Impact.MEDIUM,
    title="Server with a task that does not end",
    message="server {instance} on {host} is {vm_state} and has been {task_state} since {since}",
    identity=("instance",),
    why=(
        "Until the task ends nova refuses nearly every other order for the server. Usually a service was stopped in "
        "the middle of it, and nobody takes it up again."
    ),
    exceptions=(
        "any task, for a day; snapshots and shelving, which upload an image, for three",
        "a migration of the server that goes on, or ended just now",
        "a server that a cross-cell resize hides, or that two cells show",
        "servers in cell0, where no service runs that could end a task",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server event list {instance}",
        "# see whether the host still works on it before its state is reset",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/support-compute.html#reset-the-state-of-an-instance",),
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            _server.c.task_state,
            _changed.label("since"),
            _withheld.label("withheld"),
            newest(_changed, last_move(_server.c.uuid)).label("newest_change"),
        )
        .where(_server.c.uuid.in_(select(odd_servers.c.uuid)))
        .where(_server.c.task_state.is_not(None), _server.c.task_state != "", _server.c.cell.not_in(cell0s()))
        .where(or_(and_(_uploads, _changed < before(days=3)), and_(~_uploads, _changed < before(days=1))))
        .where(~_goes_on, ~doubled(_server))
        .order_by("instance")
    ),
)
