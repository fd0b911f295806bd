import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.server("fine", estate.compute("healthy"))
    return estate.compute("host")


def test_fires_once_for_a_provider_that_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    for name in ("web", "db"):
        estate.server(name, host, deleted=1, deleted_at=estate.ago(days=1))
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit(estate, "P11")
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert finding.identity == "P11:2"
    assert (finding.evidence["rows"], finding.evidence["consumers"]) == (6, 2)
    assert finding.remedy[-1] == (
        'mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = 2'
        ' AND NOT EXISTS (SELECT * FROM resource_providers WHERE 2 IN (id, parent_provider_id, root_provider_id))"'
        "  # nova has deleted the server of each consumer"
    )


@pytest.mark.parametrize(
    ("why", "withheld"),
    [
        ("a live server", "those of live servers"),
        ("a live server's migration", "those of live servers"),
        ("unknown", "nova has no deleted server for all of these consumers"),
        ("nova is not read", "nova's databases were not read"),
        ("a cell is not read", "nova has no deleted server for all of these consumers"),
        ("children", "was lost and not deleted"),
    ],
)
def test_offers_nothing_where_a_live_server_may_be_meant(
    audit: Auditor, estate: Estate, host: Compute, why: str, withheld: str
) -> None:
    estate.server("db", host, deleted=1, deleted_at=estate.ago(days=1))
    if why == "a live server":
        estate.server("web", host)
    elif why == "a live server's migration":
        server = estate.server("web", estate.compute("elsewhere"))
        move = estate.migration(server, "resize", "finished", host)
        estate.claim(move["uuid"], host.provider, {"VCPU": 2})
    elif why == "unknown":
        estate.claim(uuid_of("container"), host.provider, {"VCPU": 2})
    elif why == "children":
        estate.provider("device", parent=host.provider)
    elif why == "a cell is not read":
        audit.unreadable = "cell1"
    estate.remove(t.resource_providers, host.provider)
    report = audit.report(estate, "P11", nova=why != "nova is not read")
    (finding,) = report.findings
    assert not any("DELETE" in line for line in finding.remedy)
    assert withheld in (finding.withheld or "")


def test_in_flight_while_an_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host, at=estate.ago(minutes=2))
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit.report(estate, "P11").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=2)


def test_quiet_for_providers_that_are_there(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    assert audit(estate, "P11") == []
