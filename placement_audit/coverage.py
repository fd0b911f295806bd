"""Where our knowledge of a cloud has a hole. Then nothing is left over, for absence proves nothing.

Each question gives one sentence, or None. What it counts is more than a single leak or a dead host leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Subquery, and_, case, exists, func, or_, select

from placement_audit import schema as t
from placement_audit.checks.evidence import build_requested, newest_of_nova, queued_for_delete, was_of_this_nova
from placement_audit.checks.relations import bearers, before, mapped_cells
from placement_audit.schema import Role

# What the questions below are asked of.
TABLES = {
    t.resource_providers,
    t.resource_provider_traits,
    t.traits,
    t.consumers,
    t.consumer_types,
    t.projects,
    t.claims,
    t.unknown_consumers,
    t.compute_nodes,
    t.services,
    t.instances,
    t.migrations,
    t.host_mappings,
    t.instance_mappings,
    t.build_requests,
    t.request_specs,
}
# With fewer of them than these it says nothing.
_FEW = 4
# As many servers tell as surely as all of them.
_SAMPLE = 5000
# A cell or a nova that lives writes within so many days.
_QUIET = 30
# How many names stand in a sentence.
_NAMED = 3


@dataclass(frozen=True)
class Gap:
    """``told``: what is missing, and what to do. ``doubt``: the same in a few words, as "while ..." goes on."""

    told: str
    doubt: str


def gap_in(connection: Connection) -> Gap | None:
    """The hole in what was read, if there is one: the first of its signs tells of the others, too."""
    return next((gap for question in _QUESTIONS if (gap := question(connection))), None)


def _read_cells() -> Subquery:
    return (
        select(t.sources.c.name, t.sources.c.cell_id, t.sources.c.cell0)
        .where(t.sources.c.role == Role.CELL.value, t.sources.c.status == "read", t.sources.c.cell_id.is_not(None))
        .subquery("read_cells")
    )


def _names(connection: Connection, query: Select[Any], count: int) -> str:
    found = [str(name) for name in connection.scalars(query.limit(_NAMED))]
    return ", ".join(found) + (f" and {count - len(found)} more" if count > len(found) else "")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- placement and nova do not know each other ---


def _two_clouds(connection: Connection) -> Gap | None:
    live = select(func.count()).select_from(t.compute_nodes).where(t.compute_nodes.c.deleted == 0)
    nodes = connection.scalar(live) or 0
    known = connection.scalar(live.where(t.compute_nodes.c.uuid.in_(select(t.resource_providers.c.uuid)))) or 0
    reason = None
    if nodes >= _FEW and known * 2 < nodes:
        reason = f"only {known} of {nodes} compute nodes have a provider"
    elif not nodes:
        holders = connection.scalar(select(func.count()).select_from(t.claims)) or 0
        if holders >= _FEW:
            reason = f"no cell has a compute node, yet {holders} consumers hold something"
    doubt = "placement and nova may belong to different clouds"
    return Gap(f"{doubt}: {reason}; check the addresses", doubt) if reason else None


# --- cells and their mappings ---


def _cells_mistaken(connection: Connection) -> Gap | None:
    """The cells do not seem to be the ones that the API database means: no server should be called misplaced."""
    server, mapping, twin = t.instances, t.instance_mappings, t.instances.alias("twin")
    # In the order of their uuids, which is no order at all: a fair sample of every cell.
    some = (
        select(server.c.uuid, server.c.cell)
        .where(server.c.deleted == 0, func.coalesce(server.c.hidden, 0) == 0)
        .order_by(server.c.uuid)
        .limit(_SAMPLE)
        .subquery("some")
    )
    mapped = exists().where(mapping.c.instance_uuid == some.c.uuid, mapping.c.cell_id == t.sources.c.cell_id)
    # What a resize between cells hides is no second server.
    visible = func.coalesce(twin.c.hidden, 0) == 0
    doubled = exists().where(twin.c.uuid == some.c.uuid, twin.c.cell != some.c.cell, twin.c.deleted == 0, visible)
    counted = (
        select(
            some.c.cell,
            func.count().label("servers"),
            func.sum(case((mapped, 1), else_=0)).label("mapped"),
            func.sum(case((doubled, 1), else_=0)).label("doubled"),
        )
        .join(t.sources, and_(t.sources.c.name == some.c.cell, t.sources.c.role == Role.CELL.value))
        .where(t.sources.c.cell_id.is_not(None))
        .group_by(some.c.cell)
        .order_by(some.c.cell)
    )
    doubt = "the cells' databases may not be those of this API database"
    for row in connection.execute(counted):
        reason = None
        if row.servers >= _FEW and row.doubled * 2 > row.servers:
            reason = f"{row.doubled} of {row.servers} servers of {row.cell} are in another cell, too"
        elif row.servers >= _FEW and row.mapped * 2 < row.servers:
            reason = f"only {row.mapped} of {row.servers} servers of {row.cell} are mapped to it"
        if reason:
            return Gap(f"{doubt}: {reason}; check the addresses", doubt)
    return None


def _no_cell0(connection: Connection) -> Gap | None:
    cells = _read_cells()
    row = connection.execute(select(func.count(), func.max(cells.c.cell0)).select_from(cells)).one()
    if not row[0] or row[1]:
        return None
    doubt = "cell0 is not among the cells"
    return Gap(f"{doubt}: the servers in it look unknown; give its database with --cell-db", doubt)


def _unlisted_cell(connection: Connection) -> Gap | None:
    """Hosts or servers are mapped to a cell that cell_mappings does not list."""
    cells = mapped_cells("listed_cell")
    if not connection.scalar(select(func.count()).select_from(cells)):
        return None  # which number is whose cell cannot be told
    listed = select(cells.c.cell_id)
    host, server = t.host_mappings, t.instance_mappings
    # A host that a cell has is only mapped wrongly (N03).
    has_it = or_(
        exists().where(t.services.c.host == host.c.host), exists().where(t.compute_nodes.c.host == host.c.host)
    )
    hosts = select(host.c.host).where(host.c.cell_id.not_in(listed), ~has_it).order_by(host.c.host)
    servers = (
        select(func.count())
        .select_from(server)
        .where(server.c.cell_id.not_in(listed), func.coalesce(server.c.queued_for_delete, 0) == 0)
        .where(~exists().where(t.instances.c.uuid == server.c.instance_uuid))
    )
    lost_hosts = connection.scalar(select(func.count()).select_from(hosts.order_by(None).subquery("hosts"))) or 0
    lost_servers = connection.scalar(servers) or 0
    if not lost_hosts and lost_servers < _FEW:
        return None
    doubt = "a cell is missing that nova has mapped hosts or servers to"
    what = _many(lost_servers, "server") + (f" and host {_names(connection, hosts, lost_hosts)}" if lost_hosts else "")
    return Gap(
        f"a cell is missing: nova maps {what} to a cell that cell_mappings does not list; put that row back with its "
        "old id, or give the cell's database with --cell-db",
        doubt,
    )


def _empty_cell(connection: Connection) -> Gap | None:
    """A cell's database has nothing in it, although nova's mappings lead to it."""
    cells, host, server = _read_cells(), t.host_mappings, t.instance_mappings
    service, node, row_of = t.services.alias("any_service"), t.compute_nodes.alias("any_node"), t.instances.alias("any")
    # The cell's conductor writes itself into any database. A host is mapped by its compute node, and neither that nor
    # its service leaves the database when it is deleted.
    nothing = (
        ~exists().where(service.c.cell == cells.c.name, service.c.binary == "nova-compute"),
        ~exists().where(node.c.cell == cells.c.name),
        ~exists().where(row_of.c.cell == cells.c.name),
    )
    hosts = select(func.count()).where(host.c.cell_id == cells.c.cell_id).scalar_subquery()
    servers = (
        select(func.count())
        .where(server.c.cell_id == cells.c.cell_id, func.coalesce(server.c.queued_for_delete, 0) == 0)
        .where(~exists().where(t.instances.c.uuid == server.c.instance_uuid))
        .correlate(cells)
        .scalar_subquery()
    )
    counted = (
        select(cells.c.name, hosts.label("hosts"), servers.label("servers"))
        .where(*nothing, cells.c.cell0 == 0)
        .order_by(cells.c.name)
    )
    for row in connection.execute(counted):
        if row.hosts or row.servers:
            doubt = f"the database of {row.name} is empty"
            return Gap(
                f"{doubt}, although nova maps {_many(row.hosts, 'host')} and {_many(row.servers, 'server')} to it; "
                "check its address",
                doubt,
            )
    return None


def _older_cell(connection: Connection) -> Gap | None:
    """A cell lacks servers that nova maps to it and that hold something: it was restored, or is another database."""
    cells, mapping, server = _read_cells(), t.instance_mappings, t.instances
    missing = (
        select(
            cells.c.name,
            func.count().label("missing"),
            func.min(mapping.c.updated_at).label("first"),
            func.max(mapping.c.updated_at).label("latest"),
        )
        .join(mapping, mapping.c.cell_id == cells.c.cell_id)
        .where(mapping.c.instance_uuid.in_(select(t.unknown_consumers.c.consumer_id)))
        .where(func.coalesce(mapping.c.queued_for_delete, 0) == 0, ~build_requested(mapping.c.instance_uuid))
        .group_by(cells.c.name)
        .having(func.count() >= _FEW)
        .order_by(cells.c.name)
    )
    for row in connection.execute(missing).all():
        made = server.c.created_at
        here = select(func.count(), func.min(made), func.max(made)).where(server.c.cell == row.name)
        servers, oldest, last = connection.execute(here.where(server.c.deleted == 0)).one()
        # What was lost long ago, before all that is there was made, was purged; a restore loses the newest.
        purged = oldest is not None and row.latest is not None and row.latest < oldest
        foreign = row.missing * 20 >= servers and not purged
        if foreign or (last is not None and row.first is not None and row.first > last):
            doubt = f"the database of {row.name} lacks servers that hold something"
            return Gap(
                f"{doubt}: nova maps {row.missing} servers to it that it does not have; it may have been restored from "
                "a backup, or be the database of another cell: check its address",
                doubt,
            )
    return None


def _older_mappings(connection: Connection) -> Gap | None:
    """The newest servers of the cells have no mapping: the API database is older than the cells."""
    server, mapping, cells = t.instances, t.instance_mappings, _read_cells()
    newest = select(func.max(mapping.c.updated_at)).scalar_subquery()
    unmapped = (
        select(func.count().label("servers"), func.min(server.c.created_at).label("first"), newest.label("newest"))
        .join_from(server, cells, cells.c.name == server.c.cell)
        .where(server.c.deleted == 0, func.coalesce(server.c.hidden, 0) == 0)
        .where(~exists().where(mapping.c.instance_uuid == server.c.uuid))
    )
    row = connection.execute(unmapped).one()
    if row.servers < _FEW or row.newest is None or row.first is None or row.first <= row.newest:
        return None
    doubt = "the API database may be older than the cells"
    return Gap(
        f"{doubt}: {row.servers} servers have no mapping, and all of them are newer than its newest one; it may have "
        "been restored from a backup",
        doubt,
    )


# --- hosts and servers that only placement knows ---


def _strangers() -> Subquery:
    """Roots that nova made, that no cell remembers, and that hold something for consumers that no cell knows."""
    provider, claim = t.resource_providers, t.claims
    made_by_nova = or_(
        t.traits.c.name.in_(("COMPUTE_NODE", "OWNER_NOVA")), t.traits.c.name.like("COMPUTE\\_%", escape="\\")
    )
    return (
        select(provider.c.id, provider.c.name, claim.c.consumer_id, claim.c.newest)
        .join(claim, claim.c.root_id == provider.c.id)
        .where(claim.c.consumer_id.in_(select(t.unknown_consumers.c.consumer_id)))
        .where(provider.c.id.in_(bearers(made_by_nova)), ~was_of_this_nova(provider))
        .subquery("strangers")
    )


def _second_nova(connection: Connection) -> Gap | None:
    """Hosts of a cell or of a nova that was not read."""
    found, request = _strangers(), t.request_specs
    asked = exists().where(request.c.instance_uuid == found.c.consumer_id)
    row = connection.execute(
        select(
            func.count(found.c.id.distinct()).label("hosts"),
            func.count(found.c.consumer_id.distinct()).label("consumers"),
            func.count(case((asked, found.c.consumer_id)).distinct()).label("requested"),
            func.sum(case((found.c.newest >= before(days=_QUIET), 1), else_=0)).label("recent"),
        ).select_from(found)
    ).one()
    # One host with some leaks is a finding, unless nova keeps the requests of what is held there.
    if row.consumers < _FEW or (row.hosts < 2 and row.requested < _FEW):
        return None
    # Where nothing was written for so long, these are hosts that are gone: findings, of which nothing is to be deleted.
    if not row.recent and row.requested < _FEW:
        return None
    doubt = "placement has hosts of a cell or a nova that was not read"
    names = _names(connection, select(found.c.name).distinct().order_by(found.c.name), row.hosts)
    whose = (
        "nova keeps the requests of such servers, so a cell is missing: give its database with --cell-db"
        if row.requested >= _FEW
        else ""
    )
    return Gap(
        f"{doubt}: no cell remembers {names}, where {row.consumers} consumers hold something and no cell knows them; "
        + (whose or "find out whose they are"),
        doubt,
    )


def _unknown() -> Select[Any]:
    """What consumers that no cell knows hold of a host, but for what another service owns or is on its way."""
    claim, consumer, server = t.claims, t.consumers, t.instances.alias("owned")
    # Of a project that never had a server another service is the likely owner.
    of_nova = or_(
        t.projects.c.external_id.in_(select(server.c.project_id).where(server.c.project_id.is_not(None))),
        ~exists().where(t.instances.c.uuid != ""),
    )
    foreign = select(t.consumer_types.c.id).where(t.consumer_types.c.name.not_in(("INSTANCE", "MIGRATION")))
    return (
        select(claim.c.consumer_id, func.max(claim.c.newest).label("newest"))
        .outerjoin(consumer, consumer.c.uuid == claim.c.consumer_id)
        .outerjoin(t.projects, t.projects.c.id == consumer.c.project_id)
        .where(of_nova)
        .where(claim.c.consumer_id.in_(select(t.unknown_consumers.c.consumer_id)))
        .where(claim.c.core > 0, func.coalesce(consumer.c.consumer_type_id.not_in(foreign), True))
        .where(~queued_for_delete(claim.c.consumer_id), ~build_requested(claim.c.consumer_id))
        .group_by(claim.c.consumer_id)
    )


def _older_nova(connection: Connection) -> Gap | None:
    """All that is unknown is newer than all that is known: nova was restored from a backup, and placement was not."""
    unknown = _unknown().subquery("unknown")
    row = connection.execute(
        select(
            func.count().label("consumers"),
            func.min(unknown.c.newest).label("first"),
            newest_of_nova().label("last"),
        ).select_from(unknown)
    ).one()
    if row.consumers < _FEW or row.first is None or (row.last is not None and row.first <= row.last):
        return None
    server, move = t.instances.c, t.migrations.c
    written = [connection.scalar(select(func.max(clock))) for clock in (server.updated_at, server.deleted_at)]
    written.append(connection.scalar(select(func.max(move.updated_at))))
    # Where nova has written since, it is no older: nothing new was built, that is all.
    if any(moment is not None and moment > row.first for moment in written):
        return None
    doubt = "nova's databases may be older than placement's"
    return Gap(
        f"{doubt}: {row.consumers} consumers are unknown, and all of them are newer than the newest server that a cell "
        "has; nova may have been restored from a backup: free nothing before that is settled",
        doubt,
    )


def _older_placement(connection: Connection) -> Gap | None:
    """The newest servers hold nothing: placement was restored from a backup, and nova was not."""
    server, claim = t.instances, t.claims
    running = and_(
        server.c.deleted == 0, server.c.vm_state == "active", server.c.task_state.is_(None), server.c.host.is_not(None)
    )
    bare = select(func.count().label("servers"), func.min(server.c.created_at).label("first")).where(
        running, ~exists().where(claim.c.consumer_id == server.c.uuid)
    )
    row = connection.execute(bare).one()
    last = connection.scalar(select(func.max(claim.c.newest)))
    if row.servers < _FEW or row.first is None or last is None or row.first <= last:
        return None
    doubt = "placement may be older than nova's databases"
    return Gap(
        f"{doubt}: {row.servers} servers run and hold nothing, and all of them are newer than the newest allocation; "
        "it may have been restored from a backup",
        doubt,
    )


# The most certain first.
_QUESTIONS: Sequence[Callable[[Connection], Gap | None]] = (
    _two_clouds,
    _unlisted_cell,
    _empty_cell,
    _cells_mistaken,
    _no_cell0,
    _older_cell,
    _older_mappings,
    _second_nova,
    _older_nova,
    _older_placement,
)
