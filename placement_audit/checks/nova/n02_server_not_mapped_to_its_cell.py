from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import (
    cell0s,
    changed,
    doubled,
    impact,
    last_move,
    mapped_cells,
    moving,
    newest,
    servers,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import build_requests, instance_mappings, instances

_server, _own, _mapped = servers(), mapped_cells("own_cell"), mapped_cells("mapped_cell")
_row, _home, _right = instances.alias("row"), mapped_cells("home"), instance_mappings.alias("right_mapping")
# Asked first, so that all the rest is asked of these few: the planner cannot know that they are few.
_at_home = exists().where(
    _right.c.instance_uuid == _row.c.uuid, _home.c.cell_id == _right.c.cell_id, _home.c.cell == _row.c.cell
)
_astray = select(_row.c.uuid).where(_row.c.deleted == 0, ~_at_home)
_unmapped = instance_mappings.c.instance_uuid.is_(None)
_queued = exists().where(build_requests.c.instance_uuid == _server.c.uuid)

CHECK = Check(
    code="N02",
    name="server-not-mapped-to-its-cell",
    impact=Impact.HIGH,
    title="Server that nova looks for in another cell, or in none",
    message="server {instance} is in {cell}, but nova's mapping of it names {mapped_to}",
    identity=("instance",),
    why=(
        "The API finds a server by its mapping alone: this one can neither be shown nor deleted by its owner, while "
        "it runs and holds its host's room."
    ),
    exceptions=(
        "a build that is queued: N10 tells of one that has been for an hour",
        "a server made or changed just now: the mapping follows within moments",
        "a migration of the server is in progress: a resize between cells turns the mapping around",
        "cells that are known by --cell-db alone, not by cell_mappings",
    ),
    remedy=(
        "nova-manage cell_v2 verify_instance --uuid {instance}",
        "nova-manage cell_v2 map_instances --cell_uuid {unmapped_in} --reset",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-map-instances",),
    whole_cloud=True,
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            case(
                (_unmapped, "no cell, for there is none"),
                (instance_mappings.c.cell_id.is_(None), "no cell yet, though no build is queued"),
                else_=func.coalesce(_mapped.c.cell, "a cell that is not there"),
            ).label("mapped_to"),
            case((and_(_unmapped, ~doubled(_server)), _own.c.cell_uuid)).label("unmapped_in"),
            case(
                (
                    and_(_unmapped, doubled(_server)),
                    literal("another cell shows the server, too, and a mapping decides which of them nova believes: ")
                    + "see first where its guest is (N01)",
                ),
                (_unmapped, None),
                else_=literal("no command changes the mapping of a server: look for its guest on ")
                + func.coalesce(_server.c.host, "its host")
                + "; where it runs there, correct cell_id in nova's instance_mappings by hand.",
            ).label("withheld"),
            newest(changed(_server), instance_mappings.c.updated_at, last_move(_server.c.uuid)).label("newest_change"),
            # In cell0 nothing runs and nothing is held.
            impact((_server.c.cell.in_(cell0s()), "M"), otherwise="H").label("impact"),
        )
        .select_from(_server)
        .join(_own, _own.c.cell == _server.c.cell)
        .outerjoin(instance_mappings, instance_mappings.c.instance_uuid == _server.c.uuid)
        .outerjoin(_mapped, _mapped.c.cell_id == instance_mappings.c.cell_id)
        .where(_server.c.uuid.in_(_astray))
        .where(func.coalesce(instance_mappings.c.cell_id != _own.c.cell_id, True))
        .where(or_(_unmapped, instance_mappings.c.cell_id.is_not(None), ~_queued), ~moving(_server))
        .order_by("instance")
    ),
)
