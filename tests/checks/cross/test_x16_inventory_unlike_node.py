import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    """Its numbers agree: 48 CPUs, 262144 MB, 2000 GB."""
    estate.compute("neighbour")
    return estate.compute("host")


@pytest.mark.parametrize(
    ("column", "value", "resource_class"),
    [("vcpus", 64, "VCPU"), ("vcpus", 47, "VCPU"), ("memory_mb", 262143, "MEMORY_MB"), ("local_gb", 4000, "DISK_GB")],
)
def test_fires_for_a_class_of_another_size(
    audit: Auditor, estate: Estate, host: Compute, column: str, value: int, resource_class: str
) -> None:
    host.node[column] = value
    (finding,) = audit(estate, "X16")
    assert finding.subject["provider"] == host.uuid
    assert finding.subject["resource_class"] == resource_class
    assert finding.evidence["reported"] == value
    assert finding.severity == "warning"
    assert finding.remedy[0].endswith(f"inventory show {host.uuid} {resource_class}")


def test_in_flight_while_the_host_is_new(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node.update(vcpus=64, created_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "X16").findings
    assert not finding.settled


def test_quiet_when_they_agree(audit: Auditor, estate: Estate, host: Compute) -> None:
    assert audit(estate, "X16") == []


@pytest.mark.parametrize("local_gb", [1999, 2001, 1961, 2039])
def test_quiet_for_a_disk_whose_size_moves(audit: Auditor, estate: Estate, host: Compute, local_gb: int) -> None:
    host.node["local_gb"] = local_gb
    assert audit(estate, "X16") == []


def test_quiet_for_one_gigabyte_of_a_small_disk(audit: Auditor, estate: Estate) -> None:
    estate.compute("small", disk_gb=10).node["local_gb"] = 11
    assert audit(estate, "X16") == []


@pytest.mark.parametrize("kind", ["ironic", "VMware vCenter Server", "hyperv", "z/VM", ""])
def test_quiet_for_other_drivers(audit: Auditor, estate: Estate, host: Compute, kind: str) -> None:
    host.node.update(vcpus=64, hypervisor_type=kind)
    assert audit(estate, "X16") == []


@pytest.mark.parametrize("column", ["vcpus", "memory_mb", "local_gb"])
def test_quiet_for_a_zero(audit: Auditor, estate: Estate, host: Compute, column: str) -> None:
    host.node[column] = 0
    assert audit(estate, "X16") == []


def test_quiet_for_pinned_cpus(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("pinned", vcpus=24)
    estate.inventory(host.provider, "PCPU", 24)
    assert audit(estate, "X16") == []


def test_quiet_when_the_service_is_down(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node["vcpus"] = 64
    host.service.update(last_seen_up=estate.ago(minutes=5), updated_at=estate.ago(minutes=5))
    assert audit(estate, "X16") == []


def test_quiet_when_the_service_has_just_been_started(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node["vcpus"] = 64
    host.service.update(last_seen_up=estate.ago(seconds=50), updated_at=estate.ago(seconds=10))
    assert audit(estate, "X16") == []


def test_quiet_without_a_service(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node["vcpus"] = 64
    host.service.update(deleted=1, deleted_at=estate.ago(hours=1))
    assert audit(estate, "X16") == []
