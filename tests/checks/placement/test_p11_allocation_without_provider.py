import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.server("fine", estate.compute("healthy"))
    return estate.compute("host")


def test_fires_once_for_a_provider_that_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    estate.server("db", host)
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit(estate, "P11")
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert finding.identity == "P11:2"
    assert finding.evidence == {"provider_id": 2, "rows": 6, "consumers": 2}
    assert finding.remedy[-1] == (
        'mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = 2'
        ' AND NOT EXISTS (SELECT * FROM resource_providers WHERE id = 2)"'
    )


def test_in_flight_while_an_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host, at=estate.ago(minutes=2))
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit.report(estate, "P11").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=2)


def test_quiet_for_providers_that_are_there(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    assert audit(estate, "P11") == []
