import pytest

from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("node-1")
    estate.server("fine", host)
    return host


def test_fires_once_as_information(audit: Auditor, estate: Estate, host: Compute) -> None:
    """The online migration makes such records: this is always legal."""
    uuids = sorted(uuid_of(f"old {number}") for number in range(6))
    for uuid in uuids:
        estate.consumer(uuid, generation=0)
        estate.allocate(uuid, host.provider, {"VCPU": 1, "MEMORY_MB": 512})
    (finding,) = audit(estate, "P32")
    assert finding.subject == {"table": "consumers"}
    assert (finding.severity, finding.impact) == ("info", "I")
    assert finding.evidence["consumers"] == 6
    assert finding.evidence["sample"] == ", ".join(uuids[:5]) + " and 1 more"


def test_in_flight_while_all_of_them_are_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.consumer(uuid_of("web"), generation=0, at=estate.ago(minutes=1))
    estate.allocate(uuid_of("web"), host.provider, {"VCPU": 1})
    (finding,) = audit.report(estate, "P32").findings
    assert not finding.settled


def test_quiet_for_a_consumer_that_holds_nothing(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.consumer(uuid_of("web"), generation=0)
    assert audit(estate, "P32") == []


def test_quiet_for_a_consumer_that_was_written(audit: Auditor, estate: Estate, host: Compute) -> None:
    assert audit(estate, "P32") == []
