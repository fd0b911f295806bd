import pytest

from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_once_for_hosts_that_differ_alike(audit: Auditor, estate: Estate) -> None:
    hosts = [estate.compute(f"node-{number}", vcpu_ratio=16.0) for number in range(7)]
    for host in hosts:
        host.node["cpu_allocation_ratio"] = 4.0
    (finding,) = audit(estate, "X17")
    assert finding.subject == {"resource_class": "VCPU"}
    assert (finding.evidence["ratio"], finding.evidence["nova_ratio"], finding.evidence["hosts"]) == (16.0, 4.0, 7)
    assert finding.evidence["sample"].endswith("node-4 and 2 more")
    assert finding.evidence["first"] == hosts[0].uuid
    assert finding.impact == "I"


@pytest.mark.parametrize(
    ("column", "name"), [("ram_allocation_ratio", "MEMORY_MB"), ("disk_allocation_ratio", "DISK_GB")]
)
def test_fires_for_memory_and_disk(audit: Auditor, estate: Estate, column: str, name: str) -> None:
    estate.compute("node").node[column] = 1.5
    (finding,) = audit(estate, "X17")
    assert finding.subject["resource_class"] == name


def test_in_flight_while_the_host_is_new(audit: Auditor, estate: Estate) -> None:
    estate.compute("node", at=estate.ago(minutes=1)).node["cpu_allocation_ratio"] = 16.0
    (finding,) = audit.report(estate, "X17").findings
    assert not finding.settled


@pytest.mark.parametrize("ratio", [0.0, None])
def test_quiet_where_nova_knows_none(audit: Auditor, estate: Estate, ratio: float | None) -> None:
    estate.compute("node").node["cpu_allocation_ratio"] = ratio
    assert audit(estate, "X17") == []


def test_quiet_for_the_noise_of_a_float(audit: Auditor, estate: Estate) -> None:
    estate.compute("node", vcpu_ratio=0.9).node["cpu_allocation_ratio"] = 0.9000001
    assert audit(estate, "X17") == []


def test_quiet_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    node = estate.compute("conductor", node="node", hypervisor_type="ironic")
    estate.inventory(node.provider, "VCPU", 8)
    node.node["cpu_allocation_ratio"] = 16.0
    assert audit(estate, "X17") == []


def test_quiet_for_other_classes(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node")
    estate.inventory(host.provider, "PCPU", 8, allocation_ratio=1.0)
    estate.inventory(host.provider, "CUSTOM_GOLD", 8, allocation_ratio=2.0)
    assert audit(estate, "X17") == []


@pytest.mark.parametrize(
    ("settings", "outlook"),
    [
        ({}, ""),
        ({"cpu_allocation_ratio": 0.0}, ""),
        ({"cpu_allocation_ratio": 8.0}, "; cpu_allocation_ratio = 8.0, which the next report applies"),
        ({"initial_cpu_allocation_ratio": 4.0}, "; initial_cpu_allocation_ratio = 4.0 is for new hosts alone"),
        ({"ram_allocation_ratio": 8.0}, ""),
    ],
)
def test_fires_with_what_a_file_says(audit: Auditor, estate: Estate, settings: dict[str, float], outlook: str) -> None:
    estate.compute("node", vcpu_ratio=16.0).node["cpu_allocation_ratio"] = 4.0
    audit.settings = settings
    (finding,) = audit(estate, "X17")
    assert finding.message == f"1 hosts have ratio 16.0 for VCPU in placement, and 4.0 in nova{outlook}: node"
