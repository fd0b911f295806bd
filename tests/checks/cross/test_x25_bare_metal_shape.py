import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def metal(estate: Estate, name: str = "metal", **amounts: int) -> Compute:
    node = estate.compute(f"conductor of {name}", node=name, hypervisor_type="ironic")
    for resource_class, total in amounts.items():
        estate.inventory(node.provider, resource_class, total)
    return node


@pytest.mark.parametrize(
    ("amounts", "shape"),
    [
        ({"CUSTOM_GOLD": 1, "VCPU": 8}, "CPUs"),
        ({"MEMORY_MB": 8}, "CPUs"),
        ({"CUSTOM_GOLD": 1, "CUSTOM_SILVER": 1}, "more than one resource class"),
        ({"CUSTOM_GOLD": 2}, "more than one of"),
    ],
)
def test_fires_for_each_odd_shape(audit: Auditor, estate: Estate, amounts: dict[str, int], shape: str) -> None:
    node = metal(estate, **amounts)
    (finding,) = audit(estate, "X25")
    assert shape in finding.evidence["shape"]
    assert finding.subject["provider"] == node.uuid
    assert finding.impact == "L"


def test_fires_once_for_nodes_of_one_shape(audit: Auditor, estate: Estate) -> None:
    for number in range(7):
        metal(estate, f"metal-{number}", CUSTOM_GOLD=2)
    (finding,) = audit(estate, "X25")
    assert finding.evidence["nodes"] == 7
    assert finding.evidence["sample"].endswith("metal-4 and 2 more")


def test_in_flight_while_it_is_new(audit: Auditor, estate: Estate) -> None:
    metal(estate, CUSTOM_GOLD=2).node["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X25").findings
    assert not finding.settled


def test_quiet_for_one_of_one_class(audit: Auditor, estate: Estate) -> None:
    node = metal(estate, CUSTOM_GOLD=1)
    estate.trait(node.provider, "CUSTOM_RAID")
    assert audit(estate, "X25") == []


def test_quiet_for_a_node_that_offers_nothing(audit: Auditor, estate: Estate) -> None:
    metal(estate)
    assert audit(estate, "X25") == []


@pytest.mark.parametrize("reserved", [0, 1])
def test_quiet_whether_it_is_reserved_or_not(audit: Auditor, estate: Estate, reserved: int) -> None:
    node = metal(estate)
    estate.inventory(node.provider, "CUSTOM_GOLD", 1, reserved=reserved)
    assert audit(estate, "X25") == []


def test_quiet_for_virtual_machines_hosts(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("host")
    estate.inventory(host.provider, "CUSTOM_PMEM_NAMESPACE_16GB", 4)
    assert audit(estate, "X25") == []


def test_quiet_for_a_node_that_is_deleted(audit: Auditor, estate: Estate) -> None:
    metal(estate, CUSTOM_GOLD=2).node.update(deleted=1, deleted_at=estate.ago(days=1))
    assert audit(estate, "X25") == []
