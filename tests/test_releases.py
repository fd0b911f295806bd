"""The demo cloud in the schemas of ten releases: the real migrations, upgraded from one release to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from placement_audit import schema as t
from placement_audit.audit import Report
from placement_audit.demo.estate import Urls, uuid_of
from placement_audit.demo.story import healthy, told
from placement_audit.finding import Severity
from tests.conftest import RealSchemas, tables_of
from tests.mariadb import Server
from tests.openstack_schemas import Migrator
from tests.support import Auditor

PREFIX = "pa_test_releases_"
NEWEST = "2026.2"
# The first alembic revisions have the tables that sqlalchemy-migrate ended with.
FIRST_API, FIRST_CELL = "d67eeaabee36", "8f2f1571d55b"


@dataclass(frozen=True)
class Release:
    """SEMANTICS 0.1, A.3, C.6: what tells a release, and in what words it is told (placement, API, cell)."""

    name: str
    service_version: int
    placement: str
    api: str
    cell: str
    told: tuple[str, str, str]
    # sqlalchemy-migrate's numbers of nova's two schemas: before Xena the only mark, until 2023.2 a remainder
    legacy: tuple[int, int] | None = None


_TRAIN, _XENA, _2023_2 = "b5c396305c25", "422ece571366", "a082b8bb98d0"
_OLD, _MIDDLE, _NEW = "Train to Wallaby", "Xena to 2023.1", "2023.2 to 2026.2"
_YOGA_API, _NEW_API = "b30f573d3377", "cdeec0c85668"
RELEASES = (
    Release("Train", 40, _TRAIN, FIRST_API, FIRST_CELL, (_OLD, "Train", "Train"), (67, 402)),
    Release("Ussuri", 51, _TRAIN, FIRST_API, FIRST_CELL, (_OLD, "Ussuri", "Ussuri"), (72, 407)),
    Release("Wallaby", 56, _TRAIN, FIRST_API, FIRST_CELL, (_OLD, "Wallaby", "Wallaby"), (82, 417)),
    Release("Xena", 60, _XENA, FIRST_API, FIRST_CELL, (_MIDDLE, "Xena", "Xena")),
    Release("Yoga", 61, _XENA, _YOGA_API, "16f1fbcab42b", (_MIDDLE, "Yoga to 2023.1", "Yoga")),
    Release("2023.1", 66, _XENA, _YOGA_API, "960aac0e09ea", (_MIDDLE, "Yoga to 2023.1", "2023.1")),
    Release("2023.2", 66, _2023_2, _NEW_API, "1acf2c98e646", (_NEW, _NEW, "2023.2")),
    Release("2024.2", 67, _2023_2, _NEW_API, "13863f4e1612", (_NEW, _NEW, "2024.1 to 2024.2")),
    Release("2025.1", 68, _2023_2, _NEW_API, "2903cd72dc14", (_NEW, _NEW, "2025.1 to 2026.1")),
    Release(NEWEST, 74, _2023_2, _NEW_API, "ab450ba04102", (_NEW, _NEW, NEWEST)),
)
# What is healthy is part of the other: there a false alarm shows as well, if not as plainly.
HEALTHY = ("Train", "Xena", "2023.2", NEWEST)


class Databases:
    """Five databases on their way through the releases."""

    def __init__(self, server: Server, migrator: Migrator) -> None:
        self.server, self.migrator = server, migrator
        cells = {cell: server.url(f"{PREFIX}{cell}") for cell in ("cell0", "cell1", "cell2")}
        self.urls = Urls(server.url(f"{PREFIX}placement"), server.url(f"{PREFIX}api"), cells)

    def upgrade(self, release: Release) -> None:
        """Bring them to a release, with the marks that nova left of itself then."""
        self.migrator.migrate("placement", self.urls.placement, release.placement)
        self._upgrade_nova("api", self.urls.api, release.api, release.legacy and release.legacy[0])
        for url in self.urls.cells.values():
            self._upgrade_nova("main", url, release.cell, release.legacy and release.legacy[1])

    def _upgrade_nova(self, kind: str, url: str, revision: str, legacy: int | None) -> None:
        database = str(make_url(url).database)
        tables = {name for (name,) in self.server.execute("SHOW TABLES", database)}
        if not tables:
            self.migrator.migrate(kind, url, revision)
            self.server.execute("CREATE TABLE migrate_version (repository_id varchar(250), version int)", database)
            self.server.execute("INSERT INTO migrate_version VALUES ('nova', 0)", database)
        elif "alembic_version" not in tables and not legacy:
            # as Xena's db_sync did
            self.server.execute("RENAME TABLE alembic_version_to_be TO alembic_version", database)
        if not legacy:
            self.migrator.migrate(kind, url, revision)
            return
        self.server.execute(f"UPDATE migrate_version SET version = {legacy}", database)
        if "alembic_version" in {name for (name,) in self.server.execute("SHOW TABLES", database)}:
            self.server.execute("RENAME TABLE alembic_version TO alembic_version_to_be", database)

    def clear(self) -> None:
        tables = [name for name in tables_of(self.server, PREFIX) if "alembic_version" not in name]
        RealSchemas(self.urls.placement, self.urls.api, dict(self.urls.cells), self.server, tuple(tables)).clear()


@pytest.fixture(scope="module")
def reports(mariadb: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Report]]:
    """What is found in each cloud at each release."""
    found = {}
    with Migrator() as migrator:
        databases = Databases(mariadb, migrator)
        names = [
            str(make_url(url).database)
            for url in (databases.urls.placement, databases.urls.api, *databases.urls.cells.values())
        ]
        try:
            for name in names:
                mariadb.create(name)
            for release in RELEASES:
                databases.upgrade(release)
                for cloud in (told, healthy) if release.name in HEALTHY else (told,):
                    databases.clear()
                    estate = cloud()
                    for service in estate.rows[t.services]:
                        service["version"] = release.service_version
                    folder = tmp_path_factory.mktemp("release")
                    report = Auditor(lambda _: databases.urls, folder).report(estate)
                    found[release.name, cloud.__name__] = report
            yield found
        finally:
            for name in names:
                mariadb.drop(name)


def loud(report: Report) -> set[tuple[str, str]]:
    return {
        (one.identity, one.severity.value)
        for one in report.findings
        if one.settled and one.severity is not Severity.INFO
    }


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_release_is_told(reports: dict[tuple[str, str], Report], release: Release) -> None:
    placement, api, cell = release.told
    sources = reports[release.name, "told"].sources
    assert [source.release for source in sources] == [placement, api, cell, cell, cell]


@pytest.mark.parametrize("release", HEALTHY)
def test_a_good_day_is_one_at_every_release(reports: dict[tuple[str, str], Report], release: str) -> None:
    report = reports[release, "healthy"]
    assert loud(report) == set()
    assert report.gaps == []


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_the_same_is_found_at_every_release(reports: dict[tuple[str, str], Report], release: Release) -> None:
    newest = reports[NEWEST, "told"]
    report = reports[release.name, "told"]

    def everything(report: Report) -> set[tuple[str, str, bool]]:
        return {(one.identity, one.severity.value, one.settled) for one in report.findings if one.code != "P19"}

    assert everything(report) == everything(newest)
    [too_full], [too_full_today] = ([one for one in each.findings if one.code == "P19"] for each in (report, newest))
    assert too_full.identity == too_full_today.identity
    # Old placements refuse every move off a provider that is too full (SEMANTICS H.1); from the schema of 2023.2 on
    # a database does not tell an old one.
    assert too_full.severity is (Severity.WARNING if release.placement == _2023_2 else Severity.ERROR)
    assert {"X34", "X09", "X11", "X12"} <= {identity.partition(":")[0] for identity, _ in loud(report)}
    [six_rows] = [finding for finding in report.findings if finding.code == "X09"]
    assert six_rows.subject["instance"] == uuid_of("billing-db")
