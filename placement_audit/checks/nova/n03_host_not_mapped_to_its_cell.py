from sqlalchemy import and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.relations import (
    cell0s,
    changed,
    computes,
    impact,
    mapped_cells,
    newest,
    nodes,
    up,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import host_mappings, instances, services

_service, _own, _mapped = computes(), mapped_cells("own_cell"), mapped_cells("mapped_cell")
_node, _left_node, _other, _gone = (
    nodes(),
    nodes().alias("left_node"),
    computes().alias("other"),
    services.alias("gone"),
)
# Hosts are discovered by their compute nodes; a service of ironic has none, or has them from another service.
_has_a_node = exists().where(
    _node.c.cell == _service.c.cell,
    _node.c.host == _service.c.host,
    func.coalesce(_node.c.hypervisor_type, "") != "ironic",
)
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
        case((host_mappings.c.cell_id != _own.c.cell_id, func.lower(_service.c.host))).label("host_in_two_cells"),
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
_in_use = or_(
    exists().where(_left_node.c.host == _leftover.c.host),
    exists().where(instances.c.deleted == 0, instances.c.host == _leftover.c.host),
)
_last_service = select(func.max(_gone.c.deleted_at)).where(_gone.c.host == _leftover.c.host).scalar_subquery()
_without_service = (
    select(
        _of_cell.c.cell,
        _leftover.c.host,
        literal("nova maps the host to a cell, but no cell has a nova-compute service of it").label("state"),
        null().label("to_discover"),
        case((~_in_use, _of_cell.c.cell_uuid)).label("forgotten_in"),
        case((~_in_use, _leftover.c.host)).label("forgotten"),
        null().label("to_show"),
        null().label("host_in_two_cells"),
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
        "A server that the scheduler sends to a host without a mapping is buried in cell0, and what was claimed for it "
        "stays claimed; a host that is mapped to the wrong cell is looked for where it is not."
    ),
    exceptions=(
        "a service or mapping made just now: it waits for the next discovery",
        "services without a compute node, and bare metal, whose nodes wander between services",
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
