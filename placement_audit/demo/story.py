"""One believable cloud, told in the language of estate.py: two cells, moves in flight, and what went wrong.

No chance is involved: the same arguments give the same rows. Only the crowd of ordinary servers grows with them.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of
from placement_audit.errors import CannotTell

FEWEST_HOSTS = 8
_PROJECTS = ("shop", "billing", "media", "research", "intranet", "telco", "games")
_ROLES = ("web", "api", "db", "worker", "cache")
# vCPUs, MB of memory, GB of disk
_FLAVORS = {
    "m1.tiny": (1, 512, 1),
    "m1.small": (2, 4096, 20),
    "m1.medium": (4, 8192, 40),
    "m1.large": (8, 16384, 80),
    "m1.16core": (16, 32768, 160),
}
# What people boot, in turn: mostly small ones.
_POPULAR = (
    *("m1.small", "m1.tiny", "m1.medium", "m1.small", "m1.tiny"),
    *("m1.small", "m1.large", "m1.tiny", "m1.medium", "m1.small"),
    *("m1.tiny", "m1.small", "m1.medium", "m1.tiny", "m1.small"),
    *("m1.large", "m1.small", "m1.tiny", "m1.medium", "m1.16core"),
)


def told(hosts: int = 20, servers: int = 300, now: datetime | None = None) -> Estate:
    """The whole story: a healthy cloud, and what went wrong in it. Raises CannotTell when it cannot be that size."""
    cloud = _begun(hosts, now)
    _hosts_gone_wrong(cloud)
    _settings_gone_wrong(cloud)
    _servers_gone_wrong(cloud)
    _leftovers(cloud)
    _crowd(cloud, servers)
    return cloud.estate


def healthy(hosts: int = 20, servers: int = 300, now: datetime | None = None) -> Estate:
    """The same cloud on a good day: much is moving, nothing is wrong."""
    cloud = _begun(hosts, now)
    _crowd(cloud, servers)
    return cloud.estate


@dataclass(frozen=True)
class _Host:
    """A host, and the provider in its reach that has each resource class."""

    compute: Compute
    parts: Mapping[str, Row]


class _Cloud:
    """The estate so far, and what is still free in it."""

    def __init__(self, now: datetime | None) -> None:
        self.estate = Estate(now, ("cell0", "cell1", "cell2"))
        self.flavors: dict[str, Row] = {}
        self.asks: dict[str, Mapping[str, int]] = {}  # what a server of each flavor holds
        self.cell1: list[_Host] = []
        self.cell2: list[_Host] = []
        self.closed: set[str] = set()  # hosts that take none of the crowd
        self.servers = 0
        self._free: dict[tuple[int, int], int] = {}

    @property
    def hosts(self) -> list[_Host]:
        return [*self.cell1, *self.cell2]

    def flavor(self, name: str, vcpus: int, memory_mb: int, root_gb: int, **extra_specs: str) -> None:
        """A flavor that has been there from the beginning."""
        at = self.estate.ago(days=700)
        row = self.estate.flavor(name, vcpus, memory_mb, root_gb, created_at=at, extra_specs=extra_specs)
        self.flavors[name], self.asks[name] = row, self.estate.amounts(row)

    def measure(self) -> None:
        """Note what every provider has to give."""
        for row in self.estate.rows[t.inventories]:
            capacity = int((row["total"] - row["reserved"]) * row["allocation_ratio"])
            self._free[row["resource_provider_id"], row["resource_class_id"]] = capacity

    def free(self, host: _Host, resource_class: str) -> int:
        """What is left for a server on this host."""
        return self._free[host.parts[resource_class]["id"], self.estate.class_id(resource_class)]

    def fits(self, host: _Host, flavor: str) -> bool:
        return all(self.free(host, name) >= used for name, used in self.asks[flavor].items())

    def hold(self, consumer: str, host: _Host, amounts: Mapping[str, int], at: str) -> list[Row]:
        """Allocation rows of a consumer on a host and on what the host shares."""
        rows: list[Row] = []
        for name, used in amounts.items():
            provider = host.parts[name]
            self._free[provider["id"], self.estate.class_id(name)] -= used
            rows += self.estate.allocate(consumer, provider, {name: used}, at)
        return rows

    def record(self, consumer: str, server: str, at: str) -> None:
        """Placement's record of a consumer, owned as the server of that name is."""
        project = server.partition("-")[0]
        self.estate.consumer(consumer, project=_id(f"project {project}"), user=_id(f"user of {project}"), at=at)

    def boot(
        self,
        name: str,
        host: _Host | None,
        flavor: str = "m1.small",
        *,
        on: _Host | None = None,
        holds: bool = True,
        more: Mapping[str, int] | None = None,
        at: str | None = None,
        **fields: Any,
    ) -> Server:
        """A server of the project that its name begins with; it holds its part ``on`` another host if told so."""
        at = at or self.estate.ago(days=60)
        server = self.estate.server(
            name,
            host.compute if host else None,
            self.flavors[flavor],
            holds=False,
            project=_id(f"project {name.partition('-')[0]}"),
            user=_id(f"user of {name.partition('-')[0]}"),
            at=at,
            **fields,
        )
        holder = on or host
        if holder and holds:
            self.record(server.uuid, name, at)
            self.hold(server.uuid, holder, {**self.asks[flavor], **(more or {})}, at)
        self.servers += not server.instance["deleted"]
        return server

    def move(
        self, server: Server, kind: str, status: str, source: _Host, dest: _Host, at: str, *, was: str | None = None
    ) -> Row:
        """A migration that holds the source; ``was`` is the flavor that a resize took the server from."""
        row = self.estate.migration(server, kind, status, source.compute, dest.compute, at=at)
        self.record(row["uuid"], server.name, at)
        self.hold(row["uuid"], source, self.asks[was or server.flavor["name"]], at)
        return row


@cache
def _id(name: str) -> str:
    """An id as keystone gives: a uuid without dashes."""
    return uuid_of(name).replace("-", "")


# --- a cloud ---


def _begun(hosts: int, now: datetime | None) -> _Cloud:
    if hosts < FEWEST_HOSTS:
        raise CannotTell(f"the demo cloud needs at least {FEWEST_HOSTS} hosts")
    cloud = _Cloud(now)
    _flavors(cloud)
    _hosts(cloud, hosts)
    _bare_metal(cloud)
    cloud.measure()
    _ordinary_cases(cloud)
    _moves(cloud)
    return cloud


def _flavors(cloud: _Cloud) -> None:
    for name, (vcpus, memory_mb, root_gb) in _FLAVORS.items():
        cloud.flavor(name, vcpus, memory_mb, root_gb)
    cloud.flavor("g1.8core", 8, 32768, 80, **{"resources:VGPU": "1"})
    none = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    cloud.flavor("bm.large", 64, 524288, 900, **none, **{"resources:CUSTOM_BAREMETAL_LARGE": "1"})
    # Meant for hosts that were never bought, and not offered to anyone.
    cloud.estate.flavor("m1.128core", 128, 524288, 1000, disabled=1)


def _hosts(cloud: _Cloud, count: int) -> None:
    """Half of the hosts in each cell, which is an availability zone; some are special."""
    estate = cloud.estate
    computes = [
        estate.compute(
            f"compute-{number:02d}",
            cell="cell1" if number <= count // 2 else "cell2",
            memory_mb=393216,
            disk_gb={2: 8000, 3: 0}.get(number % 10, 2000),
            at=estate.ago(days=600 - number % 90),
        )
        for number in range(1, count + 1)
    ]
    diskless = computes[2::10]
    pool = estate.shared("ceph-vms", 20_000 * len(diskless), *[host.provider for host in diskless])
    for number, compute in enumerate(computes, start=1):
        root = compute.provider
        parts = {"VCPU": root, "MEMORY_MB": root, "DISK_GB": pool if number % 10 == 3 else root}
        if number in {1, 11}:
            parts |= _fast_nics(estate, compute)
        if number in {5, 15, 25}:
            parts["VGPU"] = estate.provider(f"{compute.name}_pci_0000_3b_00_0", parent=root)
            estate.inventory(parts["VGPU"], "VGPU", 8)
        (cloud.cell1 if compute.cell == "cell1" else cloud.cell2).append(_Host(compute, parts))
    for zone, hosts in (("north", cloud.cell1), ("south", cloud.cell2)):
        estate.aggregate(zone, *[host.compute.provider for host in hosts])


def _fast_nics(estate: Estate, host: Compute) -> dict[str, Row]:
    agent = estate.provider(f"{host.name}:NIC Switch agent", parent=host.provider)
    nic = estate.provider(f"{host.name}:NIC Switch agent:ens1f0", parent=agent)
    names = ("NET_BW_EGR_KILOBIT_PER_SEC", "NET_BW_IGR_KILOBIT_PER_SEC")
    for name in names:
        estate.inventory(nic, name, 25_000_000)
    return dict.fromkeys(names, nic)


def _bare_metal(cloud: _Cloud) -> None:
    """Two nodes of one ironic service: one in use, which nova then reserves, and one that is free."""
    estate = cloud.estate
    at = estate.ago(days=400)
    service, mapping = estate.service("ironic-01", at=at), estate.host_mapping("ironic-01", "cell1", at=at)
    for name, in_use in (("metal-01", True), ("metal-02", False)):
        uuid = uuid_of(name)
        provider = estate.provider(uuid, uuid=uuid)
        estate.inventory(provider, "CUSTOM_BAREMETAL_LARGE", 1, reserved=int(in_use))
        estate.trait(provider, "COMPUTE_NODE")
        estate.trait(provider, "OWNER_NOVA")
        node = estate.compute_node("ironic-01", uuid, cell="cell1", uuid=uuid, hypervisor_type="ironic")
        if in_use:
            host = Compute("ironic-01", "cell1", provider, node, service, mapping)
            estate.server("research-simulation", host, cloud.flavors["bm.large"], project=_id("project research"))
            cloud.servers += 1


def _crowd(cloud: _Cloud, servers: int) -> None:
    """Ordinary servers until there are that many; each goes where most memory is free, as nova weighs hosts."""
    hosts = [host for host in cloud.hosts if host.compute.name not in cloud.closed]
    queue = [(-cloud.free(host, "MEMORY_MB"), number) for number, host in enumerate(hosts)]
    heapq.heapify(queue)
    for number in range(1, servers - cloud.servers + 1):
        flavor = _POPULAR[number % len(_POPULAR)]
        while queue and not cloud.fits(hosts[queue[0][1]], flavor):
            heapq.heappop(queue)
        if not queue:
            raise CannotTell(f"{servers} servers do not fit on {len(cloud.hosts)} hosts of the demo cloud")
        chosen = queue[0][1]
        project, role = _PROJECTS[number % len(_PROJECTS)], _ROLES[number // len(_PROJECTS) % len(_ROLES)]
        cloud.boot(
            f"{project}-{role}-{number:04d}",
            hosts[chosen],
            flavor,
            at=cloud.estate.ago(days=2 + number * 37 % 400, minutes=number % 1440),
            vm_state="stopped" if number % 11 == 0 else "active",
        )
        heapq.heapreplace(queue, (-cloud.free(hosts[chosen], "MEMORY_MB"), chosen))


# --- what looks odd and is right ---


def _ordinary_cases(cloud: _Cloud) -> None:
    estate = cloud.estate
    for host in cloud.hosts:
        if "VGPU" in host.parts:
            cloud.boot(f"media-render-{host.compute.name}", host, "g1.8core")
    cloud.boot(
        "telco-router",
        cloud.cell1[0],
        "m1.large",
        more={"NET_BW_EGR_KILOBIT_PER_SEC": 2_000_000, "NET_BW_IGR_KILOBIT_PER_SEC": 2_000_000},
    )
    # A routed network: neutron counts a segment's addresses in placement.
    segment = uuid_of("segment south-2")
    addresses = estate.provider(f"Neutron segment id {segment}", uuid=segment)
    estate.inventory(addresses, "IPV4_ADDRESS", 251, reserved=2)
    for number in range(1, 4):
        # Switched off for the winter: nothing is held.
        cloud.boot(f"games-season-{number}", None, vm_state="shelved_offloaded")
        # Asked for more than there was: buried in cell0.
        cloud.boot(f"research-batch-{number}", None, cell="cell0", vm_state="error")
        # Deleted as it should be.
        host, when = cloud.cell2[0], estate.ago(days=number)
        gone: Row = {"vm_state": "deleted", "deleted": 1000 + number, "deleted_at": when, "updated_at": when}
        cloud.boot(f"games-beta-{number}", host, holds=False, **gone)
    # In the bin, from which it can still be taken.
    cloud.boot("intranet-wiki-old", cloud.cell1[1], vm_state="soft-delete", updated_at=estate.ago(days=1))
    # Not offloaded: the host keeps its place.
    cloud.boot("intranet-archive", cloud.cell2[1], vm_state="shelved")
    # Moves of the past, which hold nothing any more.
    server = cloud.boot("shop-search", cloud.cell1[1], "m1.large")
    source, dest = cloud.cell1[0].compute, cloud.cell1[1].compute
    estate.migration(server, "live-migration", "completed", source, dest, at=estate.ago(days=30))
    estate.migration(server, "resize", "confirmed", dest, source, at=estate.ago(days=50))


def _moves(cloud: _Cloud) -> None:
    """Moves in flight, and those that stay half done for a good reason."""
    estate = cloud.estate
    one, two = cloud.cell1[0], cloud.cell1[1]
    three, four = cloud.cell2[0], cloud.cell2[1]

    # Memory is being copied: the server holds its destination already, the migration its source.
    at = estate.ago(minutes=25)
    server = cloud.boot("shop-db-main", one, "m1.large", on=two, at=at, task_state="migrating")
    cloud.move(server, "live-migration", "running", one, two, at)

    # Resized three days ago; its owner has not confirmed it yet.
    at = estate.ago(days=3)
    server = cloud.boot("billing-report", four, "m1.large", at=at, vm_state="resized")
    cloud.move(server, "resize", "finished", three, four, at, was="m1.medium")

    # A cold migration copies its disk.
    at = estate.ago(minutes=40)
    server = cloud.boot("media-store", three, "m1.medium", on=four, at=at, task_state="resize_migrating")
    cloud.move(server, "migration", "migrating", three, four, at)

    # The scheduler has claimed for a server that no cell knows yet.
    at = estate.ago(seconds=40)
    building = estate.building("games-lobby", at)
    cloud.record(building, "games-lobby", at)
    cloud.hold(building, four, cloud.asks["m1.medium"], at)

    # A host burnt out. Its server was evacuated; until the host is back the server keeps its part there.
    down, at = cloud.cell1[-1], estate.ago(hours=6)
    cloud.closed.add(down.compute.name)
    down.compute.node["updated_at"] = down.compute.service["last_seen_up"] = estate.ago(hours=7)
    server = cloud.boot("intranet-mail", one, "m1.medium", at=at)
    cloud.hold(server.uuid, down, cloud.asks["m1.medium"], at)
    estate.migration(server, "evacuation", "done", down.compute, one.compute, at=at)

    # Resized into the other cell and not confirmed: both cells have its row, and the old one is hidden.
    at = estate.ago(hours=20)
    server = cloud.boot("telco-core", three, "m1.large", at=at, vm_state="resized")
    move = cloud.move(server, "resize", "finished", two, three, at, was="m1.medium")
    estate.add(t.migrations, **move | {"cell": "cell1"})
    left = {"cell": "cell1", "host": two.compute.name, "node": two.compute.name, "hidden": 1, "vm_state": "active"}
    left["compute_id"] = two.compute.node["id"]
    estate.add(t.instances, **server.instance | left)


# --- what went wrong ---


def _hosts_gone_wrong(cloud: _Cloud) -> None:
    estate, count = cloud.estate, len(cloud.hosts)

    def host(number: int) -> Compute:
        return estate.compute(f"compute-{count + number:02d}", cell="cell2", memory_mb=393216, at=estate.ago(days=500))

    # Sold last year. Its service was deleted and the row purged, but nobody told placement.
    sold = host(1)
    estate.remove(t.compute_nodes, sold.node)
    estate.remove(t.services, sold.service)
    estate.remove(t.host_mappings, sold.mapping)

    # Its service was deleted a month ago, and the provider stayed.
    retired = host(2)
    retired.node.update(deleted=1, deleted_at=estate.ago(days=30), updated_at=estate.ago(days=31))
    retired.service.update(deleted=1, deleted_at=estate.ago(days=30), last_seen_up=estate.ago(days=31))
    estate.remove(t.host_mappings, retired.mapping)

    # Installed anew under its old name: the new uuid cannot be registered while the old one has the name.
    reinstalled = host(3)
    reinstalled.node.update(uuid=uuid_of("reinstalled compute"), created_at=estate.ago(days=9))


def _settings_gone_wrong(cloud: _Cloud) -> None:
    estate = cloud.estate

    # A customer asked for 64 cores and got a flavor, but no host: each has 48.
    estate.flavor("m1.64core", 64, 262144, 640, created_at=estate.ago(days=12))

    # A trial of memory overcommit on three hosts of a zone, which left nothing for the hosts' own processes.
    for host in cloud.cell2[:3]:
        _inventory(cloud, host, "MEMORY_MB").update(allocation_ratio=1.5, reserved=0, updated_at=estate.ago(days=80))

    # Complaints about slow servers: somebody lowered the ratio of a full host.
    slow = cloud.cell2[-1]
    cloud.closed.add(slow.compute.name)
    for number in range(1, 7):
        cloud.boot(f"research-compute-{number}", slow, "m1.16core")
    _inventory(cloud, slow, "VCPU").update(allocation_ratio=1.0, updated_at=estate.ago(days=5))


def _servers_gone_wrong(cloud: _Cloud) -> None:
    estate = cloud.estate
    one, two = cloud.cell1[0], cloud.cell1[1]

    # Moved, but its old host kept its part: six rows where three are right.
    server = cloud.boot("billing-db", two, "m1.large")
    cloud.hold(server.uuid, one, cloud.asks["m1.large"], estate.ago(days=60))

    # A rebuild failed and took the allocation with it; an operator set the server back to active.
    cloud.boot("shop-payment", two, "m1.medium", holds=False)

    # A restored backup lacked the record of this consumer: its rows count, and nobody can see or delete them.
    at = estate.ago(days=45)
    server = cloud.boot("research-notebook", one, "m1.medium", holds=False, at=at)
    cloud.hold(server.uuid, one, cloud.asks["m1.medium"], at)


def _leftovers(cloud: _Cloud) -> None:
    estate = cloud.estate
    one, two = cloud.cell1[0], cloud.cell1[1]

    # A ghost: half of a host is held for a server that no cell has any more. Its deletion was accepted long ago.
    at, ghost = estate.ago(days=150), uuid_of("shop-ghost")
    cloud.record(ghost, "shop-ghost", at)
    cell = estate.cell_id("cell1")
    estate.add(t.instance_mappings, instance_uuid=ghost, cell_id=cell, queued_for_delete=1, updated_at=at)
    cloud.hold(ghost, two, {"VCPU": 24, "MEMORY_MB": 196608, "DISK_GB": 400}, at)

    # Live-migrated in spring; the clean-up on the source never came to its end.
    at = estate.ago(days=100)
    server = cloud.boot("media-encoder", two, "m1.large", at=at)
    cloud.move(server, "live-migration", "completed", one, two, at)

    # Deleted while its host was unreachable, and still holding.
    when = estate.ago(days=20)
    gone: Row = {"vm_state": "deleted", "deleted": 2001, "deleted_at": when, "updated_at": when}
    cloud.boot("games-alpha", one, "m1.medium", **gone)

    # Live-migrated two minutes ago. This looks the same as the one of spring, and will be gone in a moment.
    at = estate.ago(minutes=2)
    server = cloud.boot("telco-gateway", two, "m1.medium", at=at)
    cloud.move(server, "live-migration", "completed", one, two, at)


def _inventory(cloud: _Cloud, host: _Host, resource_class: str) -> Row:
    wanted = host.parts[resource_class]["id"], cloud.estate.class_id(resource_class)
    rows = cloud.estate.rows[t.inventories]
    return next(row for row in rows if (row["resource_provider_id"], row["resource_class_id"]) == wanted)
