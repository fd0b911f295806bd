import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor

BARE = uuid_of("web").replace("-", "")


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_for_a_provider(audit: Auditor, estate: Estate) -> None:
    estate.provider("pool", uuid="pool-1")
    (finding,) = audit(estate, "P06")
    assert finding.subject == {"provider": "pool-1", "table": "resource_providers"}
    assert (finding.severity, finding.impact) == ("info", "L")
    assert "FROM resource_providers WHERE uuid IS NULL OR uuid NOT LIKE '________-" in finding.remedy[0]


def test_fires_for_a_consumer_of_somebodys_own_making(audit: Auditor, estate: Estate) -> None:
    estate.claim("reserved for maintenance", estate.provider("pool"), {"VCPU": 1})
    (finding,) = audit(estate, "P06")
    assert finding.subject == {"consumer": "reserved for maintenance", "table": "consumers"}
    assert finding.impact == "L"


def test_fires_for_a_consumer_without_dashes_whose_allocations_nova_does_not_see(
    audit: Auditor, estate: Estate
) -> None:
    estate.claim(BARE, estate.compute("node-1").provider, {"VCPU": 1})
    (finding,) = audit(estate, "P06")
    assert finding.subject == {"consumer": uuid_of("web"), "table": "consumers"}
    assert finding.evidence["found"] == BARE
    assert (finding.severity, finding.impact) == ("warning", "M")


def test_fires_as_information_for_a_consumer_without_dashes_that_holds_nothing(audit: Auditor, estate: Estate) -> None:
    estate.consumer(BARE)
    (finding,) = audit(estate, "P06")
    assert finding.impact == "L"


def test_fires_for_a_provider_without_dashes(audit: Auditor, estate: Estate) -> None:
    bare = uuid_of("pool").replace("-", "")
    estate.provider("pool", uuid=bare)
    (finding,) = audit(estate, "P06")
    assert finding.subject == {"provider": uuid_of("pool"), "table": "resource_providers"}
    assert (finding.evidence["found"], finding.impact) == (bare, "L")


@pytest.mark.parametrize("uuid", [None, "rack-1", "z" * 32])
def test_fires_for_an_aggregate(audit: Auditor, estate: Estate, uuid: str | None) -> None:
    estate.add(t.placement_aggregates, id=7, uuid=uuid)
    (finding,) = audit(estate, "P06")
    assert finding.subject["table"] == "placement_aggregates"
    assert finding.evidence["found"] == uuid


@pytest.mark.parametrize("uuid", ["zzzzzzzz-0000-4000-8000-000000000000", "00000000-0000-4000-8000-00000000000o"])
def test_fires_for_other_letters_than_a_uuids(audit: Auditor, estate: Estate, uuid: str) -> None:
    estate.provider("pool", uuid=uuid)
    (finding,) = audit(estate, "P06")
    assert finding.evidence["found"] == uuid
    assert "REGEXP '[^0-9a-fA-F-]'" in finding.remedy[0]


def test_in_flight_while_the_row_is_young(audit: Auditor, estate: Estate) -> None:
    estate.provider("pool", uuid="pool-1", at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "P06").findings
    assert not finding.settled


def test_quiet_for_an_aggregate_without_dashes(audit: Auditor, estate: Estate) -> None:
    """Placement takes it, and finds it again as it was given."""
    estate.add(t.placement_aggregates, id=7, uuid=uuid_of("rack").replace("-", ""))
    assert audit(estate, "P06") == []


def test_quiet_for_capital_letters(audit: Auditor, estate: Estate) -> None:
    estate.provider("pool", uuid=uuid_of("pool").upper())
    estate.consumer(uuid_of("web").upper())
    estate.add(t.placement_aggregates, id=7, uuid=uuid_of("rack").upper())
    assert audit(estate, "P06") == []


def test_quiet_for_uuids(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    estate.server("web", host)
    estate.aggregate("rack", host.provider)
    assert audit(estate, "P06") == []
