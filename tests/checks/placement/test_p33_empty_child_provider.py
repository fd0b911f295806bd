import pytest

from placement_audit.demo.estate import Compute, Estate, Row, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("node-1")


@pytest.fixture
def child(estate: Estate, host: Compute) -> Row:
    return estate.provider("node-1_pci_0000_3b_00_0", parent=host.provider)


def test_fires_as_information(audit: Auditor, estate: Estate, child: Row) -> None:
    """Of a GPU that was taken out."""
    estate.trait(child, "OWNER_NOVA")
    (finding,) = audit(estate, "P33")
    assert finding.subject == {"table": "resource_providers"}
    assert (finding.severity, finding.impact) == ("info", "I")
    assert finding.evidence["sample"] == "node-1_pci_0000_3b_00_0"
    assert finding.remedy[-1] == f"openstack resource provider inventory list {child['uuid']}"


def test_fires_once_for_all_of_them(audit: Auditor, estate: Estate, host: Compute) -> None:
    for number in range(12):
        estate.provider(f"node-1_gpu_{number:02}", parent=host.provider)
    (finding,) = audit(estate, "P33")
    assert finding.evidence["providers"] == 12
    assert finding.evidence["sample"].endswith("node-1_gpu_04 and 7 more")
    assert finding.evidence["first"] == uuid_of("node-1_gpu_00")


def test_fires_for_the_lowest_of_several_alone(audit: Auditor, estate: Estate, child: Row) -> None:
    estate.provider("grandchild", parent=child)
    (finding,) = audit(estate, "P33")
    assert finding.evidence["sample"] == "grandchild"


def test_in_flight_while_it_is_being_set_up(audit: Auditor, estate: Estate, child: Row) -> None:
    child["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "P33").findings
    assert not finding.settled


def test_quiet_with_an_inventory(audit: Auditor, estate: Estate, child: Row) -> None:
    estate.inventory(child, "VGPU", 4)
    assert audit(estate, "P33") == []


def test_quiet_with_an_allocation(audit: Auditor, estate: Estate, child: Row) -> None:
    estate.claim(uuid_of("web"), child, {"VGPU": 1})
    assert audit(estate, "P33") == []


def test_quiet_with_a_trait_of_its_own(audit: Auditor, estate: Estate, child: Row) -> None:
    estate.trait(child, "CUSTOM_PHYSNET_A")
    assert audit(estate, "P33") == []


def test_quiet_in_an_aggregate(audit: Auditor, estate: Estate, child: Row) -> None:
    """It may bring a sharing provider to its tree."""
    estate.aggregate("rack", child)
    assert audit(estate, "P33") == []


def test_quiet_for_an_agent_with_its_devices(audit: Auditor, estate: Estate, host: Compute) -> None:
    agent = estate.provider("node-1:NIC Switch agent", parent=host.provider)
    device = estate.provider("node-1:NIC Switch agent:ens1f0", parent=agent)
    estate.inventory(device, "NET_BW_EGR_KILOBIT_PER_SEC", 1000)
    assert audit(estate, "P33") == []


def test_quiet_for_a_root(audit: Auditor, estate: Estate) -> None:
    """As an ironic node without a resource class."""
    estate.provider("metal")
    assert audit(estate, "P33") == []


def test_quiet_for_blazars(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.provider("blazar_node-1", parent=host.provider)
    assert audit(estate, "P33") == []


def test_fires_for_a_name_that_is_only_like_blazars(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.provider("blazarish", parent=host.provider)
    assert len(audit(estate, "P33")) == 1
