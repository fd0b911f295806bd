import pytest

from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def has(estate: Estate, resource_class: str, total: int, **fields: float) -> None:
    estate.inventory(estate.provider("node-1"), resource_class, total, **fields)


def test_fires_as_information_with_both_numbers(audit: Auditor, estate: Estate) -> None:
    has(estate, "MEMORY_MB", 8192, reserved=512)
    (finding,) = audit(estate, "P35")
    assert finding.subject == {"provider": uuid_of("node-1"), "provider_name": "node-1", "resource_class": "MEMORY_MB"}
    assert (finding.evidence["max_unit"], finding.evidence["capacity"]) == (8192, 7680)
    assert finding.impact == "I"
    assert finding.severity == "info"


def test_fires_for_a_fraction_below_max_unit(audit: Auditor, estate: Estate) -> None:
    has(estate, "VCPU", 9, allocation_ratio=0.9)
    (finding,) = audit(estate, "P35")
    assert finding.evidence["capacity"] == 8


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
