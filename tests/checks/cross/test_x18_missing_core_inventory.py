import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour")
    return estate.compute("host")


def drop(estate: Estate, host: Compute, *names: str) -> None:
    ids = {estate.class_id(name) for name in names}
    for row in list(estate.rows[t.inventories]):
        if row["resource_provider_id"] == host.provider["id"] and row["resource_class_id"] in ids:
            estate.remove(t.inventories, row)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["MEMORY_MB"], "MEMORY_MB"),
        (["VCPU"], "VCPU or PCPU"),
        (["VCPU", "MEMORY_MB"], "CPUs and no MEMORY_MB"),
    ],
)
def test_fires_for_a_host_without_memory_or_cpus(
    audit: Auditor, estate: Estate, host: Compute, names: list[str], missing: str
) -> None:
    drop(estate, host, *names)
    (finding,) = audit(estate, "X18")
    assert (finding.subject["host"], finding.subject["provider"]) == ("host", host.uuid)
    assert finding.evidence["missing"] == missing
    assert finding.severity == "error"


@pytest.mark.parametrize("state", ["down", "disabled", "starting", "gone"])
def test_fires_for_information_while_the_service_does_not_run(
    audit: Auditor, estate: Estate, host: Compute, state: str
) -> None:
    drop(estate, host, "MEMORY_MB")
    host.service.update(
        {
            "down": {"last_seen_up": estate.ago(minutes=5), "updated_at": estate.ago(minutes=5)},
            "disabled": {"disabled": 1},
            "starting": {"last_seen_up": estate.ago(seconds=50), "updated_at": estate.ago(seconds=10)},
            "gone": {"deleted": 1, "deleted_at": estate.ago(hours=1)},
        }[state]
    )
    (finding,) = audit(estate, "X18")
    assert finding.severity == "info"


def test_in_flight_while_it_is_new(audit: Auditor, estate: Estate, host: Compute) -> None:
    drop(estate, host, "MEMORY_MB")
    host.provider["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X18").findings
    assert not finding.settled


def test_quiet_for_pinned_cpus_alone(audit: Auditor, estate: Estate, host: Compute) -> None:
    drop(estate, host, "VCPU")
    estate.inventory(host.provider, "PCPU", 24)
    assert audit(estate, "X18") == []


def test_quiet_for_a_host_without_disk(audit: Auditor, estate: Estate) -> None:
    estate.compute("diskless", disk_gb=0)
    assert audit(estate, "X18") == []


def test_quiet_for_what_a_child_has(audit: Auditor, estate: Estate, host: Compute) -> None:
    drop(estate, host, "VCPU", "MEMORY_MB")
    numa = estate.provider("host_NUMA0", parent=host.provider)
    estate.inventory(numa, "VCPU", 48)
    estate.inventory(numa, "MEMORY_MB", 262144)
    assert audit(estate, "X18") == []


def test_quiet_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    node = estate.compute("conductor", node="node", hypervisor_type="ironic")
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    assert audit(estate, "X18") == []


def test_quiet_for_a_host_without_any_inventory(audit: Auditor, estate: Estate, host: Compute) -> None:
    drop(estate, host, "VCPU", "MEMORY_MB", "DISK_GB")
    assert audit(estate, "X18") == []


def test_quiet_for_providers_that_are_no_hosts(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 1000, host.provider)
    assert audit(estate, "X18") == []
