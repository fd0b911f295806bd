"""What nova writes, row by row, while a server is built, moved, parked, rebuilt and deleted (SEMANTICS D.3-D.9, D.17).

A sequence is a generator: it writes one step's rows, then yields what an audit may say of them. A Stage is one server
with hosts of its own, so that any number of sequences, each stopped at any of its steps, fit into one cloud.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of

# Longer than the grace: only what a step itself writes is young.
PACE = timedelta(minutes=11)
LONG_AGO = timedelta(days=40)
# Within what a move may take, and longer than the grace.
BEFORE = timedelta(hours=20)
Play = Callable[["Stage"], Iterator["Step"]]


@dataclass(frozen=True)
class Step:
    """The codes of what an audit finds, as words in a row.

    ``in_flight``: just now, before the grace has passed. ``at_once``: the same, but not waiting for the grace: it was
    found before this step, too, or nova will do nothing more about it. ``soon``: when nothing more happens and the
    grace has passed; ``late``: days later, in addition. Errors and warnings are told from information. ``rests``: nova
    is done, and nothing is found however long that stays.
    """

    name: str
    in_flight: str = ""
    at_once: str = ""
    soon: str = ""
    late: str = ""
    info_soon: str = ""
    info_late: str = ""
    rests: bool = False


def rest(name: str) -> Step:
    """A step after which all may stay as it is for ever."""
    return Step(name, rests=True)


class Stage:
    """One server, its hosts, and how far it has come. ``steps`` of a sequence are played, the last of them just now."""

    def __init__(self, estate: Estate, name: str, steps: int, age: timedelta) -> None:
        self.estate = estate
        self.name = name
        self.age = age
        self.left = steps - 1
        self.past: timedelta | None = None
        self.hosts: dict[str, Compute] = {}
        self.server: Server
        self.move: Row
        self.moves: list[Row] = []
        self.pool: Row | None = None
        self.twins: _Twins
        # Where the guest is, whatever nova believes: the hosts that run it or keep a disk of it that somebody still
        # needs, and of which flavor it is there. The remains of one that runs elsewhere are no guest.
        self.guest: dict[str, Row] = {}
        self.small, self.large = (row for row in estate.rows[t.flavors] if row["name"] in ("m1.small", "m1.large"))

    @property
    def now(self) -> str:
        """When the present step's rows are written."""
        past = self.left * PACE if self.past is None else self.past
        return self.estate.ago(seconds=(past + self.age).total_seconds())

    def already(self, sequence: Iterator[Step], past: timedelta = LONG_AGO) -> None:
        """All of a sequence, some time ago."""
        self.past = past
        for _ in sequence:
            pass
        self.past = None

    def names(self) -> Iterator[str]:
        """Everything by which a finding may mean this server or its hosts."""
        yield uuid_of(self.name)
        yield from (str(move["uuid"]) for move in self.moves)
        for host in self.hosts.values():
            yield from (host.name, host.uuid)
        if self.pool:
            yield self.pool["uuid"]

    # --- hosts ---

    def host(self, name: str, cell: str = "cell1") -> Compute:
        """A host of this stage, made on first mention."""
        if name not in self.hosts:
            since, disk = self.estate.ago(days=50), 0 if self.pool else 2000
            host = self.estate.compute(f"{self.name}-{name}", cell=cell, disk_gb=disk, reserved_mb=0, at=since)
            self.hosts[name] = host
            if self.pool:
                self.estate.aggregate(f"users of {self.pool['name']}", self.hosts[name].provider)
        return self.hosts[name]

    def shares_disk(self) -> None:
        """The hosts to come have their disk from one pool."""
        self.pool = self.estate.shared(f"{self.name}-pool", 10000)

    def down(self, *names: str) -> None:
        """Hosts that died before any of this was written."""
        for name in names:
            seen = self.estate.ago(days=45)
            self.host(name).service.update(last_seen_up=seen, updated_at=seen)

    def up(self, name: str) -> None:
        """A host whose compute service runs again."""
        seen = self.estate.ago(seconds=5)
        self.host(name).service.update(last_seen_up=seen, updated_at=seen)

    # --- the server ---

    def lives(self, *hosts: str, flavor: Row | None = None) -> None:
        """The guest is on these hosts and on no others."""
        self.guest = dict.fromkeys(hosts, flavor or self.small)

    def runs(self, host: str, **fields: Any) -> None:
        """The server, on a host since long ago."""
        self.server = self.estate.server(
            self.name, self.host(host), self.small, holds=False, at=self.estate.ago(days=45), **fields
        )
        self.past = LONG_AGO
        self.claim("I", host)
        self.past = None
        self.lives(host)

    def set(self, **fields: Any) -> None:
        """Write the server's row; ``on`` names a host, or None for no host."""
        if "on" in fields:
            place = fields.pop("on")
            host = self.host(place) if place else None
            fields["host"] = host.name if host else None
            fields["node"] = host.node["hypervisor_hostname"] if host else None
            fields["compute_id"] = host.node["id"] if host else None
            if host and self.server.instance["host"] is None:
                fields["launched_on"] = host.name  # built or unshelved there
        self.server.instance.update(fields, updated_at=self.now)

    def mapped(self, **fields: Any) -> None:
        """Write the mapping."""
        self.server.mapping.update(fields, updated_at=self.now)

    def flavor(self, cur: Row, *, old: Row | None = None, new: Row | None = None) -> None:
        """Write the server's flavors."""
        self.server.instance.update({name: cur[name] for name in ("vcpus", "memory_mb", "root_gb", "ephemeral_gb")})
        for row in self.estate.rows[t.instance_extra]:
            if row["instance_uuid"] == self.server.uuid and row["cell"] == self.server.instance["cell"]:
                row["flavor"] = self.estate.embedded(cur, old=old, new=new)

    def asks_for(self, flavor: Row) -> None:
        """Write the flavor of the request."""
        self.estate.request_spec(self.server, flavor=json.loads(self.estate.embedded(flavor))["cur"])

    def destroyed(self) -> None:
        """The server's row and those of its migrations, as a deletion leaves them (SEMANTICS C.2)."""
        for row in (self.server.instance, *self.moves):
            row.update(deleted=row.get("id", 1), deleted_at=self.now)
        self.lives()
        self.server.instance.update(vm_state="deleted", task_state=None)

    def ordered(self, action: str, *, failed: bool = False) -> None:
        """What is ordered for the server; ``failed``: that ended in an error."""
        self.estate.action(self.server, action, failed=failed, at=self.now)

    # --- moves ---

    def migration(self, kind: str, status: str, source: str, dest: str | None = None) -> None:
        """A migration's row."""
        destination = self.host(dest) if dest else None
        self.move = self.estate.migration(self.server, kind, status, self.host(source), destination, at=self.now)
        self.moves.append(self.move)

    def status(self, word: str, dest: str | None = None) -> None:
        """Write the migration's row."""
        self.move.update(status=word, updated_at=self.now)
        if dest:
            host = self.host(dest)
            self.move.update(dest_compute=host.name, dest_node=host.node["hypervisor_hostname"])

    # --- placement; "I" is the server's consumer, "M" the present migration's ---

    def consumer(self, who: str) -> str:
        """The uuid of a consumer."""
        return uuid_of(self.name) if who == "I" else str(self.move["uuid"])

    def _write(self, uuid: str) -> None:
        if not any(row["uuid"] == uuid for row in self.estate.rows.get(t.consumers, [])):
            self.estate.consumer(uuid, at=self.now)

    def claim(self, who: str, host: str, flavor: Row | None = None) -> None:
        """Room on a host in addition to what the consumer holds, all written anew, as placement does."""
        uuid, amounts = self.consumer(who), self.estate.amounts(flavor or self.small)
        self._write(uuid)
        for row in self._held(uuid):
            row["created_at"] = self.now
        if self.pool:
            disk = amounts.pop("DISK_GB")
            if not any(row["resource_provider_id"] == self.pool["id"] for row in self._held(uuid)):
                self.estate.allocate(uuid, self.pool, {"DISK_GB": disk}, self.now)
        self.estate.allocate(uuid, self.host(host).provider, amounts, self.now)

    def _held(self, uuid: str) -> list[Row]:
        return [row for row in self.estate.rows.get(t.allocations, []) if row["consumer_id"] == uuid]

    def release(self, who: str, host: str | None = None) -> None:
        """All that a consumer holds, or what it holds on one host."""
        uuid = self.consumer(who)
        for row in self._held(uuid):
            if host is None or row["resource_provider_id"] == self.host(host).provider["id"]:
                self.estate.remove(t.allocations, row)
        kept = self._held(uuid)
        for row in kept:
            row["created_at"] = self.now
        if not kept:
            for row in [row for row in self.estate.rows[t.consumers] if row["uuid"] == uuid]:
                self.estate.remove(t.consumers, row)

    def hand(self, giver: str, taker: str) -> None:
        """All that one consumer holds becomes the other's, in place of what that held."""
        self.release(taker)
        self._write(self.consumer(taker))
        for row in self._held(self.consumer(giver)):
            row.update(consumer_id=self.consumer(taker), created_at=self.now)
        self.release(giver)


SEQUENCES: dict[str, Play] = {}


def sequence(play: Play) -> Play:
    """One that is played."""
    SEQUENCES[play.__name__] = play
    return play


def length(play: Play, estate: Estate) -> int:
    """How many steps a sequence has."""
    return sum(1 for _ in play(Stage(estate, "rehearsal", 1, timedelta(0))))


def played(estate: Estate, name: str, play: Play, steps: int, age: timedelta) -> tuple[Stage, Step]:
    """A sequence up to one of its steps, which was that long ago."""
    stage = Stage(estate, name, steps, age)
    running = play(stage)
    for step in running:
        if not stage.left:
            return stage, step
        stage.left -= 1
    raise ValueError(f"{name} has no step {steps}")


def begin() -> Estate:
    """A cloud for stages."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.flavor("m1.small", 2, 4096, 20)
    estate.flavor("m1.large", 4, 8192, 40)
    return estate


# --- boot: SEMANTICS D.3 ---


def _accepted(stage: Stage) -> None:
    stage.estate.building(stage.name, at=stage.now)


def _row_made(stage: Stage, cell: str, **fields: Any) -> None:
    """The conductor makes the server's row; what the API had written of it stays."""
    building = stage.estate.rows
    mapping = next(row for row in building[t.instance_mappings] if row["instance_uuid"] == uuid_of(stage.name))
    stage.server = stage.estate.server(
        stage.name, None, stage.small, cell=cell, at=stage.now, vm_state="building", task_state="scheduling", **fields
    )
    # of the two of each the API's is the one
    stage.estate.remove(t.instance_mappings, stage.server.mapping)
    stage.estate.remove(t.request_specs, stage.server.request)
    stage.server = Server(
        stage.name,
        cell,
        stage.server.instance,
        mapping,
        next(row for row in building[t.request_specs] if row["instance_uuid"] == uuid_of(stage.name)),
        stage.small,
    )


def _request_gone(stage: Stage) -> None:
    for row in [row for row in stage.estate.rows[t.build_requests] if row["instance_uuid"] == uuid_of(stage.name)]:
        stage.estate.remove(t.build_requests, row)


def _built(stage: Stage) -> None:
    """Until the compute service spawns it."""
    _accepted(stage)
    stage.claim("I", "dst")
    _row_made(stage, "cell1")
    stage.mapped(cell_id=stage.estate.cell_id("cell1"))
    _request_gone(stage)
    stage.set(on="dst", task_state="spawning")
    stage.lives("dst")


@sequence
def boot(stage: Stage) -> Iterator[Step]:
    """Claimed before any row of it exists."""
    _accepted(stage)
    yield Step("accepted", late="N10")  # H.2 N10: a build that nobody takes up
    stage.claim("I", "dst")
    yield Step("claimed", late="N10")  # D.3: legal while the build request is there, which N10 tells
    _row_made(stage, "cell1")
    # C.8: a task that does not end; a cell has the server, and the API shows its request in its place
    yield Step("row made", late="N09 N10")
    stage.mapped(cell_id=stage.estate.cell_id("cell1"))
    yield Step("mapped", late="N09", info_late="N10")
    _request_gone(stage)
    yield Step("build request removed", late="N09")
    stage.set(on="dst", task_state="networking")
    yield Step("on its host", late="N09")
    stage.set(task_state="spawning")
    stage.lives("dst")
    yield Step("spawning", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def boot_without_host(stage: Stage) -> Iterator[Step]:
    """No valid host: buried in cell0."""
    _accepted(stage)
    yield Step("accepted", late="N10")
    _row_made(stage, "cell0")
    yield Step("row made in cell0", late="N10")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", late="N10")
    stage.mapped(cell_id=stage.estate.cell_id("cell0"))
    yield Step("mapped", info_late="N10")
    _request_gone(stage)
    yield rest("buried")


@sequence
def boot_rescheduled(stage: Stage) -> Iterator[Step]:
    """The first host fails, the second does not."""
    _built(stage)
    yield Step("spawning", late="N09")
    stage.lives()
    stage.release("I")
    yield Step("first host gave its room back", late="N09")
    stage.set(on=None, task_state="scheduling")
    yield Step("on no host", late="N09")
    stage.claim("I", "second")
    yield Step("claimed again", late="N09")
    stage.set(on="second", task_state="spawning")
    stage.lives("second")
    yield Step("spawning again", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def boot_rescheduled_row_first(stage: Stage) -> Iterator[Step]:
    """The same, the row ahead of the room: short windows both ways."""
    _built(stage)
    yield Step("spawning", late="N09")
    stage.lives()
    stage.set(on=None, task_state="scheduling")
    yield Step("on no host", late="N09")
    stage.release("I")
    yield Step("first host gave its room back", late="N09")


@sequence
def boot_failed(stage: Stage) -> Iterator[Step]:
    """The last host fails."""
    _built(stage)
    yield Step("spawning", late="N09")
    stage.lives()
    stage.set(vm_state="error", task_state=None, on=None)
    yield Step("in error, on no host", in_flight="X07", soon="X07")  # D.3: final failure, room given back after
    stage.release("I")
    yield rest("room given back")


@sequence
def boot_leaks_in_cell0(stage: Stage) -> Iterator[Step]:
    """The host has no mapping: leak (a)."""
    _accepted(stage)
    stage.claim("I", "dst")
    yield Step("claimed", late="N10")
    _row_made(stage, "cell0")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", late="N10")  # the request is still there, and might be taken up
    stage.mapped(cell_id=stage.estate.cell_id("cell0"))
    _request_gone(stage)
    yield Step("buried", in_flight="X07", soon="X07")  # D.3 (a): for good as soon as the request is gone


@sequence
def boot_leaks_in_the_conductor(stage: Stage) -> Iterator[Step]:
    """The quota is exceeded after the claim: leak (b)."""
    _accepted(stage)
    stage.claim("I", "dst")
    _row_made(stage, "cell1")
    stage.mapped(cell_id=stage.estate.cell_id("cell1"))
    yield Step("row made", late="N09", info_late="N10")
    _request_gone(stage)
    stage.set(vm_state="error", task_state=None)
    stage.estate.remove(t.request_specs, stage.server.request)
    yield Step("in error", in_flight="X07", soon="X07")  # D.3 (b); its request may be gone


@sequence
def boot_deleted_by_its_owner(stage: Stage) -> Iterator[Step]:
    """Between the claim and the removal of the build request: leak (c)."""
    _accepted(stage)
    stage.claim("I", "dst")
    yield Step("claimed", late="N10")
    _row_made(stage, "cell1")
    _request_gone(stage)
    # H.2 N02: no build is queued and no cell is mapped
    yield Step("row made, build request deleted", in_flight="N02", soon="N02", late="N09")
    stage.mapped(cell_id=stage.estate.cell_id("cell1"), queued_for_delete=1)
    stage.destroyed()
    yield Step("row destroyed", in_flight="X07", soon="X07")  # D.3 (c)
    stage.release("I")
    yield rest("cleared by the resource tracker")


# --- cold migrate and resize: SEMANTICS D.4 ---


def _resize(stage: Stage, src: str = "src", dst: str = "dst", *, new: Row | None = None) -> Iterator[Step]:
    """As far as VERIFY_RESIZE; without a new flavor it is a cold migration."""
    old, kind, new = stage.small, "resize" if new else "migration", new or stage.small
    stage.migration(kind, "pre-migrating", src)
    stage.set(task_state="resize_prep")
    stage.asks_for(new)
    yield Step("migration made", late="N08")  # D.1: a step of an hour at most; N08 speaks for the stuck task, too
    stage.hand("I", "M")
    yield Step("room moved to the migration", late="N08")  # D.4: I holds nothing
    stage.claim("I", dst, new)
    yield Step("claimed", late="N08")  # D.4: host is still the source
    stage.status("migrating", dst)
    stage.set(task_state="resize_migrating")
    stage.flavor(old, old=old, new=new)
    yield Step("on the way", late="N08")
    stage.status("post-migrating")
    # nova powers it off and copies its disk before it writes this; the source keeps the old one
    stage.guest = {src: old, dst: new}
    stage.set(task_state="resize_migrated", on=dst)
    yield Step("handed over", late="N08")  # D.4: the flavor is still the old one
    stage.set(task_state="resize_finish")
    yield Step("finishing", late="N08")
    stage.flavor(new, old=old, new=new)
    yield Step("finishing, with the new flavor", late="N08")
    stage.status("finished")
    stage.set(vm_state="resized", task_state=None)
    yield rest("VERIFY_RESIZE")


def _until(steps: Iterator[Step], name: str) -> Iterator[Step]:
    """The steps as far as that one."""
    for step in steps:
        yield step
        if step.name == name:
            return


def _confirm(stage: Stage, flavor: Row, dst: str = "dst") -> Iterator[Step]:
    stage.ordered("confirmResize")
    stage.status("confirming")
    # destroyed on the source before anything is written
    stage.lives(dst, flavor=flavor)
    yield Step("confirming", late="N08")
    stage.status("confirmed")
    # D.4: normal for seconds, then a leak, which speaks for the server that stays resized, too
    yield Step("confirmed", in_flight="X12", soon="X12")
    stage.set(vm_state="active")
    yield Step("active", in_flight="X12", soon="X12")  # nova 34 and 20.6: the server's row first, then the old room
    stage.release("M")
    yield rest("old room given back")
    stage.flavor(flavor)
    yield rest("old flavor forgotten")


def _revert(stage: Stage, src: str = "src") -> Iterator[Step]:
    stage.ordered("revertResize")
    stage.status("reverting")
    stage.set(task_state="resize_reverting")
    stage.asks_for(stage.small)
    yield Step("reverting", late="N08")
    # destroyed there before anything is written
    stage.lives(src)
    stage.status("reverted")
    yield Step("reverted on the destination", late="N09")  # D.4: before the allocations return, as long as it reverts
    stage.flavor(stage.small)
    stage.set(on=src)
    yield Step("back on the source", late="N09")
    stage.hand("M", "I")
    yield Step("room moved back", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def cold_migration(stage: Stage) -> Iterator[Step]:
    """To another host, and confirmed."""
    stage.runs("src")
    yield from _resize(stage)
    yield from _confirm(stage, stage.small)


@sequence
def cold_migration_reverted(stage: Stage) -> Iterator[Step]:
    """To another host, and back."""
    stage.runs("src", vm_state="stopped")
    stage.already(_resize(stage))
    yield from _revert(stage)


@sequence
def resize(stage: Stage) -> Iterator[Step]:
    """To another host and flavor, and confirmed."""
    stage.runs("src")
    yield from _resize(stage, new=stage.large)
    yield from _confirm(stage, stage.large)


@sequence
def resize_reverted(stage: Stage) -> Iterator[Step]:
    """To another host and flavor, and back."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    yield from _revert(stage)


@sequence
def resize_in_place(stage: Stage) -> Iterator[Step]:
    """On the same host, which holds both sizes until the end."""
    stage.runs("src")
    yield from _resize(stage, dst="src", new=stage.large)
    yield from _confirm(stage, stage.large, "src")


@sequence
def resize_in_place_reverted(stage: Stage) -> Iterator[Step]:
    """The same, and back."""
    stage.runs("src")
    stage.already(_resize(stage, dst="src", new=stage.large))
    yield from _revert(stage)


@sequence
def resize_on_shared_disk(stage: Stage) -> Iterator[Step]:
    """Both consumers hold disk of one pool."""
    stage.shares_disk()
    stage.runs("src")
    yield from _resize(stage, new=stage.large)
    yield from _confirm(stage, stage.large)


@sequence
def resize_without_host(stage: Stage) -> Iterator[Step]:
    """No valid host: nothing changes."""
    stage.runs("src")
    stage.migration("resize", "pre-migrating", "src")
    stage.set(task_state="resize_prep")
    stage.hand("I", "M")
    yield Step("room moved to the migration", late="N08")
    stage.hand("M", "I")
    yield Step("room moved back", late="N08")
    stage.status("error")
    yield Step("migration in error", late="N09")
    stage.set(task_state=None)
    yield rest("active")


@sequence
def resize_tries_another_host(stage: Stage) -> Iterator[Step]:
    """The preparation fails on one host after the other."""
    stage.runs("src")
    stage.migration("resize", "pre-migrating", "src")
    stage.set(task_state="resize_prep")
    stage.asks_for(stage.large)
    stage.hand("I", "M")
    stage.claim("I", "dst", stage.large)
    yield Step("claimed", late="N08")
    stage.release("I")
    yield Step("first host gave its room back", late="N08")
    stage.claim("I", "second", stage.large)
    yield Step("claimed again", late="N08")
    stage.hand("M", "I")
    yield Step("room moved back", late="N08")
    stage.status("error")
    yield Step("migration in error", late="N09")
    stage.set(task_state=None)
    # C.4: the request keeps the new flavor, which N11b says of a server that is not in error
    yield Step("active", in_flight="N11b", info_soon="N11b")


@sequence
def resize_fails_on_the_source(stage: Stage) -> Iterator[Step]:
    """The room is moved back, and the server is in error."""
    stage.runs("src")
    stage.already(_until(_resize(stage, new=stage.large), "on the way"), BEFORE)
    stage.hand("M", "I")
    stage.status("migrating")
    yield Step("room moved back", late="N08")
    stage.status("error")
    yield Step("migration in error", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield rest("in error")


@sequence
def resize_fails_on_the_destination(stage: Stage) -> Iterator[Step]:
    """The old room is given back: the server stays where it failed."""
    stage.runs("src")
    stage.already(_until(_resize(stage, new=stage.large), "finishing"), BEFORE)
    stage.status("post-migrating")
    stage.set(task_state="resize_finish")
    stage.flavor(stage.large, old=stage.small, new=stage.large)
    stage.lives("dst", flavor=stage.large)
    stage.release("M")
    # H.3 X14b: open, on its way, and nothing kept on the host it left. Placement has no clock of what is gone; the
    # rows around it are written in the same step
    yield Step("old room given back", in_flight="X14b", soon="X14b", late="N08")
    stage.status("error")
    yield Step("migration in error", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield rest("in error")
    stage.flavor(stage.small)
    stage.lives("dst")
    stage.set()
    # D.4: the flavor may have been reset, though the room has the new size: explainable, information
    yield Step("flavor reset", in_flight="X10", info_soon="X10")


@sequence
def resize_set_to_error_by_the_auto_confirm(stage: Stage) -> Iterator[Step]:
    """A resized server that was found in an odd state."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.status("error")
    yield Step("migration in error", in_flight="X12", soon="X12")  # D.4: M's allocation stays; H.3 X12 M


@sequence
def resize_deleted(stage: Stage) -> Iterator[Step]:
    """A deletion confirms first."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.mapped(queued_for_delete=1)
    stage.set(task_state="deleting")
    yield Step("deleting", late="N09")
    stage.status("confirming")
    yield Step("confirming", late="N08")
    stage.guest.pop("src")
    stage.status("confirmed")
    yield Step("confirmed", in_flight="X12", soon="X12", late="N09")
    stage.release("M")
    yield Step("old room given back", late="N09")
    stage.destroyed()
    yield Step("row destroyed", in_flight="X07", soon="X07")
    stage.release("I")
    yield rest("deleted")


@sequence
def resize_in_error_deleted(stage: Stage) -> Iterator[Step]:
    """The migration is not looked at any more."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.guest.pop("src")  # a confirmation that failed late
    stage.status("error")
    stage.set(vm_state="error")
    yield Step("in error", in_flight="X12", soon="X12")  # D.4: a leak
    stage.mapped(queued_for_delete=1)
    stage.destroyed()
    # both are left just now; the migration's is a finding from before, which the deletion renews
    yield Step("row destroyed", in_flight="X07 X12", soon="X07 X12")
    stage.release("I")
    yield Step("deleted", at_once="X12", soon="X12")


def _revert_fails(stage: Stage, status: str, vm_state: str, task: str | None) -> None:
    """A revert that does not come to the source (nova 34, by experiment): all other rows stay as they are."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.ordered("revertResize", failed=status == "error")
    stage.asks_for(stage.small)
    stage.status(status)
    stage.set(vm_state=vm_state, task_state=task)


@sequence
def revert_fails_before_the_guest_is_destroyed(stage: Stage) -> Iterator[Step]:
    """On the destination, at its networks: the guest runs there, and the rows are those of the next sequence."""
    _revert_fails(stage, "error", "error", None)
    yield Step("in error", in_flight="X12", soon="X12")  # D.4: what M holds may be all there is
    stage.set(vm_state="active")
    # the request has the old flavor again: N11b, which is no matter of a server in error
    yield Step("state reset", in_flight="N11b X12", soon="X12", info_soon="N11b")


@sequence
def revert_fails_after_the_guest_is_destroyed(stage: Stage) -> Iterator[Step]:
    """On the destination, at its volumes, its tracker or the cast: the guest is on the source alone."""
    _revert_fails(stage, "error", "error", None)
    stage.lives("src")
    yield Step("in error", in_flight="X12", soon="X12")
    stage.set(vm_state="active")
    yield Step("state reset", in_flight="N11b X12", soon="X12", info_soon="N11b")
    stage.mapped(queued_for_delete=1)
    stage.destroyed()
    stage.release("I")
    stage.lives()
    yield Step("deleted", in_flight="X12", soon="X12")  # now it is a leak, and its command is offered


@sequence
def revert_is_lost(stage: Stage) -> Iterator[Step]:
    """The cast to the source never arrives: neither host's restart ends this."""
    _revert_fails(stage, "reverted", "resized", "resize_reverting")
    stage.lives("src")
    yield Step("reverted", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield Step("state reset", in_flight="N11b X12", soon="X12", info_soon="N11b")


@sequence
def revert_fails_to_move_the_room(stage: Stage) -> Iterator[Step]:
    """On the source: placement refuses, and the server is in error there."""
    _revert_fails(stage, "error", "error", None)
    stage.flavor(stage.small)
    stage.set(on="src")
    stage.lives("src")
    yield Step("in error", in_flight="X08 X12", soon="X08 X12")  # D.4: each holds the other's part
    stage.set(vm_state="active")
    yield Step("state reset", in_flight="X08 X12", soon="X08 X12")


@sequence
def confirm_fails_late(stage: Stage) -> Iterator[Step]:
    """The guest is gone from the source, but its room is not given back."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.ordered("confirmResize", failed=True)
    stage.lives("dst", flavor=stage.large)
    stage.status("error")
    stage.set(vm_state="error")
    yield Step("in error", in_flight="X12", soon="X12")  # the order tells it from a revert: its command is offered


@sequence
def cast_of_finish_resize_fails(stage: Stage) -> Iterator[Step]:
    """The source gives the room back to the server, which is on the destination already (nova 20.6 to 34)."""
    stage.runs("src")
    stage.already(_until(_resize(stage, new=stage.large), "handed over"), BEFORE)
    stage.hand("M", "I")
    stage.status("error")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", in_flight="X08", soon="X08")  # D.4: it is nova's host that is wrong, or neither
    stage.set(vm_state="active")
    yield Step("state reset", in_flight="N11b X08", soon="X08", info_soon="N11b")


@sequence
def state_reset_in_verify_resize(stage: Stage) -> Iterator[Step]:
    """Nobody can confirm or revert it any more."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.set(vm_state="active")
    yield Step("state reset", in_flight="N22", soon="N22")  # H.2 N22: M holds the source for ever
    stage.status("error")
    yield Step("set to error by the auto-confirm", in_flight="X12", soon="X12")  # no order says where the guest is


@sequence
def destination_dies_in_verify_resize(stage: Stage) -> Iterator[Step]:
    """The server is evacuated, which nova does not do in VERIFY_RESIZE: its state is reset first."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    resize = stage.move
    stage.down("dst")
    stage.set(vm_state="error")
    yield Step("state reset", in_flight="N22", soon="N22")
    stage.migration("evacuation", "accepted", "dst")
    stage.set(task_state="rebuilding")
    stage.claim("I", "third", stage.large)
    yield Step("claimed", late="N08")
    stage.status("pre-migrating", "third")
    stage.set(on="third", vm_state="active", task_state=None)
    stage.status("done")
    stage.guest = {"third": stage.large}
    yield Step("evacuated", in_flight="N22", soon="N22")  # the resize holds the source, and ends no more
    stage.move = resize
    stage.status("error")
    # all that can be proven is: the guest is on the third host, and its command is offered
    yield Step("resize ended by hand", in_flight="X12", soon="X12")


@sequence
def resized_without_a_resize(stage: Stage) -> Iterator[Step]:
    """A confirmation that died before it wrote the server's row."""
    stage.runs("src")
    stage.already(_resize(stage, new=stage.large))
    stage.ordered("confirmResize")
    stage.lives("dst", flavor=stage.large)
    stage.status("confirmed")
    stage.release("M")
    yield Step("confirmed", in_flight="N22", soon="N22")  # H.2 N22


# --- resize to another cell: SEMANTICS D.4 ---


class _Twins:
    """The rows of one server in two cells; the one that ``row`` names is written."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.source, self.source_move = stage.server, stage.move
        estate, host = stage.estate, stage.host("dst", "cell2")
        copy = dict(stage.server.instance) | {"cell": host.cell, "hidden": 1, "updated_at": stage.now}
        row = estate.add(t.instances, **copy)
        self.target = Server(stage.name, host.cell, row, stage.server.mapping, stage.server.request, stage.small)
        for table in (t.instance_extra, t.block_device_mapping):
            [old] = [row for row in estate.rows[table] if row["instance_uuid"] == stage.server.uuid]
            estate.add(table, **old | {"cell": host.cell})
        self.target_move = estate.add(
            t.migrations, **stage.move | {"cell": host.cell, "id": 100000 + stage.move["id"], "updated_at": stage.now}
        )
        stage.moves.append(self.target_move)

    def on_source(self) -> None:
        self.stage.server, self.stage.move = self.source, self.source_move

    def on_target(self) -> None:
        self.stage.server, self.stage.move = self.target, self.target_move

    def gone(self, server: Server, move: Row) -> None:
        """One of the twins is removed for good, not marked."""
        rows = self.stage.estate
        rows.remove(t.instances, server.instance)
        rows.remove(t.migrations, move)
        for table in (t.instance_extra, t.block_device_mapping):
            for row in [row for row in rows.rows[table] if row["instance_uuid"] == server.uuid]:
                if row["cell"] == server.cell:
                    rows.remove(table, row)


def _across(stage: Stage) -> Iterator[Step]:
    """To VERIFY_RESIZE in the other cell."""
    old, new = stage.small, stage.large
    stage.migration("resize", "pre-migrating", "src")
    stage.move["cross_cell_move"] = 1
    stage.set(task_state="resize_prep")
    stage.asks_for(new)
    yield Step("migration made", late="N08")
    stage.hand("I", "M")
    yield Step("room moved to the migration", late="N08")
    stage.host("dst", "cell2")
    stage.claim("I", "dst", new)
    yield Step("claimed", late="N08")
    twins = stage.twins = _Twins(stage)
    yield Step("hidden twin made", late="N08")
    stage.status("migrating", "dst")
    twins.on_target()
    stage.status("migrating", "dst")
    twins.on_source()
    stage.set(task_state="resize_migrating")
    yield Step("on the way", late="N08")
    stage.status("post-migrating")
    stage.set(task_state="resize_migrated")
    yield Step("ready on the source", late="N08")
    twins.on_target()
    stage.status("post-migrating")
    stage.guest = {"src": old, "dst": new}
    stage.set(task_state="resize_finish", on="dst")
    stage.flavor(new, old=old, new=new)
    yield Step("finishing", late="N08")
    stage.status("finished")
    stage.set(vm_state="resized", task_state=None)
    # the row in the source's cell is open, but the younger one, which may wait for ever, speaks for both; the visible
    # row is the source's, whose task does not end
    yield Step("finished on the destination", late="N09")
    twins.on_source()
    stage.status("finished")
    twins.on_target()
    stage.set(hidden=0)
    yield Step("both are visible", in_flight="N01", soon="N01")  # H.2 N01
    stage.mapped(cell_id=stage.estate.cell_id("cell2"))
    yield Step("mapped to the other cell", at_once="N01", soon="N01")
    twins.on_source()
    stage.set(hidden=1)  # its task stays
    yield rest("VERIFY_RESIZE")


@sequence
def resize_across_cells(stage: Stage) -> Iterator[Step]:
    """Confirmed: the row in the first cell goes."""
    stage.runs("src")
    yield from _across(stage)
    twins = stage.twins
    twins.on_target()
    stage.status("confirming")
    yield Step("confirming", late="N08")
    twins.on_source()
    stage.status("confirming")
    yield Step("confirming on the source", late="N08")
    stage.guest.pop("src")
    stage.release("M")
    yield Step("old room given back", late="N08")
    stage.status("confirmed")
    # of two rows the younger one speaks for both, and here it is over: H.2 N22, after an hour
    yield Step("confirmed on the source", late="N22")
    twins.gone(twins.source, twins.source_move)
    yield Step("twin removed", late="N08")
    twins.on_target()
    stage.flavor(stage.large)
    stage.status("confirmed")
    stage.set(vm_state="active")
    yield rest("active")


@sequence
def resize_across_cells_reverted(stage: Stage) -> Iterator[Step]:
    """Reverted: the row in the second cell goes."""
    stage.runs("src")
    stage.already(_across(stage))
    twins = stage.twins
    twins.on_target()
    stage.status("reverting")
    stage.set(task_state="resize_reverting")
    stage.asks_for(stage.small)
    yield Step("reverting", late="N08")
    twins.on_source()
    stage.status("reverting")
    stage.set(task_state="resize_reverting")
    stage.set(hidden=0)
    yield Step("both are visible", late="N08")
    stage.mapped(cell_id=stage.estate.cell_id("cell1"))
    yield Step("mapped back", late="N08")
    twins.on_target()
    stage.set(hidden=1)
    yield Step("the other is hidden", late="N08")
    twins.on_source()
    stage.lives("src")
    twins.gone(twins.target, twins.target_move)
    yield Step("twin removed", late="N08")
    stage.hand("M", "I")
    stage.status("reverting")
    yield Step("room moved back", late="N08")
    stage.status("reverted")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def resize_across_cells_fails(stage: Stage) -> Iterator[Step]:
    """On the way: the twin goes first, then the room comes back."""
    stage.runs("src")
    stage.already(_until(_across(stage), "on the way"), BEFORE)
    stage.status("migrating")
    yield Step("on the way", late="N08")
    stage.twins.gone(stage.twins.target, stage.twins.target_move)
    yield Step("twin removed", late="N08")
    stage.hand("M", "I")
    yield Step("room moved back", late="N08")
    stage.status("error")
    yield Step("migration in error", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield rest("in error")


@sequence
def resize_across_cells_leaves_its_twin(stage: Stage) -> Iterator[Step]:
    """Confirmed in both cells, and the row in the first stays."""
    stage.runs("src")
    stage.already(_across(stage))
    stage.guest.pop("src")
    stage.release("M")
    stage.twins.on_source()
    stage.status("confirmed")
    stage.twins.on_target()
    stage.flavor(stage.large)
    stage.status("confirmed")
    stage.set(vm_state="active")
    yield Step("active", in_flight="N15", soon="N15")  # H.2 N15: no open migration needs it
    stage.twins.gone(stage.twins.source, stage.twins.source_move)
    yield rest("twin removed")


# --- live migration: SEMANTICS D.5 ---


def _live(stage: Stage) -> Iterator[Step]:
    """As far as the guest being copied."""
    stage.migration("live-migration", "accepted", "src")
    stage.set(task_state="migrating")
    yield Step("accepted", late="N08")
    stage.hand("I", "M")
    yield Step("room moved to the migration", late="N08")
    stage.claim("I", "dst")
    stage.status("accepted", "dst")
    yield Step("claimed", late="N08")
    stage.status("queued")
    yield Step("queued", late="N08")
    stage.status("preparing")
    yield Step("preparing", late="N08")
    # the source's guest runs, and the destination has one that waits for its memory
    stage.lives("src", "dst")
    stage.status("running")
    yield Step("running", late="N08")


@sequence
def live_migration(stage: Stage) -> Iterator[Step]:
    """Completed."""
    stage.runs("src")
    yield from _live(stage)
    stage.status("running (post-copy)")
    yield Step("running on both", late="N08")
    stage.lives("dst")
    stage.set(task_state=None, on="dst")
    yield Step("on the destination", late="N08")  # D.5: task NULL while M still holds the source
    stage.status("completed")
    yield Step("completed", in_flight="X12", soon="X12")  # D.5: deleted after
    stage.release("M")
    yield rest("old room given back")


@sequence
def live_migration_on_shared_disk(stage: Stage) -> Iterator[Step]:
    """The disk does not move, and is held twice meanwhile."""
    stage.shares_disk()
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("dst")
    stage.set(task_state=None, on="dst")
    stage.status("running")
    yield Step("on the destination", late="N08")
    stage.status("completed")
    yield Step("completed", in_flight="X12", soon="X12")
    stage.release("M")
    yield rest("old room given back")


def _rolled_back(stage: Stage, word: str) -> Iterator[Step]:
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("src")
    stage.status("running")
    stage.hand("M", "I")
    yield Step("room moved back", late="N08")  # D.5: moved back first
    stage.set(task_state=None)
    yield Step("task ended", late="N08")
    stage.status(word)
    yield rest(word)


@sequence
def live_migration_rolled_back(stage: Stage) -> Iterator[Step]:
    """The destination fails."""
    yield from _rolled_back(stage, "failed")


@sequence
def live_migration_rolled_back_by_train(stage: Stage) -> Iterator[Step]:
    """The same, in Train's words."""
    yield from _rolled_back(stage, "error")


@sequence
def live_migration_aborted(stage: Stage) -> Iterator[Step]:
    """While the guest is being copied."""
    yield from _rolled_back(stage, "cancelled")


@sequence
def live_migration_taken_from_the_queue(stage: Stage) -> Iterator[Step]:
    """Aborted, or cancelled by a shutdown, which does not move the room back."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("src")
    stage.status("queued")
    yield Step("queued", late="N08")
    stage.status("cancelled")
    yield Step("cancelled", in_flight="X12", soon="X12", late="N09")
    stage.set(task_state=None)
    # D.5: the server runs on the source, which only the migration holds, and it holds the destination
    yield Step("task ended", in_flight="X08 X12", soon="X08 X12")
    stage.hand("M", "I")
    yield rest("room moved back")


@sequence
def live_migration_breaks(stage: Stage) -> Iterator[Step]:
    """An exception of the driver: nothing is moved back."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("src")
    stage.status("error")
    yield Step("migration in error", in_flight="X12", soon="X12", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", in_flight="X08 X12", soon="X08 X12")  # D.5: leak class X08/X12


@sequence
def live_migration_breaks_after_days(stage: Stage) -> Iterator[Step]:
    """The task is as old as the migration, and ends with it."""
    stage.runs("src")
    stage.already(_live(stage))
    stage.lives("src")
    stage.status("error")
    yield Step("migration in error", in_flight="N09 X12", soon="N09 X12")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", in_flight="X08 X12", soon="X08 X12")


@sequence
def live_migration_hangs(stage: Stage) -> Iterator[Step]:
    """The source's compute service was started anew: it waits for ever, its task NULL."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("src")
    stage.status("preparing")
    stage.set(task_state=None)
    yield Step("preparing", late="N08")


@sequence
def live_migration_ends_without_its_last_step(stage: Stage) -> Iterator[Step]:
    """The last step fails on the destination, which was only logged before nova 28: nova has the source as its host."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("dst")
    stage.status("completed")
    yield Step("completed", in_flight="X12", soon="X12", late="N09")
    stage.release("M")
    yield Step("room of the source given back", late="N09")
    stage.set(task_state=None)
    yield Step("state reset", in_flight="X08", soon="X08")  # D.5: the room is right, and nova's host is not


@sequence
def live_migration_breaks_and_loses_its_part(stage: Stage) -> Iterator[Step]:
    """The same driver's exception, after which somebody freed what the migration held: the guest may be on either."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("dst")
    stage.status("error")
    stage.set(vm_state="error", task_state=None)
    stage.release("M")
    yield Step("in error", in_flight="X08", soon="X08")
    stage.set(vm_state="active")
    yield Step("state reset", in_flight="X08", soon="X08")


@sequence
def live_migration_survives_a_restart(stage: Stage) -> Iterator[Step]:
    """The source's nova-compute is started anew and cannot abort it: both hosts stay claimed (nova 34)."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.status("error")
    stage.set(task_state=None)
    yield Step("migration in error", in_flight="X08 X12", soon="X08 X12")
    stage.lives("dst")  # the copy comes to its end without nova
    stage.release("M")
    yield Step("part removed", at_once="X08", soon="X08")


@sequence
def live_migration_fails_after_the_switch(stage: Stage) -> Iterator[Step]:
    """On the source, after the guest has moved: nova 28 and later write the destination first."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.lives("dst")
    stage.status("error")
    stage.set(on="dst", vm_state="error", task_state=None)
    yield Step("in error", in_flight="X12", soon="X12")  # proven: its command is offered


# --- evacuate: SEMANTICS D.6 ---


def _evacuated(stage: Stage, src: str = "src", dst: str = "dst") -> Iterator[Step]:
    stage.down(src)
    stage.migration("evacuation", "accepted", src)
    stage.set(task_state="rebuilding")
    yield Step("accepted", late="N08")
    stage.claim("I", dst)
    yield Step("claimed", late="N08")  # D.6: one consumer on both
    stage.status("pre-migrating", dst)
    stage.set(task_state="rebuild_spawning")
    yield Step("spawning", late="N08")
    # what the dead host still has of it is for nova-compute to remove
    stage.lives(dst)
    stage.set(on=dst, task_state=None)
    yield Step("on the destination", late="N08")
    stage.status("done")
    yield rest("done")


@sequence
def evacuation(stage: Stage) -> Iterator[Step]:
    """Done, until the host comes back and cleans up."""
    stage.runs("src")
    yield from _evacuated(stage)
    stage.release("I", "src")
    # H.3 X30: nova-compute cleans up before it reports that it is up: no row tells this from an operator's doing
    yield Step("old room given back", in_flight="X30", info_soon="X30")
    stage.status("completed")
    yield rest("completed")
    stage.up("src")
    yield rest("the host is back")


@sequence
def evacuation_not_cleaned_up(stage: Stage) -> Iterator[Step]:
    """The host is back, and the old part stays."""
    stage.runs("src")
    stage.already(_evacuated(stage), BEFORE)
    stage.up("src")
    yield Step("the host is back", info_late="N17")  # H.2 N17: when a day has passed
    stage.release("I", "src")
    yield Step("room taken", in_flight="X30", info_soon="X30", info_late="N17")


@sequence
def evacuation_on_shared_disk(stage: Stage) -> Iterator[Step]:
    """The disk is one row."""
    stage.shares_disk()
    stage.runs("src")
    yield from _evacuated(stage)


@sequence
def evacuation_fails(stage: Stage) -> Iterator[Step]:
    """The new host refuses."""
    stage.runs("src")
    stage.down("src")
    stage.migration("evacuation", "pre-migrating", "src", "dst")
    stage.set(task_state="rebuilding")
    stage.claim("I", "dst")
    yield Step("claimed", late="N08")
    stage.status("failed")
    yield Step("failed", late="N09")
    stage.release("I", "dst")
    yield Step("new room given back", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield rest("in error")


@sequence
def evacuation_fails_and_leaks(stage: Stage) -> Iterator[Step]:
    """The same, without the room given back."""
    stage.runs("src")
    stage.down("src")
    stage.migration("evacuation", "pre-migrating", "src", "dst")
    stage.set(task_state="rebuilding")
    stage.claim("I", "dst")
    stage.status("failed")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", in_flight="X09", soon="X09")  # D.17: elsewhere too only with a done evacuation from there


@sequence
def evacuations(stage: Stage) -> Iterator[Step]:
    """One after the other, with both hosts coming back."""
    stage.runs("src")
    stage.already(_evacuated(stage))
    yield from _evacuated(stage, "dst", "third")
    first, second = stage.moves
    for move, name in ((first, "src"), (second, "dst")):
        stage.move = move
        stage.up(name)
        stage.release("I", name)
        stage.status("completed")
        yield rest(f"{name} is back")


@sequence
def evacuations_then_cold_migration(stage: Stage) -> Iterator[Step]:
    """All hosts' parts move to the migration."""
    stage.runs("src")
    stage.already(_evacuated(stage))
    stage.already(_evacuated(stage, "dst", "third"))
    yield from _resize(stage, "third", "fourth")
    yield from _confirm(stage, stage.small, "fourth")


@sequence
def evacuation_then_live_migration(stage: Stage) -> Iterator[Step]:
    """The same, live."""
    stage.runs("src")
    stage.already(_evacuated(stage))
    stage.migration("live-migration", "accepted", "dst", "third")
    stage.set(task_state="migrating")
    stage.hand("I", "M")
    stage.claim("I", "third")
    yield Step("claimed", late="N08")
    stage.lives("dst", "third")
    stage.status("running")
    yield Step("running", late="N08")
    stage.lives("third")
    stage.set(task_state=None, on="third")
    yield Step("on the destination", late="N08")
    stage.status("completed")
    yield Step("completed", in_flight="X12", soon="X12")
    stage.release("M")
    yield rest("old room given back")


@sequence
def evacuation_from_a_deleted_service(stage: Stage) -> Iterator[Step]:
    """Before nova 25 the old part stays with its provider."""
    stage.runs("src")
    stage.already(_evacuated(stage))
    host = stage.host("src")
    for row in (host.node, host.service):
        row.update(deleted=1, deleted_at=stage.now)
    stage.estate.remove(t.host_mappings, host.mapping)
    yield Step("service deleted", in_flight="X04", soon="X04")  # D.6: X03/X04
    stage.release("I", "src")
    for table, column in (
        (t.inventories, "resource_provider_id"),
        (t.resource_provider_traits, "resource_provider_id"),
        (t.resource_providers, "id"),
    ):
        for row in [row for row in stage.estate.rows[table] if row[column] == host.provider["id"]]:
            stage.estate.remove(table, row)
    yield rest("provider deleted")


# --- shelve: SEMANTICS D.7 ---


def _shelved(stage: Stage) -> Iterator[Step]:
    stage.set(task_state="shelving_image_uploading")
    yield Step("uploading", late="N09")
    stage.set(vm_state="shelved", task_state=None)
    yield rest("SHELVED")


def _offloaded(stage: Stage) -> Iterator[Step]:
    stage.set(task_state="shelving_offloading")
    yield Step("offloading", late="N09")
    stage.lives()
    stage.release("I")
    yield Step("room given back", late="N09")
    stage.set(vm_state="shelved_offloaded", task_state=None, on=None)
    yield rest("SHELVED_OFFLOADED")


@sequence
def shelve(stage: Stage) -> Iterator[Step]:
    """Shelved, offloaded, and brought back to another host."""
    stage.runs("src")
    yield from _shelved(stage)
    yield from _offloaded(stage)
    stage.set(task_state="unshelving")
    yield Step("unshelving", late="N09")
    stage.claim("I", "dst")
    yield Step("claimed", late="N09")
    stage.set(on="dst", task_state="spawning")
    stage.lives("dst")
    yield Step("spawning", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def unshelve(stage: Stage) -> Iterator[Step]:
    """Of a server that was never offloaded."""
    stage.runs("src")
    stage.already(_shelved(stage))
    stage.set(task_state="unshelving")
    yield Step("unshelving", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def unshelve_without_host(stage: Stage) -> Iterator[Step]:
    """No valid host: as before."""
    stage.runs("src")
    stage.already(_shelved(stage))
    stage.already(_offloaded(stage))
    stage.set(task_state="unshelving")
    yield Step("unshelving", late="N09")
    stage.set(task_state=None)
    yield rest("SHELVED_OFFLOADED")


@sequence
def unshelve_fails(stage: Stage) -> Iterator[Step]:
    """In the conductor, after the claim."""
    stage.runs("src")
    stage.already(_shelved(stage))
    stage.already(_offloaded(stage))
    stage.set(task_state="unshelving")
    stage.claim("I", "dst")
    yield Step("claimed", late="N09")
    stage.set(task_state=None)
    yield Step("SHELVED_OFFLOADED", in_flight="X07", soon="X07")  # D.7: leak


# --- delete, soft delete, restore: SEMANTICS D.8 ---


def _deleted(stage: Stage) -> Iterator[Step]:
    stage.mapped(queued_for_delete=1)
    stage.set(task_state="deleting")
    yield Step("deleting", late="N09")
    stage.destroyed()
    yield Step("row destroyed", in_flight="X07", soon="X07")
    stage.release("I")
    yield rest("deleted")


def _archived(stage: Stage) -> None:
    for table, shadow in ((t.instances, t.shadow_instances), (t.migrations, t.shadow_migrations)):
        for row in [row for row in stage.estate.rows.get(table, []) if row in (stage.server.instance, *stage.moves)]:
            stage.estate.remove(table, row)
            stage.estate.add(shadow, **row)


@sequence
def deletion(stage: Stage) -> Iterator[Step]:
    """And the archive."""
    stage.runs("src")
    yield from _deleted(stage)
    _archived(stage)
    yield rest("archived")
    stage.estate.remove(t.instance_mappings, stage.server.mapping)
    stage.estate.remove(t.request_specs, stage.server.request)
    yield rest("forgotten")


@sequence
def deletion_archived_too_early(stage: Stage) -> Iterator[Step]:
    """The resource tracker can no longer give back what is left."""
    stage.runs("src")
    stage.mapped(queued_for_delete=1)
    stage.destroyed()
    yield Step("row destroyed", in_flight="X07", soon="X07")
    _archived(stage)
    yield Step("archived", at_once="X07", soon="X07")  # the loss is no younger than the deletion


@sequence
def local_deletion(stage: Stage) -> Iterator[Step]:
    """In the API, while the host is down."""
    stage.runs("src")
    stage.down("src")
    yield from _deleted(stage)


@sequence
def local_deletion_of_a_migrating_server(stage: Stage) -> Iterator[Step]:
    """The migration's part is not considered."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.down("src")
    stage.status("running")
    yield Step("running", late="N08")
    stage.mapped(queued_for_delete=1)
    stage.destroyed()
    yield Step("row destroyed", in_flight="X07 X12", soon="X07 X12")
    stage.release("I")
    yield Step("deleted", at_once="X12", soon="X12")  # D.8: M's not considered


@sequence
def deletion_with_an_open_migration(stage: Stage) -> Iterator[Step]:
    """The migration's row was written after the deletion."""
    stage.runs("src")
    stage.already(_live(stage), BEFORE)
    stage.destroyed()
    stage.mapped(queued_for_delete=1)
    stage.release("I")
    stage.move.update(deleted=0, deleted_at=None)
    stage.status("running")
    yield Step("running", in_flight="X13", soon="X13", late="N08")  # H.3 X13


@sequence
def deletion_after_offloading(stage: Stage) -> Iterator[Step]:
    """There is nothing to give back."""
    stage.runs("src")
    stage.already(_shelved(stage))
    stage.already(_offloaded(stage))
    stage.mapped(queued_for_delete=1)
    stage.set(task_state="deleting")
    yield Step("deleting", late="N09")
    stage.destroyed()
    yield rest("deleted")


def _soft_deleted(stage: Stage) -> Iterator[Step]:
    stage.mapped(queued_for_delete=1)
    stage.set(task_state="soft-deleting")
    yield Step("soft-deleting", late="N09")
    stage.set(vm_state="soft-delete", task_state=None, deleted_at=stage.now)
    yield rest("SOFT_DELETED")  # D.8: keeps its host and room


@sequence
def deletion_stops_before_its_last_step(stage: Stage) -> Iterator[Step]:
    """The state is written, the row is not deleted."""
    stage.runs("src")
    stage.mapped(queued_for_delete=1)
    stage.lives()
    stage.set(vm_state="deleted", task_state=None)
    yield Step("in state deleted", in_flight="N22", soon="N22")  # H.2 N22


@sequence
def host_lost(stage: Stage) -> Iterator[Step]:
    """Somebody, or a failure, took the host out of the row of a server that runs."""
    stage.runs("src")
    stage.set(on=None)
    yield Step("on no host", in_flight="N22", soon="N22")  # H.2 N22


@sequence
def soft_deletion(stage: Stage) -> Iterator[Step]:
    """Reclaimed."""
    stage.runs("src")
    yield from _soft_deleted(stage)
    yield from _deleted(stage)


@sequence
def restoration(stage: Stage) -> Iterator[Step]:
    """Restored."""
    stage.runs("src")
    stage.already(_soft_deleted(stage))
    stage.set(task_state="restoring", deleted_at=None)
    yield Step("restoring", late="N09")
    stage.mapped(queued_for_delete=0)
    yield Step("mapping restored", late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def restoration_before_the_mapping(stage: Stage) -> Iterator[Step]:
    """The same, the server ahead of its mapping."""
    stage.runs("src")
    stage.already(_soft_deleted(stage))
    stage.set(vm_state="active", task_state=None, deleted_at=None)
    yield Step("active", in_flight="N16", info_soon="N16")  # H.2 N16, of low impact
    stage.mapped(queued_for_delete=0)
    yield rest("mapping restored")


# --- rebuild: SEMANTICS D.9 ---


@sequence
def rebuild(stage: Stage) -> Iterator[Step]:
    """With a new image: the room stays."""
    stage.runs("src")
    for task in ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"):
        stage.set(task_state=task)
        yield Step(task, late="N09")
    stage.set(vm_state="active", task_state=None)
    yield rest("active")


@sequence
def rebuild_fails(stage: Stage) -> Iterator[Step]:
    """The clean-up of an evacuation takes the room."""
    stage.runs("src")
    stage.set(task_state="rebuild_spawning")
    stage.release("I")
    yield Step("room taken", late="N09")
    stage.set(vm_state="error", task_state=None)
    yield Step("in error", in_flight="X06", soon="X06")  # D.9: a real X06
    stage.claim("I", "src")
    yield rest("healed")


# --- the coexistence matrix: SEMANTICS D.17 ---


def _state(vm_state: str) -> Play:
    """A server at rest, then without its room, then with that of another host, then with both."""

    def play(stage: Stage) -> Iterator[Step]:
        stage.runs("src", vm_state=vm_state)
        if vm_state == "soft-delete":
            stage.mapped(queued_for_delete=1)
        stage.set()
        yield rest(vm_state)
        stage.set()
        stage.release("I")
        yield Step("holds nothing", in_flight="X06", soon="X06")
        stage.claim("I", "dst")
        yield Step("holds another host", in_flight="X08", soon="X08")
        stage.claim("I", "src")
        yield Step("holds another host, too", in_flight="X09", soon="X09")
        stage.release("I", "dst")
        yield rest("healed")

    return play


for _word in ("active", "stopped", "paused", "suspended", "rescued", "shelved", "soft-delete", "error"):
    SEQUENCES[f"state_{_word}"] = _state(_word)
