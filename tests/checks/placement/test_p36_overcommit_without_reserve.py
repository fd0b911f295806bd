import pytest

from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_as_a_warning_for_memory(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1", memory_mb=100_000, memory_ratio=1.5, reserved_mb=0)
    (finding,) = audit(estate, "P36")
    assert finding.subject == {"resource_class": "MEMORY_MB"}
    assert (finding.evidence["promised"], finding.evidence["total"]) == (150_000, 100_000)
    assert finding.message == (
        "1 providers may promise 150000 MEMORY_MB where 100000 exist and 0 are reserved (ratio 1.5): node-1"
    )
    assert finding.severity == "warning"
    assert finding.remedy[1:] == (f"openstack resource provider inventory show {host.uuid} MEMORY_MB",)


def test_fires_once_for_all_hosts_of_one_ratio(audit: Auditor, estate: Estate) -> None:
    for number in range(1, 9):
        estate.compute(f"node-{number}", memory_mb=100_000 + number, memory_ratio=1.5, reserved_mb=0)
    estate.compute("other", memory_ratio=1.2, reserved_mb=0)
    other, equal = audit(estate, "P36")
    assert (other.identity, other.evidence["sample"]) == ("P36:MEMORY_MB:1.2", "other")
    assert (equal.identity, equal.evidence["providers"]) == ("P36:MEMORY_MB:1.5", 8)
    assert equal.evidence["sample"] == "node-1, node-2, node-3, node-4, node-5 and 3 more"
    assert equal.evidence["total"] == 800_036


def test_in_flight_while_all_hosts_are_new(audit: Auditor, estate: Estate) -> None:
    for name, at in (("node-1", estate.ago(minutes=1)), ("node-2", estate.ago(minutes=2))):
        estate.inventory(estate.provider(name), "MEMORY_MB", 8192, allocation_ratio=2.0, created_at=at)
    (finding,) = audit.report(estate, "P36").findings
    assert not finding.settled


@pytest.mark.parametrize("reserved", [0, 50])
def test_fires_as_information_for_disk(audit: Auditor, estate: Estate, reserved: int) -> None:
    estate.inventory(estate.provider("node-1"), "DISK_GB", 1000, reserved=reserved, allocation_ratio=2.0)
    (finding,) = audit(estate, "P36")
    assert finding.subject["resource_class"] == "DISK_GB"
    assert finding.evidence["promised"] == 2 * (1000 - reserved)
    assert finding.impact == "L"


def test_quiet_for_memory_with_a_reserve(audit: Auditor, estate: Estate) -> None:
    estate.compute("node-1", memory_ratio=1.5, reserved_mb=512)
    assert audit(estate, "P36") == []


def test_quiet_for_memory_that_is_not_promised_twice(audit: Auditor, estate: Estate) -> None:
    estate.compute("node-1", memory_ratio=1.0, reserved_mb=0)
    assert audit(estate, "P36") == []


def test_quiet_for_cpus_which_may_be_shared(audit: Auditor, estate: Estate) -> None:
    estate.compute("node-1", vcpu_ratio=16.0)
    assert audit(estate, "P36") == []


def test_quiet_for_an_inventory_that_is_invalid_itself(audit: Auditor, estate: Estate) -> None:
    estate.inventory(estate.provider("node-1"), "MEMORY_MB", 8192, step_size=0, allocation_ratio=2.0)
    assert audit(estate, "P36") == []


@pytest.mark.parametrize(
    ("settings", "impact"),
    [
        ({"ram_allocation_ratio": 1.5, "reserved_host_memory_mb": 0}, "I"),
        ({"ram_allocation_ratio": 1.5}, "M"),
        ({"ram_allocation_ratio": 1.2, "reserved_host_memory_mb": 0}, "M"),
        ({"disk_allocation_ratio": 1.5, "reserved_host_memory_mb": 0}, "M"),
    ],
)
def test_fires_for_information_where_it_was_set_so(
    audit: Auditor, estate: Estate, settings: dict[str, float], impact: str
) -> None:
    estate.compute("node-1", memory_ratio=1.5, reserved_mb=0)
    audit.settings = settings
    (finding,) = audit(estate, "P36")
    assert finding.impact == impact
