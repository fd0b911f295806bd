import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_once_as_information(audit: Auditor, estate: Estate) -> None:
    estate.server("web", estate.compute("node-1"))
    uuids = sorted(uuid_of(f"empty {number}") for number in range(6))
    for uuid in uuids:
        estate.consumer(uuid, generation=0)
    (finding,) = audit(estate, "P16", "P32")
    assert (finding.code, finding.severity, finding.impact) == ("P16", "info", "I")
    assert finding.subject == {"table": "consumers"}
    assert finding.evidence["consumers"] == 6
    assert finding.evidence["sample"] == ", ".join(uuids[:5]) + " and 1 more"
    assert [line for line in finding.remedy if "SELECT" not in line] == []


def test_in_flight_while_a_first_claim_is_being_written(audit: Auditor, estate: Estate) -> None:
    estate.consumer(uuid_of("web"), at=estate.ago(seconds=5))
    (finding,) = audit.report(estate, "P16").findings
    assert not finding.settled


def test_quiet_for_who_holds_something(audit: Auditor, estate: Estate) -> None:
    estate.server("web", estate.compute("node-1"))
    assert audit(estate, "P16") == []


def test_quiet_for_who_holds_something_under_capital_letters_or_on_a_missing_provider(
    audit: Auditor, estate: Estate
) -> None:
    gone = estate.provider("gone")
    estate.consumer(uuid_of("web"))
    estate.allocate(uuid_of("web").upper(), gone, {"VCPU": 1})
    estate.remove(t.resource_providers, gone)
    assert audit(estate, "P16") == []
