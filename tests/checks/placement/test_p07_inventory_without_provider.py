import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor


def test_fires_once_for_a_provider_that_is_gone(audit: Auditor) -> None:
    estate = Estate()
    estate.compute("healthy")
    host = estate.compute("host")
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit(estate, "P07")
    assert (finding.severity, finding.impact) == ("info", "L")
    assert finding.identity == "P07:2"
    assert finding.evidence["provider_id"] == 2
    assert finding.evidence["rows"] == 3
    assert set(finding.evidence["classes"].split(", ")) == {"VCPU", "MEMORY_MB", "DISK_GB"}
    assert finding.remedy[-1] == (
        'mariadb placement -e "DELETE FROM inventories WHERE resource_provider_id = 2'
        " AND NOT EXISTS (SELECT * FROM resource_providers WHERE 2 IN (id, parent_provider_id, root_provider_id))"
        ' AND NOT EXISTS (SELECT * FROM allocations WHERE resource_provider_id = 2)"'
    )


def test_in_flight_while_an_inventory_is_young(audit: Auditor) -> None:
    estate = Estate()
    pool = estate.provider("pool")
    estate.inventory(pool, "DISK_GB", 100)
    estate.inventory(pool, "IPV4_ADDRESS", 100, created_at=estate.ago(minutes=2))
    estate.remove(t.resource_providers, pool)
    (finding,) = audit.report(estate, "P07").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=2)


def test_quiet_for_providers_with_and_without_inventory(audit: Auditor) -> None:
    estate = Estate()
    estate.compute("host")
    estate.provider("empty")
    assert audit(estate, "P07") == []


@pytest.mark.parametrize("what", ["allocation", "child"])
def test_offers_nothing_where_the_provider_was_lost(audit: Auditor, what: str) -> None:
    estate = Estate()
    host = estate.compute("host")
    if what == "child":
        estate.provider("device", parent=host.provider)
    else:
        estate.server("web", host)
    estate.remove(t.resource_providers, host.provider)
    (finding,) = audit(estate, "P07")
    assert len(finding.remedy) == 1
    assert "was lost and not deleted" in (finding.withheld or "")
