"""The demo cloud on MySQL 8, read by an account whose password goes encrypted (caching_sha2_password)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from placement_audit.audit import Report, live_report
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Urls, create_databases
from placement_audit.demo.story import told
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.mariadb import MYSQL_IMAGE, Server, mysql8
from tests.packages import Unavailable
from tests.support import sqlite_urls

pytestmark = pytest.mark.mysql8


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        try:
            found = mysql8(stack)
        except Unavailable as reason:
            pytest.skip(f"no MySQL 8 under test: {MYSQL_IMAGE} cannot be had here: {reason}")
        yield found


def report(urls: Urls) -> Report:
    sources = from_options(urls.placement, urls.api, [f"{name}={url}" for name, url in urls.cells.items()])
    return live_report(sources, Limits(), catalogue(), timedelta(minutes=10), lambda *_: None)


def test_the_findings_are_those_of_sqlite(server: Server, tmp_path: Path) -> None:
    story = told()
    user, password = "auditor", secrets.token_hex(16)
    cells = {cell: f"nova_{cell}" for cell in story.cells}
    as_root = Urls(server.url("placement"), server.url("api"), {cell: server.url(name) for cell, name in cells.items()})
    create_databases(as_root)
    story.write(as_root)
    server.execute(f"CREATE USER {user} IDENTIFIED BY '{password}'")
    for url in (as_root.placement, as_root.api, *as_root.cells.values()):
        server.execute(f"GRANT SELECT ON `{make_url(url).database}`.* TO {user}")
    on_mysql = report(
        Urls(
            server.url("placement", user, password),
            server.url("api", user, password),
            {cell: server.url(name, user, password) for cell, name in cells.items()},
        )
    )
    on_files = sqlite_urls(tmp_path, story.cells)
    story.write(on_files)
    on_sqlite = report(on_files)
    assert on_mysql.gaps == on_sqlite.gaps == []
    assert not [warning for warning in on_mysql.warnings if "more than read" in warning]
    assert [one.identity for one in on_mysql.findings] == [one.identity for one in on_sqlite.findings]
    assert len(on_mysql.findings) > 10
