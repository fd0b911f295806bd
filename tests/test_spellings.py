"""The demo cloud in other character sets and collations, and with its uuids spelt otherwise: the same findings."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, make_url

from placement_audit import schema as t
from placement_audit.audit import Report
from placement_audit.demo.estate import Estate, Urls, uuid_of
from placement_audit.demo.story import told
from tests.conftest import RealSchemas, tables_of
from tests.openstack_schemas import copy_structure
from tests.support import Auditor

# Character set and collation of the tables, and the collation of the columns with names (None: as their tables).
COLLATIONS = {
    "utf8mb3, without case": ("utf8mb3", "utf8mb3_general_ci", None),
    "utf8mb3, with case": ("utf8mb3", "utf8mb3_bin", None),
    "utf8mb4, without case": ("utf8mb4", "utf8mb4_unicode_ci", None),
    "utf8mb4, with case": ("utf8mb4", "utf8mb4_bin", None),
    "latin1, names in utf8_bin": ("latin1", "latin1_swedish_ci", "utf8mb3_bin"),
    "latin1, with case": ("latin1", "latin1_general_cs", None),
}
# As nova_api's migrations made placement's tables before they were placement's own (SEMANTICS 0.2).
NAMES = ("resource_providers", "resource_classes", "traits")


def as_they_are(estate: Estate) -> None:
    """Uuids in small letters, with dashes."""


def capital_consumers(estate: Estate) -> None:
    """What placement knows of consumers and providers is in capitals, and nova's rows are not."""
    for row in estate.rows[t.allocations]:
        row["consumer_id"] = row["consumer_id"].upper()
    for table in (t.consumers, t.resource_providers, t.placement_aggregates):
        for row in estate.rows[table]:
            row["uuid"] = row["uuid"].upper()


def capital_allocations(estate: Estate) -> None:
    """Allocations in capitals, their consumers' records in small letters."""
    for row in estate.rows[t.allocations]:
        row["consumer_id"] = row["consumer_id"].upper()


def dashless_consumers(estate: Estate) -> None:
    """Consumers without dashes, which placement's API never writes (SEMANTICS A.11)."""
    for row in estate.rows[t.allocations]:
        row["consumer_id"] = row["consumer_id"].replace("-", "")
    for row in estate.rows[t.consumers]:
        row["uuid"] = row["uuid"].replace("-", "")


SPELLINGS = (as_they_are, capital_consumers, capital_allocations, dashless_consumers)
# Each collation as it is; each spelling where the server tells capitals from small letters.
CASES = [
    *((collation, as_they_are) for collation in COLLATIONS),
    *(("utf8mb4, with case", spelling) for spelling in SPELLINGS[1:]),
]


def cloud() -> Estate:
    """The demo cloud, and leftovers of what nova has archived: those are looked for by their uuids."""
    estate = told()
    host = next(row for row in estate.rows[t.resource_providers] if row["name"] == "compute-02")
    server, move = uuid_of("archived server"), uuid_of("its migration")
    at = estate.ago(days=9)
    estate.add(t.shadow_instances, cell="cell1", uuid=server, deleted_at=at)
    estate.add(
        t.shadow_migrations, cell="cell1", uuid=move, instance_uuid=server, status="error", deleted_at=at, created_at=at
    )
    for consumer in (server, move):
        estate.claim(consumer, host, {"VCPU": 1})
    return estate


class Databases:
    """Copies of the newest schemas, whose tables can be converted."""

    def __init__(self, schemas: RealSchemas) -> None:
        self.server, self.prefix = schemas.server, f"pa_test_{secrets.token_hex(4)}_spelt_"
        self.collation = ""
        self.names = [f"{self.prefix}{number}" for number, _ in enumerate(schemas.databases())]
        engine = create_engine(self.server.root_url)
        for source, target in zip(schemas.databases(), self.names, strict=True):
            self.server.create(target)
            copy_structure(engine, source, target)
        engine.dispose()
        # a column in a foreign key keeps its character set
        for schema, table, key in self.server.execute(
            "SELECT table_schema, table_name, constraint_name FROM information_schema.table_constraints"
            f" WHERE constraint_type = 'FOREIGN KEY' AND left(table_schema, {len(self.prefix)}) = '{self.prefix}'"
        ):
            self.server.execute(f"ALTER TABLE `{schema}`.`{table}` DROP FOREIGN KEY `{key}`")
        placement, api, *cells = map(self.server.url, self.names)
        self.urls = Urls(placement, api, dict(zip(schemas.cells, cells, strict=True)))
        known = {table.name for table in t.metadata.tables.values()} | {t.cell_mappings.name}
        everything = tables_of(self.server, self.prefix)
        self.tables = [name for name in everything if name.rpartition(".")[2].strip("`") in known]
        self.clear = RealSchemas(placement, api, dict(self.urls.cells), self.server, everything).clear

    def convert(self, name: str) -> None:
        """Give every table that is read a character set and a collation."""
        if name == self.collation:
            return
        self.collation = name
        charset, collation, names = COLLATIONS[name]
        with self.server.connect() as connection, connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}")
            for table in NAMES if names else ():
                cursor.execute(
                    f"ALTER TABLE `{make_url(self.urls.placement).database}`.{table}"
                    f" MODIFY name varchar(200) CHARACTER SET utf8mb3 COLLATE {names}"
                )


@pytest.fixture(scope="module")
def databases(real_schemas: RealSchemas) -> Iterator[Databases]:
    made = Databases(real_schemas)
    try:
        yield made
    finally:
        for name in made.names:
            made.server.drop(name)


@pytest.fixture(scope="module")
def usual(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """What is found in the schemas as the migrations make them."""
    databases.clear()
    return Auditor(lambda _: databases.urls, tmp_path_factory.mktemp("usual")).report(cloud())


def everything(report: Report) -> set[tuple[str, str, bool]]:
    """Findings, whatever the spelling of uuids; P06 is about just that."""
    return {
        (one.identity.lower().replace("-", ""), one.severity.value, one.settled)
        for one in report.findings
        if one.code != "P06"
    }


@pytest.mark.parametrize(("collation", "spelling"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_the_same_is_found(
    databases: Databases,
    usual: Report,
    tmp_path_factory: pytest.TempPathFactory,
    collation: str,
    spelling: Callable[[Estate], None],
) -> None:
    databases.clear()
    databases.convert(collation)
    estate = cloud()
    spelling(estate)
    report = Auditor(lambda _: databases.urls, tmp_path_factory.mktemp("spelt")).report(estate)
    assert everything(report) == everything(usual)
    assert len(everything(report)) > 10
    misspelt = [one for one in report.findings if one.code == "P06"]
    assert bool(misspelt) == (spelling is dashless_consumers)
