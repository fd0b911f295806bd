"""Real databases for the tests: one server a session, the real schemas on it, emptied between tests."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pytest
from sqlalchemy import create_engine, make_url

from tests import mariadb as mariadb_server
from tests import openstack_schemas
from tests import postgresql as postgresql_server
from tests.mariadb import Server

# PyMySQL reads the machine's whole set of certificates for each connection, encrypted or not: 40 ms of 45.
os.environ["SSL_CERT_FILE"] = os.devnull

# of each server that ran, its product, version and origin
SERVERS = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True)
class CloudUrls:
    """Where the databases of one cloud are."""

    placement: str
    api: str
    cells: dict[str, str]

    def map(self, change: Callable[[str], str]) -> CloudUrls:
        cells = {name: change(url) for name, url in self.cells.items()}
        return CloudUrls(change(self.placement), change(self.api), cells)

    def databases(self) -> list[str]:
        return [str(make_url(url).database) for url in (self.placement, self.api, *self.cells.values())]


@dataclass(frozen=True)
class RealSchemas(CloudUrls):
    """The databases of one cloud, as their owner."""

    server: Server
    tables: tuple[str, ...]

    def clear(self) -> None:
        """Delete every row but the revisions."""
        # one question for all tables: most are empty, and a statement for each would cost ten times as much
        have_rows = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in self.tables)
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(have_rows)
            full = [table for (table,) in cursor.fetchall()]
            cursor.execute("SET foreign_key_checks = 0")
            for table in full:
                cursor.execute(f"DELETE FROM {table}")


def tables_of(server: Server, prefix: str) -> tuple[str, ...]:
    """All tables of the databases whose names begin like that, but those of the revisions."""
    tables = server.execute(
        "SELECT concat('`', table_schema, '`.`', table_name, '`') FROM information_schema.tables"
        f" WHERE left(table_schema, {len(prefix)}) = '{prefix}'"
        " AND table_name NOT IN ('alembic_version', 'migrate_version')"
    )
    return tuple(table for (table,) in tables)


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A running MariaDB (tests/mariadb.py tells which)."""
    with _running(request, "MariaDB", mariadb_server.running_server()) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> Iterator[postgresql_server.Server]:
    """A running PostgreSQL."""
    with _running(request, "PostgreSQL", postgresql_server.running_server()) as server:
        yield server


class _Server(Protocol):
    @property
    def origin(self) -> str: ...

    def execute(self, sql: str, /) -> list[tuple[Any, ...]]: ...


S = TypeVar("S", bound=_Server)


@contextmanager
def _running(request: pytest.FixtureRequest, product: str, starting: AbstractContextManager[S]) -> Iterator[S]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        # whoever watches should see it when something is being installed
        with capture.global_and_fixture_disabled():
            server = stack.enter_context(starting)
        [(version,)] = server.execute("SELECT version()")
        version = version.removeprefix(product).split(" on ")[0].strip()
        request.config.stash.setdefault(SERVERS, {})[product] = f"{version} ({server.origin})"
        yield server


def pytest_sessionfinish(session: pytest.Session) -> None:
    # in a process of pytest-xdist: what the one that reports should know
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["servers"] = session.config.stash.get(SERVERS, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash.setdefault(SERVERS, {}).update(getattr(node, "workeroutput", {}).get("servers", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for product, which in sorted(config.stash.get(SERVERS, {}).items()):
        terminalreporter.write_line(f"{product} under test: {which}")


@pytest.fixture(scope="session")
def real_schemas(mariadb: Server) -> Iterator[RealSchemas]:
    """The five databases of a cloud with two cells, newest schemas, under names no other session has."""
    prefix = f"pa_test_{secrets.token_hex(4)}_"
    names = {name: prefix + name for name in ("placement", "nova_api", "nova_cell0", "nova_cell1", "nova_cell2")}
    urls = {name: mariadb.url(database) for name, database in names.items()}
    try:
        for database in names.values():
            mariadb.create(database)
        with ThreadPoolExecutor() as pool:
            migrations = [
                pool.submit(openstack_schemas.make_cell, urls["nova_cell0"]),
                pool.submit(openstack_schemas.make_api, urls["nova_api"]),
                pool.submit(openstack_schemas.make_placement, urls["placement"]),
            ]
            for migration in migrations:
                migration.result()
        engine = create_engine(mariadb.root_url)
        for cell in ("nova_cell1", "nova_cell2"):
            openstack_schemas.copy_structure(engine, names["nova_cell0"], names[cell])
        engine.dispose()
        yield RealSchemas(
            placement=urls["placement"],
            api=urls["nova_api"],
            cells={cell: urls[f"nova_{cell}"] for cell in ("cell0", "cell1", "cell2")},
            server=mariadb,
            tables=tables_of(mariadb, prefix),
        )
    finally:
        for database in names.values():
            mariadb.drop(database)


@pytest.fixture
def empty_cloud(real_schemas: RealSchemas) -> RealSchemas:
    """The same databases without a row in them."""
    real_schemas.clear()
    return real_schemas


@pytest.fixture(scope="session")
def auditor_urls(mariadb: Server, real_schemas: RealSchemas) -> Iterator[CloudUrls]:
    """The same databases for an account that has SELECT and nothing else."""
    name, password = f"auditor_{secrets.token_hex(4)}", secrets.token_hex(16)
    mariadb.execute(f"CREATE USER {name} IDENTIFIED BY '{password}'")
    try:
        for database in real_schemas.databases():
            mariadb.execute(f"GRANT SELECT ON `{database}`.* TO {name}")
        yield real_schemas.map(lambda url: mariadb.url(make_url(url).database, name, password))
    finally:
        mariadb.execute(f"DROP USER {name}")


@pytest.fixture(scope="session")
def postgresql_schemas(postgresql: postgresql_server.Server) -> dict[str, str]:
    """Migrated databases on PostgreSQL, newest schemas: to be copied, not to be used."""
    migrations = {
        "placement": openstack_schemas.make_placement,
        "nova_api": openstack_schemas.make_api,
        "nova_cell": openstack_schemas.make_cell,
    }
    names = {name: f"template_{name}" for name in migrations}
    with ThreadPoolExecutor() as pool:
        for database in names.values():
            postgresql.create(database)
        for migration in [pool.submit(make, postgresql.url(names[name])) for name, make in migrations.items()]:
            migration.result()
    return names


@pytest.fixture
def postgresql_cloud(postgresql: postgresql_server.Server, postgresql_schemas: dict[str, str]) -> Iterator[CloudUrls]:
    """The five databases of a cloud with two cells on PostgreSQL, newest schemas, without a row in them."""
    cells = {cell: f"nova_{cell}" for cell in ("cell0", "cell1", "cell2")}
    templates = {"placement": "placement", "nova_api": "nova_api", **dict.fromkeys(cells.values(), "nova_cell")}
    try:
        for database, template in templates.items():
            postgresql.create(database, postgresql_schemas[template])
        yield CloudUrls(
            placement=postgresql.url("placement"),
            api=postgresql.url("nova_api"),
            cells={cell: postgresql.url(database) for cell, database in cells.items()},
        )
    finally:
        for database in templates:
            postgresql.drop(database)
