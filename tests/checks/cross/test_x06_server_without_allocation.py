import shlex
from itertools import pairwise
from typing import Any

import pytest
from osc_placement.resources.allocation import parse_allocations

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from placement_audit.finding import Finding, changes_something
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("right")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    estate.server("neighbour", host)
    return estate.server("web", host, holds=False)


def written(finding: Finding) -> dict[str, dict[str, int]]:
    """What the command of a finding would leave the server with, by provider, as osc-placement reads it."""
    words = shlex.split(finding.remedy[-1])
    assert words[3:7] == ["resource", "provider", "allocation", "set"]
    assert words[-5:] == ["--project-id", "project-a", "--user-id", "user-a", finding.subject["instance"]]
    return {
        rp: dict(amounts)
        for rp, amounts in parse_allocations(
            [value for option, value in pairwise(words) if option == "--allocation"]
        ).items()
    }


def offered(finding: Finding) -> list[str]:
    return [line for line in finding.remedy if changes_something(line)]


HOLDING = ["active", "paused", "suspended", "stopped", "rescued", "resized", "shelved", "soft-delete"]


@pytest.mark.parametrize("state", HOLDING)
def test_fires_for_a_server_that_holds_nothing(audit: Auditor, estate: Estate, server: Server, state: str) -> None:
    server.instance["vm_state"] = state
    (finding,) = audit(estate, "X06")
    assert finding.subject["instance"] == finding.subject["consumer"] == server.uuid
    assert (finding.subject["host"], finding.subject["cell"]) == ("right", "cell1")
    assert (finding.evidence["vm_state"], finding.evidence["held"]) == (state, "nothing")
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"nova-manage placement heal_allocations --instance {server.uuid}"


def test_fires_as_a_warning_for_a_server_in_error(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["vm_state"] = "error"
    (finding,) = audit(estate, "X06")
    assert finding.severity == "warning"


def test_fires_for_a_server_of_which_only_the_shared_disk_is_left(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    """Healing acts only on a server that holds nothing at all."""
    pool = estate.shared("nfs", 100_000, host.provider)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "X06")
    assert finding.evidence["held"] == "DISK_GB 20 on nfs"
    assert written(finding) == {host.uuid: {"VCPU": 2, "MEMORY_MB": 4096}, pool["uuid"]: {"DISK_GB": 20}}


def test_fires_when_the_flavor_cannot_be_read(audit: Auditor, estate: Estate, server: Server) -> None:
    for row in estate.rows[t.instance_extra]:
        row["flavor"] = "{"
    (finding,) = audit(estate, "X06")
    assert finding.subject["instance"] == server.uuid


def test_fires_after_a_move_that_failed(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.migration(server, "resize", "error", host, estate.compute("left"))
    assert len(audit(estate, "X06")) == 1


def test_fires_once_where_a_resize_between_cells_hides_the_other_row(
    audit: Auditor, estate: Estate, server: Server
) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "hidden": 1})
    assert len(audit(estate, "X06")) == 1


def test_in_flight_while_the_server_is_young(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "X06").findings
    assert not finding.settled


def test_in_flight_while_its_migration_has_just_ended(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.migration(server, "live-migration", "failed", host, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X06").findings
    assert finding.newest_change == estate.ago(minutes=2)
    assert not finding.settled


@pytest.mark.parametrize("state", [*HOLDING, "error"])
def test_quiet_for_a_server_with_its_allocation(audit: Auditor, estate: Estate, host: Compute, state: str) -> None:
    estate.server("web", host, vm_state=state)
    assert audit(estate, "X06") == []


def test_quiet_where_its_own_host_shares_what_it_has(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    estate.trait(host.provider, t.SHARING_TRAIT)
    assert audit(estate, "X06") == []


@pytest.mark.parametrize("state", ["building", "shelved_offloaded", "deleted", None])
def test_quiet_for_a_server_that_need_not_hold_anything_yet_or_any_more(
    audit: Auditor, estate: Estate, server: Server, state: str | None
) -> None:
    server.instance["vm_state"] = state
    assert audit(estate, "X06") == []


@pytest.mark.parametrize("state", ["building", "error", "shelved_offloaded"])
def test_quiet_for_a_server_on_no_host(audit: Auditor, estate: Estate, host: Compute, state: str) -> None:
    estate.server("web", None, vm_state=state)
    estate.server("buried", None, cell="cell0", vm_state="error")
    assert audit(estate, "X06") == []


@pytest.mark.parametrize("task", ["resize_prep", "migrating", "rebuilding", "spawning", "unshelving", "deleting"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    assert audit(estate, "X06") == []


@pytest.mark.parametrize("status", ["pre-migrating", "running", "reverting", "a status of tomorrow"])
def test_quiet_while_a_migration_is_open(
    audit: Auditor, estate: Estate, host: Compute, server: Server, status: str
) -> None:
    row = estate.migration(server, "resize", status, host)
    estate.claim(row["uuid"], host.provider, estate.amounts(server.flavor))
    assert audit(estate, "X06") == []


def test_quiet_for_a_server_that_a_resize_between_cells_hides(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["hidden"] = 1
    assert audit(estate, "X06") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X06") == []


def test_quiet_for_a_flavor_that_asks_for_nothing(audit: Auditor, estate: Estate, host: Compute) -> None:
    nothing = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    estate.server("ghost", host, estate.flavor("none", 1, 1024, 10, extra_specs=nothing), holds=False)
    assert audit(estate, "X06") == []


def test_quiet_for_a_flavor_that_asks_for_disk_alone(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Which is on a sharing provider, or nowhere when the server boots from a volume."""
    flavor = estate.flavor("disk", 1, 1024, 10, extra_specs={"resources:VCPU": "0", "resources:MEMORY_MB": "0"})
    shared = estate.server("shared", host, flavor, holds=False)
    estate.claim(shared.uuid, estate.shared("nfs", 100_000, host.provider), {"DISK_GB": 10})
    estate.server("volume", host, flavor, holds=False)
    assert audit(estate, "X06") == []


def bare_metal(estate: Estate) -> Compute:
    node = estate.compute("conductor", node="node-7", hypervisor_type="ironic")
    specs = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    flavor = estate.flavor("gold", 8, 65536, 400, extra_specs={**specs, "resources:CUSTOM_GOLD": "1"})
    estate.server("metal", node, flavor, holds=False)
    return node


def test_fires_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    node = bare_metal(estate)
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    node.node["host"] = "another conductor"
    (finding,) = audit(estate, "X06")
    assert finding.subject["node"] == "node-7"


def test_quiet_for_bare_metal_without_inventory(audit: Auditor, estate: Estate) -> None:
    bare_metal(estate)
    assert audit(estate, "X06") == []


def test_quiet_for_a_host_that_is_no_live_compute_node(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    host.node["hypervisor_hostname"] = "renamed"
    assert audit(estate, "X06") == []


def test_quiet_for_a_host_whose_provider_is_missing(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    host.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    assert audit(estate, "X06") == []


# --- ports and devices ---


@pytest.mark.parametrize(
    ("child", "amounts"),
    [
        ("right:Open vSwitch agent:br-ex", {"NET_BW_EGR_KILOBIT_PER_SEC": 1000, "NET_BW_IGR_KILOBIT_PER_SEC": 1000}),
        ("right_pci_0000_84_00_0", {"VGPU": 1}),
        ("right_0000:81:00.0", {"CUSTOM_PCI_8086_1563": 1}),
    ],
)
def test_fires_for_a_server_that_holds_a_port_or_device_alone(
    audit: Auditor, estate: Estate, host: Compute, server: Server, child: str, amounts: dict[str, int]
) -> None:
    provider = estate.provider(child, parent=host.provider)
    estate.claim(server.uuid, provider, amounts)
    (finding,) = audit(estate, "X06")
    assert "holds no CPUs and no memory of that host" in finding.message
    assert all(name in finding.evidence["held"] for name in amounts)
    assert written(finding) == {
        host.uuid: {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20},
        provider["uuid"]: amounts,
    }


def test_fires_without_a_command_where_it_holds_a_device_of_another_host(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    left = estate.compute("left")
    estate.claim(server.uuid, estate.provider("left_pci_0000_84_00_0", parent=left.provider), {"VGPU": 1})
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "both hosts" in str(finding.withheld)


def test_quiet_for_a_flavor_that_asks_for_a_device_alone(audit: Auditor, estate: Estate, host: Compute) -> None:
    alone = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")} | {"resources:VGPU": "1"}
    server = estate.server("gpu", host, estate.flavor("gpu", 1, 1024, 10, extra_specs=alone), holds=False)
    estate.claim(server.uuid, estate.provider("right_gpu", parent=host.provider), {"VGPU": 1})
    assert audit(estate, "X06") == []


def test_quiet_where_the_host_is_another_of_which_it_holds_cpus(audit: Auditor, estate: Estate, server: Server) -> None:
    """X08's."""
    estate.claim(server.uuid, estate.compute("left").provider, {"VCPU": 2})
    assert audit(estate, "X06") == []


def test_fires_for_no_crowd_where_the_classes_are_mixed_up(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Nobody would seem to hold CPUs."""
    estate.server("web", host)
    for row in estate.rows[t.resource_classes]:
        if row["name"] in ("VCPU", "MEMORY_MB", "DISK_GB"):
            row["name"] = f"CUSTOM_{row['name']}"
    assert audit(estate, "X06") == []


# --- sharing is a matter of a provider ---


def pool_of(estate: Estate, host: Compute, shape: str) -> Row:
    """A pool of disk that the host draws from."""
    parents = {
        "a root": None,
        "below another host": estate.compute("other", disk_gb=0).provider,
        "below storage": estate.provider("filer"),
        "below the host": host.provider,
    }
    pool = estate.provider("pool", parent=parents[shape])
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.trait(pool, t.SHARING_TRAIT)
    estate.aggregate("users of the pool", pool, host.provider)
    return pool


SHAPES = ["a root", "below another host", "below storage", "below the host"]


@pytest.mark.parametrize("shape", SHAPES)
def test_fires_for_the_part_of_the_host_whatever_the_pool_is_below(audit: Auditor, shape: str) -> None:
    estate = Estate()
    host = estate.compute("right", disk_gb=0)
    pool = pool_of(estate, host, shape)
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "X06")
    assert written(finding) == {host.uuid: {"VCPU": 2, "MEMORY_MB": 4096}, pool["uuid"]: {"DISK_GB": 20}}


@pytest.mark.parametrize("shape", SHAPES)
def test_fires_with_the_disk_in_the_pool_of_a_host_without_any(audit: Auditor, shape: str) -> None:
    """Nova-manage would ask the host itself for the disk, and placement refuse it."""
    estate = Estate()
    host = estate.compute("right", disk_gb=0)
    pool = pool_of(estate, host, shape)
    estate.server("web", host, holds=False)
    (finding,) = audit(estate, "X06")
    assert written(finding) == {host.uuid: {"VCPU": 2, "MEMORY_MB": 4096}, pool["uuid"]: {"DISK_GB": 20}}


@pytest.mark.parametrize("shape", SHAPES)
def test_quiet_for_both_parts(audit: Auditor, shape: str) -> None:
    estate = Estate()
    host = estate.compute("right", disk_gb=0)
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool_of(estate, host, shape), {"DISK_GB": 20})
    assert audit(estate, "X06", "X09", "X10") == []


def test_fires_beside_a_pool_that_lost_its_trait(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "X06")
    assert written(finding)[pool["uuid"]] == {"DISK_GB": 20}


# --- where nova-manage is wrong, or refuses ---


def alone(estate: Estate, host: Compute, specs: dict[str, str], **fields: Any) -> Server:
    flavor = estate.flavor("special", 2, 4096, 20, extra_specs=specs)
    return estate.server("special", host, flavor, holds=False, **fields)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ({"resources:VGPU": "1"}, "does not offer"),
        ({"resources1:VGPU": "1"}, "does not offer"),
        ({"accel:device_profile": "fpga"}, "refuses a flavor with accel:device_profile"),
        ({"resources1:VCPU": "2"}, "groups"),
        ({"hw:cpu_policy": "dedicated"}, "does not offer"),
    ],
)
def test_fires_without_a_command_for_such_flavors(
    audit: Auditor, estate: Estate, host: Compute, specs: dict[str, str], words: str
) -> None:
    alone(estate, host, specs)
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert words in str(finding.withheld)


def test_fires_without_a_command_where_the_root_has_vgpus_too(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "VGPU", 4)
    alone(estate, host, {"resources:VGPU": "1"})
    (finding,) = audit(estate, "X06")
    assert not any("heal_allocations" in line for line in finding.remedy)


def test_fires_without_healing_what_the_image_pins(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "PCPU", 48)
    estate.image_property(alone(estate, host, {}), "hw_cpu_policy", "dedicated")
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "the image" in str(finding.withheld)


def test_fires_without_a_command_where_the_host_is_full(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("small", vcpus=1, vcpu_ratio=2.0)
    estate.server("neighbour", host)
    estate.server("web", host, holds=False)
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "no room" in str(finding.withheld)


def test_fires_without_a_command_for_a_reserved_bare_metal_node(audit: Auditor, estate: Estate) -> None:
    node = bare_metal(estate)
    estate.inventory(node.provider, "CUSTOM_GOLD", 1, reserved=1)
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "reserved" in str(finding.withheld)


def test_fires_with_all_of_a_bare_metal_node_whose_service_changed(audit: Auditor, estate: Estate) -> None:
    """Nova-manage looks for the node at the server's host."""
    node = bare_metal(estate)
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    node.node["host"] = "another conductor"
    (finding,) = audit(estate, "X06")
    assert written(finding) == {node.uuid: {"CUSTOM_GOLD": 1}}


def test_fires_without_a_command_where_the_disk_has_two_places(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.shared("nfs", 100_000, host.provider)
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "pool" in str(finding.withheld)


def test_fires_without_a_command_for_a_server_with_a_task(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["task_state"] = "powering-off"
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "powering-off" in str(finding.withheld)


# --- nova's host can be wrong ---


@pytest.mark.parametrize(
    ("kind", "status", "back"),
    [
        ("live-migration", "completed", False),
        ("live-migration", "error", False),
        ("resize", "error", True),
        ("migration", "reverted", True),
        ("evacuation", "failed", False),
    ],
)
def test_fires_without_a_command_where_a_migration_names_another_host(
    audit: Auditor, estate: Estate, host: Compute, server: Server, kind: str, status: str, back: bool
) -> None:
    left = estate.compute("left")
    ends = (left, host) if back else (host, left)
    estate.migration(server, kind, status, *ends)
    (finding,) = audit(estate, "X06")
    assert offered(finding) == []
    assert "right and left" in str(finding.withheld)


@pytest.mark.parametrize(
    ("status", "back"), [("completed", True), ("confirmed", True), ("done", True), ("reverted", False)]
)
def test_fires_with_a_command_where_the_last_migration_ended_there(
    audit: Auditor, estate: Estate, host: Compute, server: Server, status: str, back: bool
) -> None:
    left = estate.compute("left")
    estate.migration(server, "live-migration", "error", host, left, at=estate.ago(days=3))
    estate.migration(server, "resize", status, *((left, host) if back else (host, left)))
    (finding,) = audit(estate, "X06")
    assert len(offered(finding)) == 1
