"""The databases under test are what the other tests take them for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests import openstack_schemas
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import Server

PLACEMENT_HEAD = "a082b8bb98d0"
API_HEAD = "cdeec0c85668"
MAIN_HEAD = "ab450ba04102"


def heads(url: str) -> tuple[str, ...]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
    engine.dispose()
    return found


def database(url: str) -> str:
    return str(make_url(url).database)


def test_the_schemas_are_the_newest(real_schemas: RealSchemas) -> None:
    assert heads(real_schemas.placement) == (PLACEMENT_HEAD,)
    assert heads(real_schemas.api) == (API_HEAD,)
    assert {name: heads(url) for name, url in real_schemas.cells.items()} == {
        "cell0": (MAIN_HEAD,),
        "cell1": (MAIN_HEAD,),
        "cell2": (MAIN_HEAD,),
    }


def test_a_copied_cell_is_the_migrated_one(mariadb: Server, real_schemas: RealSchemas) -> None:
    def definitions(cell: str) -> dict[str, str]:
        name = database(real_schemas.cells[cell])
        tables = [table for (table,) in mariadb.execute(f"SHOW TABLES FROM `{name}`")]
        shown = {table: mariadb.execute(f"SHOW CREATE TABLE `{name}`.`{table}`")[0][1] for table in tables}
        # other tests had rows in these tables, and the counters remember
        return {table: re.sub(r" AUTO_INCREMENT=\d+", "", shown[table]) for table in tables}

    migrated = definitions("cell0")
    assert "instances" in migrated
    assert any("FOREIGN KEY" in definition for definition in migrated.values())
    assert definitions("cell1") == migrated
    assert definitions("cell2") == migrated


@pytest.mark.parametrize(
    ("make", "revision"),
    [
        (openstack_schemas.make_placement, "b4ed3a175331"),
        (openstack_schemas.make_api, "d67eeaabee36"),
        (openstack_schemas.make_cell, "8f2f1571d55b"),
    ],
)
def test_an_older_schema_can_be_had(make: Callable[[str, str], None], revision: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    make(url, revision)
    assert heads(url) == (revision,)


def test_clear_empties_every_table_and_keeps_the_revisions(mariadb: Server, empty_cloud: RealSchemas) -> None:
    placement, cell1 = database(empty_cloud.placement), database(empty_cloud.cells["cell1"])
    mariadb.execute("INSERT INTO traits (name) VALUES ('CUSTOM_A')", placement)
    mariadb.execute(
        "INSERT INTO resource_providers (id, uuid, name, root_provider_id) VALUES (1, 'u', 'n', 1)", placement
    )
    mariadb.execute(
        "INSERT INTO resource_provider_traits (trait_id, resource_provider_id)"
        " SELECT traits.id, resource_providers.id FROM traits, resource_providers",
        placement,
    )
    mariadb.execute("INSERT INTO instances (uuid, deleted) VALUES ('i', 0)", cell1)

    empty_cloud.clear()

    for url in (empty_cloud.placement, empty_cloud.api, *empty_cloud.cells.values()):
        for (table,) in mariadb.execute("SHOW TABLES", database(url)):
            [(rows,)] = mariadb.execute(f"SELECT count(*) FROM {table}", database(url))
            assert rows == (1 if table == "alembic_version" else 0), table


def test_the_auditor_reads(auditor_urls: CloudUrls) -> None:
    for url in (auditor_urls.placement, auditor_urls.api, *auditor_urls.cells.values()):
        assert heads(url)


def test_the_auditor_cannot_write(auditor_urls: CloudUrls) -> None:
    engine = create_engine(auditor_urls.placement)
    with engine.connect() as connection, pytest.raises(OperationalError, match="INSERT command denied"):
        connection.execute(text("INSERT INTO traits (name) VALUES ('CUSTOM_A')"))
    engine.dispose()
