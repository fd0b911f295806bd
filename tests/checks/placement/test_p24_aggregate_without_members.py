import pytest

from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_once_as_information(audit: Auditor, estate: Estate) -> None:
    """Placement never removes one: this is always legal."""
    estate.aggregate("rack", estate.provider("node-1"))
    uuids = sorted(estate.aggregate(f"past {number}") for number in range(40))
    (finding,) = audit(estate, "P24")
    assert finding.subject == {"table": "placement_aggregates"}
    assert (finding.severity, finding.impact) == ("info", "I")
    assert finding.evidence["aggregates"] == 40
    assert finding.evidence["sample"] == ", ".join(uuids[:5]) + " and 35 more"
    assert finding.identity == "P24:placement_aggregates"
    assert [line for line in finding.remedy if "SELECT" not in line] == []


def test_fires_with_all_names_when_there_are_few(audit: Auditor, estate: Estate) -> None:
    uuids = sorted(estate.aggregate(f"past {number}") for number in range(5))
    (finding,) = audit(estate, "P24")
    assert finding.evidence["sample"] == ", ".join(uuids)


def test_quiet_for_an_aggregate_with_a_member(audit: Auditor, estate: Estate) -> None:
    estate.aggregate("rack", estate.provider("node-1"))
    assert audit(estate, "P24") == []
