"""What tests of checks share: from an Estate to findings, through the path that a user takes."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import make_url, update

from placement_audit import schema as t
from placement_audit.allow import AllowList
from placement_audit.audit import Report, judge, tables_to_read
from placement_audit.checks import chosen, named
from placement_audit.clock import as_of
from placement_audit.demo.estate import Estate, Urls
from placement_audit.finding import INCOMPLETE_ROW, Finding, changes_something
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import Value, from_options
from placement_audit.source.connect import Limits, local_file
from tests import plain_sql

CLIENT = re.compile(r"^mariadb (-[hPS] \S+ )*\S+ -e")


def sqlite_urls(folder: Path, cells: tuple[str, ...]) -> Urls:
    return Urls(
        placement=f"sqlite:///{folder}/placement.sqlite",
        api=f"sqlite:///{folder}/nova_api.sqlite",
        cells={cell: f"sqlite:///{folder}/nova_{cell}.sqlite" for cell in cells},
    )


def placement_schema(folder: Path, *revisions: str, without: tuple[str, ...] = ()) -> None:
    """An empty placement database where ``sqlite_urls`` has it, of other revisions, without some tables or columns."""
    with sqlite3.connect(folder / "placement.sqlite") as connection:
        for table in t.live_tables(t.Role.PLACEMENT):
            columns = [f'"{column.name}"' for column in table.columns if str(column) not in without]
            if table.name not in without:
                connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.executemany("INSERT INTO alembic_version VALUES (?)", [(revision,) for revision in revisions])
    connection.close()


def says_enough(finding: Finding) -> bool:
    """Whether a finding has a command, or says why it has none, if its check has any."""
    offered = [line for line in finding.remedy if changes_something(line)]
    could = [line for line in named(finding.code).remedy if changes_something(line)]
    return bool(offered or (finding.withheld or INCOMPLETE_ROW) != INCOMPLETE_ROW or not could)


@dataclass
class Auditor:
    """Writes a cloud to real databases and audits it."""

    urls: Callable[[Estate], Urls]
    folder: Path
    # The revision that placement's schema shall seem to have.
    revision: str | None = None
    # The cell that shall seem unreadable.
    unreadable: str | None = None
    # What the services' configuration files seem to say.
    settings: Mapping[str, Value] = field(default_factory=dict)
    # Whether the server's own clock tells when it was read, and not the estate's.
    servers_clock: bool = False
    # Whether the files for a plain client are held against the findings.
    plain_sql: bool = False

    def report(
        self, estate: Estate, *codes: str, nova: bool = True, grace: int = 10, allow: AllowList | None = None
    ) -> Report:
        """A run in which no check fails, and none withholds its command without a word."""
        report = self.judged(estate, *codes, nova=nova, grace=grace, allow=allow)
        assert not [result for result in report.results if result.status == "failed"], report.results
        for finding in report.findings:
            assert says_enough(finding), f"{finding.code} withholds without a word: {finding}"
        return report

    def judged(
        self, estate: Estate, *codes: str, nova: bool = True, grace: int = 10, allow: AllowList | None = None
    ) -> Report:
        """A run."""
        urls = self.urls(estate)
        estate.write(urls)
        sources = from_options(
            urls.placement,
            urls.api if nova else None,
            [f"{name}={url}" for name, url in urls.cells.items()] if nova else [],
        )
        sources = replace(sources, settings=self.settings)
        checks = chosen(codes)
        path = self.folder / "snapshot.sqlite"
        with opened(sources, Limits()) as databases:
            wanted = tables_to_read(checks)
            take(databases, path, wanted | (allow.tables() if allow else set()))
        if not self.servers_clock:
            with local_file(path, write=True).begin() as snapshot:
                # All ages are as the estate has them, however long it took to write it and to read it.
                now = estate.ago()
                snapshot.execute(update(t.snapshot).values(taken_at=now, as_of=as_of(snapshot, now)))
        if self.revision:
            with local_file(path, write=True).begin() as snapshot:
                of_placement = update(t.sources).where(t.sources.c.role == "placement")
                snapshot.execute(of_placement.values(revision=self.revision))
        if self.unreadable:
            with local_file(path, write=True).begin() as snapshot:
                of_cell = update(t.sources).where(t.sources.c.name == self.unreadable)
                snapshot.execute(of_cell.values(status="unreadable", reason="no route to host"))
        with kept(path) as connection:
            report = judge(connection, checks, timedelta(minutes=grace), allow)
            judged = [result.check for result in report.results if result.status != "skipped"]
            if self.plain_sql and judged and not (self.revision or self.unreadable or self.settings):
                plain_sql.hold_against_snapshot(
                    connection, make_url(urls.placement), plain_sql.homes(urls, nova=nova), judged
                )
        # The server's address differs from run to run; tests/test_audit.py looks at it.
        findings = [
            replace(finding, remedy=tuple(CLIENT.sub("mariadb placement -e", line) for line in finding.remedy))
            for finding in report.findings
        ]
        return replace(report, findings=findings)

    def __call__(self, estate: Estate, *codes: str, nova: bool = True) -> list[Finding]:
        """The settled findings; a check that was skipped is a mistake of the test."""
        report = self.report(estate, *codes, nova=nova)
        assert not [result for result in report.results if result.status == "skipped"], report.results
        return [finding for finding in report.findings if finding.settled]
