"""grants_postgresql.sql on a real server."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from placement_audit import schema as t
from placement_audit.audit import Report, live_report
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Urls
from placement_audit.demo.story import told
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from placement_audit.sqlfile import grants
from placement_audit.sqlfile.prelude import Homes
from tests.postgresql import Server, client

ROLES = {"placement": t.Role.PLACEMENT, "nova_api": t.Role.API, "nova_cell0": t.Role.CELL, "nova": t.Role.CELL}


def tables(role: t.Role) -> list[Table]:
    """What the newest release has, and what an old one has in nova."""
    found = [t.alembic_version, *t.live_tables(role)]
    if role is t.Role.API:
        found = [table for table in found if table is not t.request_specs]
        found += [t.cell_mappings, t.whole_request_specs, *t.left_behind]
    return found if role is t.Role.PLACEMENT else [*found, t.migrate_version]


def ddl(table: Table) -> str:
    """A table as it is at home, with a column that the auditor does not read."""
    columns = [Column(column.name, column.type) for column in table.columns if column.name != "cell"]
    made = str(CreateTable(Table(table.name, MetaData(), *columns)).compile(dialect=postgresql.dialect()))
    return f"{made.rstrip().removesuffix(')')}, of_no_use TEXT);\n"


@pytest.fixture(scope="module")
def server(postgresql: Server) -> Iterator[Server]:
    """A server that has the four databases, and the account of grants_postgresql.sql."""
    create = "".join(
        f"CREATE DATABASE {name};\n\\connect {name}\n{''.join(map(ddl, tables(role)))}" for name, role in ROLES.items()
    )
    try:
        assert psql(postgresql, create) == ""
        yield postgresql
    finally:
        for name in ROLES:
            postgresql.drop(name)


def psql(server: Server, text: str, database: str = "postgres", user: str = "root") -> str:
    """What the client complains of."""
    where = (f"--host={server.folder}", f"--port={server.root_url.port}", f"--username={user}", database)
    command = [client(), "--no-psqlrc", "--quiet", *where]
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True)
    return done.stderr


def test_the_account_reads_what_is_read_and_nothing_else(server: Server) -> None:
    assert psql(server, grants.for_postgresql(Homes())) == ""
    for database, role in ROLES.items():
        for table in tables(role):
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "cell")
            asked = f"SELECT {names} FROM {table.name};\nSELECT count(*) FROM {table.name};\n"
            assert psql(server, asked, database, grants.ACCOUNT) == ""
            denied = f"SELECT of_no_use FROM {table.name};\nDELETE FROM {table.name};\n"
            said = psql(server, f"SET default_transaction_read_only = off;\n{denied}", database, grants.ACCOUNT)
            assert said.count(f"permission denied for table {table.name}") == 2
        made = psql(
            server, "SET default_transaction_read_only = off;\nCREATE TABLE t (a INT);", database, grants.ACCOUNT
        )
        assert "permission denied for schema public" in made
        assert "read-only transaction" in psql(server, "CREATE TABLE t (a INT);", database, grants.ACCOUNT)


def test_it_suffices_for_a_full_audit(server: Server) -> None:
    schemas = ("full_placement", "full_nova_api", "full_nova_cell0", "full_nova", "full_nova_2")
    placement, api, *cells = schemas
    psql(server, "".join(f"CREATE DATABASE {schema};\n" for schema in schemas))
    homes = Homes(placement, api, tuple(zip(("cell0", "cell1", "cell2"), cells, strict=True)))

    at = f"postgresql+psycopg://{{}}@/{{{{}}}}?host={server.folder}&port={server.root_url.port}"

    def report(user: str) -> Report:
        urls = urls_of(homes, at.format(user))
        sources = from_options(urls.placement, urls.api, [f"{name}={url}" for name, url in urls.cells.items()])
        return live_report(sources, Limits(), catalogue(), timedelta(minutes=10), lambda *_: None)

    told().write(urls_of(homes, at.format("root")))
    psql(server, grants.for_postgresql(homes).replace(grants.ACCOUNT, "full"))
    with_all, with_these = report("root"), report("full")
    assert [finding.identity for finding in with_these.findings] == [finding.identity for finding in with_all.findings]
    assert len(with_these.findings) > 10
    assert (with_these.gaps, with_these.warnings) == ([], ())


def urls_of(homes: Homes, pattern: str) -> Urls:
    cells = {name: pattern.format(schema) for name, schema in homes.cells}
    return Urls(pattern.format(homes.placement), pattern.format(homes.api), cells)
