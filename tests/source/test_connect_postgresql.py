"""Reading on PostgreSQL: nothing is written, at one instant, within limits; what an account may do is named."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from placement_audit.errors import CannotTell
from placement_audit.source.connect import Limits, excess_grants, reading
from tests.postgresql import Server

TABLE = "traits"


@pytest.fixture
def database(postgresql: Server) -> Iterator[str]:
    name = f"connect_{secrets.token_hex(4)}"
    postgresql.create(name)
    postgresql.execute(f"CREATE TABLE {TABLE} (id INT, name TEXT)", name)
    yield name
    postgresql.drop(name)


def settings(connection: Connection) -> dict[str, str]:
    names = ("transaction_isolation", "transaction_read_only", "statement_timeout", "lock_timeout", "timezone")
    return {name: str(connection.scalar(text(f"SHOW {name}"))) for name in names}


def test_nothing_can_be_written_even_by_root(postgresql: Server, database: str) -> None:
    with (
        pytest.raises(DBAPIError, match="read-only transaction"),
        reading(make_url(postgresql.url(database)), Limits()) as connection,
    ):
        connection.execute(text(f"INSERT INTO {TABLE} VALUES (1, 'CUSTOM_A')"))


def test_limits_and_clock_are_set_for_the_session(postgresql: Server, database: str) -> None:
    postgresql.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    with reading(make_url(postgresql.url(database)), Limits(statement=7, lock=2)) as connection:
        assert settings(connection) == {
            "transaction_isolation": "repeatable read",
            "transaction_read_only": "on",
            "statement_timeout": "7s",
            "lock_timeout": "2s",
            "timezone": "UTC",
        }


def test_a_slow_statement_is_ended_by_the_server(postgresql: Server, database: str) -> None:
    with (
        pytest.raises(DBAPIError, match="statement timeout"),
        reading(make_url(postgresql.url(database)), Limits(statement=1)) as connection,
    ):
        connection.execute(text("SELECT pg_sleep(60)"))


def test_a_locked_table_is_not_waited_for(postgresql: Server, database: str) -> None:
    url = postgresql.url(database)
    with create_engine(url, poolclass=NullPool).connect() as holder:
        holder.execute(text(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="lock timeout"), reading(make_url(url), Limits(lock=1)) as connection:
            connection.scalar(text(f"SELECT count(*) FROM {TABLE}"))


def test_all_is_read_at_one_instant(postgresql: Server, database: str) -> None:
    with reading(make_url(postgresql.url(database)), Limits()) as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {TABLE}")) == 0
        postgresql.execute(f"INSERT INTO {TABLE} VALUES (1, 'CUSTOM_A')", database)
        assert connection.scalar(text(f"SELECT count(*) FROM {TABLE}")) == 0


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ("SELECT ON {table}", []),
        ("SELECT (name) ON {table}", []),
        ("SELECT, UPDATE ON {table}", ["UPDATE"]),
        ("SELECT, UPDATE (name) ON {table}", ["UPDATE"]),
        ("ALL ON {table}", ["DELETE", "INSERT", "TRUNCATE", "UPDATE"]),
    ],
)
def test_what_is_granted_beyond_reading_is_named(
    postgresql: Server, database: str, granted: str, expected: list[str]
) -> None:
    account, password = f"auditor_{secrets.token_hex(4)}", secrets.token_hex(16)
    postgresql.execute(f"CREATE ROLE {account} LOGIN PASSWORD '{password}'")
    postgresql.execute(f"GRANT {granted.format(table=TABLE)} TO {account}", database)
    with reading(make_url(postgresql.url(database, account, password)), Limits()) as connection:
        assert excess_grants(connection, None) == expected


def test_a_superuser_is_named(postgresql: Server, database: str) -> None:
    with reading(make_url(postgresql.url(database)), Limits()) as connection:
        assert excess_grants(connection, None) == ["SUPERUSER"]


def test_a_wrong_password_is_said_in_one_line_without_it(postgresql: Server, database: str) -> None:
    with (
        pytest.raises(CannotTell) as raised,
        reading(make_url(postgresql.url(database, "root", "not-the-password")), Limits()),
    ):
        raise AssertionError
    assert "password authentication failed" in str(raised.value)
    assert "not-the-password" not in str(raised.value)
    assert "\n" not in str(raised.value)
