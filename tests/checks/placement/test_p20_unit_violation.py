import pytest

from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def hold(estate: Estate, resource_class: str, used: int, **fields: object) -> None:
    provider = estate.provider("node-1")
    estate.inventory(provider, resource_class, 100, **fields)
    estate.claim(uuid_of("web"), provider, {resource_class: used})


def test_fires_as_a_warning_for_more_than_max_unit_of_a_core_class(audit: Auditor, estate: Estate) -> None:
    hold(estate, "VCPU", 12, max_unit=8)
    (finding,) = audit(estate, "P20")
    assert finding.subject == {
        "consumer": uuid_of("web"),
        "provider": uuid_of("node-1"),
        "provider_name": "node-1",
        "resource_class": "VCPU",
    }
    assert (finding.evidence["used"], finding.evidence["max_unit"]) == (12, 8)
    assert finding.message.endswith("holds 12 VCPU on node-1, which is more than max_unit 8")
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("resource_class", "used", "fields", "fault"),
    [
        ("VGPU", 3, {"max_unit": 2}, "more than max_unit 2"),
        ("DISK_GB", 5, {"min_unit": 10}, "less than min_unit 10"),
        ("MEMORY_MB", 30, {"step_size": 8}, "no multiple of step_size 8"),
    ],
)
def test_fires_as_information_for_what_blocks_no_server(
    audit: Auditor, estate: Estate, resource_class: str, used: int, fields: dict[str, int], fault: str
) -> None:
    hold(estate, resource_class, used, **fields)
    (finding,) = audit(estate, "P20")
    assert finding.evidence["fault"] == fault
    assert finding.impact == "L"


def test_fires_for_an_inventory_that_changed_after_the_claim(audit: Auditor, estate: Estate) -> None:
    hold(estate, "DISK_GB", 5, min_unit=10)
    (finding,) = audit(estate, "P20")
    assert finding.severity == "info"


def test_quiet_for_amounts_at_the_limits(audit: Auditor, estate: Estate) -> None:
    hold(estate, "VCPU", 8, min_unit=8, max_unit=8, step_size=4)
    assert audit(estate, "P20") == []


def test_quiet_for_several_groups_that_placement_has_summed(audit: Auditor, estate: Estate) -> None:
    """Each group was a multiple of the step and no less than the minimum, and so is their sum."""
    hold(estate, "VGPU", 12, min_unit=4, step_size=4)
    assert audit(estate, "P20") == []


@pytest.mark.parametrize("fields", [{"step_size": 0}, {"max_unit": 0}])
def test_quiet_for_an_inventory_that_is_invalid_itself(audit: Auditor, estate: Estate, fields: dict[str, int]) -> None:
    hold(estate, "VCPU", 2, **fields)
    assert audit(estate, "P20") == []


def test_quiet_for_an_amount_of_nothing_and_for_rows_that_stand_twice(audit: Auditor, estate: Estate) -> None:
    hold(estate, "VCPU", 0)
    twice = estate.provider("node-2")
    estate.inventory(twice, "VCPU", 100, max_unit=2)
    for _ in range(2):
        estate.claim(uuid_of("db"), twice, {"VCPU": 4})
    assert audit(estate, "P20") == []
