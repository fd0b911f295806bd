"""Tables that a snapshot computes once from what was read, so that every check can stay a plain select."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import CompoundSelect

from placement_audit import schema as t
from placement_audit.amounts import (
    STORED_BADLY,
    Flavor,
    Requests,
    as_ever_read,
    readings,
    requests,
    stored_flavor,
    totals,
)

# What an image says of CPUs and memory, and how nova names it among a server's system metadata.
_PROPERTIES = ("hw_cpu_policy", "hw_cpu_realtime_mask", "hw_mem_encryption")
_IMAGE = "image_"
# The extra spec that asks for PCI devices past placement.
_ALIAS = "pci_passthrough:alias"
# services.version of nova 24 (SEMANTICS 0.1).
_XENA = 60

_sharing = (
    select(t.resource_provider_traits.c.resource_provider_id)
    .join(t.traits, t.traits.c.id == t.resource_provider_traits.c.trait_id)
    .where(t.traits.c.name == t.SHARING_TRAIT)
)


def _trees() -> Select[Any]:
    provider, root = t.resource_providers, t.resource_providers.alias("root")
    # Sharing is a matter of each provider: what is above or below a sharing one may be a host's own.
    no_host = or_(provider.c.id.in_(_sharing), root.c.name.like("Neutron segment id %"))
    return select(
        provider.c.id.label("provider_id"),
        func.coalesce(root.c.id, provider.c.id).label("root_id"),
        case((no_host, 1), else_=0).label("shared"),
    ).outerjoin_from(provider, root, root.c.id == provider.c.root_provider_id)


def _claims() -> Select[Any]:
    core = t.allocations.c.resource_class_id.in_(
        select(t.resource_classes.c.id).where(t.resource_classes.c.name.in_(t.CORE_CLASSES))
    )
    own, pooled = t.trees.c.shared == 0, t.trees.c.shared == 1

    def amount(name: str, where: ColumnElement[bool]) -> ColumnElement[Any]:
        its_id = select(func.min(t.resource_classes.c.id)).where(t.resource_classes.c.name == name).scalar_subquery()
        of_it = and_(t.allocations.c.resource_class_id == its_id, where)
        return func.sum(case((of_it, func.coalesce(t.allocations.c.used, 0)), else_=0))

    return (
        select(
            t.allocations.c.consumer_id,
            t.trees.c.root_id,
            func.min(t.trees.c.shared).label("shared"),
            func.count().label("rows"),
            func.sum(case((own, 1), else_=0)).label("own"),
            func.sum(case((and_(own, core), 1), else_=0)).label("core"),
            func.sum(case((and_(pooled, core), 1), else_=0)).label("pooled"),
            *(amount(name, own).label(name.lower()) for name in t.CORE_CLASSES),
            amount("DISK_GB", pooled).label("pooled_gb"),
            func.max(t.allocations.c.created_at).label("newest"),
        )
        .join(t.trees, t.trees.c.provider_id == t.allocations.c.resource_provider_id)
        # The root first: rows come by provider, and numbers are compared faster than uuids.
        .group_by(t.trees.c.root_id, t.allocations.c.consumer_id)
    )


def _reach() -> CompoundSelect[Any]:
    shared, member = (
        t.resource_provider_aggregates.alias("shared"),
        t.resource_provider_aggregates.alias("member"),
    )
    return union(
        select(t.trees.c.root_id, t.trees.c.provider_id),
        select(t.trees.c.root_id, shared.c.resource_provider_id.label("provider_id"))
        .join_from(shared, member, member.c.aggregate_id == shared.c.aggregate_id)
        .join(t.trees, t.trees.c.provider_id == member.c.resource_provider_id)
        .where(shared.c.resource_provider_id.in_(_sharing)),
    )


def _odd_servers() -> Select[Any]:
    server, node = t.instances, t.compute_nodes
    nodes = select(node.c.cell, node.c.host, node.c.hypervisor_hostname).where(
        node.c.deleted == 0, node.c.host.is_not(None), node.c.hypervisor_hostname.is_not(None)
    )
    numbered = nodes.add_columns(node.c.id)
    return select(server.c.uuid).where(
        server.c.deleted == 0,
        or_(
            server.c.task_state.is_not(None),
            server.c.hidden == 1,
            server.c.cell.not_in(select(node.c.cell)),
            # With a NULL on its left SQLite compares NOT IN row by row: what is NULL is left out.
            and_(
                server.c.host.is_not(None),
                server.c.node.is_(None),
                tuple_(server.c.cell, server.c.host).not_in(nodes.with_only_columns(node.c.cell, node.c.host)),
            ),
            and_(
                server.c.host.is_(None),
                server.c.node.is_not(None),
                tuple_(server.c.cell, server.c.node).not_in(
                    nodes.with_only_columns(node.c.cell, node.c.hypervisor_hostname)
                ),
            ),
            and_(
                server.c.host.is_not(None),
                server.c.node.is_not(None),
                tuple_(server.c.cell, server.c.host, server.c.node).not_in(nodes),
            ),
            and_(
                server.c.host.is_not(None),
                server.c.node.is_not(None),
                server.c.compute_id.is_not(None),
                tuple_(server.c.cell, server.c.host, server.c.node, server.c.compute_id).not_in(numbered),
            ),
        ),
    )


_known = t.resource_classes.alias("known_class")
_RIGHTLY = or_(*(and_(_known.c.id == t.STANDARD_CLASSES.index(name), _known.c.name == name) for name in t.CORE_CLASSES))
# With these mixed up no server would seem to hold what it should.
_core_is_named = and_(
    select(func.count()).select_from(_known).where(_RIGHTLY).scalar_subquery() == len(t.CORE_CLASSES),
    ~exists().where(
        or_(
            _known.c.id.in_([t.STANDARD_CLASSES.index(name) for name in t.CORE_CLASSES]),
            _known.c.name.in_(t.CORE_CLASSES),
        ),
        ~func.coalesce(_RIGHTLY, 0),
    ),
)


def _pools() -> Select[Any]:
    """The roots that look like storage, a sharing provider that lost its trait among them (SEMANTICS E.5).

    No compute node ever had them, and nothing in their trees offers CPUs or memory.
    """
    root, offered, place = t.resource_providers, t.inventories, t.trees.alias("offered_in")
    of_hosts = select(t.resource_classes.c.id).where(t.resource_classes.c.name.in_(("VCPU", "PCPU", "MEMORY_MB")))
    computing = (
        select(place.c.root_id)
        .join(offered, offered.c.resource_provider_id == place.c.provider_id)
        .where(offered.c.resource_class_id.in_(of_hosts))
    )
    hosts = select(t.compute_nodes.c.uuid).where(t.compute_nodes.c.uuid.is_not(None))
    return select(root.c.id).where(root.c.id.not_in(computing), root.c.uuid.not_in(hosts))


def _unclaimed() -> Select[Any]:
    server, node, claim = t.instances, t.compute_nodes.alias("bare_metal"), t.claims
    bare = select(node.c.hypervisor_hostname).where(
        node.c.hypervisor_type == "ironic", node.c.hypervisor_hostname.is_not(None)
    )
    # Ports and devices bring along what is no server's CPUs and memory; a bare metal node offers nothing of these.
    anything = or_(server.c.node.in_(bare), ~_core_is_named)
    holds = exists().where(
        claim.c.consumer_id == server.c.uuid,
        or_(
            and_(claim.c.core > 0, or_(claim.c.root_id.not_in(_pools()), anything)),
            and_(claim.c.own > 0, anything),
        ),
    )
    return select(server.c.uuid).where(server.c.deleted == 0, server.c.host.is_not(None), ~holds)


def _astray() -> Select[Any]:
    server, node, root = t.instances, t.compute_nodes, t.resource_providers
    at_home = exists().where(
        node.c.uuid == root.c.uuid,
        node.c.deleted == 0,
        node.c.cell == server.c.cell,
        node.c.hypervisor_hostname == server.c.node,
        or_(node.c.host == server.c.host, node.c.hypervisor_type == "ironic"),
    )
    return (
        select(server.c.uuid)
        .join_from(t.claims, root, root.c.id == t.claims.c.root_id)
        .join(server, server.c.uuid == t.claims.c.consumer_id)
        .where(t.claims.c.own > 0, server.c.deleted == 0, ~at_home)
    )


def _unknown_consumers() -> Select[Any]:
    return (
        select(t.claims.c.consumer_id)
        .distinct()
        .where(~exists().where(t.instances.c.uuid == t.claims.c.consumer_id))
        .where(~exists().where(t.migrations.c.uuid == t.claims.c.consumer_id))
    )


# SEMANTICS D.1: anything else, unknown words and NULL included, is in progress.
TERMINAL = ("confirmed", "reverted", "error", "failed", "completed", "cancelled", "done")
# An evacuation in one of these makes nova-compute remove the guest when it starts on the source (nova 20 to 34,
# ComputeManager._destroy_evacuated_instances, which reads deleted records, too, and does not look where the server is).
REMOVING = ("accepted", "pre-migrating", "done")


def _start_hazards() -> CompoundSelect[Any]:
    """What a start of nova-compute would do to what is open on its host (ComputeManager.init_host, nova 20 to 34)."""
    evacuation, server = t.migrations.alias("evacuation_from_here"), t.instances.alias("evacuated_server")
    back, left = t.migrations.alias("way_back"), t.migrations.alias("way_out")
    # nova's host may be wrong: the last that is known of the guest may be that it came here.
    gone_again = (
        exists()
        .where(
            left.c.instance_uuid == back.c.instance_uuid,
            left.c.cell == back.c.cell,
            left.c.source_compute == back.c.dest_compute,
            left.c.id > back.c.id,
            left.c.status.in_(("confirmed", "completed", "done")),
        )
        .correlate_except(left)
    )
    came_back = (
        exists()
        .where(
            back.c.instance_uuid == evacuation.c.instance_uuid,
            back.c.cell == evacuation.c.cell,
            back.c.dest_compute == evacuation.c.source_compute,
            back.c.id > evacuation.c.id,
            func.coalesce(back.c.status, "").not_in(("failed", "cancelled", "reverted")),
            ~gone_again,
        )
        .correlate_except(back)
    )
    removes = (
        select(
            evacuation.c.cell,
            evacuation.c.source_compute.label("host"),
            (
                literal("remove the guest of server ")
                + server.c.uuid
                + ", whose evacuation from there is still "
                + evacuation.c.status
            ).label("would"),
        )
        .join(server, and_(server.c.uuid == evacuation.c.instance_uuid, server.c.cell == evacuation.c.cell))
        .where(evacuation.c.migration_type == "evacuation", evacuation.c.status.in_(REMOVING))
        .where(evacuation.c.source_compute.is_not(None), server.c.deleted == 0)
        .where(or_(server.c.host == evacuation.c.source_compute, came_back))
    )
    busy = t.instances.alias("busy_server")
    task, state = func.coalesce(busy.c.task_state, ""), func.coalesce(busy.c.vm_state, "")
    words = case(
        (or_(task == "deleting", state == "deleted"), literal("delete server ") + busy.c.uuid + " for good"),
        (state == "building", literal("put server ") + busy.c.uuid + ", which is being built, into error"),
        else_=literal("break off or repeat what server ") + busy.c.uuid + " does, whose task is " + task,
    )
    interrupts = select(busy.c.cell, busy.c.host, words.label("would")).where(
        busy.c.deleted == 0, busy.c.host.is_not(None), or_(task != "", state.in_(("building", "deleted")))
    )
    # It waits for its turn, and is on no host yet (_error_out_instances_whose_build_was_interrupted).
    waiting, row, own, node = (
        t.instances.alias("waiting_server"),
        t.allocations.alias("waiting_claim"),
        t.resource_providers.alias("waiting_on"),
        t.compute_nodes.alias("waiting_node"),
    )
    builds = (
        select(
            node.c.cell,
            node.c.host,
            (literal("put server ") + waiting.c.uuid + ", which is being built, into error").label("would"),
        )
        .select_from(waiting)
        .join(row, row.c.consumer_id == waiting.c.uuid)
        .join(own, own.c.id == row.c.resource_provider_id)
        .join(node, and_(node.c.uuid == own.c.uuid, node.c.cell == waiting.c.cell))
        .where(waiting.c.deleted == 0, waiting.c.vm_state == "building", waiting.c.host.is_(None))
        .where(node.c.deleted == 0, node.c.host.is_not(None))
    )
    return union(removes, *(_broken_off(side) for side in ("source_compute", "dest_compute")), interrupts, builds)


def _broken_off(side: str) -> Select[Any]:
    """Open moves from or to a host; one that waits for its confirmation stays as it is."""
    move, server = t.migrations.alias("open_move"), t.instances.alias("moving_server")
    kind, status = func.coalesce(move.c.migration_type, "migration"), func.coalesce(move.c.status, "")
    return (
        select(
            move.c.cell,
            move.c[side].label("host"),
            (literal("break off the ") + kind + " of server " + server.c.uuid + ", which is " + status).label("would"),
        )
        .join(server, and_(server.c.uuid == move.c.instance_uuid, server.c.cell == move.c.cell))
        .where(move.c.deleted == 0, status.not_in((*TERMINAL, "finished")), move.c[side].is_not(None))
        .where(server.c.deleted == 0)
    )


# It needs no flavors: without them those with swap are doubtful, too, and their own flavors are read.
def _doubtful() -> Select[Any]:
    server, node, own, tree = t.instances, t.compute_nodes, t.resource_providers, t.trees
    here, other, root = t.claims.alias("here"), t.claims.alias("other"), t.resource_providers.alias("other_root")
    elsewhere = other.c.consumer_id == server.c.uuid, other.c.root_id != here.c.root_id, other.c.core > 0
    # correlate_except: of itself SQLAlchemy correlates with the next query outwards, not with the one beyond.
    of_pools = t.claims.alias("of_pools")
    shared_disk = select(func.sum(of_pools.c.pooled_gb)).where(of_pools.c.consumer_id == server.c.uuid)
    shared_disk = shared_disk.correlate_except(of_pools)
    disk = here.c.disk_gb + func.coalesce(shared_disk.scalar_subquery(), 0)
    cpus = or_(
        and_(here.c.vcpu == server.c.vcpus, here.c.pcpu == 0), and_(here.c.vcpu == 0, here.c.pcpu == server.c.vcpus)
    )
    # Some flavor of that size has the swap that the rest of the disk is.
    swapping = t.flavors.alias("swapping")
    size = ("vcpus", "memory_mb", "root_gb", "ephemeral_gb")
    gigabytes = (swapping.c.swap + 1023) // 1024
    same_size = and_(*(swapping.c[name] == server.c[name] for name in size), swapping.c.swap > 0)

    def fits(without_swap: ColumnElement[Any]) -> ColumnElement[Any]:
        with_swap = exists().where(same_size, disk == without_swap + gigabytes).correlate_except(swapping)
        memory = here.c.memory_mb == server.c.memory_mb
        return func.coalesce(and_(cpus, memory, or_(disk == without_swap, with_swap)), 0)

    # Asked first, so that all the rest is asked of these few: the planner cannot know that they are few.
    claim, row = t.claims.alias("claim"), t.instances.alias("row")
    plain = and_(
        claim.c.vcpu + claim.c.pcpu == row.c.vcpus,
        claim.c.vcpu * claim.c.pcpu == 0,
        claim.c.memory_mb == row.c.memory_mb,
        claim.c.disk_gb == row.c.root_gb + row.c.ephemeral_gb,
    )
    odd = (
        select(row.c.uuid)
        .join(claim, claim.c.consumer_id == row.c.uuid)
        .where(row.c.deleted == 0, claim.c.shared == 0, claim.c.core > 0, ~func.coalesce(plain, 0))
    )
    # Of what is neither this host's nor its pool's nor another host's nobody can tell whether it makes up for it.
    drawn, pool = t.allocations.alias("drawn"), t.trees.alias("pool")
    reached = exists().where(t.reach.c.root_id == here.c.root_id, t.reach.c.provider_id == pool.c.provider_id)
    core_ids = select(t.resource_classes.c.id).where(t.resource_classes.c.name.in_(t.CORE_CLASSES))
    of_another_pool = exists().where(
        drawn.c.consumer_id == server.c.uuid,
        drawn.c.resource_class_id.in_(core_ids),
        pool.c.provider_id == drawn.c.resource_provider_id,
        pool.c.shared == 1,
        ~reached.correlate_except(t.reach),
    )
    a_node = t.compute_nodes.alias("a_node")
    of_a_host = exists().where(root.c.id == other.c.root_id, a_node.c.uuid == root.c.uuid)
    astray = or_(of_another_pool, exists().where(*elsewhere, ~of_a_host.correlate_except(root, a_node)))
    held = t.allocations.alias("held")
    unknown = exists().where(
        held.c.consumer_id == server.c.uuid,
        or_(
            held.c.resource_class_id.not_in(select(t.resource_classes.c.id)),
            held.c.resource_provider_id.not_in(select(t.trees.alias("known").c.provider_id)),
        ),
    )
    # The disks of two hosts in one pool are one row.
    two_hosts = exists().where(*elsewhere).correlate_except(other)
    pooled = exists().where(of_pools.c.consumer_id == server.c.uuid, of_pools.c.pooled > 0).correlate_except(of_pools)
    return (
        select(
            server.c.cell,
            server.c.uuid,
            here.c.root_id,
            here.c.vcpu,
            here.c.pcpu,
            here.c.memory_mb,
            disk.label("disk_gb"),
            case((and_(two_hosts, pooled), 0), else_=1).label("disk_known"),
            fits(server.c.ephemeral_gb).label("lean"),
        )
        .select_from(server)
        .join(
            node,
            and_(
                node.c.cell == server.c.cell,
                node.c.host == server.c.host,
                node.c.hypervisor_hostname == server.c.node,
                node.c.deleted == 0,
                func.coalesce(node.c.hypervisor_type, "") != "ironic",
            ),
        )
        .join(own, own.c.uuid == node.c.uuid)
        .join(tree, tree.c.provider_id == own.c.id)
        .join(here, and_(here.c.consumer_id == server.c.uuid, here.c.root_id == tree.c.root_id, here.c.core > 0))
        .where(server.c.uuid.in_(odd), server.c.deleted == 0, func.coalesce(server.c.hidden, 0) == 0)
        .where(~fits(server.c.root_gb + server.c.ephemeral_gb), ~astray, ~unknown)
        .where(_core_is_named)
        .distinct()
    )


# In the order in which they are filled: claims and reach need trees.
SELECTS: Mapping[Table, Select[Any] | CompoundSelect[Any]] = {
    t.trees: _trees(),
    t.claims: _claims(),
    t.reach: _reach(),
    t.odd_servers: _odd_servers(),
    t.start_hazards: _start_hazards(),
    t.unclaimed: _unclaimed(),
    t.astray: _astray(),
    t.unknown_consumers: _unknown_consumers(),
    t.doubtful: _doubtful(),
}


def _flavor_requests(connection: Connection) -> Iterator[tuple[int, int, str, str, int]]:
    specs: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(t.flavor_extra_specs)):
        specs.setdefault(row.flavor_id, {})[row.key or ""] = row.value or ""
    older = _groups_may_be_numbers(connection)
    for row in connection.execute(select(t.flavors)):
        flavor = Flavor(
            vcpus=row.vcpus or 0,
            memory_mb=row.memory_mb or 0,
            root_gb=row.root_gb or 0,
            ephemeral_gb=row.ephemeral_gb or 0,
            swap=row.swap or 0,
            extra_specs=specs.get(row.id, {}),
        )
        ways: list[Requests] = []
        for read in as_ever_read(flavor) if older else [flavor]:
            for way in requests(read), requests(read, translate_pinned=False):
                if way not in ways:
                    ways.append(way)
        for variant, asked in enumerate(ways):
            for (suffix, name), amount in asked.items():
                yield row.id, variant, suffix, name, amount


def _groups_may_be_numbers(connection: Connection) -> bool:
    """Whether the scheduler may be older than nova 24, which reads no other suffix of a request group (SEMANTICS E.1).

    No nova-compute is newer than it. Without any nobody knows.
    """
    service = t.services.c
    computes = service.binary == "nova-compute", service.deleted == 0
    return (connection.scalar(select(func.min(service.version)).where(*computes)) or 0) < _XENA


def _expected(connection: Connection) -> Iterator[tuple[str, str, int, int, str | None]]:
    images, volumes = _images(connection), _volumes(connection)

    # Thousands of servers share a few flavors, images and kinds of disks.
    @cache
    def asked(text: str | None, image: _Said, volume: bool | None) -> tuple[dict[str, int], bool, str | None]:
        flavor = embedded_flavor(text)
        if flavor is None:
            return {}, False, None
        found = requests(flavor, image=dict(image), volume_backed=volume is True)
        sure = _no_other(text, dict(image), volume)
        return dict.fromkeys(t.CORE_CLASSES, 0) | totals(found), sure, _hindrance(flavor, dict(image), found)

    extra = t.instance_extra.c
    # What the doubtful ones lack is among the misfits.
    wanted = select(extra.instance_uuid, extra.flavor).where(extra.instance_uuid.not_in(select(t.doubtful.c.uuid)))
    for uuid, text in connection.execute(wanted):
        key = uuid.lower()
        amounts, sure, hindrance = asked(text, images.get(key, ()), volumes.get(key))
        for name, amount in amounts.items():
            yield uuid, name, amount, int(sure), hindrance


def _no_other(text: str | None, image: Mapping[str, str], volume: bool | None) -> bool:
    """Whether a server's flavor can be read in one way alone, and asks for nothing that has a place of its own."""
    found: list[Requests] = []
    for flavor in embedded_flavors(text) or ():
        if flavor.extra_specs.get("accel:device_profile"):
            return False
        for read in as_ever_read(flavor):
            for translated in (True, False):
                for volume_backed in [volume] if volume is not None else [True, False]:
                    found.append(requests(read, volume_backed=volume_backed, translate_pinned=translated, image=image))
    return bool(found) and all(one == found[0] for one in found) and not any(suffix for suffix, _ in found[0])


def _hindrance(flavor: Flavor, image: Mapping[str, str], found: Requests) -> str | None:
    """Why nova-manage does not heal such a server, or heals it wrongly (nova 24 to 34, nova/cmd/manage.py)."""
    if flavor.extra_specs.get("resources:VGPU"):
        return "refuses a flavor with resources:VGPU"
    if flavor.extra_specs.get("accel:device_profile"):
        return "refuses a flavor with accel:device_profile"
    if image and requests(flavor, image=image) != requests(flavor):
        return "does not look at what the image says of CPUs and memory"
    if any(suffix for suffix, _ in found):
        return "puts what the groups of the flavor ask for on the host itself"
    return None


def _unmet(connection: Connection) -> Iterator[tuple[str, str, str, str, int]]:
    holder, named = t.allocations.c, t.resource_classes.c
    suspects = select(t.own_flavors.c.instance_uuid)
    holds = select(holder.consumer_id, named.name).join_from(
        t.allocations, t.resource_classes, named.id == holder.resource_class_id
    )
    held: dict[str, set[str]] = {}
    for uuid, name in connection.execute(holds.where(holder.consumer_id.in_(suspects), holder.used > 0)):
        held.setdefault(uuid.lower(), set()).add(name)

    @cache
    def wanted(text: str | None) -> tuple[dict[str, int], dict[str, int]]:
        flavors = embedded_flavors(text) or ()
        asked = [totals(requests(read)) for flavor in flavors for read in as_ever_read(flavor)]
        aliases = [flavor.extra_specs.get(_ALIAS, "") for flavor in flavors]
        return _in_all(asked), _in_all([{alias: _devices(alias)} if alias else {} for alias in aliases])

    for row in connection.execute(select(t.own_flavors)):
        classes, aliases = wanted(row.flavor)
        mine = held.get(row.instance_uuid.lower(), set())
        for name, amount in classes.items():
            if name not in t.CORE_CLASSES and name not in mine:
                yield row.cell, row.instance_uuid, "class", name, amount
        for alias, amount in aliases.items():
            if amount:
                yield row.cell, row.instance_uuid, "alias", alias, amount


def _in_all(several: Sequence[Mapping[str, int]]) -> dict[str, int]:
    first, *others = several or [{}]
    return {
        name: min(amount, *(other[name] for other in others)) if others else amount
        for name, amount in first.items()
        if all(name in other for other in others)
    }


def _devices(alias: str) -> int:
    """How many devices an extra spec such as "gpu:2,nic:1" asks for; 0 where it cannot be read."""
    try:
        return sum(int(part.split(":")[1]) for part in alias.split(","))
    except (ValueError, IndexError):
        return 0


_Said = tuple[tuple[str, str], ...]


def _images(connection: Connection) -> dict[str, _Said]:
    """What the images of servers say, by the server's uuid."""
    said = t.instance_system_metadata.c
    found: dict[str, _Said] = {}
    rows = select(said.instance_uuid, said.key, said.value).order_by(said.instance_uuid, said.key)
    for uuid, key, value in connection.execute(rows):
        pair = key.removeprefix(_IMAGE), value or ""
        found[uuid.lower()] = (*found.get(uuid.lower(), ()), pair)
    return found


def _volumes(connection: Connection) -> dict[str, bool | None]:
    """Whether the root disks of servers are volumes, by the server's uuid; None where that is not said."""
    disk = t.block_device_mapping.c
    found: dict[str, bool | None] = {}
    for uuid, kind in connection.execute(select(disk.instance_uuid, disk.destination_type)):
        volume = None if kind is None else kind == "volume"
        # Of two root disks that contradict each other neither tells.
        found[uuid.lower()] = volume if found.get(uuid.lower(), volume) == volume else None
    return found


def _misfits(connection: Connection) -> Iterator[tuple[str, str, int, str | None, int | None, int | None, int, int]]:
    extra = t.instance_extra.c
    stored: dict[str, list[tuple[str, str | None]]] = {}
    doubtful = select(t.doubtful.c.uuid)
    for row in connection.execute(select(t.instance_extra).where(extra.instance_uuid.in_(doubtful))):
        stored.setdefault(row.instance_uuid.lower(), []).append((row.cell, row.flavor))
    images, volumes = _images(connection), _volumes(connection)

    # Thousands of servers share a few flavors, images and kinds of disks.
    @cache
    def ways(texts: tuple[str | None, ...], image: _Said, volume: bool | None) -> list[dict[str, int]]:
        known = [embedded_flavors(text) for text in texts]
        if None in known:
            return []
        flavors = [flavor for each in known for flavor in each or ()]
        return list(readings(flavors, dict(image), volume))

    for row in connection.execute(select(t.doubtful)):
        key = row.uuid.lower()
        volume = volumes.get(key)
        if row.lean and volume is not False:
            continue
        # A resize between cells leaves rows in both; its own cell's comes first.
        rows = sorted(stored.get(key, []), key=lambda pair: (pair[0] != row.cell, pair[0]))
        legal = ways(tuple(text for _, text in rows), images.get(key, ()), volume)
        where = row.cell, row.uuid, row.root_id
        if not legal:
            yield *where, None, None, None, 0, 0
            continue
        held = {"VCPU": row.vcpu, "PCPU": row.pcpu, "MEMORY_MB": row.memory_mb, "DISK_GB": row.disk_gb}
        if not row.disk_known:
            del held["DISK_GB"]
        pinned = any(way.get("PCPU") for way in legal)
        unlike = [{name: way.get(name, 0) for name in held if way.get(name, 0) != held[name]} for way in legal]
        for name, amount in min(unlike, key=len).items():
            yield *where, name, held[name], amount, int(pinned), int(len(legal) == 1)


def embedded_flavors(text: str | None) -> tuple[Flavor, ...] | None:
    """All flavors out of instance_extra.flavor: the current one, and those of a resize from and to (SEMANTICS C.4).

    None when one of them cannot be understood.
    """
    try:
        stored = json.loads(text or "")
        others = [each for each in map(stored.get, ("old", "new")) if each is not None]
        return tuple(stored_flavor(each["nova_object.data"]) for each in (stored["cur"], *others))
    except STORED_BADLY:
        return None


def embedded_flavor(text: str | None) -> Flavor | None:
    """The current flavor out of instance_extra.flavor, or None when it cannot be understood (SEMANTICS C.4)."""
    try:
        return stored_flavor(json.loads(text or "")["cur"]["nova_object.data"])
    except STORED_BADLY:
        return None


# Rows that no select can say well: computed in Python.
COMPUTED: Mapping[Table, Callable[[Connection], Iterable[Sequence[Any]]]] = {
    t.flavor_requests: _flavor_requests,
    t.expected: _expected,
    t.misfits: _misfits,
    t.unmet: _unmet,
}

# What each derived table is made of.
MADE_OF: Mapping[Table, tuple[Table, ...]] = {
    t.trees: (t.resource_providers, t.resource_provider_traits, t.traits),
    t.claims: (t.allocations, t.resource_classes, t.trees),
    t.reach: (t.trees, t.resource_provider_aggregates, t.resource_provider_traits, t.traits),
    t.odd_servers: (t.instances, t.compute_nodes),
    t.unclaimed: (
        *(t.instances, t.claims, t.compute_nodes, t.resource_providers),
        *(t.inventories, t.resource_classes, t.trees),
    ),
    t.start_hazards: (t.migrations, t.instances, t.allocations, t.resource_providers, t.compute_nodes),
    t.astray: (t.instances, t.compute_nodes, t.claims, t.resource_providers),
    t.unknown_consumers: (t.claims, t.instances, t.migrations),
    t.flavor_requests: (t.flavors, t.flavor_extra_specs, t.services),
    t.doubtful: (t.instances, t.compute_nodes, t.claims, t.reach, t.trees, t.allocations, t.resource_classes),
    t.expected: (t.doubtful, t.instance_extra, t.instance_system_metadata, t.block_device_mapping),
    t.misfits: (t.doubtful, t.instance_extra, t.instance_system_metadata, t.block_device_mapping),
    t.unmet: (t.own_flavors, t.allocations, t.resource_classes),
    t.stale_copies: t.left_behind,
}

_without_claim = select(t.unclaimed.c.uuid)
_lost = select(t.instance_mappings.c.instance_uuid).where(
    t.instance_mappings.c.cell_id.is_not(None),
    t.instance_mappings.c.instance_uuid.not_in(select(t.instances.c.uuid).where(t.instances.c.uuid.is_not(None))),
)
_not_in_cells = union(select(t.unknown_consumers.c.consumer_id), _lost)
# Devices that nobody has are many, and never a reason for a word; one that was taken out may still be somebody's.
_in_use = union(*(select(literal(status).label("status")) for status in ("claimed", "allocated", "removed")))
# A server without its root disk is no suspect where that is a volume, or was never noted.
_disk = t.block_device_mapping
_plainly_from_volume = and_(
    t.doubtful.c.lean == 1,
    ~exists().where(
        _disk.c.instance_uuid == t.doubtful.c.uuid, func.coalesce(_disk.c.destination_type, "volume") != "volume"
    ),
)
_weighed = select(t.doubtful.c.uuid)
_suspects = union(_without_claim, _weighed.where(~_plainly_from_volume))
# A request gets another flavor by a resize alone.
_resized = (
    select(t.instances.c.uuid)
    .distinct()
    .where(
        t.instances.c.deleted == 0,
        t.instances.c.uuid.in_(select(t.migrations.c.instance_uuid).where(t.migrations.c.migration_type == "resize")),
    )
)


def _unserved() -> CompoundSelect[Any]:
    """Servers of flavors that ask for more than CPUs, memory and disk, of which they hold nothing.

    By the flavors as they are now: which of them are faults tells what each server keeps of its own.
    """
    server, flavor, spec, known = t.instances, t.flavors, t.flavor_extra_specs, t.resource_classes
    asks = or_(
        and_(spec.c.key.like("resources%"), func.substr(spec.c.key, func.instr(spec.c.key, ":") + 1) == known.c.name),
        and_(spec.c.key == "hw:mem_encryption", known.c.name == "MEM_ENCRYPTION_CONTEXT"),
        and_(spec.c.key == "hw:pmem", known.c.name.like("CUSTOM_PMEM_NAMESPACE_%")),
    )
    # No class is asked of: a virtual function that a flavor asks for by an alias is not placement's.
    special = (
        select(spec.c.flavor_id, known.c.id.label("class_id"))
        .join(known, asks)
        .where(known.c.name.not_in(t.CORE_CLASSES), func.coalesce(spec.c.value, "") != "0")
        .union(select(spec.c.flavor_id, literal(-1)).where(spec.c.key == _ALIAS))
        .subquery("special")
    )
    held, device = t.allocations.alias("held_of_it"), t.pci_devices.alias("device")
    lacks = or_(
        and_(
            special.c.class_id >= 0,
            ~exists().where(held.c.consumer_id == server.c.uuid, held.c.resource_class_id == special.c.class_id),
        ),
        and_(
            special.c.class_id < 0,
            server.c.uuid.not_in(
                select(device.c.instance_uuid).where(device.c.instance_uuid.is_not(None), device.c.deleted == 0)
            ),
        ),
    )
    there = server.c.deleted == 0, server.c.host.is_not(None)
    size = ("vcpus", "memory_mb", "root_gb", "ephemeral_gb")
    return union(
        select(server.c.uuid).join(special, special.c.flavor_id == server.c.instance_type_id).where(*there, lacks),
        # Of a flavor that the API has no more the size is left.
        select(server.c.uuid)
        .join(flavor, and_(*(flavor.c[name] == server.c[name] for name in size)))
        .join(special, special.c.flavor_id == flavor.c.id)
        .where(
            *there,
            lacks,
            func.coalesce(server.c.instance_type_id, -1).not_in(select(t.flavors.alias("known_flavor").c.id)),
        ),
    )


# Of these it matters what was ordered last: their migration holds something, or they hold another host, or are unknown.
_ordered = union(
    select(t.migrations.c.instance_uuid).where(
        t.migrations.c.uuid.in_(select(t.claims.c.consumer_id)), t.migrations.c.instance_uuid.is_not(None)
    ),
    select(t.astray.c.uuid),
    select(t.unclaimed.c.uuid),
    select(t.unknown_consumers.c.consumer_id),
    # On no host, and they hold something.
    select(t.instances.c.uuid).where(
        t.instances.c.deleted == 0,
        t.instances.c.host.is_(None),
        t.instances.c.uuid.in_(select(t.claims.c.consumer_id)),
    ),
)
# Large tables of which only the rows of suspects are read, after the others: the column, and its values.
KEYED: Mapping[Table, tuple[Column[Any], Select[Any] | CompoundSelect[Any]]] = {
    t.shadow_instances: (t.shadow_instances.c.uuid, _not_in_cells),
    t.shadow_migrations: (t.shadow_migrations.c.uuid, _not_in_cells),
    t.block_device_mapping: (t.block_device_mapping.c.instance_uuid, union(_without_claim, _weighed)),
    t.instance_extra: (t.instance_extra.c.instance_uuid, _suspects),
    t.instance_system_metadata: (t.instance_system_metadata.c.instance_uuid, _suspects),
    t.pci_devices: (t.pci_devices.c.status, _in_use),
    t.own_flavors: (t.own_flavors.c.instance_uuid, _unserved()),
    t.instance_actions: (t.instance_actions.c.instance_uuid, _ordered),
    t.instance_flavors: (t.instance_flavors.c.instance_uuid, _resized),
    t.request_flavors: (t.request_flavors.c.instance_uuid, _resized),
}
# The only rows of them that are of use.
ONLY: Mapping[Table, Mapping[str, Sequence[Any]]] = {
    t.block_device_mapping: {"boot_index": (0,), "deleted": (0,)},
    t.instance_system_metadata: {"key": tuple(map(_IMAGE.__add__, _PROPERTIES)), "deleted": (0,)},
}


def with_parts(tables: Iterable[Table]) -> set[Table]:
    """The tables, and all that derived and keyed ones among them are made of."""
    found: set[Table] = set()
    waiting = list(tables)
    while waiting:
        table = waiting.pop()
        if table not in found:
            found.add(table)
            waiting += MADE_OF.get(table, ())
            waiting += _named_in(KEYED[table][1]) if table in KEYED else ()
    return found


def _named_in(query: Select[Any] | CompoundSelect[Any]) -> list[Table]:
    return [item for item in visitors.iterate(query) if isinstance(item, Table)]


def fill(connection: Connection, table: Table) -> None:
    """Fill a derived table; what it is made of must be there."""
    if table in SELECTS:
        query = SELECTS[table]
        names = [column.name for column in query.selected_columns]
        connection.execute(insert(table).from_select(names, query))
        return
    names = [column.name for column in table.columns]
    records = [dict(zip(names, row, strict=True)) for row in COMPUTED[table](connection)]
    if records:
        connection.execute(insert(table), records)
