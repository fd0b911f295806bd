import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def right(estate: Estate) -> Compute:
    return estate.compute("right")


@pytest.fixture
def server(estate: Estate, left: Compute, right: Compute) -> Server:
    """Runs on the right, and holds what it has on the left."""
    server = estate.server("web", right, holds=False)
    estate.claim(server.uuid, left.provider, estate.amounts(server.flavor))
    return server


def removes(command: str) -> bool:
    return any(word in command for word in ("allocation set", "allocation unset", "allocation delete", "heal"))


def test_fires_for_a_server_that_is_accounted_for_elsewhere(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    (finding,) = audit(estate, "X08")
    assert finding.subject["instance"] == finding.subject["consumer"] == server.uuid
    assert (finding.subject["provider"], finding.subject["provider_name"]) == (left.uuid, "left")
    assert finding.subject["node"] == "right"
    assert finding.evidence["right_provider"] == right.uuid
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20"
    assert finding.severity == "error"
    assert finding.remedy[-1] == (
        "openstack --os-placement-api-version 1.28 resource provider allocation set"
        f" --allocation rp={right.uuid},VCPU=2,MEMORY_MB=4096,DISK_GB=20"
        f" --project-id project-a --user-id user-a {server.uuid}"
    )


def test_fires_as_a_warning_for_a_server_in_error(audit: Auditor, estate: Estate, server: Server) -> None:
    """A live migration that broke: the guest may be on either host."""
    server.instance["vm_state"] = "error"
    (finding,) = audit(estate, "X08")
    assert finding.severity == "warning"
    assert not any(map(removes, finding.remedy))


def test_fires_for_an_evacuated_server_that_holds_its_old_host_alone(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    estate.migration(server, "evacuation", "done", left)
    (finding,) = audit(estate, "X08")
    assert finding.subject["provider_name"] == "left"
    assert not any(map(removes, finding.remedy))


def test_fires_where_a_broken_migration_has_what_belongs_to_the_server(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    row = estate.migration(server, "live-migration", "error", right, left)
    estate.claim(row["uuid"], right.provider, estate.amounts(server.flavor))
    (finding,) = audit(estate, "X08")
    assert not any(map(removes, finding.remedy))


@pytest.mark.parametrize(
    ("kind", "status", "source", "dest", "deleted"),
    [
        # before nova 28 the last step might fail on the destination unseen
        ("live-migration", "completed", "right", "left", 0),
        ("live-migration", "error", "right", "left", 0),
        ("live-migration", "error", "right", "left", 9),
        # the cast of finish_resize failed, and the state was reset
        ("resize", "error", "left", "right", 0),
        ("migration", "error", "left", "right", 0),
        ("resize", "reverted", "left", "right", 0),
        (None, "error", "left", "right", 0),
        ("evacuation", "error", "right", "left", 0),
    ],
)
def test_fires_without_a_command_where_novas_host_may_be_wrong(
    audit: Auditor,
    estate: Estate,
    left: Compute,
    right: Compute,
    server: Server,
    kind: str | None,
    status: str,
    source: str,
    dest: str,
    deleted: int,
) -> None:
    hosts = {"left": left, "right": right}
    estate.migration(server, kind, status, hosts[source], hosts[dest], deleted=deleted)
    (finding,) = audit(estate, "X08")
    assert finding.severity == "error"
    assert not any(map(removes, finding.remedy))
    assert finding.withheld is not None
    assert "both hosts, right and left," in finding.withheld


def test_fires_without_a_command_where_no_row_says_how_the_server_came_to_its_host(
    audit: Auditor, estate: Estate, server: Server
) -> None:
    """Somebody wrote the host by hand."""
    server.instance["launched_on"] = "left"
    (finding,) = audit(estate, "X08")
    assert not any(map(removes, finding.remedy))
    assert finding.withheld is not None
    assert "both hosts, right and left," in finding.withheld


def test_fires_without_a_command_where_placement_does_not_know_the_owner(
    audit: Auditor, estate: Estate, server: Server
) -> None:
    for row in [row for row in estate.rows[t.consumers] if row["uuid"] == server.uuid]:
        estate.remove(t.consumers, row)
    (finding,) = audit(estate, "X08")
    assert not any(map(removes, finding.remedy))
    assert finding.withheld is not None


def test_fires_without_a_command_where_the_other_host_was_renamed_since(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    estate.migration(server, "live-migration", "error", right, left)
    left.node.update(hypervisor_hostname="left.example")
    left.provider["name"] = "left.example"
    (finding,) = audit(estate, "X08")
    assert not any(map(removes, finding.remedy))


@pytest.mark.parametrize(
    ("kind", "status", "source", "dest"),
    [
        ("live-migration", "failed", "right", "left"),
        ("live-migration", "completed", "left", "right"),
        ("resize", "confirmed", "left", "right"),
    ],
)
def test_fires_with_a_command_where_a_move_proves_novas_host(
    audit: Auditor,
    estate: Estate,
    left: Compute,
    right: Compute,
    server: Server,
    kind: str,
    status: str,
    source: str,
    dest: str,
) -> None:
    hosts = {"left": left, "right": right}
    estate.migration(server, "live-migration", "error", right, left, at=estate.ago(days=9))
    estate.migration(server, kind, status, hosts[source], hosts[dest])
    (finding,) = audit(estate, "X08")
    assert any(map(removes, finding.remedy))
    assert finding.withheld is None


@pytest.mark.parametrize("name", ["left_gpu", "left:agent", "left"])
def test_fires_for_a_device_or_a_port_on_another_host(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, name: str
) -> None:
    server = estate.server("web", right, holds=False)
    provider = left.provider if name == "left" else estate.provider(name, parent=left.provider)
    held = {"left_gpu": "VGPU", "left:agent": "NET_BW_EGR_KILOBIT_PER_SEC", "left": "CUSTOM_PMEM_NAMESPACE_BIG"}[name]
    estate.claim(server.uuid, provider, {held: 1})
    (finding,) = audit(estate, "X08")
    assert finding.evidence["held"] == f"{held} 1"


def test_fires_where_only_a_ports_bandwidth_is_on_its_own_host(
    audit: Auditor, estate: Estate, right: Compute, server: Server
) -> None:
    estate.claim(server.uuid, right.provider, {"NET_BW_EGR_KILOBIT_PER_SEC": 1})
    (finding,) = audit(estate, "X08")
    assert not any(map(removes, finding.remedy))


@pytest.mark.parametrize("name", ["right:agent", "nfs"])
def test_fires_where_it_holds_bandwidth_or_shared_disk_as_well(
    audit: Auditor, estate: Estate, right: Compute, server: Server, name: str
) -> None:
    """Setting the allocation would drop that."""
    agent = estate.provider("right:agent", parent=right.provider)
    pool = estate.shared("nfs", 100_000, right.provider)
    provider, resource_class = {"right:agent": (agent, "NET_BW_EGR_KILOBIT_PER_SEC"), "nfs": (pool, "DISK_GB")}[name]
    estate.claim(server.uuid, provider, {resource_class: 20})
    (finding,) = audit(estate, "X08")
    assert finding.subject["provider_name"] == "left"
    assert not any(map(removes, finding.remedy))


def test_fires_where_a_child_of_the_wrong_host_is_held_too(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    estate.claim(server.uuid, estate.provider("left_gpu", parent=left.provider), {"VGPU": 1})
    (finding,) = audit(estate, "X08")
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20, VGPU 1"
    assert not any(map(removes, finding.remedy))


def test_fires_for_each_wrong_host(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    estate.claim(server.uuid, estate.compute("third").provider, {"VCPU": 2})
    findings = audit(estate, "X08")
    assert [finding.subject["provider_name"] for finding in findings] == ["left", "third"] or [
        finding.subject["provider_name"] for finding in findings
    ] == ["third", "left"]
    assert not any(removes(line) for finding in findings for line in finding.remedy)


def test_in_flight_while_a_migration_has_just_ended(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    estate.migration(server, "live-migration", "completed", left, right, at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "X08").findings
    assert not finding.settled


def test_quiet_for_a_device_on_another_host_beside_its_own(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    """A second part is another check's."""
    server = estate.server("web", right)
    estate.claim(server.uuid, estate.provider("left_gpu", parent=left.provider), {"VGPU": 1})
    assert audit(estate, "X08") == []


def test_quiet_for_what_is_no_hosts(audit: Auditor, estate: Estate, right: Compute) -> None:
    """Somebody counts licences in placement."""
    server = estate.server("web", right, holds=False)
    estate.claim(server.uuid, estate.provider("licences"), {"CUSTOM_LICENCE": 1})
    assert audit(estate, "X08") == []


def test_quiet_for_a_sharing_provider_below_another_host(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", right, holds=False)
    pool = estate.provider("left_pool", parent=left.provider)
    estate.trait(pool, t.SHARING_TRAIT)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    assert audit(estate, "X08") == []


@pytest.mark.parametrize("task", ["migrating", "resize_migrating", "resize_reverting", "rebuilding"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    assert audit(estate, "X08") == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("resize", "pre-migrating"),
        ("resize", "post-migrating"),
        ("migration", "migrating"),
        ("migration", "reverting"),
        ("live-migration", "accepted"),
        ("live-migration", "running"),
        ("live-migration", "running (post-copy)"),
        ("evacuation", "pre-migrating"),
        ("live-migration", "a status of tomorrow"),
    ],
)
def test_quiet_while_a_migration_is_open(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server, kind: str, status: str
) -> None:
    """Its own claim is on the destination already, while nova still shows it on the source."""
    row = estate.migration(server, kind, status, right, left)
    estate.claim(row["uuid"], right.provider, estate.amounts(server.flavor))
    assert audit(estate, "X08") == []


def test_quiet_while_a_resize_waits_for_its_confirmation(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", right, vm_state="resized")
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    assert audit(estate, "X08") == []


def test_quiet_for_an_evacuated_server_with_both_parts(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    estate.claim(server.uuid, right.provider, estate.amounts(server.flavor))
    estate.migration(server, "evacuation", "done", left)
    assert audit(estate, "X08") == []


@pytest.mark.parametrize("state", ["building", "shelved_offloaded"])
def test_quiet_for_a_server_that_need_not_hold_its_host(
    audit: Auditor, estate: Estate, server: Server, state: str
) -> None:
    server.instance["vm_state"] = state
    assert audit(estate, "X08") == []


def test_quiet_for_a_sharing_provider_and_a_segment(audit: Auditor, estate: Estate, right: Compute) -> None:
    server = estate.server("web", right, holds=False)
    estate.claim(server.uuid, estate.shared("nfs", 100_000, right.provider), {"DISK_GB": 20})
    estate.claim(server.uuid, estate.provider("Neutron segment id 7"), {"IPV4_ADDRESS": 1})
    assert audit(estate, "X08") == []


def test_quiet_for_a_sharing_provider_that_lost_its_trait(audit: Auditor, estate: Estate, right: Compute) -> None:
    server = estate.server("web", right, holds=False)
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    assert audit(estate, "X08") == []


def test_quiet_where_its_own_host_shares_what_it_has(audit: Auditor, estate: Estate, right: Compute) -> None:
    estate.server("web", right)
    estate.trait(right.provider, t.SHARING_TRAIT)
    assert audit(estate, "X08") == []


def test_quiet_for_bare_metal(audit: Auditor, estate: Estate, left: Compute) -> None:
    server = estate.server("metal", estate.compute("conductor", node="node-7", hypervisor_type="ironic"), holds=False)
    estate.claim(server.uuid, left.provider, {"VCPU": 8})
    assert audit(estate, "X08") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, left: Compute, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "host": "left", "node": "left"})
    assert audit(estate, "X08") == []


def test_quiet_for_a_row_that_a_resize_between_cells_hides(
    audit: Auditor, estate: Estate, left: Compute, server: Server
) -> None:
    """Its visible twin runs where the allocation is."""
    other = estate.compute("beyond", cell="cell2")
    visible = estate.add(
        t.instances, **{**server.instance, "cell": "cell2", "host": "beyond", "node": "beyond", "hidden": 0}
    )
    server.instance["hidden"] = 1
    for row in estate.rows[t.allocations]:
        row["resource_provider_id"] = other.provider["id"]
    assert audit(estate, "X08") == []
    assert visible["uuid"] == server.uuid


def test_quiet_for_a_host_whose_provider_is_missing(
    audit: Auditor, estate: Estate, right: Compute, server: Server
) -> None:
    right.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    assert audit(estate, "X08") == []


def test_quiet_for_a_host_that_is_no_live_compute_node(
    audit: Auditor, estate: Estate, right: Compute, server: Server
) -> None:
    right.node.update(deleted=right.provider["id"], deleted_at=estate.ago(hours=9))
    assert audit(estate, "X08") == []
