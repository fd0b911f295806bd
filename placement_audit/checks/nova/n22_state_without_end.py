from typing import Any

from sqlalchemy import Select, and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.relations import (
    TERMINAL,
    before,
    busy,
    cell0s,
    changed,
    doubled,
    held_in_all,
    in_progress,
    last_move,
    moving,
    newest,
    servers,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, migrations

_server, _twin, _open, _last = servers(), migrations.alias("twin"), migrations.alias("open"), claims.alias("last_claim")
_look = " (virsh list --all --uuid)"
_host = func.coalesce(_server.c.host, "its host")
_source = func.coalesce(migrations.c.source_compute, "the source")
_target = func.coalesce(migrations.c.dest_compute, "the destination")
_kind = func.coalesce(migrations.c.migration_type, "migration")
_of_a_server = (
    _server.c.uuid.label("instance"),
    _server.c.cell,
    _server.c.host,
    _server.c.node,
    _server.c.vm_state,
)
_claimed = select(func.max(_last.c.newest)).where(_last.c.consumer_id == _server.c.uuid).scalar_subquery()
_server_changed = newest(changed(_server), last_move(_server.c.uuid), _claimed).label("newest_change")
_at_rest = and_(~busy(_server), ~moving(_server), ~doubled(_server), _server.c.cell.not_in(cell0s()))
_holds = exists().where(_last.c.consumer_id == _server.c.uuid, _last.c.own > 0)
_keeps = exists().where(_last.c.consumer_id == migrations.c.uuid)
# By either name: after a host was renamed its migrations go by the old one.
_there = or_(
    func.coalesce(_server.c.host == migrations.c.dest_compute, False),
    func.coalesce(_server.c.node == migrations.c.dest_node, False),
)


def _unconfirmed() -> Select[Any]:
    """Resizes that wait to be confirmed, of servers that are not resized, or are no longer where they were resized."""
    waits = and_(func.coalesce(_server.c.vm_state, "") == "resized", _there)
    return (
        select(
            *_of_a_server,
            literal("finished").label("fault"),
            migrations.c.uuid.label("migration"),
            (
                literal("is ")
                + func.coalesce(_server.c.vm_state, "in no state")
                + " on "
                + _host
                + ", while its "
                + _kind
                + " from "
                + _source
                + " to "
                + _target
                + " waits for a confirmation that nova refuses"
            ).label("verdict"),
            case(
                (
                    _there,
                    literal("Nova confirms only a server in state resized, and somebody has reset that state: ")
                    + "see that the guest is on "
                    + _target
                    + _look
                    + ", have a DBA set its vm_state to 'resized' in the cell's database, then confirm the move",
                ),
                else_=literal("The server has left ")
                + _target
                + ", and this migration was not ended: see that the guest is on "
                + _host
                + " and not on "
                + _source
                + _look
                + ", have a DBA end this migration in the cell's database, and audit again: X12 then tells what it "
                "still holds",
            ).label("withheld"),
            newest(_server_changed, changed(migrations)).label("newest_change"),
            case((_keeps, literal("H")), else_=literal("M")).label("impact"),
        )
        .join(_server, _server.c.uuid == migrations.c.instance_uuid)
        .where(migrations.c.status == "finished", func.coalesce(migrations.c.deleted, 0) == 0)
        .where(_kind.in_(("migration", "resize")), ~waits, _at_rest)
        # A resize between cells has its row in both. Where the other one is over, that is what is wrong.
        .where(~exists().where(_twin.c.uuid == migrations.c.uuid, _twin.c.cell > migrations.c.cell))
        .where(~exists().where(_twin.c.uuid == migrations.c.uuid, _twin.c.status.in_(TERMINAL)))
    )


def _resized() -> Select[Any]:
    """Resized servers that no open migration belongs to."""
    none_is_open = ~exists().where(_open.c.instance_uuid == _server.c.uuid, in_progress(_open))
    holding = exists().where(_last.c.consumer_id == _open.c.uuid).correlate_except(_last)
    residue = select(func.max(_open.c.uuid)).where(_open.c.instance_uuid == _server.c.uuid, holding).scalar_subquery()
    return select(
        *_of_a_server,
        literal("resized").label("fault"),
        residue.label("migration"),
        (literal("is resized on ") + _host + ", but has no resize that could be confirmed or reverted").label(
            "verdict"
        ),
        (
            literal("Only a reset of its state ends this: see first that the guest is on ")
            + _host
            + _look
            + ", and how its last move ended"
        ).label("withheld"),
        _server_changed,
        literal("M").label("impact"),
    ).where(_server.c.vm_state == "resized", _server.c.task_state.is_(None), none_is_open, _at_rest)


def _deleted() -> Select[Any]:
    """Servers whose deletion stopped before its last step."""
    return select(
        *_of_a_server,
        literal("deleted").label("fault"),
        null().label("migration"),
        (literal("is in state deleted on ") + _host + ", but its row is not deleted").label("verdict"),
        (
            literal("The next start of nova-compute on ")
            + _host
            + " completes the deletion: see first with openstack server event list "
            + _server.c.uuid
            + " that its owner ordered one"
        ).label("withheld"),
        _server_changed,
        case((_holds, literal("H")), else_=literal("M")).label("impact"),
    ).where(_server.c.vm_state == "deleted", _at_rest)


def _nowhere() -> Select[Any]:
    """Servers that must be on a host, hold one, and are on none."""
    lacks = case((_server.c.host.is_(None), literal("host")), else_=literal("node"))
    return select(
        *_of_a_server,
        literal("nowhere").label("fault"),
        null().label("migration"),
        (
            literal("is ")
            + _server.c.vm_state
            + ", but nova has no "
            + lacks
            + " for it, while it holds "
            + func.coalesce(held_in_all(_server.c.uuid), "nothing")
        ).label("verdict"),
        (
            case(
                (
                    _holds,
                    literal(
                        "The guest is most likely on the host on which the server holds resources, so nothing of "
                        "that may be freed: "
                    )
                    + "look there",
                ),
                else_=literal("Nothing accounts for the guest: look on ")
                + func.coalesce(_server.c.launched_on, "the hosts of its last moves")
                + " and the hosts of its last moves",
            )
            + _look
            + ", and have a DBA set host and node of the server in the cell's database"
        ).label("withheld"),
        _server_changed,
        literal("H").label("impact"),
    ).where(
        _server.c.vm_state.in_(
            ("active", "paused", "suspended", "stopped", "rescued", "resized", "shelved", "soft-delete")
        ),
        or_(_server.c.host.is_(None), _server.c.node.is_(None)),
        # An offloaded server that was soft-deleted has no host, and holds nothing.
        or_(_holds, _server.c.vm_state != "soft-delete"),
        _at_rest,
    )


def _building() -> Select[Any]:
    """Servers whose build nobody goes on with: nova-compute takes the task away before it has the host's answer."""
    return select(
        *_of_a_server,
        literal("building").label("fault"),
        null().label("migration"),
        (
            literal("has been building since ")
            + func.coalesce(changed(_server), "long ago")
            + " without a task, and holds "
            + func.coalesce(held_in_all(_server.c.uuid), "nothing")
        ).label("verdict"),
        (
            literal(
                "Nothing goes on with it: its owner may delete it, and a start of nova-compute on its host puts it "
            )
            + "into error; see first in openstack server event list "
            + _server.c.uuid
            + " that its build is not under way"
        ).label("withheld"),
        _server_changed,
        literal("M").label("impact"),
    ).where(
        _server.c.vm_state == "building",
        func.coalesce(_server.c.task_state, "") == "",
        changed(_server) < before(days=1),
        _at_rest,
    )


def _halves() -> Select[Any]:
    """Resizes between cells that are over in one cell and open in the other, whose row is not the younger one."""
    half = and_(_twin.c.uuid == migrations.c.uuid, _twin.c.cell != migrations.c.cell, _twin.c.status.in_(TERMINAL))
    last = select(func.max(changed(_twin))).where(half).scalar_subquery()
    other = select(func.min(_twin.c.status)).where(half).scalar_subquery()
    return (
        select(
            migrations.c.instance_uuid.label("instance"),
            migrations.c.cell,
            migrations.c.dest_compute.label("host"),
            migrations.c.dest_node.label("node"),
            null().label("vm_state"),
            literal("halves").label("fault"),
            migrations.c.uuid.label("migration"),
            (
                literal("has a ")
                + _kind
                + " from "
                + _source
                + " to "
                + _target
                + " that is "
                + migrations.c.status
                + " in "
                + migrations.c.cell
                + " and "
                + other
                + " in another cell"
            ).label("verdict"),
            (
                literal("No command of nova ends a move that is over in one cell and open in another: see which of ")
                + _source
                + " and "
                + _target
                + " has the guest"
                + _look
                + " before anybody changes a row in either cell"
            ).label("withheld"),
            newest(changed(migrations), last).label("newest_change"),
            literal("M").label("impact"),
        )
        .where(in_progress(migrations), exists().where(half))
        .where(or_(migrations.c.status == "finished", last >= changed(migrations)))
        # A step of the conductor, which waits for both hosts in between.
        .where(newest(changed(migrations), last) < before(hours=1))
    )


_found = union_all(_unconfirmed(), _resized(), _deleted(), _nowhere(), _building(), _halves()).subquery("found")

CHECK = Check(
    code="N22",
    name="state-without-end",
    impact=Impact.MEDIUM,
    title="Server or resize in a state that nothing ends",
    message="server {instance} {verdict}",
    identity=("instance", "fault"),
    why=(
        "No order and no periodic task of nova ends it. The server takes few orders or none, and what it or its "
        "migration holds is never freed."
    ),
    exceptions=(
        "a resized server whose resize waits to be confirmed, however long",
        "another migration or task of the server that is in progress",
        "a server that a cross-cell resize hides, or that two cells show, and servers in cell0",
        "a resize between cells of which only one half has ended, for an hour; a build without a task, for a day",
        "rows changed just now, as the two halves of each step are written one after the other",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack server event list {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack resource provider allocation show {migration}",
    ),
    references=("https://docs.openstack.org/nova/latest/contributor/resize-and-cold-migrate.html",),
    whole_cloud=True,
    query=select(_found).order_by("instance", "fault"),
)
