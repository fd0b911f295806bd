"""States of a cloud, and what each of nova-manage's two commands and placement-audit say to them (SEMANTICS E.5).

tests/test_peers.py holds the real commands to it, and the README has it as a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of

SMALL = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
# Servers of this cell must come last: heal_allocations ends at the first server with a vGPU.
LAST_CELL = "cell2"


class Fault(Enum):
    """What is wrong in a state."""

    NOTHING = "nothing"
    ORPHAN = "something is held that should not be"
    MISSING = "something is not held that should be"
    BOTH = "both: held in the wrong place"
    HOST = "the host, not its servers"


@dataclass(frozen=True)
class State:
    """``write`` gives the uuids that the state is about: consumers, or a provider that placement-audit names.

    ``audit``: the consumers among them are orphans to `nova-manage placement audit`. ``heal``: create, update or
    stop, what `heal_allocations` would do. ``ours``: the codes of placement-audit's findings. ``why``: a legal state's
    reason, or what the finding says that the row does not.
    """

    what: str
    write: Callable[[Estate, str], tuple[str, ...]]
    fault: Fault
    audit: bool = False
    heal: str | None = None
    ours: frozenset[str] = frozenset()
    why: str = ""


# --- how the states come about ---


def _hosts(estate: Estate, key: str, cell: str = "cell1") -> tuple[Compute, Compute]:
    return estate.compute(f"{key}-a", cell=cell), estate.compute(f"{key}-b", cell=cell)


def _gone(estate: Estate, **how_long: float) -> Row:
    at = estate.ago(**how_long)
    return {"vm_state": "deleted", "deleted": 4711, "deleted_at": at, "updated_at": at}


def _unknown(estate: Estate, key: str) -> tuple[str, ...]:
    estate.claim(uuid_of(key), estate.compute(f"{key}-a").provider, SMALL)
    return (uuid_of(key),)


def _deleted(estate: Estate, key: str, **how_long: float) -> tuple[str, ...]:
    return (estate.server(key, estate.compute(f"{key}-a"), **_gone(estate, **how_long)).uuid,)


def _deleted_long_ago(estate: Estate, key: str) -> tuple[str, ...]:
    return _deleted(estate, key, days=3)


def _deleted_just_now(estate: Estate, key: str) -> tuple[str, ...]:
    return _deleted(estate, key, minutes=1)


def _archived(estate: Estate, key: str) -> tuple[str, ...]:
    estate.add(t.shadow_instances, cell="cell1", uuid=uuid_of(key), deleted_at=estate.ago(days=3))
    return _unknown(estate, key)


def _offloaded(estate: Estate, key: str) -> tuple[str, ...]:
    estate.server(key, None, vm_state="shelved_offloaded")
    return _unknown(estate, key)


def _buried(estate: Estate, key: str) -> tuple[str, ...]:
    estate.server(key, None, cell="cell0", vm_state="error")
    return _unknown(estate, key)


def _moved(estate: Estate, key: str, kind: str, status: str, **fields: str) -> tuple[Server, Row]:
    """A server on the second host, whose migration holds the first one."""
    source, dest = _hosts(estate, key)
    server = estate.server(key, dest, **fields)
    move = estate.migration(server, kind, status, source, dest)
    estate.claim(move["uuid"], source.provider, SMALL)
    return server, move


def _residue(estate: Estate, key: str) -> tuple[str, ...]:
    return (_moved(estate, key, "live-migration", "completed")[1]["uuid"],)


def _residue_of_error(estate: Estate, key: str) -> tuple[str, ...]:
    return (_moved(estate, key, "resize", "error")[1]["uuid"],)


def _open_of_deleted(estate: Estate, key: str) -> tuple[str, ...]:
    source, dest = _hosts(estate, key)
    server = estate.server(key, dest, holds=False, **_gone(estate, days=3))
    move = estate.migration(server, "migration", "migrating", source, dest)
    estate.claim(move["uuid"], source.provider, SMALL)
    return (move["uuid"],)


def _second_host(estate: Estate, key: str) -> tuple[str, ...]:
    here, there = _hosts(estate, key)
    server = estate.server(key, here)
    estate.claim(server.uuid, there.provider, SMALL)
    return (server.uuid,)


def _wrong_host(estate: Estate, key: str) -> tuple[str, ...]:
    here, there = _hosts(estate, key)
    server = estate.server(key, here, holds=False)
    estate.claim(server.uuid, there.provider, SMALL)
    return (server.uuid,)


def _bare_metal(estate: Estate, key: str) -> tuple[str, ...]:
    uuid = uuid_of(f"{key} node")
    node = estate.compute(f"{key}-a", node=uuid, hypervisor_type="ironic")
    node.provider.update(uuid=uuid)
    node.node.update(uuid=uuid, cpu_allocation_ratio=1.0, ram_allocation_ratio=1.0, disk_allocation_ratio=1.0)
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    server = estate.server(key, node, holds=False, **_gone(estate, days=3))
    estate.claim(server.uuid, node.provider, {"CUSTOM_GOLD": 1})
    return (server.uuid,)


def _without_record(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a")
    estate.allocate(uuid_of(key), host.provider, SMALL)
    return (uuid_of(key),)


def _reinstalled(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a")
    server = estate.server(key, host)
    host.node.update(uuid=uuid_of(f"{key} anew"))
    return server.uuid, host.uuid


def _holds_nothing(estate: Estate, key: str, **fields: str) -> tuple[str, ...]:
    return (estate.server(key, estate.compute(f"{key}-a"), holds=False, **fields).uuid,)


def _error_holds_nothing(estate: Estate, key: str) -> tuple[str, ...]:
    return _holds_nothing(estate, key, vm_state="error")


def _soft_deleted_holds_nothing(estate: Estate, key: str) -> tuple[str, ...]:
    return _holds_nothing(estate, key, vm_state="soft-delete")


def _stuck_holds_nothing(estate: Estate, key: str) -> tuple[str, ...]:
    return _holds_nothing(estate, key, task_state="rebooting")


def _too_little(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a")
    server = estate.server(key, host, holds=False)
    estate.claim(server.uuid, host.provider, SMALL | {"MEMORY_MB": 512})
    return (server.uuid,)


def _unprotected(estate: Estate, key: str) -> tuple[str, ...]:
    source, dest = _hosts(estate, key)
    server = estate.server(key, dest, vm_state="resized")
    return (estate.migration(server, "resize", "finished", source, dest)["uuid"],)


def _vgpu(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a", cell=LAST_CELL)
    card = estate.provider(f"{key}-a_pci_0000_3b_00_0", parent=host.provider)
    estate.inventory(card, "VGPU", 8)
    flavor = estate.flavor("vgpu", 2, 4096, 20, extra_specs={"resources:VGPU": "1"})
    return (estate.server(key, host, flavor, holds=False, at=estate.ago(hours=1)).uuid,)


def _other_owner(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a")
    server = estate.server(key, host, holds=False)
    estate.claim(server.uuid, host.provider, SMALL, project="project-b")
    return (server.uuid,)


def _shared_disk(estate: Estate, key: str) -> tuple[str, ...]:
    host = estate.compute(f"{key}-a", disk_gb=0)
    pool = estate.shared(f"{key}-pool", 1000, host.provider)
    server = estate.server(key, host, holds=False)
    estate.claim(server.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    return (server.uuid,)


def _on_its_way(estate: Estate, key: str, kind: str, status: str, task: str) -> tuple[str, ...]:
    source, dest = _hosts(estate, key)
    server = estate.server(key, source, holds=False, task_state=task, updated_at=estate.ago(minutes=20))
    move = estate.migration(server, kind, status, source, dest, at=estate.ago(minutes=20))
    estate.claim(server.uuid, dest.provider, SMALL)
    estate.claim(move["uuid"], source.provider, SMALL)
    return (server.uuid,)


def _live_migrating(estate: Estate, key: str) -> tuple[str, ...]:
    return _on_its_way(estate, key, "live-migration", "running", "migrating")


def _resizing(estate: Estate, key: str) -> tuple[str, ...]:
    return _on_its_way(estate, key, "resize", "migrating", "resize_migrating")


def _reverting(estate: Estate, key: str) -> tuple[str, ...]:
    source, dest = _hosts(estate, key)
    at = estate.ago(minutes=20)
    server = estate.server(key, source, holds=False, vm_state="resized", task_state="resize_reverting", updated_at=at)
    move = estate.migration(server, "resize", "reverted", source, dest, at=at)
    estate.claim(server.uuid, dest.provider, SMALL)
    estate.claim(move["uuid"], source.provider, SMALL)
    return server.uuid, move["uuid"]


def _evacuated(estate: Estate, key: str) -> tuple[str, ...]:
    burnt, dest = _hosts(estate, key)
    burnt.service["last_seen_up"] = burnt.node["updated_at"] = estate.ago(days=2)
    server = estate.server(key, dest)
    estate.claim(server.uuid, burnt.provider, SMALL)
    estate.migration(server, "evacuation", "done", burnt, dest)
    return (server.uuid,)


def _evacuated_migrating(estate: Estate, key: str) -> tuple[str, ...]:
    """The migration has taken over all that the server held: its present host, and the one that burnt out."""
    (burnt, source), dest = _hosts(estate, key), estate.compute(f"{key}-c")
    burnt.service["last_seen_up"] = burnt.node["updated_at"] = estate.ago(days=2)
    at = estate.ago(minutes=20)
    server = estate.server(key, source, holds=False, task_state="migrating", updated_at=at)
    estate.migration(server, "evacuation", "done", burnt, source)
    move = estate.migration(server, "live-migration", "running", source, dest, at=at)
    for host in (burnt, source):
        estate.claim(move["uuid"], host.provider, SMALL)
    estate.claim(server.uuid, dest.provider, SMALL)
    return server.uuid, move["uuid"]


def _building(estate: Estate, key: str) -> tuple[str, ...]:
    uuid = estate.building(key)
    estate.claim(uuid, estate.compute(f"{key}-a").provider, SMALL, at=estate.ago(minutes=1))
    return (uuid,)


def _unshelving(estate: Estate, key: str) -> tuple[str, ...]:
    at = estate.ago(minutes=20)
    estate.server(key, None, vm_state="shelved_offloaded", task_state="unshelving", updated_at=at)
    return _unknown(estate, key)


def _container(estate: Estate, key: str) -> tuple[str, ...]:
    estate.claim(uuid_of(key), estate.compute(f"{key}-a").provider, SMALL, project="zun", kind="CONTAINER")
    return (uuid_of(key),)


def _untyped_container(estate: Estate, key: str) -> tuple[str, ...]:
    """Zun writes at 1.31, which knows no types."""
    estate.claim(uuid_of(key), estate.compute(f"{key}-a").provider, SMALL, project="zun")
    return (uuid_of(key),)


def _asks_nothing(estate: Estate, key: str) -> tuple[str, ...]:
    none = {f"resources:{name}": "0" for name in SMALL}
    flavor = estate.flavor("nothing", 1, 512, 1, extra_specs=none)
    return (estate.server(key, estate.compute(f"{key}-a"), flavor).uuid,)


def _ordinary(estate: Estate, key: str) -> tuple[str, ...]:
    return (estate.server(key, estate.compute(f"{key}-a", cell=LAST_CELL)).uuid,)


# --- the states ---


def _orphan(
    what: str, write: Callable[[Estate, str], tuple[str, ...]], *ours: str, audit: bool = True, why: str = ""
) -> State:
    return State(what, write, Fault.ORPHAN, audit, ours=frozenset(ours), why=why)


def _missing(
    what: str, write: Callable[[Estate, str], tuple[str, ...]], *ours: str, heal: str | None = None, why: str = ""
) -> State:
    return State(what, write, Fault.MISSING, heal=heal, ours=frozenset(ours), why=why)


def _legal(what: str, write: Callable[[Estate, str], tuple[str, ...]], why: str, *, heal: str | None = None) -> State:
    return State(what, write, Fault.NOTHING, heal is None, heal, why=why)


STATES = (
    _orphan("a consumer that nova has never heard of", _unknown, "X11"),
    _orphan("a deleted server that still holds its host", _deleted_long_ago, "X07"),
    _orphan("a deleted and archived one", _archived, "X07"),
    _orphan("an offloaded one", _offloaded, "X07"),
    _orphan("one that never left cell0", _buried, "X07"),
    _orphan("a completed live migration that still holds its source", _residue, "X12"),
    _orphan("a resize in error that still holds its source", _residue_of_error, "X12"),
    _orphan("a server that kept a part of its old host", _second_host, "X09"),
    State(
        "a running server whose whole allocation is on another host",
        _wrong_host,
        Fault.BOTH,
        audit=True,
        ours=frozenset({"X08"}),
        why="to be moved, not deleted",
    ),
    _orphan("an open migration of a deleted server", _open_of_deleted, "X13", "N08", audit=False),
    _orphan("a deleted bare metal server that still holds its node", _bare_metal, "X07", audit=False),
    _orphan("allocations without a consumer record", _without_record, "P13", audit=False),
    _missing("a running server that holds nothing", _holds_nothing, "X06", heal="create"),
    _missing("a server in error on a host that holds nothing", _error_holds_nothing, "X06", heal="create"),
    _missing("a soft-deleted server that holds nothing", _soft_deleted_holds_nothing, "X06"),
    _missing("a server that has been rebooting for a day and holds nothing", _stuck_holds_nothing, "N09", "X06"),
    _missing("a server that holds less than its flavor asks for", _too_little, "X10"),
    _missing("an unconfirmed resize that no longer holds its source", _unprotected, "X14b"),
    _missing("a server with a vGPU that holds nothing", _vgpu, "X06", heal="stop"),
    _missing("a server that belongs to another project in placement", _other_owner, "X15", heal="update"),
    State(
        "a host installed anew: its servers' allocations are under the old uuid",
        _reinstalled,
        Fault.HOST,
        audit=True,
        ours=frozenset({"X02"}),
        why="one finding, of the host",
    ),
    _legal("the disk of a running server on shared storage", _shared_disk, "no compute node has the pool's uuid"),
    _legal("a live migration that copies memory", _live_migrating, "the server holds its destination from the start"),
    _legal("a resize that copies disks", _resizing, "the same"),
    _legal("a resize that is being reverted", _reverting, "its status runs ahead of its allocations"),
    _legal("an evacuated server whose old host is not back", _evacuated, "the old host gives it up when it starts"),
    _legal("the same, being live-migrated", _evacuated_migrating, "the migration holds both hosts meanwhile"),
    _legal("a build that the scheduler has claimed for", _building, "no cell has its row yet"),
    _legal("a server that is being unshelved", _unshelving, "it holds its host before it is on it"),
    _legal("a server deleted a minute ago", _deleted_just_now, "listed as in flight"),
    _legal("a container of Zun", _container, "listed as information"),
    _legal(
        "the same without a consumer type, in a project without servers", _untyped_container, "listed as information"
    ),
    _legal("a flavor that asks for nothing", _asks_nothing, "there is nothing to hold", heal="create"),
)
# In the cell whose database then does not answer.
ORDINARY = State("any running server, while its cell's database does not answer", _ordinary, Fault.NOTHING, audit=True)


def markdown() -> str:
    """The comparison as a table."""
    rows = [
        ("in the cloud", "placement audit", "heal_allocations", "placement-audit"),
        ("---",) * 4,
        *((state.what, _audit(state), _heal(state), _ours(state)) for state in STATES),
        (ORDINARY.what, "**false alarm**", "ends at that cell", "silent, and incomplete: exit code 2"),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _audit(state: State) -> str:
    if state.audit:
        return "orphan" if state.fault in {Fault.ORPHAN, Fault.BOTH} else "**false alarm**"
    return "missed" if state.fault is Fault.ORPHAN else ""


def _heal(state: State) -> str:
    if state.fault is Fault.NOTHING:
        return "**false alarm**" if state.heal else ""
    words = {"create": "missing", "update": "other owner", "stop": "ends there, exit code 8"}
    return words.get(state.heal or "", "missed" if state.fault in {Fault.MISSING, Fault.BOTH} else "")


def _ours(state: State) -> str:
    codes = ", ".join(sorted(state.ours))
    return f"silent: {state.why}" if not codes else f"{codes}: {state.why}" if state.why else codes
