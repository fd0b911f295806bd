from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import busy, changed, in_progress, last_move, moving, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, migrations, odd_servers

_hidden, _twin = instances.alias("hidden"), instances.alias("visible")
_visible = exists().where(
    _twin.c.uuid == _hidden.c.uuid,
    _twin.c.deleted == 0,
    func.coalesce(_twin.c.hidden, 0) == 0,
)
_open = exists().where(migrations.c.instance_uuid == _hidden.c.uuid, in_progress(migrations))
# While a resize waits for its confirmation exactly one of the two is visible (SEMANTICS D.4).
_needed = or_(and_(_open, _visible), moving(_hidden))
# The hidden row keeps the task that it had when the other became visible.
_works = and_(busy(_hidden), _hidden.c.task_state != "resize_migrated")
_any = instances.alias("any_of_them")
_last_change = select(func.max(changed(_any))).where(_any.c.uuid == _hidden.c.uuid).scalar_subquery()

CHECK = Check(
    code="N15",
    name="stray-hidden-server",
    impact=Impact.MEDIUM,
    title="Hidden row of a server that no resize between cells needs",
    message="server {instance} has a hidden row on {host} in {cell}, {state}",
    identity=("instance", "cell"),
    why=(
        "A resize between cells hides the row that is not in use. When it ends without removing it, the row stays: "
        "neither the API nor its owner sees it, while its host may still have the guest and its disk."
    ),
    exceptions=(
        "any migration of the server that is in progress, or waits for its confirmation while the other is visible",
        "any task of the server but the one that it had when it was hidden",
        "rows changed just now, as the end of a resize removes them",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "nova-manage cell_v2 verify_instance --uuid {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/configuration/cross-cell-resize.html",),
    whole_cloud=True,
    query=(
        select(
            _hidden.c.uuid.label("instance"),
            _hidden.c.cell,
            _hidden.c.host,
            _hidden.c.vm_state,
            case(
                (_visible, "though its resize is over"),
                else_="and no cell has one that can be seen",
            ).label("state"),
            (
                literal("Only SQL removes a hidden row, and its host may still have the guest: look on ")
                + func.coalesce(_hidden.c.host, "the hosts of its last move")
                + " (virsh list --all --uuid) first"
            ).label("withheld"),
            newest(_last_change, last_move(_hidden.c.uuid)).label("newest_change"),
        )
        .where(_hidden.c.uuid.in_(select(odd_servers.c.uuid)))
        .where(_hidden.c.hidden == 1, _hidden.c.deleted == 0, ~_needed, ~_works)
        .order_by("instance", "cell")
    ),
)
