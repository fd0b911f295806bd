from pathlib import Path
from typing import Any

import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("host")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"total": 0}, "its total is below 1"),
        ({"reserved": -1}, "its reserved amount is negative"),
        ({"reserved": 5}, "more is reserved than its total"),
        ({"min_unit": 0}, "its min_unit is below 1"),
        ({"max_unit": 0}, "its max_unit is below 1"),
        ({"allocation_ratio": -1.0}, "its allocation_ratio is negative"),
    ],
)
def test_fires_for_a_value_that_the_api_refuses(
    audit: Auditor, estate: Estate, host: Compute, fields: dict[str, Any], reason: str
) -> None:
    estate.inventory(host.provider, "VGPU", **({"total": 4} | fields))
    (finding,) = audit(estate, "P09")
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert finding.subject == {"provider": host.uuid, "provider_name": "host", "resource_class": "VGPU"}
    assert finding.evidence["reason"] == reason


def test_fires_as_an_error_for_a_step_of_zero(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 4, step_size=0)
    (finding,) = audit(estate, "P09")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.evidence["reason"] == "its step_size is below 1"
    assert finding.remedy[-1].endswith(f"inventory set --amend --resource VGPU:step_size=1 {host.uuid}")


def test_fires_without_a_command_when_the_right_value_is_unknown(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 4, reserved=5)
    (finding,) = audit(estate, "P09")
    assert finding.remedy == (f"openstack resource provider inventory show {host.uuid} VGPU",)


def test_quiet_at_the_limits_of_what_the_api_accepts(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 1, reserved=1, min_unit=1, max_unit=1, allocation_ratio=0.0)
    estate.inventory(host.provider, "FPGA", 2147483647, min_unit=2147483647, step_size=2147483647)
    assert audit(estate, "P09") == []


def test_fires_for_a_missing_value(tmp_path: Path, estate: Estate, host: Compute) -> None:
    """The real schema forbids NULL, so only a table of our own can have it."""
    estate.inventory(host.provider, "VGPU", 4, allocation_ratio=None)
    (finding,) = Auditor(lambda _: sqlite_urls(tmp_path, estate.cells), tmp_path)(estate, "P09")
    assert finding.evidence["reason"] == "one of its values is missing"


@pytest.mark.parametrize("where", ["the same inventory", "another"])
def test_offers_nothing_where_the_api_would_refuse_the_rest(
    audit: Auditor, estate: Estate, host: Compute, where: str
) -> None:
    estate.inventory(host.provider, "VGPU", 4, step_size=0, reserved=9 if where == "the same inventory" else 0)
    if where == "another":
        estate.inventory(host.provider, "FPGA", 4, reserved=9)
    found = audit(estate, "P09")
    assert not any("inventory set" in line for finding in found for line in finding.remedy)
    assert "several values of the provider are wrong" in (found[-1].withheld or "")


@pytest.mark.parametrize(("fields", "correction"), [({"max_unit": 0}, "max_unit=4"), ({"min_unit": 0}, "min_unit=1")])
def test_offers_what_gives_nobody_more_than_there_is(
    audit: Auditor, estate: Estate, host: Compute, fields: dict[str, int], correction: str
) -> None:
    estate.inventory(host.provider, "VGPU", **({"total": 4} | fields))
    (finding,) = audit(estate, "P09")
    assert f"--resource VGPU:{correction} " in finding.remedy[-1]


def test_leaves_the_reserve_of_a_host_to_its_configuration(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.provider("pool")
    for provider in (host.provider, pool):
        estate.inventory(provider, "VGPU", 4, reserved=-1)
    found = {finding.subject["provider_name"]: finding for finding in audit(estate, "P09")}
    assert "VGPU:reserved=0" in found["pool"].remedy[-1]
    assert "nova.conf of the host" in (found["host"].withheld or "")
