"""No command that we offer harms a guest: tried in every state of the moves, and in damaged ones.

``PLACEMENT_AUDIT_FUZZ`` asks for that many damaged states, at random.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.faults import CLOUD_FAULTS, FAULTS, UNPROVABLE
from tests.guests import Guest, Model, guest_of, harms
from tests.moves import SEQUENCES, begin, length, played
from tests.support import Auditor, says_enough, sqlite_urls
from tests.test_damage import damage

AGES = {"now": timedelta(0), "soon": timedelta(minutes=12), "late": timedelta(days=4)}
WANTED = int(os.environ.get("PLACEMENT_AUDIT_FUZZ", "2000"))
# States in a cloud: in one of a few, what is said of all of a cloud's servers is said, too.
MANY, FEW = 100, 5
# What says whose a row is, and that a server is dead: where it is wrong nothing can tell.
SPARED = {
    t.instances: ("uuid", "deleted", "deleted_at", "vm_state"),
    t.migrations: ("uuid", "instance_uuid", "deleted"),
    t.shadow_instances: ("uuid",),
}
at_length = settings(
    phases=[Phase.generate],
    deadline=None,
    derandomize="PLACEMENT_AUDIT_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@dataclass(frozen=True)
class State:
    """A step of a sequence, how long ago, and what went wrong since."""

    sequence: str
    step: int
    age: str
    faults: tuple[str, ...] = ()
    seed: int = 0

    def name(self, number: int) -> str:
        """What its stage is called."""
        return f"{self.sequence}-{self.step}" + f"-{number}" * bool(number)

    def write(self, estate: Estate, number: int) -> Guest:
        """Its rows."""
        name = self.name(number)
        stage, step = played(estate, name, SEQUENCES[self.sequence], self.step, AGES[self.age])
        chance = random.Random(self.seed)
        guest = guest_of(stage, f"{name} ({', '.join([step.name, *self.faults])})")
        for fault in self.faults:
            FAULTS[fault](stage, chance)
        return guest


@cache
def steps() -> tuple[tuple[str, int], ...]:
    """Every step of every sequence."""
    return tuple((name, step) for name, play in SEQUENCES.items() for step in range(1, length(play, begin()) + 1))


def violations(estate: Estate, guests: Sequence[Guest]) -> list[str]:
    """What the commands of an audit's findings would do to the guests, and what is withheld without a word."""
    with TemporaryDirectory() as name:
        urls = sqlite_urls(Path(name), estate.cells)
        report = Auditor(lambda _: urls, Path(name)).judged(estate)
        settled = [finding for finding in report.findings if finding.settled]
        model = Model(urls, guests)
        try:
            found = [f"{finding.code}: {harm}" for finding in settled for harm in harms(model, finding)]
        finally:
            model.close()
    failed = [f"{result.check.code}: {result.reason}" for result in report.results if result.status == "failed"]
    wordless = {
        f"{finding.code}: withholds without a word: {finding.message}"
        for finding in settled
        if not says_enough(finding)
    }
    return sorted({*found, *failed, *wordless})


def tried(states: Sequence[State], cloud: str = "nothing", seed: int = 0) -> list[str]:
    """The violations in a cloud of these states."""
    estate = begin()
    guests = [state.write(estate, number) for number, state in enumerate(states)]
    CLOUD_FAULTS[cloud](estate, random.Random(seed))
    return violations(estate, guests)


class Collected:
    """Violations of many clouds: of each kind the one of the fewest faults."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def add(self, states: Sequence[State], cloud: str = "nothing", seed: int = 0) -> None:
        for told in tried(states, cloud, seed):
            kind = _kind(told)
            if kind not in self.found:
                self.found[kind] = self._shortest(states, cloud, seed, kind, told)

    def _shortest(self, states: Sequence[State], cloud: str, seed: int, kind: str, told: str) -> str:
        best = f"{told} [cloud: {cloud}, {len(states)} states]"
        mine = [state for number, state in enumerate(states) if f"{state.name(number)} (" in told]
        for state in mine:
            alone = [replace(state, faults=faults) for faults in {(), *((one,) for one in state.faults), state.faults}]
            for clouds in ("nothing", cloud):
                for one in sorted(alone, key=lambda state: len(state.faults)):
                    for again in tried([one], clouds, seed):
                        if _kind(again) == kind:
                            return f"{again} [{one}, cloud: {clouds}, {seed}]"
        return best


def _kind(told: str) -> str:
    """The code and what goes wrong, without names and numbers."""
    code, _, rest = told.partition(": ")
    line, _, harm = rest.rpartition("`")
    verb = " ".join(word for word in line.split() if word.isalpha() or word.startswith("--"))
    return f"{code} {verb} {' '.join(harm.split()[:1])}"


@pytest.mark.parametrize("age", AGES)
def test_no_command_harms_a_guest_at_any_step(age: str) -> None:
    estate = begin()
    guests = [State(name, step, age).write(estate, 0) for name, step in steps()]
    found = violations(estate, guests)
    assert not found, "\n".join(found)


def _states(most: int) -> st.SearchStrategy[list[State]]:
    state = st.builds(
        lambda step, age, faults, seed: State(*step, age, tuple(faults), seed),
        st.sampled_from(steps()),
        st.sampled_from(["soon", "late"]),
        st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=2).filter(
            lambda two: set(two) not in UNPROVABLE
        ),
        st.integers(0, 2**16),
    )
    return st.lists(state, min_size=most, max_size=most)


def test_no_command_harms_a_guest_after_two_faults() -> None:
    collected = Collected()

    @settings(at_length, max_examples=-(-WANTED // MANY))
    @given(_states(MANY))
    def look(states: list[State]) -> None:
        collected.add(states)

    look()
    assert not collected.found, "\n".join(collected.found.values())


def test_no_command_harms_a_guest_when_knowledge_has_a_hole() -> None:
    collected = Collected()

    @settings(at_length, max_examples=-(-WANTED // 50))
    @given(_states(FEW), st.sampled_from(sorted(CLOUD_FAULTS)), st.integers(0, 2**16))
    def look(states: list[State], cloud: str, seed: int) -> None:
        collected.add(states, cloud, seed)

    look()
    assert not collected.found, "\n".join(collected.found.values())


@pytest.mark.parametrize("seed", range(-(-WANTED // 200)))
def test_no_command_harms_a_guest_in_damaged_rows(seed: int) -> None:
    estate = begin()
    guests = [State(name, step, "soon").write(estate, 0) for name, step in steps()]
    spared = [(row, {name: row[name] for name in SPARED[table]}) for table in SPARED for row in estate.rows[table]]
    damage(estate, random.Random(seed))
    for row, values in spared:
        row.update(values)
    # what a server refuses of such rows harms nobody, and what has no word for a NULL that no real table takes
    unreal = ("` is refused: ", ": withholds without a word: ")
    found = {_kind(told): told for told in violations(estate, guests) if not any(word in told for word in unreal)}
    assert not found, "\n".join(found.values())


# --- the model itself ---


def _harmful(server: str, host: str, provider: str, other: str) -> dict[str, str]:
    """Commands for a running server on its host, and what the model must say of each."""
    unset = "openstack --os-placement-api-version 1.28 resource provider allocation unset --provider"
    cell = uuid_of("cell cell1")
    return {
        f"openstack resource provider allocation delete {server}": "leaves 0 of 2 VCPU",
        f"{unset} {provider} {server}": "leaves 0 of 2 VCPU",
        f"{unset} {provider} --resource-class DISK_GB {server}": "leaves 0 of 20 DISK_GB",
        f'for provider in $(echo {other} {provider}); do {unset} "$provider" {server}; done': "leaves 0 of 2 VCPU",
        "openstack --os-placement-api-version 1.28 resource provider allocation set"
        f" --allocation rp={other},VCPU=2,MEMORY_MB=4096,DISK_GB=20 --project-id p --user-id u {server}": "not",
        "openstack --os-placement-api-version 1.28 resource provider allocation set"
        f" --allocation rp={provider},VCPU=1,MEMORY_MB=4096,DISK_GB=20 --project-id p --user-id u {server}": "leaves 1",
        "openstack --os-placement-api-version 1.28 resource provider allocation set"
        f" --allocation rp={provider},VCPU=2,MEMORY_MB=4096,DISK_GB=20 --allocation rp={other},VCPU=2"
        f" --project-id p --user-id u {server}": "where it is not",
        f"mariadb placement -e \"DELETE FROM allocations WHERE consumer_id = '{server}'\"": "leaves 0 of 2 VCPU",
        f"mariadb placement -e \"DELETE FROM resource_providers WHERE uuid = '{provider}'\"": "deletes the provider",
        f"openstack resource provider delete {provider}": "is refused",
        f"openstack resource provider set --name elsewhere {provider}": "calls the provider",
        f"systemctl restart nova-compute  # on {host}": "destroys the guest",
        f"# the next start of nova-compute on {host} corrects it": "destroys the guest",
        f"# with no order left in the queues and its owner's consent: openstack server delete {server}": "destroys the",
        f"nova-manage cell_v2 delete_host --cell_uuid {cell} --host {host}": "is refused",
    }


def _seen(estate: Estate, guest: Guest, line: str) -> list[str]:
    with TemporaryDirectory() as name:
        urls = sqlite_urls(Path(name), estate.cells)
        estate.write(urls)
        model = Model(urls, [guest])
        try:
            return list(model.harm([line]))
        finally:
            model.close()


@pytest.mark.parametrize("number", range(len(_harmful("", "", "", ""))))
def test_the_model_sees_harm(number: int) -> None:
    """A server that was live-migrated home after an evacuation whose record stayed."""
    estate = begin()
    stage, step = played(estate, "server", SEQUENCES["state_active"], 1, AGES["soon"])
    home, other = stage.host("src"), stage.host("dst")
    estate.migration(stage.server, "evacuation", "done", home, other)
    line, harm = list(_harmful(stage.server.uuid, home.name, home.uuid, other.uuid).items())[number]
    assert harm in "".join(_seen(estate, guest_of(stage, step.name), line))


@pytest.mark.parametrize(("step", "harm"), [(1, "unmaps"), (2, "")])
def test_the_model_sees_a_mapping_that_goes(step: int, harm: str) -> None:
    """Of a host of which nova has lost all servers; and what removes room where no guest is harms nobody."""
    estate = begin()
    stage, _ = played(estate, "server", SEQUENCES["state_active"], 4, AGES["soon"])
    guest, host = guest_of(stage, "server"), stage.host("src")
    estate.remove(t.instances, stage.server.instance)
    lines = {
        1: f"nova-manage cell_v2 delete_host --cell_uuid {uuid_of('cell cell1')} --host {host.name}",
        2: f"openstack resource provider allocation unset --provider {stage.host('dst').uuid} {stage.server.uuid}",
    }
    told = _seen(estate, guest, lines[step])
    assert harm in told[0] if harm else not told


def test_a_restart_of_the_source_breaks_a_live_migration() -> None:
    estate = begin()
    stage, _ = played(estate, "server", SEQUENCES["live_migration"], 6, AGES["soon"])
    line = f"systemctl restart nova-compute  # on {stage.host('src').name}"
    assert "breaks the live migration" in _seen(estate, guest_of(stage, "running"), line)[0]


def test_an_unknown_command_is_a_failure() -> None:
    estate = begin()
    stage, _ = played(estate, "server", SEQUENCES["state_active"], 1, AGES["soon"])
    with pytest.raises(AssertionError, match="does not know"):
        _seen(estate, guest_of(stage, "active"), "openstack server evacuate it")
