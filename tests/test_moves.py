"""Every sequence of moves, audited after each step, and broken off at each step.

One cloud has them all: each sequence once for each of its steps, stopped there. It is written three times, with the
last step just now, beyond the grace, and days ago.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls
from placement_audit.finding import Severity
from tests.conftest import RealSchemas
from tests.moves import SEQUENCES, Step, begin, length, played
from tests.support import Auditor, sqlite_urls

AGES = {"now": timedelta(0), "soon": timedelta(minutes=12), "late": timedelta(days=4)}
Said = Mapping[str, set[str]]


def _audited(audit: Auditor, age: str) -> tuple[dict[str, Step], dict[str, Said]]:
    """The steps, and what is said of each: codes of findings that are loud, information, or in flight."""
    estate, owners, steps = begin(), {}, {}
    for name, play in SEQUENCES.items():
        for number in range(1, length(play, begin()) + 1):
            stage, step = played(estate, f"{name}-{number}", play, number, AGES[age])
            steps[f"{stage.name} {step.name}"] = step
            owners |= dict.fromkeys(stage.names(), f"{stage.name} {step.name}")
    report = audit.report(estate)
    assert not report.gaps
    assert not [result for result in report.results if result.status == "skipped"]
    said: dict[str, defaultdict[str, set[str]]] = {}
    for one in report.findings:
        whose = {owners[str(value)] for value in one.subject.values() if str(value) in owners}
        assert len(whose) == 1, (one.code, one.message, whose)
        how = "in flight" if not one.settled else "info" if one.severity is Severity.INFO else "loud"
        said.setdefault(whose.pop(), defaultdict(set))[how].add(one.code)
    return steps, dict(said)


def _differences(steps: Mapping[str, Step], said: Mapping[str, Said], how: str, *words: str) -> dict[str, str]:
    """Where what is said is not what the words of the steps (names of fields) say."""
    told = {}
    for name, step in steps.items():
        expected = {code for word in words for code in getattr(step, word).split()}
        found = said.get(name, {}).get(how, set())
        if found != expected:
            told[name] = f"{how}: {sorted(found)}, not {sorted(expected)}"
    return told


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Auditor:
    return Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)


@pytest.fixture
def on_mariadb(tmp_path: Path, empty_cloud: RealSchemas) -> Auditor:
    def urls(estate: Estate) -> Urls:
        return Urls(empty_cloud.placement, empty_cloud.api, {cell: empty_cloud.cells[cell] for cell in estate.cells})

    return Auditor(urls, tmp_path, plain_sql=True)


def test_silent_at_each_step(on_sqlite: Auditor) -> None:
    steps, said = _audited(on_sqlite, "now")
    settled = {name: {"at once": codes["loud"] | codes["info"]} for name, codes in said.items()}
    differing = _differences(steps, said, "in flight", "in_flight") | _differences(steps, settled, "at once", "at_once")
    assert differing == {}


@pytest.mark.parametrize(
    ("age", "loud", "info"),
    [
        ("soon", ["soon"], ["info_soon"]),
        ("late", ["soon", "late"], ["info_soon", "info_late"]),
    ],
)
def test_broken_off_at_each_step(on_sqlite: Auditor, age: str, loud: list[str], info: list[str]) -> None:
    steps, said = _audited(on_sqlite, age)
    differing = _differences(steps, said, "loud", *loud) | _differences(steps, said, "info", *info)
    assert differing == {}
    assert {name for name, codes in said.items() if codes["in flight"]} == set()


def test_the_same_on_mariadb(on_mariadb: Auditor) -> None:
    steps, said = _audited(on_mariadb, "late")
    assert _differences(steps, said, "loud", "soon", "late") == {}
    assert _differences(steps, said, "info", "info_soon", "info_late") == {}
