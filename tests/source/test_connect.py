"""What a session may do, on the real MariaDB."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from placement_audit.errors import CannotTell
from placement_audit.source.connect import Limits, excess_grants, reading, server_of
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import Server


def setting(connection: object, name: str) -> str:
    return str(connection.execute(text(f"SELECT @@session.{name}")).scalar_one())  # type: ignore[attr-defined]


def test_nothing_can_be_written_even_by_root(real_schemas: RealSchemas) -> None:
    url = make_url(real_schemas.placement)
    with reading(server_of(url), Limits()) as connection, pytest.raises(DBAPIError, match="READ ONLY"):
        connection.exec_driver_sql(f"INSERT INTO `{url.database}`.traits (name) VALUES ('X')")


def test_limits_and_clock_are_set_for_the_session(real_schemas: RealSchemas) -> None:
    with reading(server_of(make_url(real_schemas.placement)), Limits(statement=7, lock=2)) as connection:
        assert float(setting(connection, "max_statement_time")) == 7
        assert setting(connection, "innodb_lock_wait_timeout") == "2"
        assert setting(connection, "lock_wait_timeout") == "2"
        assert setting(connection, "time_zone") == "+00:00"
        assert setting(connection, "tx_isolation") == "REPEATABLE-READ"
        assert setting(connection, "tx_read_only") == "1"


def test_a_slow_statement_is_ended_by_the_server(real_schemas: RealSchemas) -> None:
    with (
        reading(server_of(make_url(real_schemas.placement)), Limits(statement=1)) as connection,
        pytest.raises(DBAPIError, match="max_statement_time"),
    ):
        connection.exec_driver_sql("SELECT sleep(20)")


def test_all_is_read_at_one_instant(empty_cloud: RealSchemas) -> None:
    """A row written after the session began is not seen, in any schema of the server."""
    cell, placement = make_url(empty_cloud.cells["cell1"]), make_url(empty_cloud.placement)
    count = text(f"SELECT count(*) FROM `{placement.database}`.traits")
    assert server_of(cell) == server_of(placement)
    with reading(server_of(cell), Limits()) as connection:
        empty_cloud.server.execute("INSERT INTO traits (name) VALUES ('LATE')", placement.database)
        assert connection.execute(count).scalar_one() == 0
    with reading(server_of(cell), Limits()) as connection:
        assert connection.execute(count).scalar_one() == 1


def test_select_alone_is_no_excess(auditor_urls: CloudUrls) -> None:
    url = make_url(auditor_urls.placement)
    with reading(server_of(url), Limits()) as connection:
        assert excess_grants(connection, url.database) == []


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("INSERT, SELECT ON `{}`.*", ["INSERT"]),
        ("UPDATE ON *.*", ["UPDATE"]),
        ("DELETE ON `{}`.traits", ["DELETE"]),
        ("UPDATE (name) ON `{}`.traits", ["UPDATE"]),
        ("PROCESS, BINLOG MONITOR ON *.*", []),
        ("INSERT ON `some_other_schema`.*", []),
        ("INSERT ON mysql.*", ["INSERT on mysql"]),
        ("INSERT ON `some\\_%`.*", []),
        ("INSERT ON `pa\\_test\\_%`.*", ["INSERT"]),
        ("INSERT ON `p__test%`.*", ["INSERT"]),
    ],
)
def test_what_is_granted_beyond_reading_is_named(
    mariadb: Server, real_schemas: RealSchemas, grant: str, expected: list[str]
) -> None:
    database = str(make_url(real_schemas.placement).database)
    mariadb.execute("CREATE USER pa_granted IDENTIFIED BY 'x'")
    try:
        mariadb.execute(f"GRANT {grant.format(database)} TO pa_granted")
        url = make_url(mariadb.url(database, "pa_granted", "x"))
        with reading(server_of(url), Limits()) as connection:
            assert excess_grants(connection, database) == expected
    finally:
        mariadb.execute("DROP USER pa_granted")


def test_a_wrong_password_is_said_in_one_line_without_it(mariadb: Server) -> None:
    url = make_url(mariadb.url("placement", "root", "wr0ng"))
    with pytest.raises(CannotTell) as error, reading(url, Limits()):
        pass
    assert "Access denied" in str(error.value)
    assert "check user and password" in str(error.value)
    assert "wr0ng" not in str(error.value)


def test_sqlite_is_opened_read_only(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "some.sqlite"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (a)")
    with reading(make_url(f"sqlite:///{path}"), Limits()) as connection, pytest.raises(DBAPIError, match="readonly"):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


def test_what_is_no_sqlite_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(b"long enough to be looked at as a database" * 50)
    with pytest.raises(CannotTell, match="not a database"), reading(make_url(f"sqlite:///{path}"), Limits()):
        pass
