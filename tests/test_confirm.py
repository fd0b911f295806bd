"""The second look: what is in doubt is read again by key, and is settled, moving, or gone."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from placement_audit import schema as t
from placement_audit.again import by_key_alone
from placement_audit.audit import Pause, Report, live_report, tables_of
from placement_audit.checks import catalogue, chosen
from placement_audit.demo.estate import Estate, Urls, uuid_of
from placement_audit.finding import Severity
from placement_audit.source.config import Sources, from_options
from placement_audit.source.connect import Limits
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import Server, general_log
from tests.support import sqlite_urls
from tests.test_damage import DAMAGES, STORY

ALL = timedelta(days=36_500)  # a grace in which everything is in flight
BIG = ("allocations", "consumers", "instances", "migrations", "instance_mappings", "request_specs", "build_requests")


def audited(
    sources: Sources, between: Callable[[], None] | None, *codes: str, grace: timedelta = timedelta(minutes=10)
) -> Report:
    """A report with a second look, and with ``between`` in place of the pause; None: with a first look alone."""
    pause = Pause(60, lambda _: between()) if between else None
    return live_report(sources, Limits(), chosen(codes), grace, lambda *_: None, confirm=pause)


def identities(report: Report) -> set[str]:
    return {finding.identity for finding in report.findings}


def test_a_check_of_large_tables_says_what_to_read_again() -> None:
    keys = {"consumer", "instance", "migration", "migration_id", "provider", "provider_id", "host", "node"}
    silent = {
        check.code
        for check in catalogue()
        if by_key_alone(tables_of(replace(check, whole_cloud=False)))
        and not keys & set((check.query if check.members is None else check.members).selected_columns.keys())
    }
    assert silent == {"P25", "P26"}  # neither has a clock


# --- against a whole look of the same moment ---


def damaged(seed: int, base: Estate = STORY) -> Estate:
    chance = random.Random(seed)
    estate = copy.copy(base)
    estate.rows = {one: [dict(row) for row in rows] for one, rows in base.rows.items()}
    full = [one for one, rows in estate.rows.items() if rows]
    for _ in range(60):
        rows = estate.rows[chance.choice(full)]
        if len(rows) > 1:
            chance.choice(DAMAGES)(rows, chance)
    # Nothing can be found by a key that is NULL, and the real tables have none.
    keys = {t.allocations: ("consumer_id", "resource_provider_id"), t.consumers: ("uuid",), t.instances: ("uuid",)}
    for table, columns in keys.items():
        estate.rows[table] = [row for row in estate.rows[table] if None not in map(row.get, columns)]
    return estate


def written(estate: Estate, folder: Path) -> Sources:
    urls = sqlite_urls(folder, estate.cells)
    for old in folder.glob("*.sqlite"):
        old.unlink()
    estate.write(urls)
    return from_options(urls.placement, urls.api, [f"{name}={url}" for name, url in urls.cells.items()])


def unread(*reports: Report) -> set[str]:
    """What cannot be compared: not judged in one of the reports, named by a finding that is new, or without a key."""
    results = {one.check.code for report in reports for one in report.results if one.status in {"skipped", "failed"}}
    return results | {code for report in reports for one in report.findings for code in one.also} | {"P06"}


@pytest.mark.parametrize("seed", range(3))
def test_a_second_look_sees_what_a_whole_look_would(seed: int, tmp_path: Path) -> None:
    before, after = damaged(seed), damaged(1000 + seed, damaged(seed) if seed % 2 else STORY)
    sources = written(before, tmp_path)
    first = audited(sources, None, grace=ALL)
    second = audited(sources, lambda: written(after, tmp_path) and None, grace=ALL)
    whole = audited(sources, None, grace=ALL)
    look = second.second_look
    assert look is not None
    assert look.reason is None
    compared = {one.identity for one in first.findings if not one.settled and one.code not in unread(first, whole)}
    assert len(compared) > 10
    assert compared & identities(second) == compared & identities(whole)


# --- on MariaDB ---

GHOST = uuid_of("ghost")


@pytest.fixture
def cloud(empty_cloud: RealSchemas) -> RealSchemas:
    """Servers in two cells, and what nobody knows of: written five minutes ago, it is in flight."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    for cell in ("cell1", "cell2"):
        host = estate.compute(f"host-of-{cell}", cell=cell)
        for number in range(3):
            estate.server(f"server {number} of {cell}", host)
    estate.claim(GHOST, host.provider, {"VCPU": 1}, kind="INSTANCE", at=estate.ago(minutes=5))
    estate.write(Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    return empty_cloud


def on(cloud: CloudUrls, placement: str | None = None) -> Sources:
    cells = [f"{name}={url}" for name, url in cloud.cells.items()]
    return from_options(placement or cloud.placement, cloud.api, cells)


def run(cloud: RealSchemas, where: str, *statements: str) -> Callable[[], None]:
    def go() -> None:
        for statement in statements:
            cloud.server.execute(statement, str(make_url(where).database))

    return go


def outcome(report: Report) -> tuple[list[tuple[str, bool, bool]], tuple[int, int, int] | None]:
    look = report.second_look
    listed = [(one.code, one.settled, one.confirmed) for one in report.findings if one.code in {"X11", "P19", "X06"}]
    return listed, look and (look.confirmed, look.vanished, look.moving)


def test_without_it_nothing_is_settled(cloud: RealSchemas) -> None:
    assert outcome(audited(on(cloud), None, "X11")) == ([("X11", False, False)], None)


def test_what_stays_is_settled(cloud: RealSchemas) -> None:
    report = audited(on(cloud), lambda: None, "X11")
    assert outcome(report) == ([("X11", True, True)], (1, 0, 0))
    [result] = report.results
    assert (result.findings, result.in_flight) == (1, 0)
    assert report.exit_code(Severity.ERROR) == 1


def test_what_is_resolved_vanishes(cloud: RealSchemas) -> None:
    resolved = run(cloud, cloud.placement, f"DELETE FROM allocations WHERE consumer_id = '{GHOST}'")
    report = audited(on(cloud), resolved, "X11")
    assert outcome(report) == ([], (0, 1, 0))
    assert [result.status for result in report.results] == ["clean"]
    assert report.exit_code(Severity.INFO) == 0


def test_what_changes_stays_in_flight(cloud: RealSchemas) -> None:
    rewritten = f"UPDATE allocations SET created_at = UTC_TIMESTAMP(), used = 2 WHERE consumer_id = '{GHOST}'"
    report = audited(on(cloud), run(cloud, cloud.placement, rewritten), "X11")
    assert outcome(report) == ([("X11", False, False)], (0, 0, 1))


@pytest.mark.parametrize("cell", ["cell1", "cell2"])
def test_a_server_that_appears_in_any_cell_is_seen(cloud: RealSchemas, cell: str) -> None:
    born = f"INSERT INTO instances (uuid, deleted, vm_state) VALUES ('{GHOST}', 0, 'building')"
    assert outcome(audited(on(cloud), run(cloud, cloud.cells[cell], born), "X11")) == ([], (0, 1, 0))


def test_of_a_host_in_doubt_new_claims_are_seen(cloud: RealSchemas) -> None:
    """Over capacity by what was claimed just now; then its owner gives it back, and another server comes."""
    much = f"UPDATE allocations SET used = 9999, created_at = UTC_TIMESTAMP() WHERE consumer_id = '{GHOST}'"
    less = f"UPDATE allocations SET used = 100 WHERE consumer_id = '{GHOST}'"
    other = (
        "INSERT INTO allocations (resource_provider_id, consumer_id, resource_class_id, used, created_at)"
        f" SELECT resource_provider_id, '{uuid_of('other')}', resource_class_id, 9999, created_at FROM allocations"
        f" WHERE consumer_id = '{GHOST}'"
    )
    run(cloud, cloud.placement, much)()
    assert outcome(audited(on(cloud), run(cloud, cloud.placement, less), "P19")) == ([], (0, 1, 0))
    run(cloud, cloud.placement, much)()
    report = audited(on(cloud), run(cloud, cloud.placement, less, other), "P19")
    assert outcome(report)[0] == [("P19", True, True)]
    assert "10105" in report.findings[0].message.replace(",", "")


@contextmanager
def logged(server: Server) -> Iterator[list[str]]:
    """The statements that the server is sent meanwhile."""
    texts: list[str] = []
    with general_log(server) as told:
        yield texts
    texts += [" ".join(text.split()) for command, text, _ in told if command == "Query"]


def of_large_tables(statements: list[str]) -> list[str]:
    return [text for text in statements if any(re.search(rf"FROM \S+\.`?{name}`?(\s|$)", text) for name in BIG)]


def test_large_tables_are_read_again_by_key_alone(cloud: RealSchemas) -> None:
    young = uuid_of("server 1 of cell1")
    run(cloud, cloud.cells["cell1"], f"UPDATE instances SET created_at = UTC_TIMESTAMP() WHERE uuid = '{young}'")()
    run(cloud, cloud.api, f"DELETE FROM request_specs WHERE instance_uuid = '{young}'")()
    with logged(cloud.server) as all_of_them:
        report = audited(on(cloud), lambda: cloud.server.execute("SELECT 'the pause'") and None)
    assert report.second_look is not None
    pause = next(number for number, text in enumerate(all_of_them) if "the pause" in text)
    second = all_of_them[pause:]
    assert sum("CONSISTENT SNAPSHOT" in text for text in all_of_them) == 2
    assert not any(" IN (" in text for text in of_large_tables(all_of_them[:pause]))
    keyed = of_large_tables(second)
    assert {name for name in BIG if any(f".{name} " in text for text in keyed)} == set(BIG)
    assert all(" IN (" in text for text in keyed)
    # of the servers that nobody doubts nothing is asked
    assert any(GHOST in text and young in text for text in keyed)
    assert not [text for text in keyed if uuid_of("server 0 of cell1") in text]
    assert {text.split()[0] for text in second} <= {"SELECT", "SET", "SHOW", "START", "ROLLBACK", "DESCRIBE"}


def test_without_doubts_there_is_neither_a_pause_nor_a_second_connection(cloud: RealSchemas) -> None:
    run(cloud, cloud.placement, f"DELETE FROM allocations WHERE consumer_id = '{GHOST}'")()
    waits: list[int] = []
    with logged(cloud.server) as statements:
        report = audited(on(cloud), lambda: waits.append(1), "X11", "P19")
    assert waits == []
    assert report.second_look is None
    assert sum("CONSISTENT SNAPSHOT" in text for text in statements) == 1


def test_a_database_that_is_gone_meanwhile_is_a_gap(cloud: RealSchemas) -> None:
    where = make_url(cloud.api).database
    gone = "UPDATE cell_mappings SET database_connection = 'mysql+pymysql://u:p@127.0.0.1:1/nova' WHERE name = 'cell2'"
    sources = from_options(cloud.placement, cloud.api, [])
    report = audited(sources, lambda: cloud.server.execute(gone, where) and None, "X11")
    assert outcome(report)[0] == [("X11", False, False)]
    assert "what is in doubt could not be read again: cell cell2: " in report.gaps[0]
    assert report.exit_code(Severity.ERROR) == 2


def test_what_rests_on_two_servers_is_read_again_though_it_is_settled(
    cloud: RealSchemas, auditor_urls: CloudUrls
) -> None:
    """Another account is another connection, as another server is."""
    old = f"UPDATE allocations SET created_at = '2020-01-01' WHERE consumer_id = '{GHOST}'"
    run(cloud, cloud.placement, old)()
    two, one = on(cloud, auditor_urls.placement), on(cloud)
    assert outcome(audited(two, None, "X11")) == ([("X11", True, False)], None)
    assert outcome(audited(one, lambda: None, "X11")) == ([("X11", True, False)], None)
    assert outcome(audited(two, lambda: None, "X11")) == ([("X11", True, True)], (1, 0, 0))
    born = f"INSERT INTO instances (uuid, deleted, vm_state) VALUES ('{GHOST}', 0, 'building')"
    assert outcome(audited(two, run(cloud, cloud.cells["cell2"], born), "X11")) == ([], (0, 1, 0))


def test_what_rests_on_one_of_two_servers_is_not(cloud: RealSchemas, auditor_urls: CloudUrls) -> None:
    run(cloud, cloud.placement, "UPDATE allocations SET used = 9999, created_at = '2020-01-01' LIMIT 1")()
    report = audited(on(cloud, auditor_urls.placement), lambda: pytest.fail("a pause"), "P19")
    assert outcome(report) == ([("P19", True, False)], None)
