"""Reading live databases into the file, on the real MariaDB."""

import re
import sqlite3
import stat
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from placement_audit import schema
from placement_audit.demo.estate import Estate, Urls
from placement_audit.errors import CannotTell
from placement_audit.snapshot import kept, opened, sources_in, take
from placement_audit.source import read
from placement_audit.source.config import Sources, from_options
from placement_audit.source.connect import Limits
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import general_log


@pytest.fixture
def cloud(empty_cloud: RealSchemas) -> RealSchemas:
    """A few servers in two cells, and one whose owner only the shadow tables know."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    for cell in ("cell1", "cell2"):
        host = estate.compute(f"host-of-{cell}", cell=cell)
        for number in range(3):
            estate.server(f"server {number} of {cell}", host)
    estate.claim("0b5c1a52-1111-4f4e-8a53-5d6a4e8d7f00", host.provider, {"VCPU": 1})
    estate.add(schema.shadow_instances, cell="cell2", uuid="0b5c1a52-1111-4f4e-8a53-5d6a4e8d7f00", deleted_at=None)
    estate.add(schema.shadow_instances, cell="cell2", uuid="0b5c1a52-2222-4f4e-8a53-5d6a4e8d7f00", deleted_at=None)
    estate.write(Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    return empty_cloud


def sources(urls: CloudUrls) -> Sources:
    return from_options(urls.placement, urls.api, [])


def snapshot(urls: CloudUrls, path: Path) -> None:
    with opened(sources(urls), Limits()) as estate:
        take(estate, path)


def test_the_file_is_private_and_holds_no_credentials(
    cloud: RealSchemas, auditor_urls: CloudUrls, tmp_path: Path
) -> None:
    path = tmp_path / "kept.sqlite"
    snapshot(auditor_urls, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.with_name(path.name + ".part").exists()
    content = path.read_bytes()
    for url in (auditor_urls.placement, cloud.placement):
        password = str(make_url(url).password)
        assert len(password) > 8
        assert password.encode() not in content


def test_cells_come_from_the_mappings_and_rows_know_their_cell(
    cloud: RealSchemas, auditor_urls: CloudUrls, tmp_path: Path
) -> None:
    """The mappings name root; the auditor logs in as itself all the same."""
    path = tmp_path / "kept.sqlite"
    snapshot(auditor_urls, path)
    with kept(path) as connection:
        found = sources_in(connection)
        assert [(source.role, source.name, source.status) for source in found] == [
            ("placement", "placement", "read"),
            ("api", "nova_api", "read"),
            ("cell", "cell0", "read"),
            ("cell", "cell1", "read"),
            ("cell", "cell2", "read"),
        ]
        assert all("***" in str(source.url) and "root" not in str(source.url) for source in found)
        cells = Counter(connection.scalars(select(schema.instances.c.cell)))
        assert cells == {"cell1": 3, "cell2": 3}


def test_times_and_ratios_arrive_as_stored(cloud: RealSchemas, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    database = make_url(cloud.placement).database
    cloud.server.execute("UPDATE inventories SET allocation_ratio = 0.9, created_at = '2026-01-02 03:04:05'", database)
    snapshot(cloud, path)
    with kept(path) as connection:
        row = connection.execute(select(schema.inventories)).first()
        assert row is not None
        assert (row.allocation_ratio, row.created_at) == (0.9, "2026-01-02 03:04:05")


def test_each_table_is_read_once_over_one_connection(cloud: RealSchemas, tmp_path: Path) -> None:
    with general_log(cloud.server) as log:
        snapshot(cloud, tmp_path / "kept.sqlite")
    ours = next(thread for kind, text, thread in log if "CONSISTENT SNAPSHOT" in text)
    statements = [text for kind, text, thread in log if thread == ours and kind == "Query"]
    assert sum(kind == "Connect" for kind, _, thread in log if thread == ours) == 1
    assert sum("CONSISTENT SNAPSHOT" in text for _, text, _ in log) == 1
    assert {text.split()[0] for text in statements} <= {"SELECT", "SET", "SHOW", "START", "DESCRIBE", "ROLLBACK"}
    read = Counter(
        (database, table.name)
        for text in statements
        if not re.search(r"LIMIT \d+, 1\s*$", text)  # where a chunk ends, out of the primary key
        for database in cloud.databases()
        for table in schema.metadata.tables.values()
        if f"FROM `{database}`.{table.name}" in text.replace("\n", " ")
        or f"FROM {database}.{table.name}" in text.replace("\n", " ")
    )
    assert read[make_url(cloud.placement).database, "allocations"] == 1
    assert read[make_url(cloud.cells["cell2"]).database, "shadow_instances"] == 1
    assert set(read.values()) == {1}


def test_large_tables_are_read_in_chunks_that_do_not_meet(
    cloud: RealSchemas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "BATCH", 2)
    placement = make_url(cloud.placement).database
    with general_log(cloud.server) as log:
        snapshot(cloud, tmp_path / "kept.sqlite")
    bounds = [
        int(found[1])
        for _, text, _ in log
        if (found := re.search(rf"FROM `?{placement}`?\.consumers\s+WHERE id > (-?\d+) AND id <=", text))
    ]
    plans = [
        cloud.server.execute(f"EXPLAIN {text}", placement)
        for _, text, _ in log
        if "json_array(" in text and "id <=" in text
    ]
    assert len(plans) > 5
    assert not [plan for plan in plans if len(plan) > 1 or "temporary" in str(plan)]
    with kept(tmp_path / "kept.sqlite") as connection:
        uuids = connection.scalars(select(schema.consumers.c.uuid)).all()
    ids = [number for (number,) in cloud.server.execute("SELECT id FROM consumers ORDER BY id", placement)]
    assert bounds == [-1, *ids[1::2]]
    assert len(uuids) == len(set(uuids)) == len(ids) == 7


def test_any_text_arrives_as_stored(empty_cloud: RealSchemas, tmp_path: Path) -> None:
    names = [
        f"a{odd}b" for odd in (*map(chr, range(1, 32)), '"', "\\", "\x7f", "\u2028", "\ufffd", "%s", "\\u0041", "')")
    ]
    estate = Estate(cells=("cell1",))
    host = estate.compute("host")
    for number, name in enumerate(names):
        estate.server(f"server {number}", host, availability_zone=name)
    estate.write(Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    snapshot(empty_cloud, tmp_path / "kept.sqlite")
    with kept(tmp_path / "kept.sqlite") as connection:
        assert set(connection.scalars(select(schema.instances.c.availability_zone))) == set(names)


@pytest.mark.parametrize(
    "setting",
    [
        "sql_select_limit = 3",
        "max_join_size = 10",
        "completion_type = 2",
        "sql_mode = 'ORACLE'",
        "sql_mode = 'ANSI_QUOTES'",
    ],
)
def test_nothing_that_a_server_sets_for_all_sessions_changes_what_is_read(
    cloud: RealSchemas, tmp_path: Path, setting: str
) -> None:
    snapshot(cloud, tmp_path / "before.sqlite")
    cloud.server.execute(f"SET GLOBAL {setting}")
    try:
        snapshot(cloud, tmp_path / "after.sqlite")
    finally:
        cloud.server.execute(f"SET GLOBAL {setting.partition(' ')[0]} = DEFAULT")
    rows = []
    for name in ("before", "after"):
        with kept(tmp_path / f"{name}.sqlite") as connection:
            rows.append([(one.role, one.name, one.status, one.rows) for one in sources_in(connection)])
    assert rows[0] == rows[1]


def test_what_the_server_cuts_off_is_read_all_the_same(cloud: RealSchemas, tmp_path: Path) -> None:
    cell1 = make_url(cloud.cells["cell1"]).database
    for number in range(300):
        cloud.server.execute(
            f"INSERT INTO instances (uuid, vm_state, host, deleted) VALUES (uuid(), 'active', 'host-{number}', 0)",
            cell1,
        )
    cloud.server.execute("SET GLOBAL max_allowed_packet = 16384")
    try:
        snapshot(cloud, tmp_path / "kept.sqlite")
    finally:
        cloud.server.execute("SET GLOBAL max_allowed_packet = DEFAULT")
    with kept(tmp_path / "kept.sqlite") as connection:
        hosts = Counter(connection.scalars(select(schema.instances.c.host).where(schema.instances.c.cell == "cell1")))
    assert sum(hosts.values()) == 303
    assert {f"host-{number}" for number in range(300)} <= hosts.keys()


def test_of_the_shadow_tables_only_suspects_are_read(cloud: RealSchemas, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    snapshot(cloud, path)
    with kept(path) as connection:
        assert connection.scalars(select(schema.shadow_instances.c.uuid)).all() == [
            "0b5c1a52-1111-4f4e-8a53-5d6a4e8d7f00"
        ]


def test_a_cell_that_is_down_is_marked_and_the_others_are_read(cloud: RealSchemas, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    api = make_url(cloud.api).database
    cloud.server.execute(
        "UPDATE cell_mappings SET database_connection = 'mysql+pymysql://u:p@127.0.0.1:1/nova' WHERE name = 'cell2'",
        api,
    )
    snapshot(cloud, path)
    with kept(path) as connection:
        cell2 = next(source for source in sources_in(connection) if source.name == "cell2")
        assert cell2.status == "unreadable"
        assert "Connection refused" in str(cell2.reason)
        assert set(connection.scalars(select(schema.instances.c.cell))) == {"cell1"}


def test_a_cell_that_lacks_a_grant_is_marked(cloud: RealSchemas, auditor_urls: CloudUrls, tmp_path: Path) -> None:
    database = make_url(cloud.cells["cell2"]).database
    user = make_url(auditor_urls.api).username
    cloud.server.execute(f"REVOKE SELECT ON `{database}`.* FROM {user}")
    try:
        snapshot(auditor_urls, tmp_path / "kept.sqlite")
    finally:
        cloud.server.execute(f"GRANT SELECT ON `{database}`.* TO {user}")
    with kept(tmp_path / "kept.sqlite") as connection:
        cell2 = next(source for source in sources_in(connection) if source.name == "cell2")
        assert cell2.status == "unreadable"


def test_more_than_select_is_warned_of_once_a_server(cloud: RealSchemas) -> None:
    with opened(sources(cloud), Limits()) as estate:
        (warning,) = estate.warnings
    assert "ALL PRIVILEGES" in warning
    assert "placement, nova_api, cell0, cell1, cell2" in warning


def damaged(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM snapshot", "half-written"),
        ("DROP TABLE snapshot", "no snapshot of placement-audit"),
        ("UPDATE snapshot SET format = 99, version = '9.9'", "written by placement-audit 9.9"),
    ],
)
def test_a_file_that_is_no_whole_snapshot(cloud: RealSchemas, tmp_path: Path, statement: str, expected: str) -> None:
    path = tmp_path / "kept.sqlite"
    snapshot(cloud, path)
    damaged(path, statement)
    with pytest.raises(CannotTell, match=expected), kept(path):
        pass


def test_an_older_snapshot_without_a_newer_column(cloud: RealSchemas, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    snapshot(cloud, path)
    damaged(path, "UPDATE snapshot SET format = 4")
    damaged(path, "ALTER TABLE snapshot DROP COLUMN as_of")
    with pytest.raises(CannotTell, match="snapshot format 4"), kept(path):
        pass


def test_a_folder_that_cannot_be_written(cloud: RealSchemas) -> None:
    with pytest.raises(CannotTell, match="cannot write the snapshot"):
        snapshot(cloud, Path("/proc/kept.sqlite"))
