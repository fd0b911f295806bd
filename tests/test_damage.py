"""Rows deleted, emptied, doubled and mixed up: a run ends in findings, never in a crash."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Table

from placement_audit.candidates.explanation import explained
from placement_audit.candidates.grammar import parsed
from placement_audit.candidates.supply import Supply
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Estate, Row
from placement_audit.demo.story import told
from placement_audit.finding import Severity
from placement_audit.render import document, explanation, table
from placement_audit.render.explanation import Asked, Circumstances
from placement_audit.source.config import url_of
from placement_audit.source.connect import Limits, reading_schema
from tests.support import Auditor, sqlite_urls

STORY = told(hosts=10, servers=100)
QUERIES = (
    "resources=VCPU:64",
    "resources=VCPU:2,MEMORY_MB:4096,DISK_GB:20&root_required=!COMPUTE_STATUS_DISABLED",
    "resources=VCPU:1&resources1=VGPU:1&required1=CUSTOM_X",
    "resources1=VCPU:1&resources2=DISK_GB:1&group_policy=isolate&same_subtree=1,2",
)


def removed(rows: list[Row], chance: random.Random) -> None:
    rows.pop(chance.randrange(len(rows)))


def emptied(rows: list[Row], chance: random.Random) -> None:
    row = chance.choice(rows)
    row[chance.choice([key for key in row if key != "cell"])] = None


def doubled(rows: list[Row], chance: random.Random) -> None:
    rows.append(dict(chance.choice(rows)))


def mixed_up(rows: list[Row], chance: random.Random) -> None:
    one, other = chance.choice(rows), chance.choice(rows)
    key = chance.choice([key for key in one if key != "cell"])
    one[key], other[key] = other.get(key), one[key]


def made_odd(rows: list[Row], chance: random.Random) -> None:
    row = chance.choice(rows)
    key = chance.choice([key for key in row if key != "cell"])
    # Servers keep types apart, if nothing else.
    if isinstance(row[key], int):
        row[key] = chance.choice([-1, 0, 1, 2**31 - 1])
    elif isinstance(row[key], float):
        row[key] = chance.choice([0.0, -1.0, 0.1, 1e30])
    else:
        row[key] = chance.choice(["", "\x1b[31m", "'; DROP TABLE x; --", "9" * 200, "{", "[]"])


DAMAGES: tuple[Callable[[list[Row], random.Random], None], ...] = (removed, emptied, doubled, mixed_up, made_odd)


def damaged(seed: int) -> Estate:
    chance = random.Random(seed)
    estate = copy.copy(STORY)
    estate.rows = {one: [dict(row) for row in rows] for one, rows in STORY.rows.items()}
    damage(estate, chance)
    return estate


def damage(estate: Estate, chance: random.Random) -> None:
    """One row, or up to hundreds."""
    full: list[Table] = [one for one, rows in estate.rows.items() if rows]
    for _ in range(chance.choice([1, 5, 50, 300])):
        rows = estate.rows[chance.choice(full)]
        if len(rows) > 1:
            chance.choice(DAMAGES)(rows, chance)


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_crashes_a_run(seed: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        report = Auditor(lambda estate: sqlite_urls(folder, estate.cells), folder).judged(damaged(seed))
    assert sum(source.rows for source in report.sources) > 500
    assert len(report.results) == len(catalogue())
    assert {result.status for result in report.results} <= {"clean", "findings", "skipped"}
    # and what was found can be told
    assert table.rendered(report, everything=True, width=80)
    assert document.rendered(report, Severity.INFO)


@pytest.mark.parametrize("seed", range(30))
def test_no_damage_crashes_an_explanation(seed: int) -> None:
    with TemporaryDirectory() as name:
        urls = sqlite_urls(Path(name), STORY.cells)
        damaged(seed).write(urls)
        with reading_schema(url_of(urls.placement, "the damaged cloud"), Limits()) as connection:
            for query in QUERIES:
                answer = Asked(explained(Supply(connection), parsed(query)))
                assert explanation.rendered([answer], Circumstances("it"), 80)
                assert explanation.document([answer], Circumstances("it"))
