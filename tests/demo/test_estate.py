"""The rows of a cloud get into databases, and out of them again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, func, inspect, select, text

from placement_audit import derived
from placement_audit import schema as t
from placement_audit.demo.estate import CLOCK, Estate, Urls
from placement_audit.errors import CannotTell
from placement_audit.schema import Role
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.conftest import RealSchemas
from tests.support import sqlite_urls


@pytest.fixture
def estate() -> Estate:
    """A row in every table that the nouns of the language write."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    one, two = estate.compute("one"), estate.compute("two", cell="cell2")
    gpu = estate.provider("one_pci_0000_3b_00_0", parent=one.provider)
    estate.inventory(gpu, "CUSTOM_VGPU_LARGE", 4)
    estate.shared("pool", 10_000, one.provider, two.provider)
    estate.flavor("m1.pinned", 4, 4096, 20, extra_specs={"hw:cpu_policy": "dedicated"})
    server = estate.server("web", one)
    estate.server("db", two)
    move = estate.migration(server, "live-migration", "running", one, one)
    estate.claim(move["uuid"], one.provider, {"VCPU": 2}, kind="MIGRATION")
    estate.building("soon")
    estate.server("lost", None, cell="cell0", vm_state="error")
    return estate


@pytest.fixture(params=["sqlite", "mariadb"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, estate: Estate) -> Urls:
    if request.param == "sqlite":
        return sqlite_urls(tmp_path, estate.cells)
    return real(request.getfixturevalue("empty_cloud"))


def real(schemas: RealSchemas) -> Urls:
    return Urls(schemas.placement, schemas.api, schemas.cells)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def read_back(urls: Urls, path: Path) -> Iterator[Connection]:
    """A snapshot of what was written, found as a user's would be: the cells by their mappings."""
    with opened(from_options(urls.placement, urls.api, []), Limits(), own_credentials=False) as databases:
        assert databases.unreadable == []
        take(databases, path)
    with kept(path) as connection:
        yield connection


def test_what_is_written_is_read_again(estate: Estate, urls: Urls, tmp_path: Path) -> None:
    estate.write(urls)
    # of the keyed ones only the rows of suspects are read
    tables = [table for role in Role for table in t.live_tables(role) if table not in derived.KEYED]
    with read_back(urls, tmp_path / "snapshot.sqlite") as connection:
        for table in tables:
            written = [tuple(row.get(column.name) for column in table.columns) for row in estate.rows.get(table, [])]
            assert sorted(map(str, connection.execute(select(table)))) == sorted(map(str, written)), table.name


def test_missing_tables_are_made(estate: Estate, tmp_path: Path) -> None:
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    with connected(urls.cells["cell1"]) as connection:
        names = set(inspect(connection).get_table_names())
        assert names == {table.name for table in t.live_tables(Role.CELL)} | {"alembic_version"}
        assert "cell" not in {column["name"] for column in inspect(connection).get_columns("instances")}


def test_vcpu_keeps_its_id_of_zero(estate: Estate, urls: Urls) -> None:
    estate.write(urls)
    with connected(urls.placement) as connection:
        assert connection.scalar(text("SELECT id FROM resource_classes WHERE name = 'VCPU'")) == 0
        assert connection.scalar(text("SELECT id FROM resource_classes WHERE name = 'CUSTOM_VGPU_LARGE'")) == 10000


@pytest.mark.parametrize("database", ["placement", "nova_api", "cell0", "cell1", "cell2"])
def test_a_database_with_rows_is_refused(estate: Estate, urls: Urls, database: str, tmp_path: Path) -> None:
    estate.write(urls)
    parts = {"placement": urls.placement, "nova_api": urls.api, **urls.cells}
    elsewhere = sqlite_urls(tmp_path / "elsewhere", estate.cells)
    (tmp_path / "elsewhere").mkdir()
    again = Urls(
        urls.placement if database == "placement" else elsewhere.placement,
        urls.api if database == "nova_api" else elsewhere.api,
        {cell: urls.cells[cell] if database == cell else url for cell, url in elsewhere.cells.items()},
    )
    before = counted(parts[database])
    with pytest.raises(CannotTell, match="has rows in it"):
        estate.write(again)
    assert counted(parts[database]) == before


def counted(url: str) -> dict[str, int | None]:
    with connected(url) as connection:
        names = inspect(connection).get_table_names()
        return {name: connection.scalar(select(func.count()).select_from(text(f"`{name}`"))) for name in names}


def test_a_password_is_not_told(estate: Estate, tmp_path: Path) -> None:
    urls = sqlite_urls(tmp_path, estate.cells)
    closed = Urls("mysql+pymysql://nova:secret@127.0.0.1:1/placement", urls.api, urls.cells)
    with pytest.raises(CannotTell, match="is the server up") as caught:
        estate.write(closed)
    assert "secret" not in str(caught.value)


def test_a_missing_folder_is_told(estate: Estate, tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="unable to open database file"):
        estate.write(sqlite_urls(tmp_path / "nowhere", estate.cells))


def test_uuids_come_from_names(estate: Estate) -> None:
    again = Estate(now=estate.now)
    assert again.server("web", again.compute("one")).instance["uuid"] in {
        row["uuid"] for row in estate.rows[t.instances]
    }


def test_services_that_are_up_stay_up_however_long_the_writing_takes(tmp_path: Path) -> None:
    before = Estate().now - timedelta(minutes=10)
    estate = Estate(now=before)
    estate.compute("up")
    estate.compute("down").service["last_seen_up"] = estate.ago(days=3)
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    with connected(urls.cells["cell1"]) as connection:
        seen = dict(connection.execute(text("SELECT host, last_seen_up FROM services")).all())
    assert seen["up"] > (before + timedelta(minutes=9)).strftime(CLOCK)
    assert seen["down"] == estate.ago(days=3)
