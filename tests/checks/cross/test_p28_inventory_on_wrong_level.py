import pytest

from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor

TRAIN, CARACAL, FLAMINGO = 40, 67, 70


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("node-1")


@pytest.mark.parametrize("version", [TRAIN, FLAMINGO])
def test_fires_for_vgpus_on_the_host(audit: Auditor, estate: Estate, host: Compute, version: int) -> None:
    host.service["version"] = version
    estate.inventory(host.provider, "VGPU", 8)
    estate.claim(uuid_of("render"), host.provider, {"VGPU": 1})
    (finding,) = audit(estate, "P28")
    assert finding.subject == {
        "provider": host.uuid,
        "provider_name": "node-1",
        "host": "node-1",
        "cell": "cell1",
        "resource_class": "VGPU",
    }
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert finding.evidence["consumers"] == 1
    assert finding.remedy[-1] == "systemctl restart nova-compute  # on node-1"


def test_fires_for_encryption_contexts_from_2025_2_on(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["version"] = FLAMINGO
    estate.inventory(host.provider, "MEM_ENCRYPTION_CONTEXT", 15, max_unit=1)
    (finding,) = audit(estate, "P28")
    assert finding.subject["resource_class"] == "MEM_ENCRYPTION_CONTEXT"


def test_in_flight_while_the_inventory_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 8, created_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "P28").findings
    assert not finding.settled


@pytest.mark.parametrize(("seen", "settled"), [(50, False), (5, True)])
def test_in_flight_while_the_service_starts(
    audit: Auditor, estate: Estate, host: Compute, seen: int, settled: bool
) -> None:
    """It writes its new version first, and moves the inventory before its next sign of life."""
    host.service.update(version=FLAMINGO, updated_at=estate.ago(seconds=10), last_seen_up=estate.ago(seconds=seen))
    estate.inventory(host.provider, "VGPU", 8)
    (finding,) = audit.report(estate, "P28").findings
    assert finding.settled == settled


@pytest.mark.parametrize("version", [CARACAL, FLAMINGO - 1])
def test_quiet_for_encryption_contexts_before_the_restart_in_2025_2(
    audit: Auditor, estate: Estate, host: Compute, version: int
) -> None:
    """The other hosts run the new release already."""
    estate.compute("node-2")
    host.service["version"] = version
    estate.inventory(host.provider, "MEM_ENCRYPTION_CONTEXT", 15, max_unit=1)
    assert audit(estate, "P28") == []


def test_quiet_for_vgpus_before_stein(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["version"] = 35
    estate.inventory(host.provider, "VGPU", 8)
    assert audit(estate, "P28") == []


@pytest.mark.parametrize("hypervisor_type", ["XenServer", "VMware vCenter Server", "ironic"])
def test_quiet_for_other_drivers(audit: Auditor, estate: Estate, hypervisor_type: str) -> None:
    host = estate.compute("node-1", hypervisor_type=hypervisor_type)
    estate.inventory(host.provider, "VGPU", 8)
    assert audit(estate, "P28") == []


def test_quiet_on_a_child(audit: Auditor, estate: Estate, host: Compute) -> None:
    for name, resource_class in (("pci_0000_3b_00_0", "VGPU"), ("amd_sev", "MEM_ENCRYPTION_CONTEXT")):
        estate.inventory(estate.provider(f"node-1_{name}", parent=host.provider), resource_class, 8)
    assert audit(estate, "P28") == []


def test_quiet_for_a_root_that_is_no_compute_nodes(audit: Auditor, estate: Estate) -> None:
    estate.inventory(estate.provider("accelerators"), "VGPU", 8)
    assert audit(estate, "P28") == []


def test_fires_without_a_restart_that_would_remove_a_server(audit: Auditor, estate: Estate, host: Compute) -> None:
    """One that was evacuated and is back."""
    estate.inventory(host.provider, "VGPU", 8)
    estate.migration(estate.server("web", host), "evacuation", "done", host, estate.compute("node-2"))
    (finding,) = audit(estate, "P28")
    assert not any("restart" in line for line in finding.remedy)
    assert "node-1 would remove a server" in str(finding.withheld)
