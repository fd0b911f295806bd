from pathlib import Path
from typing import Any

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row
from tests.support import Auditor, sqlite_urls

EMPTIED: list[dict[str, Any]] = [
    {"allocation_ratio": 0.0},
    {"reserved": 48},
    # 1 x 0.4 is less than one CPU
    {"total": 1, "reserved": 0, "allocation_ratio": 0.4},
]


@pytest.fixture
def hosts() -> tuple[Estate, list[Compute]]:
    estate = Estate()
    return estate, [estate.compute(f"node-{number}", reserved_mb=0) for number in range(4)]


def inventory(estate: Estate, host: Compute, name: str) -> Row:
    (row,) = (
        row
        for row in estate.rows[t.inventories]
        if row["resource_provider_id"] == host.provider["id"] and row["resource_class_id"] == estate.class_id(name)
    )
    return row


@pytest.mark.parametrize("name", ["VCPU", "MEMORY_MB"])
@pytest.mark.parametrize("how", EMPTIED)
def test_fires_for_a_running_host(
    audit: Auditor, hosts: tuple[Estate, list[Compute]], how: dict[str, Any], name: str
) -> None:
    estate, (host, *_) = hosts
    row = inventory(estate, host, name)
    row.update(how)
    if "reserved" in how and "total" not in how:
        row["reserved"] = row["total"]
    (finding,) = audit(estate, "X36")
    assert (finding.severity, finding.subject["host"]) == ("warning", "node-0")
    assert finding.message.startswith(
        f"nova-compute on node-0 runs and is enabled, yet placement has nothing to give there: {name}: "
    )
    assert finding.withheld
    assert finding.identity == "X36::cell1:node-0:node-0"


def test_fires_once_for_a_host_without_both(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    for name in ("VCPU", "MEMORY_MB"):
        inventory(estate, host, name)["allocation_ratio"] = 0.0
    (finding,) = audit(estate, "X36")
    assert "VCPU: its allocation ratio is 0" in finding.message
    assert "MEMORY_MB: its allocation ratio is 0" in finding.message


def test_fires_once_where_no_running_host_has_any(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, hosts_ = hosts
    for host in hosts_:
        inventory(estate, host, "VCPU")["allocation_ratio"] = 0.0
    disabled, down = estate.compute("disabled"), estate.compute("down")
    disabled.service["disabled"] = 1
    down.service.update(last_seen_up=estate.ago(hours=1), updated_at=estate.ago(hours=1))
    (finding,) = audit(estate, "X36")
    assert (finding.severity, finding.identity) == ("error", "X36:VCPU:::")
    assert finding.message == (
        "no server can be placed: all 4 running hosts have no VCPU to give (its allocation ratio is 0): "
        "node-0, node-1, node-2, node-3"
    )


def test_stands_for_what_placement_alone_tells(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, hosts_ = hosts
    for number, host in enumerate(hosts_):
        estate.server(f"server {number}", host)
        inventory(estate, host, "VCPU")["allocation_ratio"] = 0.0
    found = audit(estate)
    assert [(finding.code, finding.also) for finding in found] == [("X36", {"P10": 4, "P19": 4})]


def test_stands_for_what_placement_alone_tells_of_one_host(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    estate.server("server", host)
    row = inventory(estate, host, "MEMORY_MB")
    row["reserved"] = row["total"]
    assert [(finding.code, finding.also) for finding in audit(estate)] == [("X36", {"P19": 1})]


def test_fires_as_an_error_where_servers_cannot_even_leave(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    estate.server("server", host)
    inventory(estate, host, "VCPU")["allocation_ratio"] = 0.0
    audit.revision = "b5c396305c25"
    assert [finding.severity for finding in audit(estate, "X36")] == ["error"]


@pytest.mark.parametrize("why", ["disabled", "down", "forced down", "just started", "bare metal"])
def test_quiet_for_a_host_that_is_not_to_be_judged(
    audit: Auditor, hosts: tuple[Estate, list[Compute]], why: str
) -> None:
    estate, (host, *_) = hosts
    inventory(estate, host, "VCPU")["reserved"] = 48
    if why == "disabled":
        host.service["disabled"] = 1
    elif why == "down":
        host.service.update(last_seen_up=estate.ago(hours=1), updated_at=estate.ago(hours=1))
    elif why == "forced down":
        host.service["forced_down"] = 1
    elif why == "just started":
        host.service.update(last_seen_up=estate.ago(seconds=30), updated_at=estate.ago(seconds=5))
    else:
        host.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X36") == []


def test_quiet_for_a_ratio_that_the_api_refuses(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    inventory(estate, host, "VCPU")["allocation_ratio"] = -1.0
    assert audit(estate, "X36") == []


def test_quiet_for_a_ratio_that_is_not_known(tmp_path: Path, hosts: tuple[Estate, list[Compute]]) -> None:
    """The real schema forbids NULL, so only a table of our own can have it."""
    estate, (host, *_) = hosts
    inventory(estate, host, "VCPU")["allocation_ratio"] = None
    assert Auditor(lambda _: sqlite_urls(tmp_path, estate.cells), tmp_path)(estate, "X36") == []


def test_quiet_for_pinned_cpus_alone(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, other, *_) = hosts
    estate.remove(t.inventories, inventory(estate, host, "VCPU"))
    estate.inventory(host.provider, "PCPU", 48)
    inventory(estate, other, "VCPU")["reserved"] = 48
    estate.inventory(other.provider, "PCPU", 40)
    assert audit(estate, "X36") == []


def test_fires_where_pinned_cpus_are_all_reserved_too(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    inventory(estate, host, "VCPU")["reserved"] = 48
    estate.inventory(host.provider, "PCPU", 40, reserved=40)
    assert len(audit(estate, "X36")) == 1


def test_quiet_for_a_child_that_has_the_class(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (host, *_) = hosts
    inventory(estate, host, "VCPU")["reserved"] = 48
    estate.inventory(estate.provider("numa 0", parent=host.provider), "VCPU", 24)
    assert audit(estate, "X36") == []


def test_quiet_for_what_a_ratio_leaves(audit: Auditor, hosts: tuple[Estate, list[Compute]]) -> None:
    estate, (first, second, *_) = hosts
    # a FLOAT holds 0.1 as a little more and 0.9 as a little less
    inventory(estate, first, "VCPU").update(total=10, allocation_ratio=0.1)
    inventory(estate, second, "VCPU").update(total=2, allocation_ratio=0.9)
    assert audit(estate, "X36") == []
