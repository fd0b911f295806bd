"""Side by side with the real `nova-manage placement audit` and `heal_allocations`, on the same MariaDB databases."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from placement_audit.audit import Report, live_report
from placement_audit.checks import chosen
from placement_audit.demo.estate import Estate, Urls
from placement_audit.finding import Finding, Severity
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.conftest import RealSchemas
from tests.peers import LAST_CELL, ORDINARY, STATES, Fault, State
from tests.placement_service import Placement

ORPHAN = re.compile(r"^Allocations for consumer UUID (\S+) on Resource Provider \S+ can be deleted", re.MULTILINE)
HEALED = re.compile(r"^\[dry-run\] (Create|Update) allocations for instance (\S+):", re.MULTILINE)
AUDIT = ("audit", "--verbose")
HEAL = ("heal_allocations", "--dry-run", "--verbose", "--skip-port-allocations")  # there is no neutron to ask


@dataclass(frozen=True)
class Run:
    """What one command ended with."""

    code: int
    output: str

    def orphans(self) -> set[str]:
        return set(ORPHAN.findall(self.output))

    def healed(self) -> set[tuple[str, str]]:
        return {(uuid, kind.lower()) for kind, uuid in HEALED.findall(self.output)}


@dataclass(frozen=True)
class Compared:
    """One cloud under three eyes. ``about`` are the uuids of each state; ``dark``: the same, with a cell unreadable."""

    about: dict[State, tuple[str, ...]]
    ours: Report
    audit: Run
    heal: Run
    dark_ours: Report
    dark_audit: Run
    dark_heal: Run


def loud(report: Report) -> list[Finding]:
    return [one for one in report.findings if one.settled and one.severity is not Severity.INFO]


def codes(findings: list[Finding], about: tuple[str, ...]) -> set[str]:
    return {one.code for one in findings if named(one) & set(about)}


def named(finding: Finding) -> set[str]:
    return {str(value) for value in [*finding.subject.values(), *finding.evidence.values()]}


class Stage:
    """The databases of one cloud, its placement service, and those who look."""

    def __init__(self, schemas: RealSchemas, folder: Path, placement: str) -> None:
        self.schemas, self.folder, self.placement = schemas, folder, placement

    def ours(self) -> Report:
        sources = from_options(self.schemas.placement, self.schemas.api, [])
        return live_report(sources, Limits(), chosen(()), timedelta(minutes=10), lambda *_: None)

    def theirs(self) -> tuple[Run, Run]:
        with ThreadPoolExecutor() as pool:
            audit, heal = pool.map(lambda arguments: self._nova_manage(*arguments), (AUDIT, HEAL))
        return audit, heal

    def _nova_manage(self, *arguments: str) -> Run:
        config = self.folder / "nova.conf"
        config.touch(0o600)
        config.write_text(
            f"[DEFAULT]\nstate_path = {self.folder}\n"
            f"[api_database]\nconnection = {self.schemas.api}\n"
            f"[database]\nconnection = {self.schemas.cells['cell0']}\n"
            f"[placement]\nauth_type = admin_token\ntoken = admin\nendpoint = {self.placement}\n"
        )
        program = str(Path(sys.executable).parent / "nova-manage")
        command = [program, "--config-file", str(config), "placement", *arguments]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return Run(run.returncode, run.stdout + run.stderr)

    def change_mappings(self, change: str) -> None:
        self.schemas.server.execute(f"UPDATE cell_mappings SET {change}", str(make_url(self.schemas.api).database))


@pytest.fixture(scope="module")
def compared(real_schemas: RealSchemas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    real_schemas.clear()
    estate = Estate(cells=tuple(real_schemas.cells))
    about = {state: state.write(estate, f"state-{number:02d}") for number, state in enumerate((*STATES, ORDINARY))}
    estate.write(Urls(real_schemas.placement, real_schemas.api, real_schemas.cells))
    service = Placement(real_schemas.placement)
    with service.served() as url:
        stage = Stage(real_schemas, tmp_path_factory.mktemp("peers"), url)
        # what nova needs of a cell, and the auditor does not read
        stage.change_mappings("transport_url = IF(name = 'cell0', 'none:///', 'fake:///')")
        ours, (audit, heal) = stage.ours(), stage.theirs()
        stage.change_mappings(f"database_connection = concat(database_connection, '_gone') WHERE name = '{LAST_CELL}'")
        yield Compared(about, ours, audit, heal, stage.ours(), *stage.theirs())
    service.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.what)
def test_a_state_is_judged_as_the_table_says(compared: Compared, state: State) -> None:
    about = compared.about[state]
    assert bool(compared.audit.orphans() & set(about)) == state.audit
    kinds = {kind for uuid, kind in compared.heal.healed() if uuid in about}
    assert kinds == {state.heal} - {None, "stop"}
    assert codes(loud(compared.ours), about) <= state.ours
    assert state.ours <= codes([one for one in compared.ours.findings if one.settled], about)


def test_every_alarm_of_theirs_is_in_the_table(compared: Compared) -> None:
    assert compared.audit.code == 3, compared.audit.output
    assert compared.audit.orphans() <= {uuid for state in STATES if state.audit for uuid in compared.about[state]}
    healing = {(uuid, state.heal) for state in STATES if state.heal != "stop" for uuid in compared.about[state]}
    assert compared.heal.healed() <= healing


def test_every_alarm_of_ours_is_in_the_table(compared: Compared) -> None:
    faulty = {uuid for state in STATES if state.ours for uuid in compared.about[state]}
    assert [one.message for one in loud(compared.ours) if not named(one) & faulty] == []
    assert [state.what for state in STATES if (state.fault is Fault.NOTHING) == bool(state.ours)] == []


def test_heal_allocations_ends_at_a_vgpu(compared: Compared) -> None:
    [state] = [state for state in STATES if state.heal == "stop"]
    assert compared.heal.code == 8, compared.heal.output
    assert compared.about[state][0] in compared.heal.output


def test_a_cell_that_does_not_answer(compared: Compared) -> None:
    """To `placement audit` all its servers are orphans; here no consumer is called left over at all."""
    server = compared.about[ORDINARY][0]
    assert server not in compared.audit.orphans()
    assert server in compared.dark_audit.orphans()
    assert compared.dark_heal.code == 255, compared.dark_heal.output
    assert compared.dark_ours.exit_code(Severity.WARNING) == 2
    assert codes(loud(compared.dark_ours), (server,)) == set()
    skipped = {result.check.code for result in compared.dark_ours.results if result.status == "skipped"}
    assert {"X03", "X07", "X11", "X12"} <= skipped
