import pytest

from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def has(estate: Estate, resource_class: str, total: int, name: str = "node-1", **fields: float | str) -> None:
    estate.inventory(estate.provider(name), resource_class, total, **fields)


def test_fires_as_information_with_both_numbers(audit: Auditor, estate: Estate) -> None:
    has(estate, "MEMORY_MB", 8192, reserved=512)
    (finding,) = audit(estate, "P35")
    assert finding.subject == {"resource_class": "MEMORY_MB"}
    assert (finding.evidence["largest_max_unit"], finding.evidence["smallest_capacity"]) == (8192, 7680)
    assert finding.message == "1 providers allow one consumer 512 MEMORY_MB more than their whole capacity: node-1"
    assert finding.impact == "I"
    assert finding.severity == "info"
    assert finding.remedy[1:] == (f"openstack resource provider inventory show {uuid_of('node-1')} MEMORY_MB",)


def test_fires_once_for_all_hosts_of_one_setting(audit: Auditor, estate: Estate) -> None:
    """Nova's defaults: every host reserves the same, however large it is."""
    for number in range(1, 9):
        estate.compute(f"node-{number}", memory_mb=100_000 + number, reserved_mb=512)
    estate.compute("other", reserved_mb=4096)
    first, second = audit(estate, "P35")
    assert (first.identity, first.evidence["providers"]) == ("P35:MEMORY_MB:512", 8)
    assert first.evidence["sample"] == "node-1, node-2, node-3, node-4, node-5 and 3 more"
    assert (second.identity, second.evidence["sample"]) == ("P35:MEMORY_MB:4096", "other")


def test_fires_for_a_fraction_below_max_unit(audit: Auditor, estate: Estate) -> None:
    has(estate, "VCPU", 9, allocation_ratio=0.9)
    (finding,) = audit(estate, "P35")
    assert finding.evidence["smallest_capacity"] == 8


def test_a_new_host_holds_back_no_old_one(audit: Auditor, estate: Estate) -> None:
    has(estate, "VCPU", 9, reserved=1)
    has(estate, "VCPU", 9, "node-2", reserved=1, created_at=estate.ago(minutes=1))
    (finding,) = audit(estate, "P35")
    assert finding.evidence["providers"] == 2


def test_in_flight_while_all_hosts_are_new(audit: Auditor, estate: Estate) -> None:
    has(estate, "VCPU", 9, reserved=1, created_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "P35").findings
    assert not finding.settled


def test_names_the_hosts_that_were_given_a_max_unit_beyond_what_exists(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1", disk_gb=0)
    estate.inventory(host.provider, "DISK_GB", 100, max_unit=150, reserved=10)
    (finding,) = [one for one in audit(estate, "P35", "X29") if one.subject["resource_class"] == "DISK_GB"]
    assert (finding.code, finding.also) == ("P35", {"X29": 1})


@pytest.mark.parametrize(
    "fields",
    [{"reserved": 512, "max_unit": 7680}, {"reserved": 512, "allocation_ratio": 1.5}, {}],
)
def test_quiet_when_all_of_it_fits(audit: Auditor, estate: Estate, fields: dict[str, float]) -> None:
    has(estate, "MEMORY_MB", 8192, **fields)
    assert audit(estate, "P35") == []


def test_quiet_for_a_max_unit_that_was_never_set(audit: Auditor, estate: Estate) -> None:
    has(estate, "DISK_GB", 1000, max_unit=2147483647)
    assert audit(estate, "P35") == []


def test_quiet_for_an_inventory_that_is_reserved_whole(audit: Auditor, estate: Estate) -> None:
    has(estate, "CUSTOM_BAREMETAL", 1, reserved=1)
    assert audit(estate, "P35") == []


@pytest.mark.parametrize("fields", [{"step_size": 0}, {"min_unit": 0}, {"allocation_ratio": -1.0}, {"reserved": -1}])
def test_quiet_for_an_inventory_that_is_invalid_itself(
    audit: Auditor, estate: Estate, fields: dict[str, float]
) -> None:
    has(estate, "VCPU", 8, max_unit=100, **fields)
    assert audit(estate, "P35") == []
