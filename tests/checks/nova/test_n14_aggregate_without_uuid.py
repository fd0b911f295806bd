import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Row, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def zone(estate: Estate) -> Row:
    return estate.add(t.aggregates, id=7, uuid=uuid_of("zone"), name="north", created_at=estate.ago(days=9))


def test_fires_for_an_aggregate_without_a_uuid(audit: Auditor, estate: Estate, zone: Row) -> None:
    zone["uuid"] = None
    (finding,) = audit(estate, "N14")
    assert (finding.subject["aggregate"], finding.evidence["aggregate_id"]) == ("north", 7)
    assert finding.severity == "warning"


def test_quiet_for_one_with_a_uuid(audit: Auditor, estate: Estate, zone: Row) -> None:
    assert audit(estate, "N14") == []
