from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate
from placement_audit.schema import Role
from placement_audit.source.recognise import REVISIONS
from tests.support import Auditor, placement_schema, sqlite_urls

TRAIN = ("consumer_types", "consumers.consumer_type_id")


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Auditor:
    """MariaDB's schemas are made once for all tests, so that none may bend them."""
    return Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)


def test_fires_for_two_revisions(on_sqlite: Auditor, tmp_path: Path) -> None:
    placement_schema(tmp_path, "422ece571366", "a082b8bb98d0")
    (finding,) = on_sqlite(Estate(), "P27")
    assert finding.subject == {"database": "placement", "table": "alembic_version"}
    assert finding.evidence["revision"] == "422ece571366, a082b8bb98d0"
    assert "2 revisions" in finding.evidence["detail"]
    assert finding.severity == "error"


def test_fires_for_a_revision_without_its_tables(on_sqlite: Auditor, tmp_path: Path) -> None:
    placement_schema(tmp_path, "422ece571366", without=TRAIN)
    first, second = on_sqlite(Estate(), "P27")
    assert (first.subject["table"], second.subject["table"]) == ("consumer_types", "consumers")
    assert "consumers.consumer_type_id is missing" in second.message
    assert first.impact == second.impact == "C"


def test_fires_for_tables_ahead_of_the_revision(on_sqlite: Auditor, tmp_path: Path) -> None:
    placement_schema(tmp_path, "b5c396305c25", without=("consumers.consumer_type_id",))
    (finding,) = on_sqlite(Estate(), "P27")
    assert finding.subject["table"] == "consumer_types"


@pytest.mark.parametrize("revision", ["b4ed3a175331", "611cd6dffd7b", "b5c396305c25"])
def test_quiet_for_an_older_release(on_sqlite: Auditor, tmp_path: Path, revision: str) -> None:
    assert revision in REVISIONS[Role.PLACEMENT]
    placement_schema(tmp_path, revision, without=TRAIN)
    assert on_sqlite(Estate(), "P27") == []


def test_quiet_for_a_revision_of_a_later_release(on_sqlite: Auditor, tmp_path: Path) -> None:
    placement_schema(tmp_path, "0123456789ab")
    assert on_sqlite(Estate(), "P27") == []


def test_quiet_for_the_schema_of_placements_own_migrations(audit: Auditor) -> None:
    assert audit(Estate(), "P27") == []
