import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("node-1")


def test_fires_once_for_all_consumers_of_a_class(audit: Auditor, estate: Estate, host: Compute) -> None:
    """As after the move of VGPU from the root to a child of its own."""
    for name in ("web", "db"):
        estate.claim(estate.server(name, host).uuid, host.provider, {"VGPU": 2})
    (finding,) = audit(estate, "P21")
    assert finding.subject == {"provider": host.uuid, "provider_name": "node-1", "resource_class": "VGPU"}
    assert (finding.evidence["consumers"], finding.evidence["used"]) == (2, 4)
    assert finding.severity == "warning"
    assert finding.remedy[-1] == f"openstack resource provider show --allocations {host.uuid}"


def test_in_flight_while_the_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(uuid_of("web"), host.provider, {"VGPU": 1}, at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "P21").findings
    assert not finding.settled


def test_fires_where_only_another_provider_has_the_inventory(audit: Auditor, estate: Estate, host: Compute) -> None:
    child = estate.provider("node-1_pci_0", parent=host.provider)
    estate.inventory(child, "VGPU", 4)
    estate.claim(uuid_of("web"), host.provider, {"VGPU": 1})
    (finding,) = audit(estate, "P21")
    assert finding.subject["provider_name"] == "node-1"


def test_quiet_with_an_inventory_even_when_it_is_full(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(uuid_of("web"), host.provider, {"VCPU": 1000})
    assert audit(estate, "P21") == []


def test_quiet_where_the_provider_is_missing(audit: Auditor, estate: Estate) -> None:
    gone = estate.provider("gone")
    estate.claim(uuid_of("web"), gone, {"VCPU": 1})
    estate.remove(t.resource_providers, gone)
    assert audit(estate, "P21") == []


def test_quiet_where_the_class_is_missing(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(uuid_of("web"), host.provider, {"CUSTOM_GONE": 1})
    estate.remove(t.resource_classes, estate.rows[t.resource_classes][-1])
    assert audit(estate, "P21") == []
