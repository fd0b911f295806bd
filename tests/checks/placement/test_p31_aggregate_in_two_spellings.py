from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor, sqlite_urls

RACK = uuid_of("aggregate rack")


@pytest.fixture
def estate() -> Estate:
    estate = Estate()
    estate.aggregate("rack", estate.compute("node-1").provider)
    estate.aggregate("row")
    return estate


def test_fires_for_a_uuid_with_and_without_dashes(audit: Auditor, estate: Estate) -> None:
    """Placement's API takes both, each as an aggregate of its own."""
    bare = RACK.replace("-", "")
    estate.add(t.placement_aggregates, id=77, uuid=bare)
    estate.add(t.resource_provider_aggregates, resource_provider_id=1, aggregate_id=77)
    (finding,) = audit(estate, "P31")
    assert finding.subject == {"aggregate": RACK}
    assert finding.evidence == {"other": bare, "spellings": 2, "members": 2}
    assert (finding.severity, finding.impact) == ("info", "L")
    assert [line.rpartition(" ")[2] for line in finding.remedy] == [RACK, bare]


def test_fires_for_letters_of_another_case(tmp_path: Path, estate: Estate) -> None:
    """The key of MariaDB's table takes them for the same and allows one."""
    estate.add(t.placement_aggregates, id=77, uuid=RACK.upper())
    (finding,) = Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)(estate, "P31")
    assert (finding.subject["aggregate"], finding.evidence["other"]) == (RACK.upper(), RACK)


def test_quiet_for_one_spelling_whatever_it_is(audit: Auditor, estate: Estate) -> None:
    estate.add(t.placement_aggregates, id=77, uuid=uuid_of("room").upper().replace("-", ""))
    assert audit(estate, "P31") == []


def test_quiet_for_aggregates_without_a_uuid(audit: Auditor, estate: Estate) -> None:
    estate.add(t.placement_aggregates, id=77, uuid=None)
    estate.add(t.placement_aggregates, id=78, uuid=None)
    assert audit(estate, "P31") == []
