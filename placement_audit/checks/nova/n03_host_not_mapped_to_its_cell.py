from sqlalchemy import String, and_, case, cast, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.relations import (
    before,
    cell0s,
    changed,
    computes,
    impact,
    in_progress,
    mapped_cells,
    newest,
    nodes,
    up,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    claims,
    compute_nodes,
    host_mappings,
    instances,
    migrations,
    resource_providers,
    services,
)

_service, _own, _mapped = computes(), mapped_cells("own_cell"), mapped_cells("mapped_cell")
_node, _left_node, _other, _gone = (
    nodes(),
    nodes().alias("left_node"),
    computes().alias("other"),
    services.alias("gone"),
)
# Nothing is built on a service that has no compute node, as a service of ironic may have none.
_has_a_node = exists().where(_node.c.cell == _service.c.cell, _node.c.host == _service.c.host)
_newest_node = (
    select(func.max(_node.c.created_at))
    .where(_node.c.cell == _service.c.cell, _node.c.host == _service.c.host)
    .scalar_subquery()
)
_unmapped = host_mappings.c.host.is_(None)
_not_its_cell = (
    select(
        _service.c.cell,
        _service.c.host,
        case(
            (_unmapped, literal("nova-compute runs there, but nova maps the host to no cell")),
            else_=literal("nova-compute runs there, but nova maps the host to ")
            + func.coalesce(_mapped.c.cell, "a cell that is not there"),
        ).label("state"),
        case((and_(_unmapped, up(_service)), _own.c.cell_uuid)).label("to_discover"),
        null().label("forgotten_in"),
        null().label("forgotten"),
        _service.c.host.label("to_show"),
        case(
            (and_(_unmapped, up(_service)), None),
            (
                _unmapped,
                literal("nova-compute is down there. Nothing is built on it until it is back; discover it then."),
            ),
            else_=literal("nova has no command that gives a host another cell. See on ")
            + cast(_service.c.host, String)
            + " which cell's database and message queue its nova.conf names: either that is wrong, or the mapping is "
            "left over from another host of this name.",
        ).label("withheld"),
        case((host_mappings.c.cell_id != _own.c.cell_id, func.lower(_service.c.host))).label("host_in_two_cells"),
        func.lower(_service.c.host).label("new_host"),
        newest(_service.c.created_at, changed(host_mappings), _newest_node).label("newest_change"),
        # A host that is switched off, or not yet switched on for servers, does no harm.
        impact((and_(up(_service), func.coalesce(_service.c.disabled, 0) == 0), "H"), otherwise="L").label("impact"),
    )
    .select_from(_service)
    .join(_own, _own.c.cell == _service.c.cell)
    .outerjoin(host_mappings, host_mappings.c.host == _service.c.host)
    .outerjoin(_mapped, _mapped.c.cell_id == host_mappings.c.cell_id)
    .where(_service.c.cell.not_in(cell0s()))
    .where(or_(and_(_unmapped, _has_a_node), host_mappings.c.cell_id != _own.c.cell_id))
)
_leftover = host_mappings.alias("leftover")
_of_cell = mapped_cells("leftover_cell")
_last_node, _of_the_cell = compute_nodes.alias("last_node"), computes().alias("of_the_cell")
_has_servers = exists().where(instances.c.deleted == 0, instances.c.host == _leftover.c.host)
_has_node = exists().where(_left_node.c.host == _leftover.c.host)
_was_there = exists().where(
    _last_node.c.host == _leftover.c.host, _last_node.c.deleted != 0, _last_node.c.deleted_at >= before(days=7)
)
_moves = exists().where(
    or_(migrations.c.source_compute == _leftover.c.host, migrations.c.dest_compute == _leftover.c.host),
    in_progress(migrations),
)
_holds = exists().where(resource_providers.c.name == _leftover.c.host, claims.c.root_id == resource_providers.c.id)
_cell_lives = exists().where(_of_the_cell.c.cell == _of_cell.c.cell)
_name = cast(_leftover.c.host, String)
_why_not = case(
    (
        _has_servers,
        literal("servers are on ")
        + _name
        + " as far as nova knows: see with 'openstack server list --all-projects --host "
        + _name
        + "' which, and where their guests run.",
    ),
    (
        _has_node,
        literal("the compute node of ") + _name + " is still there: it was not taken out of service by the API. See "
        "whether the host is to come back.",
    ),
    (
        _was_there,
        literal("the compute node of ") + _name + " was deleted in the last week: it may be about to be set up anew.",
    ),
    (_moves, literal("migrations from or to ") + _name + " are open: they end first."),
    (
        _holds,
        literal("something is held on a provider named ")
        + _name
        + ": see whose that is with 'openstack resource provider show --allocations'.",
    ),
    (
        ~_cell_lives,
        literal("no nova-compute of ")
        + _of_cell.c.cell
        + " is in the database that was read, so that this may be the wrong one: compare 'nova-manage cell_v2 "
        "list_cells' with the [database] connection of the cell's conductor.",
    ),
)
_last_service = select(func.max(_gone.c.deleted_at)).where(_gone.c.host == _leftover.c.host).scalar_subquery()
_without_service = (
    select(
        _of_cell.c.cell,
        _leftover.c.host,
        literal("nova maps the host to a cell, but no cell has a nova-compute service of it").label("state"),
        null().label("to_discover"),
        case((_why_not.is_(None), _of_cell.c.cell_uuid)).label("forgotten_in"),
        case((_why_not.is_(None), _leftover.c.host)).label("forgotten"),
        null().label("to_show"),
        _why_not.label("withheld"),
        null().label("host_in_two_cells"),
        null().label("new_host"),
        newest(changed(_leftover), _last_service).label("newest_change"),
        literal("L").label("impact"),
    )
    .select_from(_leftover)
    .join(_of_cell, _of_cell.c.cell_id == _leftover.c.cell_id)
    .where(~exists().where(_other.c.host == _leftover.c.host))
)
_row = union_all(_not_its_cell, _without_service).subquery("row")

CHECK = Check(
    code="N03",
    name="host-not-mapped-to-its-cell",
    impact=Impact.HIGH,
    title="Host that nova looks for in another cell, or in none",
    message="{host} in {cell}: {state}",
    identity=("cell", "host"),
    why=(
        "A server that the scheduler sends to a host without a mapping ends in cell0 in error, and what was claimed "
        "for it stays claimed. A host that is mapped to the wrong cell is not found."
    ),
    exceptions=(
        "a service or mapping made just now: it waits for the next discovery",
        "services without a compute node",
        "the host of a service that is down or disabled, and a mapping that is left over, are information",
        "cells that are known by --cell-db alone, not by cell_mappings",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {to_show}",
        "nova-manage cell_v2 list_hosts",
        "nova-manage cell_v2 discover_hosts --cell_uuid {to_discover} --by-service --verbose",
        "nova-manage cell_v2 delete_host --cell_uuid {forgotten_in} --host {host}",
        "# then restart nova-scheduler or send it SIGHUP: it remembers the cell of {forgotten}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-discover-hosts",),
    whole_cloud=True,
    query=select(_row).order_by("cell", "host"),
)
