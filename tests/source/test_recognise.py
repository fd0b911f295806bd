"""Which database is it: the real schemas of several releases, each given as each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import make_url

from placement_audit.errors import CannotTell
from placement_audit.schema import Role
from placement_audit.source.connect import Limits, reading, server_of
from placement_audit.source.recognise import OPTIONS, Recognised, recognise
from tests import openstack_schemas
from tests.conftest import RealSchemas
from tests.mariadb import Server


def look(url: str, expected: Role) -> Recognised:
    with reading(server_of(make_url(url)), Limits()) as connection:
        return recognise(connection, make_url(url), expected)


def urls(schemas: RealSchemas) -> dict[Role, str]:
    return {Role.PLACEMENT: schemas.placement, Role.API: schemas.api, Role.CELL: schemas.cells["cell1"]}


@pytest.mark.parametrize("role", list(Role))
def test_the_newest_schemas_are_known_and_whole(real_schemas: RealSchemas, role: Role) -> None:
    found = look(urls(real_schemas)[role], role)
    assert found.release.endswith("2026.2")
    assert found.deviations == []
    assert found.warnings == []


@pytest.mark.parametrize("given", list(Role))
@pytest.mark.parametrize("expected", list(Role))
def test_a_wrong_database_is_told_apart(real_schemas: RealSchemas, given: Role, expected: Role) -> None:
    """Also nova_api, whose stale copies of placement's tables exist in the newest release."""
    if given is expected:
        look(urls(real_schemas)[given], expected)
        return
    with pytest.raises(CannotTell) as error:
        look(urls(real_schemas)[given], expected)
    assert f"belongs to {OPTIONS[given]}" in str(error.value)
    assert OPTIONS[expected] in str(error.value)


@contextmanager
def database(server: Server, *statements: str) -> Iterator[str]:
    server.create("pa_test_odd")
    try:
        for statement in statements:
            server.execute(statement, "pa_test_odd")
        yield server.url("pa_test_odd")
    finally:
        server.drop("pa_test_odd")


def test_an_empty_database(mariadb: Server) -> None:
    with database(mariadb) as url, pytest.raises(CannotTell, match="no tables that this account can see"):
        look(url, Role.PLACEMENT)


def test_a_schema_that_is_not_there(mariadb: Server) -> None:
    with pytest.raises(CannotTell, match="no database of that name"):
        look(mariadb.url("pa_test_absent"), Role.PLACEMENT)


def test_a_foreign_database(mariadb: Server) -> None:
    with database(mariadb, "CREATE TABLE keystone (id int)") as url, pytest.raises(CannotTell, match="keystone"):
        look(url, Role.PLACEMENT)


def test_train(mariadb: Server) -> None:
    with database(mariadb) as url:
        openstack_schemas.make_placement(url, "b5c396305c25")
        found = look(url, Role.PLACEMENT)
        assert found.release == "Train to Wallaby"
        assert found.deviations == []
        assert "consumer_type_id" not in found.columns["consumers"]


def test_a_newer_revision_warns_and_goes_on(mariadb: Server) -> None:
    with database(mariadb) as url:
        openstack_schemas.make_placement(url)
        mariadb.execute("UPDATE alembic_version SET version_num = 'f00000000000'", "pa_test_odd")
        found = look(url, Role.PLACEMENT)
        assert found.release == "newer than 2026.2"
        assert "f00000000000" in found.warnings[0]
        # A missing needed column is another matter.
        mariadb.execute("ALTER TABLE inventories DROP COLUMN max_unit", "pa_test_odd")
        with pytest.raises(CannotTell, match=r"column inventories\.max_unit is missing.*every release since Train"):
            look(url, Role.PLACEMENT)


def test_tables_that_do_not_match_their_revision_are_deviations(mariadb: Server) -> None:
    with database(mariadb) as url:
        openstack_schemas.make_placement(url, "b5c396305c25")
        mariadb.execute("UPDATE alembic_version SET version_num = 'a082b8bb98d0'", "pa_test_odd")
        told = [detail for _, detail in look(url, Role.PLACEMENT).deviations]
        assert any("consumer_types is missing" in detail for detail in told)
        assert any("consumers.consumer_type_id is missing" in detail for detail in told)


def test_train_cells_speak_through_sqlalchemy_migrate(mariadb: Server) -> None:
    """Before Xena a number is all there is (the first alembic revision has the same tables)."""
    with database(mariadb) as url:
        openstack_schemas.make_cell(url, "8f2f1571d55b")
        mariadb.execute("DELETE FROM alembic_version", "pa_test_odd")
        mariadb.execute("DROP TABLE IF EXISTS migrate_version", "pa_test_odd")
        mariadb.execute(
            "CREATE TABLE migrate_version (repository_id varchar(250), repository_path text, version int)",
            "pa_test_odd",
        )
        mariadb.execute("INSERT INTO migrate_version VALUES ('nova', '', 402)", "pa_test_odd")
        assert look(url, Role.CELL).release == "Train"
