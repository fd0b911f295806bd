"""The vocabulary against the schemas that placement's and nova's own migrations make."""

import os_resource_classes
import pytest
from sqlalchemy import Table, create_engine, inspect, make_url

from placement_audit import schema
from placement_audit.schema import Role, live_tables
from placement_audit.source.recognise import REVISIONS
from tests import openstack_schemas
from tests.conftest import RealSchemas
from tests.mariadb import Server

LIVE = [
    *live_tables(Role.PLACEMENT),
    *live_tables(Role.API),
    *live_tables(Role.CELL),
    schema.cell_mappings,
    schema.whole_request_specs,
]


def url_of(schemas: RealSchemas, role: Role) -> str:
    return {Role.PLACEMENT: schemas.placement, Role.API: schemas.api, Role.CELL: schemas.cells["cell1"]}[role]


def vocabulary(table: Table) -> set[str]:
    return {column.name for column in table.columns} - {"cell"}


@pytest.mark.parametrize("table", LIVE, ids=lambda table: table.name)
def test_every_column_exists(real_schemas: RealSchemas, table: Table) -> None:
    live = inspect(create_engine(url_of(real_schemas, table.info["home"])))
    assert vocabulary(table) <= {column["name"] for column in live.get_columns(table.name)}


def test_what_came_after_train_was_not_there_in_train(mariadb: Server) -> None:
    """placement at Train's head: exactly what has no ``since`` is there."""
    database = "pa_test_train"
    mariadb.create(database)
    try:
        openstack_schemas.make_placement(mariadb.url(database), "b5c396305c25")
        live = inspect(create_engine(mariadb.url(database)))
        tables = set(live.get_table_names())
        for table in live_tables(Role.PLACEMENT):
            assert (table.name in tables) == ("since" not in table.info), table.name
            if table.name in tables:
                names = {column["name"] for column in live.get_columns(table.name)}
                for column in table.columns:
                    assert (column.name in names) == ("since" not in column.info), column
    finally:
        mariadb.drop(database)


@pytest.mark.parametrize("role", list(Role))
def test_the_newest_revision_is_known(real_schemas: RealSchemas, role: Role) -> None:
    with create_engine(make_url(url_of(real_schemas, role))).connect() as connection:
        head = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    assert head == list(REVISIONS[role])[-1]


def test_standard_classes_have_their_upstream_ids() -> None:
    assert list(schema.STANDARD_CLASSES) == os_resource_classes.STANDARDS
