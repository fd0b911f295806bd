from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Row, uuid_of
from tests.support import Auditor, placement_schema, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate()


def provider_with(estate: Estate, resource_class: str, total: int, used: int, **fields: float | str) -> Row:
    provider = estate.provider("node-1")
    estate.inventory(provider, resource_class, total, **fields)
    estate.claim(uuid_of("web"), provider, {resource_class: used})
    return provider


def test_fires_with_usage_and_capacity(audit: Auditor, estate: Estate) -> None:
    provider = provider_with(estate, "MEMORY_MB", 8192, 6144, reserved=512)
    estate.claim(uuid_of("db"), provider, {"MEMORY_MB": 4096})
    (finding,) = audit(estate, "P19")
    assert finding.subject == {"provider": uuid_of("node-1"), "provider_name": "node-1", "resource_class": "MEMORY_MB"}
    assert finding.evidence["used"] == 10240
    assert finding.evidence["capacity"] == 7680
    assert finding.evidence["excess"] == 2560
    assert finding.severity == "warning"


def test_fires_for_a_ratio_that_was_lowered(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "VCPU", 4, 8, allocation_ratio=1.0)
    (finding,) = audit(estate, "P19")
    assert (finding.evidence["used"], finding.evidence["capacity"]) == (8, 4)


def test_fires_as_an_error_where_placement_refuses_every_write(tmp_path: Path, estate: Estate) -> None:
    placement_schema(tmp_path, "422ece571366")
    provider_with(estate, "VCPU", 4, 8)
    audit = Auditor(lambda _: sqlite_urls(tmp_path, estate.cells), tmp_path)
    (finding,) = audit(estate, "P19")
    assert finding.impact == "H"
    assert finding.severity == "error"


def test_fires_as_information_for_an_excess_by_rounding(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "VCPU", 10, 10, allocation_ratio=0.9)
    (finding,) = audit(estate, "P19")
    assert (finding.evidence["capacity"], finding.evidence["excess"]) == (9, 1)
    assert finding.severity == "info"


def test_fires_as_a_warning_for_an_excess_of_one_without_rounding(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "VCPU", 10, 21, allocation_ratio=2.0)
    (finding,) = audit(estate, "P19")
    assert finding.evidence["excess"] == 1
    assert finding.severity == "warning"


def test_quiet_when_a_decimal_ratio_is_used_up_exactly(audit: Auditor, estate: Estate) -> None:
    """10 times the FLOAT 0.9 is a little less than 9."""
    provider_with(estate, "VCPU", 10, 9, allocation_ratio=0.9)
    assert audit(estate, "P19") == []


def test_quiet_for_an_ironic_node_in_use(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "CUSTOM_BAREMETAL", 1, 1, reserved=1)
    assert audit(estate, "P19") == []


def test_quiet_for_a_one_time_use_pci_device(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    device = estate.provider("node-1_0000:81:00.0", parent=host.provider)
    estate.inventory(device, "CUSTOM_PCI_10DE_2331", 1, reserved=1)
    estate.claim(uuid_of("web"), device, {"CUSTOM_PCI_10DE_2331": 1})
    assert audit(estate, "P19") == []


def test_quiet_for_a_one_time_use_pci_device_of_a_standard_class(audit: Auditor, estate: Estate) -> None:
    device = estate.provider("node-1_0000:81:00.0", parent=estate.compute("node-1").provider)
    estate.inventory(device, "PGPU", 1, reserved=1)
    estate.claim(uuid_of("web"), device, {"PGPU": 1})
    assert audit(estate, "P19") == []


@pytest.mark.parametrize(
    ("total", "fields", "cause"),
    [
        (8, {"reserved": 8}, "all of it is reserved"),
        (8, {"allocation_ratio": 0.0}, "the allocation ratio is 0"),
        (8, {"reserved": 6, "allocation_ratio": 2.0}, "it would fit but for what is reserved"),
        (8, {"allocation_ratio": 0.5}, "it would fit at a ratio of 1"),
        (2, {"allocation_ratio": 2.0}, "more is in use than exists at this ratio"),
    ],
)
def test_fires_with_the_cause(audit: Auditor, estate: Estate, total: int, fields: dict[str, float], cause: str) -> None:
    provider_with(estate, "VCPU", total, 8, **fields)
    (finding,) = audit(estate, "P19")
    assert finding.evidence["cause"] == cause
    assert finding.message.endswith(f": {cause}")


def test_fires_for_more_than_an_ironic_node_has(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "CUSTOM_BAREMETAL", 1, 2, reserved=1)
    assert len(audit(estate, "P19")) == 1


def test_fires_for_a_standard_class_that_is_reserved_whole(audit: Auditor, estate: Estate) -> None:
    provider_with(estate, "VCPU", 4, 4, reserved=4)
    (finding,) = audit(estate, "P19")
    assert finding.evidence["capacity"] == 0


def test_quiet_about_a_capacity_beyond_all_numbers(audit: Auditor, estate: Estate) -> None:
    provider = estate.provider("node")
    estate.inventory(provider, "VCPU", 2**31 - 1, allocation_ratio=1e30)
    estate.claim("consumer", provider, {"VCPU": 4})
    assert audit(estate, "P19") == []
