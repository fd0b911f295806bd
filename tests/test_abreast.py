"""Cells on two MariaDB servers and one PostgreSQL: read at a time, judged as on one server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from placement_audit import schema as t
from placement_audit.audit import Report, live_report
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Estate, Urls
from placement_audit.demo.story import told
from placement_audit.errors import CannotTell
from placement_audit.snapshot import opened, taken
from placement_audit.source.config import Sources, from_options
from placement_audit.source.connect import Limits
from tests import mariadb as mariadb_server
from tests import postgresql as postgresql_server
from tests.support import sqlite_urls

STORY = told(hosts=10, servers=100)
# Longer than any test waits: a lock ends a reading only where it should not have been waited for.
PATIENT = Limits(lock=100)


@dataclass(frozen=True)
class Held:
    """A cell on a server of its own, whose servers' table another session can lock. ``waiting``: for that lock."""

    url: str
    locked: Callable[[], AbstractContextManager[object]]
    waiting: Callable[[], int]


@contextmanager
def _locked(url: str, *statements: str) -> Iterator[None]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield


@dataclass(frozen=True)
class Cloud:
    urls: Urls
    held: dict[str, Held]

    def sources(self) -> Sources:
        return from_options(self.urls.placement, self.urls.api, [])


@pytest.fixture(scope="module")
def cloud(mariadb: mariadb_server.Server, postgresql: postgresql_server.Server) -> Iterator[Cloud]:
    """Placement, the API database and cell0 on one server, and each other cell on one of its own."""
    with ExitStack() as stack:
        second = mariadb_server.of_its_own(stack)
        for name in ("abreast_placement", "abreast_api", "abreast_cell0"):
            mariadb.create(name)
            stack.callback(mariadb.drop, name)
        second.create("nova")
        postgresql.create("abreast")
        stack.callback(postgresql.drop, "abreast")
        on_mariadb, on_postgresql = second.url("nova"), postgresql.url("abreast")
        waits = "SELECT id FROM information_schema.processlist WHERE state LIKE '%metadata lock%'"
        waits_there = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        held = {
            "cell1": Held(
                on_mariadb,
                lambda: _locked(on_mariadb, "LOCK TABLES instances WRITE"),
                lambda: len(second.execute(waits)),
            ),
            "cell2": Held(
                on_postgresql,
                lambda: _locked(on_postgresql, "LOCK TABLE instances IN ACCESS EXCLUSIVE MODE"),
                lambda: len(postgresql.execute(waits_there)),
            ),
        }
        cells = {"cell0": mariadb.url("abreast_cell0"), **{cell: one.url for cell, one in held.items()}}
        urls = Urls(mariadb.url("abreast_placement"), mariadb.url("abreast_api"), cells)
        STORY.write(urls)
        yield Cloud(urls, held)


def report(sources: Sources) -> Report:
    return live_report(sources, Limits(), catalogue(), timedelta(minutes=10), lambda *_: None, own_credentials=False)


def test_the_findings_are_those_of_one_server(cloud: Cloud, tmp_path: Path) -> None:
    urls = sqlite_urls(tmp_path, STORY.cells)
    STORY.write(urls)
    apart, together = report(cloud.sources()), report(from_options(urls.placement, urls.api, []))
    assert apart.gaps == together.gaps == []
    assert [one.identity for one in apart.findings] == [one.identity for one in together.findings]
    assert len(apart.findings) > 10
    assert [source.rows for source in apart.sources] == [source.rows for source in together.sources]


@pytest.mark.parametrize(("held", "other"), [("cell1", "cell2"), ("cell2", "cell1")])
def test_a_cell_is_read_while_another_waits(cloud: Cloud, tmp_path: Path, held: str, other: str) -> None:
    """Either of them, so that in no order could they be read one after the other."""
    seen: list[str] = []
    with ExitStack() as lock:

        def progress(what: str, rows: int) -> None:
            if not seen:  # not before: to recognise it PostgreSQL would wait, too
                lock.enter_context(cloud.held[held].locked())
            seen.append(what)
            if what == f"{other}.instances":
                # the held one is being read at this moment
                until(lambda: cloud.held[held].waiting() == 1)
                lock.close()

        estate = taken(cloud.sources(), PATIENT, tmp_path / "kept.sqlite", progress=progress, own_credentials=False)
    assert seen.index(f"{other}.instances") < seen.index(f"{held}.instances")
    assert [database.name for database in estate.databases] == ["placement", "nova_api", "cell0", "cell1", "cell2"]
    assert estate.unreadable == []


def test_the_order_of_the_roles_holds(cloud: Cloud, tmp_path: Path) -> None:
    """Placement, the cells, the API (SEMANTICS J.2)."""
    seen: list[str] = []

    def progress(what: str, rows: int) -> None:
        seen.append(what)

    taken(cloud.sources(), Limits(), tmp_path / "kept.sqlite", progress=progress, own_credentials=False)
    plain = seen[: seen.index("indexing")]
    roles = [{"placement": 0, "nova_api": 2}.get(what.split(".")[0], 1) for what in plain]
    assert set(roles) == {0, 1, 2}
    assert roles == sorted(roles)


def test_so_does_the_order_of_their_instants(postgresql: postgresql_server.Server) -> None:
    """PostgreSQL has a transaction for each database."""
    estate = Estate()
    names = ("instants_placement", "instants_api", *estate.cells)
    with ExitStack() as stack:
        for name in names:
            postgresql.create(name)
            stack.callback(postgresql.drop, name)
        placement, api, *cells = map(postgresql.url, names)
        estate.write(Urls(placement, api, dict(zip(estate.cells, cells, strict=True))))
        with opened(from_options(placement, api, []), Limits()) as there:
            began = {one.role: one.connection.scalar(text("SELECT now()")) for one in there.databases}
            assert len(there.databases) == 4
            assert began[t.Role.PLACEMENT] < began[t.Role.CELL] < began[t.Role.API]
            [api_database] = [one for one in there.databases if one.role is t.Role.API]
            assert api_database.connection.scalar(text("SHOW transaction_read_only")) == "on"
            assert api_database.connection.scalar(text("SHOW statement_timeout")) == "5min"


@pytest.mark.parametrize("held", ["cell1", "cell2"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, CannotTell])
def test_nobody_waits_for_a_server_when_all_is_over(
    cloud: Cloud, tmp_path: Path, held: str, error: type[BaseException]
) -> None:
    seen: list[str] = []

    def progress(what: str, rows: int) -> None:
        if not seen:
            lock.enter_context(cloud.held[held].locked())
        seen.append(what)
        if what.startswith("cell") and not what.startswith((held, "cell0")):
            until(lambda: cloud.held[held].waiting() == 1)
            raise error

    with ExitStack() as lock:
        with pytest.raises(error):
            taken(cloud.sources(), PATIENT, tmp_path / "kept.sqlite", progress=progress, own_credentials=False)
        until(lambda: cloud.held[held].waiting() == 0)
    assert not list(tmp_path.iterdir())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
