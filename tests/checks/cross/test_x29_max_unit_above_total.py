import pytest

from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_for_a_host_that_gives_more_than_it_has(audit: Auditor, estate: Estate) -> None:
    estate.compute("right")
    host = estate.compute("left", memory_mb=0)
    estate.inventory(host.provider, "PCPU", 16, max_unit=17)
    (finding,) = audit(estate, "X29")
    assert finding.subject["provider"] == host.uuid
    assert finding.subject["resource_class"] == "PCPU"
    assert (finding.evidence["total"], finding.evidence["max_unit"]) == (16, 17)
    assert finding.impact == "I"
    assert finding.severity == "info"


def test_fires_once_for_each_class(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", disk_gb=0)
    estate.inventory(host.provider, "PCPU", 16, max_unit=2147483647)
    estate.inventory(host.provider, "DISK_GB", 100, max_unit=2147483647)
    assert [finding.subject["resource_class"] for finding in audit(estate, "X29")] == ["DISK_GB", "PCPU"]


def test_in_flight_while_the_inventory_is_young(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", disk_gb=0)
    estate.inventory(host.provider, "DISK_GB", 100, max_unit=101, created_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "X29").findings
    assert not finding.settled


def test_quiet_at_and_below_the_total(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", disk_gb=0)
    estate.inventory(host.provider, "DISK_GB", 100, max_unit=50)
    assert audit(estate, "X29") == []


def test_quiet_for_other_classes(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    estate.inventory(host.provider, "CUSTOM_LICENCE", 10, max_unit=2147483647)
    assert audit(estate, "X29") == []


def test_quiet_for_providers_that_are_no_compute_nodes(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    estate.shared("nfs", 1000, host.provider)  # its max_unit is as large as can be
    estate.inventory(estate.provider("containers"), "VCPU", 8, max_unit=2147483647)
    estate.inventory(estate.provider("left_NUMA0", parent=host.provider), "PCPU", 8, max_unit=2147483647)
    assert audit(estate, "X29") == []


def test_quiet_for_ironic(audit: Auditor, estate: Estate) -> None:
    metal = estate.compute("metal", node="2f5a", hypervisor_type="ironic")
    estate.inventory(metal.provider, "VCPU", 1, max_unit=2147483647)
    assert audit(estate, "X29") == []
