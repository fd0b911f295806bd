"""The same clouds on PostgreSQL, MariaDB and SQLite: the same findings.

Chosen were clouds in which each table has rows and much is wrong, for a run costs a second, and the scenarios of
tests/checks one by one would take many minutes. In the schemas of placement's and nova's own migrations, where servers
differ in truth values, times, floats and integers: the demo cloud, with the faults that clouds have, and the states
that tests/test_peers.py shows to nova-manage, which are mostly legal. In tables without constraints, since no migration
would let them in: clouds of tests/test_damage.py, whose columns hold what they should not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import String

from placement_audit import schema as t
from placement_audit.audit import Report, live_report
from placement_audit.candidates.explanation import explained
from placement_audit.candidates.grammar import parsed
from placement_audit.candidates.supply import Supply
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Estate, Urls
from placement_audit.demo.story import told
from placement_audit.render import explanation
from placement_audit.render.explanation import Asked, Circumstances
from placement_audit.source.config import from_options, url_of
from placement_audit.source.connect import Limits, reading_schema
from tests import mariadb as mariadb_server
from tests import postgresql as postgresql_server
from tests.conftest import CloudUrls, RealSchemas
from tests.peers import STATES
from tests.support import sqlite_urls
from tests.test_damage import damaged

CELLS = ("cell0", "cell1", "cell2")
# PostgreSQL 15 cannot be asked whether a text is JSON: no flavor is found in one there, as the check says.
NOT_ON_POSTGRESQL = {"N11b"}
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def report(urls: CloudUrls | Urls) -> Report:
    sources = from_options(urls.placement, urls.api, [])
    return live_report(sources, Limits(), catalogue(), timedelta(minutes=10), lambda *_: None)


def said(report: Report) -> list[tuple[object, ...]]:
    """What an operator acts on; and what stands behind a finding."""
    assert report.gaps == []
    assert {result.status for result in report.results} <= {"clean", "findings"}
    acted_on = (
        (one.identity, one.severity.value, one.settled, str(one.newest_change), tuple(sorted(one.absorbed)))
        for one in report.findings
        if one.code not in NOT_ON_POSTGRESQL
    )
    return sorted(acted_on)


# Some fit, some fit nowhere, for one reason or another.
REQUESTS = (
    "resources=VCPU:1",
    "resources=VCPU:2,MEMORY_MB:4096,DISK_GB:20&root_required=!COMPUTE_STATUS_DISABLED",
    "resources=VCPU:64",
    "resources=VCPU:1,MEMORY_MB:99999999",
    "resources=VCPU:1&required=HW_CPU_X86_AVX512F",
    "resources1=VCPU:1&resources2=DISK_GB:1&group_policy=isolate",
)


def explanations(urls: CloudUrls | Urls) -> list[dict[str, object]]:
    with reading_schema(url_of(urls.placement, "placement"), Limits()) as connection:
        answers = [Asked(explained(Supply(connection), parsed(request))) for request in REQUESTS]
        return [json.loads(explanation.document([answer], Circumstances("it"))) for answer in answers]


def states() -> Estate:
    estate = Estate(cells=CELLS)
    for number, state in enumerate(STATES):
        state.write(estate, f"state-{number:02d}")
    return estate


def written(estate: Estate, urls: CloudUrls) -> Urls:
    at = Urls(urls.placement, urls.api, {cell: urls.cells[cell] for cell in estate.cells})
    estate.write(at)
    return at


def fitting(estate: Estate) -> Estate:
    """Without what SQLite alone takes: texts that are too long, or stand where a number or a time belongs."""
    for table, rows in estate.rows.items():
        for row in rows:
            for column in (column for column in table.columns if isinstance(row.get(column.name), str)):
                text, kind = row[column.name], column.type
                fits = TIME.fullmatch(text) if kind is t.Clock else isinstance(kind, String)
                row[column.name] = text[: kind.length] if fits else None
    return estate


@contextmanager
def empty(server: mariadb_server.Server | postgresql_server.Server, cloud: str) -> Iterator[CloudUrls]:
    """Databases without a table."""
    names = {name: f"{cloud}_{name}" for name in ("placement", "api", *CELLS)}
    try:
        for database in names.values():
            server.create(database)
        urls = {name: server.url(database) for name, database in names.items()}
        yield CloudUrls(urls["placement"], urls["api"], {cell: urls[cell] for cell in CELLS})
    finally:
        for database in names.values():
            server.drop(database)


@pytest.mark.parametrize("cloud", [told, states], ids=["demo", "states"])
def test_real_schemas(
    cloud: Callable[[], Estate], postgresql_cloud: CloudUrls, empty_cloud: RealSchemas, tmp_path: Path
) -> None:
    estate = cloud()
    on_postgresql = report(written(estate, postgresql_cloud))
    on_mariadb = report(written(estate, empty_cloud))
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    on_sqlite = report(urls)
    assert said(on_postgresql) == said(on_mariadb) == said(on_sqlite)
    assert len(said(on_postgresql)) > 10
    assert explanations(postgresql_cloud) == explanations(empty_cloud) == explanations(urls)
    rows = [[(source.name, source.rows) for source in one.sources] for one in (on_postgresql, on_mariadb, on_sqlite)]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize("seed", [0, 5, 9])
def test_damaged_clouds(
    seed: int, postgresql: postgresql_server.Server, mariadb: mariadb_server.Server, tmp_path: Path
) -> None:
    estate = fitting(damaged(seed))
    found = []
    for server in (postgresql, mariadb):
        with empty(server, f"damaged_{seed}") as there:
            found.append(said(report(written(estate, there))))
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    found.append(said(report(urls)))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 10
