from typing import Any

import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("host")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"allocation_ratio": 0.0}, "its allocation_ratio is 0"),
        ({"min_unit": 5}, "its min_unit is above its max_unit"),
        ({"min_unit": 3, "step_size": 5}, "no multiple of its step_size lies between min_unit and max_unit"),
        ({"reserved": 2, "min_unit": 3}, "its capacity is below its min_unit"),
        ({"allocation_ratio": 0.2}, "its capacity is below its min_unit"),
    ],
)
def test_fires_for_numbers_that_rule_each_other_out(
    audit: Auditor, estate: Estate, host: Compute, fields: dict[str, Any], reason: str
) -> None:
    estate.inventory(host.provider, "VGPU", 4, **fields)
    (finding,) = audit(estate, "P10")
    assert (finding.severity, finding.impact) == ("info", "L")
    assert finding.subject == {"provider": host.uuid, "provider_name": "host", "resource_class": "VGPU"}
    assert finding.evidence["reason"] == reason
    assert finding.evidence["total"] == 4


def test_quiet_for_a_host_being_drained(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 4, reserved=4)
    assert audit(estate, "P10") == []


def test_quiet_for_an_ironic_node_in_use(audit: Auditor, estate: Estate) -> None:
    node = estate.compute("conductor", node="node", hypervisor_type="ironic")
    estate.inventory(node.provider, "CUSTOM_BAREMETAL", 1, reserved=1)
    assert audit(estate, "P10") == []


def test_quiet_for_a_one_time_use_device_in_use(audit: Auditor, estate: Estate, host: Compute) -> None:
    device = estate.provider("host_0000:81:00.0", parent=host.provider)
    estate.inventory(device, "CUSTOM_PCI_10DE_1DB6", 1, reserved=1)
    assert audit(estate, "P10") == []


def test_quiet_for_a_full_segment(audit: Auditor, estate: Estate) -> None:
    estate.inventory(estate.provider("Neutron segment id 7"), "IPV4_ADDRESS", 250, reserved=250)
    assert audit(estate, "P10") == []


@pytest.mark.parametrize("fields", [{"step_size": 0}, {"min_unit": 0, "max_unit": -1}, {"allocation_ratio": -1.0}])
def test_quiet_for_invalid_values(audit: Auditor, estate: Estate, host: Compute, fields: dict[str, Any]) -> None:
    estate.inventory(host.provider, "VGPU", 4, **fields)
    assert [finding.code for finding in audit(estate, "P09", "P10")] == ["P09"]


def test_quiet_for_the_least_that_can_be_used(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 4, reserved=1, min_unit=3, max_unit=3, step_size=3)
    # 0.9 is less than itself in the single precision of a MariaDB column.
    estate.inventory(host.provider, "FPGA", 10, min_unit=9, allocation_ratio=0.9)
    assert audit(estate, "P10") == []
