import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from placement_audit.finding import Finding
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate) -> Server:
    return estate.server("web", estate.compute("right"))


def hold(estate: Estate, server: Server, host: Compute) -> None:
    estate.claim(server.uuid, host.provider, estate.amounts(server.flavor))


def test_fires_for_six_rows_where_three_are_right(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    hold(estate, server, left)
    (finding,) = audit(estate, "X09")
    assert finding.subject["instance"] == server.uuid
    assert finding.subject["provider"] == left.uuid
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20"
    assert finding.severity == "warning"
    assert finding.remedy[-1].endswith(f"allocation unset --provider {left.uuid} {server.uuid}")


def test_in_flight_while_the_allocation_is_young(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    estate.claim(server.uuid, left.provider, {"VCPU": 2}, at=estate.ago(minutes=3))
    (finding,) = audit.report(estate, "X09").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=3)


@pytest.mark.parametrize("task", ["migrating", "resize_finish", "rebuilding", "unshelving"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, left: Compute, server: Server, task: str) -> None:
    hold(estate, server, left)
    server.instance["task_state"] = task
    assert audit(estate, "X09") == []


@pytest.mark.parametrize("status", ["accepted", "running", "post-migrating", "a status of tomorrow"])
def test_quiet_while_a_migration_is_open(
    audit: Auditor, estate: Estate, left: Compute, server: Server, status: str
) -> None:
    hold(estate, server, left)
    estate.migration(server, "live-migration", status, left)
    assert audit(estate, "X09") == []


def test_quiet_for_an_evacuated_server_until_its_host_is_back(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    hold(estate, server, left)
    estate.migration(server, "evacuation", "done", left)
    assert audit(estate, "X09") == []


def test_quiet_for_a_chain_of_evacuations(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    middle = estate.compute("middle")
    for host in (left, middle):
        hold(estate, server, host)
        estate.migration(server, "evacuation", "done", host)
    assert audit(estate, "X09") == []


def test_quiet_for_a_sharing_provider_and_a_segment(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    pool = estate.shared("nfs", 100_000, left.provider)
    segment = estate.provider("Neutron segment id 7")
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    estate.claim(server.uuid, segment, {"IPV4_ADDRESS": 1})
    assert audit(estate, "X09") == []


def test_fires_for_a_host_that_an_evacuation_did_not_leave(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    other = estate.compute("other")
    hold(estate, server, left)
    estate.migration(server, "evacuation", "done", other)
    (finding,) = audit(estate, "X09")
    assert finding.subject["provider_name"] == "left"


def test_fires_when_the_move_waits_for_confirmation(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    """In VERIFY_RESIZE the source belongs to the migration, so the server itself may hold its own host alone."""
    hold(estate, server, left)
    server.instance["vm_state"] = "resized"
    estate.migration(server, "resize", "finished", left)
    assert len(audit(estate, "X09")) == 1


def test_fires_and_frees_the_children_before_the_root(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    """Once the root's part is gone, nothing would point to what is left below."""
    hold(estate, server, left)
    children = [estate.provider(name, parent=left.provider) for name in ("left_gpu", "left_nic")]
    for child in children:
        estate.claim(server.uuid, child, {"VGPU": 1})
    (finding,) = audit(estate, "X09")
    loop, last = finding.remedy[-2:]
    assert loop.startswith("for provider in $(echo '")
    assert all(child["uuid"] in loop for child in children)
    assert last.endswith(f"allocation unset --provider {left.uuid} {server.uuid}")


def test_in_flight_while_its_migration_has_just_ended(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    hold(estate, server, left)
    estate.migration(server, "evacuation", "failed", left, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X09").findings
    assert not finding.settled


def test_quiet_for_a_sharing_provider_that_lost_its_trait(audit: Auditor, estate: Estate, server: Server) -> None:
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    assert audit(estate, "X09") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor) -> None:
    """Either host may be the right one."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    here, there = estate.compute("here"), estate.compute("there", cell="cell2")
    server = estate.server("web", here)
    hold(estate, server, there)
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "host": "there", "node": "there"})
    assert audit(estate, "X09") == []


def test_quiet_where_the_other_part_is_all_that_accounts_for_it(audit: Auditor, estate: Estate, left: Compute) -> None:
    right = estate.compute("there")
    server = estate.server("port", right, holds=False)
    hold(estate, server, left)
    estate.claim(server.uuid, estate.provider("agent", parent=right.provider), {"NET_BW_EGR_KILOBIT_PER_SEC": 1})
    assert audit(estate, "X09") == []


# --- ports and devices ---


@pytest.mark.parametrize(
    ("child", "amounts"),
    [
        ("left_pci_0000_84_00_0", {"VGPU": 1}),
        ("left_0000:81:00.0", {"CUSTOM_PCI_8086_1563": 1}),
        ("left:Open vSwitch agent:br-ex", {"NET_BW_EGR_KILOBIT_PER_SEC": 1000}),
    ],
)
def test_fires_for_a_port_or_device_of_another_host(
    audit: Auditor, estate: Estate, left: Compute, server: Server, child: str, amounts: dict[str, int]
) -> None:
    provider = estate.provider(child, parent=left.provider)
    estate.claim(server.uuid, provider, amounts)
    (finding,) = audit(estate, "X09")
    assert finding.evidence["held"] == ", ".join(f"{name} {amount}" for name, amount in amounts.items())
    (line,) = [line for line in finding.remedy if "unset" in line]
    assert provider["uuid"] in line
    assert f"--provider {left.uuid}" not in line


def test_fires_without_a_command_where_it_holds_a_port_alone_on_its_own_host(audit: Auditor, estate: Estate) -> None:
    left, right = estate.compute("left"), estate.compute("right")
    server = estate.server("web", right, holds=False)
    for host in (left, right):
        estate.claim(server.uuid, estate.provider(f"{host.name}:agent", parent=host.provider), {"IPV4_ADDRESS": 1})
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []
    assert "both hosts" in str(finding.withheld)


def test_quiet_for_a_script_s_own_provider(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    estate.claim(server.uuid, estate.provider("licences"), {"CUSTOM_LICENCE": 1})
    assert audit(estate, "X09") == []


# --- what is certainly the other host's, and what is not ---


def unset(finding: Finding) -> list[str]:
    return [line for line in finding.remedy if "unset" in line]


@pytest.mark.parametrize("child", ["right_pci_0000_84_00_0", "right:agent:br-ex", "gpu-7"])
def test_fires_without_a_command_for_a_child_that_was_moved_there(
    audit: Auditor, estate: Estate, left: Compute, server: Server, child: str
) -> None:
    """Placement lets a provider go to another root since 1.37; what the guest uses stays where it is."""
    hold(estate, server, left)
    estate.claim(server.uuid, estate.provider(child, parent=left.provider), {"VGPU": 1})
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []
    assert child in str(finding.withheld)


def test_fires_without_a_command_for_a_child_of_either_name(audit: Auditor) -> None:
    estate = Estate()
    left, right = estate.compute("node"), estate.compute("node_1")
    server = estate.server("web", right)
    estate.claim(server.uuid, estate.provider("node_1_pci_0000_84_00_0", parent=left.provider), {"VGPU": 1})
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []


def test_quiet_for_a_pool_below_another_host(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    estate.claim(server.uuid, pool_below(estate, left), {"DISK_GB": 20})
    assert audit(estate, "X09") == []


def pool_below(estate: Estate, left: Compute, name: str = "left_pool") -> Row:
    pool = estate.provider(name, parent=left.provider)
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.trait(pool, t.SHARING_TRAIT)
    return pool


def test_fires_and_keeps_the_pool_below_the_other_host(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    """A live server's disk, though nothing else of it belongs there."""
    pool = pool_below(estate, left)
    estate.claim(server.uuid, left.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "X09")
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096"
    assert len(unset(finding)) == 1
    assert all(pool["uuid"] not in line for line in finding.remedy)


@pytest.mark.parametrize("name", ["nfs", "left_pool"])
def test_fires_without_a_command_for_a_pool_below_the_other_host_that_lost_its_trait(
    audit: Auditor, estate: Estate, left: Compute, server: Server, name: str
) -> None:
    estate.claim(server.uuid, pool_below(estate, left, name), {"DISK_GB": 20})
    estate.rows[t.resource_provider_traits].pop()
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []
    assert finding.withheld


def test_fires_without_a_command_where_its_disk_may_be_there_after_all(audit: Auditor) -> None:
    """A host that shared its own disk, and lost the trait."""
    estate = Estate()
    left, right = estate.compute("left"), estate.compute("right", disk_gb=0)
    server = estate.server("web", right, holds=False)
    estate.claim(server.uuid, right.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, left.provider, {"DISK_GB": 20})
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []
    assert "disk" in str(finding.withheld)


def test_quiet_for_a_host_that_shares_what_it_has(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    estate.trait(left.provider, t.SHARING_TRAIT)
    estate.claim(server.uuid, left.provider, {"DISK_GB": 20})
    assert audit(estate, "X09") == []


@pytest.mark.parametrize(
    ("kind", "status"), [("live-migration", "error"), ("evacuation", "failed"), ("live-migration", "completed")]
)
def test_fires_without_a_command_where_the_guest_may_be_there(
    audit: Auditor, estate: Estate, left: Compute, kind: str, status: str
) -> None:
    right = estate.compute("far")
    server = estate.server("web", right)
    hold(estate, server, left)
    estate.migration(server, kind, status, right, left)
    (finding,) = audit(estate, "X09")
    assert unset(finding) == []
    assert "far and left" in str(finding.withheld)


def test_fires_with_a_command_after_a_move_to_a_third_host_failed(
    audit: Auditor, estate: Estate, left: Compute
) -> None:
    right = estate.compute("far")
    server = estate.server("web", right)
    hold(estate, server, left)
    estate.migration(server, "live-migration", "error", right, estate.compute("third"))
    (finding,) = audit(estate, "X09")
    assert len(unset(finding)) == 1
