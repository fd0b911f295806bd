import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor

ZERO = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("right")
    estate.server("neighbour", host)
    return host


def holding(
    estate: Estate,
    host: Compute,
    amounts: dict[str, int],
    flavor: Row | None = None,
    at: str | None = None,
    **how: bool,
) -> Server:
    """A server of 2 CPUs, 4096 MB and 20 GB that holds these amounts instead."""
    server = estate.server("web", host, flavor, holds=False, **how)
    estate.claim(server.uuid, host.provider, amounts, at=at)
    return server


# --- what it finds ---


@pytest.mark.parametrize(
    ("amounts", "verdict"),
    [
        ({"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20}, "holds VCPU 1 where it should be 2"),
        ({"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}, "holds MEMORY_MB 2048 where it should be 4096"),
        ({"VCPU": 2, "MEMORY_MB": 4096}, "holds DISK_GB 0 where it should be 20"),
        ({"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 5}, "holds DISK_GB 5 where it should be 20"),
        ({"VCPU": 4, "MEMORY_MB": 2048, "DISK_GB": 20}, "holds VCPU 4 where it should be 2, MEMORY_MB 2048"),
        ({"MEMORY_MB": 4096, "DISK_GB": 20}, "holds VCPU 0 where it should be 2"),
        ({"VCPU": 1, "PCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20}, "holds VCPU 1 where it should be 2, PCPU 1 where"),
    ],
)
def test_fires_for_less_than_the_flavor(
    audit: Auditor, estate: Estate, host: Compute, amounts: dict[str, int], verdict: str
) -> None:
    server = holding(estate, host, amounts)
    (finding,) = audit(estate, "X10")
    assert finding.subject["instance"] == server.uuid
    assert finding.evidence["verdict"].startswith(verdict)
    assert finding.severity == "warning"
    assert finding.remedy[-1].startswith("openstack --os-placement-api-version 1.28 resource provider allocation set")
    for amount in ("VCPU=2", "MEMORY_MB=4096", "DISK_GB=20", f"rp={host.uuid}"):
        assert amount in finding.remedy[-1]
    assert "PCPU" not in finding.remedy[-1]


def test_fires_and_keeps_what_else_it_holds(audit: Auditor, estate: Estate, host: Compute) -> None:
    flavor = estate.flavor("ssd", 2, 4096, 20, extra_specs={"resources:CUSTOM_SSD": "3"})
    estate.inventory(host.provider, "CUSTOM_SSD", 3)
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20, "CUSTOM_SSD": 3}, flavor)
    (finding,) = audit(estate, "X10")
    command = finding.remedy[-1].split()
    allocation = command[command.index("--allocation") + 1]
    assert set(allocation.split(",")) == {
        *(f"rp={host.uuid}", "VCPU=2", "MEMORY_MB=4096", "DISK_GB=20", "CUSTOM_SSD=3"),
    }


def test_fires_as_information_for_more_than_the_flavor(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Placement itself may have folded two groups into one and counted twice."""
    holding(estate, host, {"VCPU": 4, "MEMORY_MB": 8192, "DISK_GB": 20})
    (finding,) = audit(estate, "X10")
    assert finding.severity == "info"
    assert finding.impact == "L"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_as_information_for_a_server_in_error(audit: Auditor, estate: Estate, host: Compute) -> None:
    """A resize that failed at its end leaves the new amounts and the old flavor."""
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    server.instance["vm_state"] = "error"
    (finding,) = audit(estate, "X10")
    assert finding.severity == "info"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_when_the_shared_disk_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    """As nova-manage placement audit --delete leaves it."""
    estate.shared("nfs", 100_000, host.provider)
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    (finding,) = audit(estate, "X10")
    assert finding.subject["instance"] == server.uuid
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


@pytest.mark.parametrize("disk", [None, "a pool that is not its own"])
def test_fires_without_a_command_where_the_host_does_not_offer_it(
    audit: Auditor, estate: Estate, disk: str | None
) -> None:
    diskless = estate.compute("diskless", disk_gb=0)
    if disk:
        estate.shared(disk, 100_000, estate.compute("other").provider)
    holding(estate, diskless, {"VCPU": 2, "MEMORY_MB": 4096})
    (finding,) = audit(estate, "X10")
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_with_a_command_for_cpus_beside_a_shared_disk(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 100_000, host.provider)
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    (finding,) = audit(estate, "X10")
    assert "allocation set" in finding.remedy[-1]


@pytest.mark.parametrize("disk", [{}, {"DISK_GB": 7}])
def test_fires_for_a_server_from_a_volume(audit: Auditor, estate: Estate, host: Compute, disk: dict[str, int]) -> None:
    flavor = estate.flavor("volume", 2, 4096, 20, ephemeral_gb=5, swap=3000)
    holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096, **disk}, flavor, volume_backed=True)
    (finding,) = audit(estate, "X10")
    assert finding.evidence["verdict"] == f"holds DISK_GB {disk.get('DISK_GB', 0)} where it should be 8"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_for_less_than_an_override(audit: Auditor, estate: Estate, host: Compute) -> None:
    flavor = estate.flavor("over", 2, 4096, 20, extra_specs={"resources1:VCPU": "6", "resources2:VCPU": "2"})
    holding(estate, host, {"VCPU": 6, "MEMORY_MB": 4096, "DISK_GB": 20}, flavor)
    (finding,) = audit(estate, "X10")
    assert finding.evidence["verdict"] == "holds VCPU 6 where it should be 8"


@pytest.mark.parametrize("text", ["{", None, '{"cur": null}'])
def test_fires_as_information_where_the_flavor_cannot_be_read(
    audit: Auditor, estate: Estate, host: Compute, text: str | None
) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    for row in estate.rows[t.instance_extra]:
        row["flavor"] = text
    (finding,) = audit(estate, "X10")
    assert finding.subject["instance"] == server.uuid
    assert finding.impact == "I"
    assert "cannot be read" in finding.message
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_where_the_server_has_no_flavor_at_all(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.rows[t.instance_extra].clear()
    (finding,) = audit(estate, "X10")
    assert finding.impact == "I"


def test_fires_without_a_command_after_a_resize_that_failed(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Whether it runs with the old size or the new one the rows do not tell."""
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 10})
    estate.migration(server, "resize", "error", estate.compute("left"), host)
    (finding,) = audit(estate, "X10")
    assert finding.severity == "warning"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_without_a_command_for_a_tree(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    agent = estate.provider("agent", parent=host.provider)
    estate.claim(server.uuid, agent, {"NET_BW_EGR_KILOBIT_PER_SEC": 1000})
    (finding,) = audit(estate, "X10")
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_on_its_own_host_after_an_evacuation(audit: Auditor, estate: Estate, host: Compute) -> None:
    left = estate.compute("left")
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.claim(server.uuid, left.provider, estate.amounts(server.flavor))
    estate.migration(server, "evacuation", "done", left, host)
    (finding,) = audit(estate, "X10")
    assert finding.evidence["verdict"] == "holds VCPU 1 where it should be 2"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_in_flight_while_the_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20}, at=estate.ago(minutes=3))
    (finding,) = audit.report(estate, "X10").findings
    assert not finding.settled


# --- what is legal ---


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"swap": 1},
        {"ephemeral_gb": 3, "swap": 1025},
        {"extra_specs": {"resources:DISK_GB": "5"}},
        {"extra_specs": {"resources:VCPU": " 5 ", "resources:MEMORY_MB": "1"}},
        {"extra_specs": {"resources1:VCPU": "1", "resources_B:VCPU": "2"}},
        {"extra_specs": {"resources:VCPU": "two", "resources:CPU": "3"}},
        {"extra_specs": {"resources:PCPU": "3"}},
        {"extra_specs": {"resources:VGPU": "1", "hw:mem_encryption": "true", "hw:pmem": "6GB"}},
        {"extra_specs": {**ZERO, "resources:CUSTOM_X": "1"}},
        {"extra_specs": {"resources:VCPU": "0"}},
        {"extra_specs": {"resources:MEMORY_MB": "0", "resources:DISK_GB": "0"}},
        {"extra_specs": {"hw:cpu_policy": "dedicated"}},
        {"extra_specs": {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"}},
        {"extra_specs": {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "1"}},
    ],
)
@pytest.mark.parametrize("volume_backed", [False, True])
@pytest.mark.parametrize("flavors_read", [False, True])
def test_quiet_for_what_the_flavor_asks(
    audit: Auditor, estate: Estate, host: Compute, fields: Row, volume_backed: bool, flavors_read: bool
) -> None:
    flavor = estate.flavor("odd", 2, 4096, 20, **fields)
    estate.server("web", host, flavor, volume_backed=volume_backed)
    if not flavors_read:
        estate.rows[t.flavors].clear()
    assert audit(estate, "X10", "X31") == []


@pytest.mark.parametrize("task", ["resize_migrated", "resize_finish", "resize_reverting", "migrating", "rebuilding"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    """Between resize_migrated and finish_resize the flavor is still the old one."""
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    server.instance["task_state"] = task
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("status", ["pre-migrating", "post-migrating", "reverting", "a status of tomorrow"])
def test_quiet_while_a_migration_is_open(audit: Auditor, estate: Estate, host: Compute, status: str) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.migration(server, "resize", status, estate.compute("left"), host)
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("held", ["old", "new"])
def test_quiet_for_a_resize_that_waits(audit: Auditor, estate: Estate, host: Compute, held: str) -> None:
    """The server holds the new flavor, the migration the old one; on the same host, too."""
    old, new = estate.flavor("old", 1, 2048, 10), estate.flavor("new", 4, 8192, 40)
    server = estate.server("web", host, new, holds=False, vm_state="resized")
    estate.rows[t.instance_extra][-1]["flavor"] = estate.embedded(new, old=old, new=new)
    estate.claim(server.uuid, host.provider, estate.amounts({"old": old, "new": new}[held]))
    move = estate.migration(server, "resize", "finished", host, host)
    estate.claim(move["uuid"], host.provider, estate.amounts(old))
    assert audit(estate, "X10") == []


def test_quiet_for_a_resize_that_kept_both_flavors(audit: Auditor, estate: Estate, host: Compute) -> None:
    old, new = estate.flavor("old", 1, 2048, 10), estate.flavor("new", 4, 8192, 40)
    server = holding(estate, host, estate.amounts(new), old)
    estate.rows[t.instance_extra][-1]["flavor"] = estate.embedded(old, new=new)
    estate.migration(server, "resize", "error", estate.compute("left"), host)
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("pooled", [False, True])
def test_quiet_for_an_evacuated_server(audit: Auditor, estate: Estate, host: Compute, pooled: bool) -> None:
    left = estate.compute("left")
    server = estate.server("web", host, holds=False)
    pool = estate.shared("nfs", 100_000, host.provider, left.provider)
    for each in (host, left):
        estate.claim(server.uuid, each.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    if pooled:
        estate.claim(server.uuid, pool, {"DISK_GB": 20})
    else:
        estate.claim(server.uuid, host.provider, {"DISK_GB": 20})
        estate.claim(server.uuid, left.provider, {"DISK_GB": 20})
    estate.migration(server, "evacuation", "done", left, host)
    assert audit(estate, "X10") == []


def test_quiet_for_an_evacuation_between_pools(audit: Auditor, estate: Estate, host: Compute) -> None:
    left = estate.compute("left")
    pools = [estate.shared(f"pool of {each.name}", 100_000, each.provider) for each in (host, left)]
    server = estate.server("web", host, holds=False)
    for each, pool in zip((host, left), pools, strict=True):
        estate.claim(server.uuid, each.provider, {"VCPU": 2, "MEMORY_MB": 4096})
        estate.claim(server.uuid, pool, {"DISK_GB": 20})
    estate.migration(server, "evacuation", "done", left, host)
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("own", [0, 5])
def test_quiet_for_disk_of_a_sharing_provider(audit: Auditor, estate: Estate, host: Compute, own: int) -> None:
    """Part of it on the host itself, part on what it shares: both count."""
    pool = estate.shared("nfs", 100_000, host.provider)
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096, **({"DISK_GB": own} if own else {})})
    estate.claim(server.uuid, pool, {"DISK_GB": 20 - own})
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("volume_backed", [False, True])
def test_quiet_for_swap_on_a_sharing_provider(
    audit: Auditor, estate: Estate, host: Compute, volume_backed: bool
) -> None:
    """With disk of the pool that others hold there."""
    pool = estate.shared("nfs", 100_000, host.provider)
    for name, root in (("web", 20), ("db", 10)):
        flavor = estate.flavor(name, 2, 4096, root, swap=2048)
        server = estate.server(name, host, flavor, holds=False, volume_backed=volume_backed)
        estate.claim(server.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096})
        estate.claim(server.uuid, pool, {"DISK_GB": 2 if volume_backed else root + 2})
    for row in estate.rows[t.instance_extra]:
        row["flavor"] = "{"  # which nobody needs to read
    assert audit(estate, "X10") == []


def test_quiet_for_a_sharing_provider_that_lost_its_trait(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 100_000)
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    assert audit(estate, "X10") == []


def test_quiet_for_a_pool_that_is_not_the_hosts_any_more(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.shared("nfs", 100_000)
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool, {"DISK_GB": 7})
    assert audit(estate, "X10") == []


def test_quiet_for_amounts_spread_over_the_tree(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host, holds=False)
    for name in ("numa0", "numa1"):
        child = estate.provider(name, parent=host.provider)
        estate.claim(server.uuid, child, {"VCPU": 1, "MEMORY_MB": 2048})
    estate.claim(server.uuid, host.provider, {"DISK_GB": 20})
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("destination", ["volume", None, "no row"])
def test_quiet_for_a_root_disk_that_may_be_a_volume(
    audit: Auditor, estate: Estate, host: Compute, destination: str | None
) -> None:
    holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    rows = estate.rows[t.block_device_mapping]
    rows[-1]["destination_type"] = destination
    if destination == "no row":
        rows.pop()
    assert audit(estate, "X10") == []


def test_fires_where_only_a_detached_disk_or_another_one_is_a_volume(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    row = {"cell": "cell1", "instance_uuid": server.uuid, "destination_type": "volume"}
    estate.add(t.block_device_mapping, **row, boot_index=0, deleted=7)
    estate.add(t.block_device_mapping, **row, boot_index=-1, deleted=0)
    assert len(audit(estate, "X10")) == 1


@pytest.mark.parametrize("swap", [0, 2048])
def test_quiet_for_a_volume_of_before_rocky(audit: Auditor, estate: Estate, host: Compute, swap: int) -> None:
    flavor = estate.flavor("volume", 2, 4096, 20, swap=swap)
    holding(estate, host, estate.amounts(flavor), flavor, volume_backed=True)
    estate.rows[t.flavors].clear()
    assert audit(estate, "X10") == []


def test_quiet_for_groups_that_nova_did_not_read_before_24(audit: Auditor, estate: Estate, host: Compute) -> None:
    flavor = estate.flavor("old", 2, 4096, 20, extra_specs={"resources_A:VCPU": "1", "resources1:MEMORY_MB": "8192"})
    holding(estate, host, {"VCPU": 2, "MEMORY_MB": 8192, "DISK_GB": 20}, flavor)
    assert audit(estate, "X10") == []


def test_quiet_for_classes_of_ports_devices_and_accelerators(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host)
    agent = estate.provider("agent", parent=host.provider)
    more = {"NET_BW_EGR_KILOBIT_PER_SEC": 1000, "CUSTOM_PCI_8086_10FB": 2, "FPGA": 1, "VGPU": 1}
    estate.claim(server.uuid, agent, more)
    assert audit(estate, "X10") == []


def test_quiet_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    """The flavor of before Pike asks for CPUs, which its node does not have any more."""
    node = estate.compute("conductor", node="node-7", hypervisor_type="ironic")
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    for name, held in (("metal", {"CUSTOM_GOLD": 1}), ("old metal", {"CUSTOM_GOLD": 1, "MEMORY_MB": 1})):
        server = estate.server(name, node, holds=False)
        estate.claim(server.uuid, node.provider, held)
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("state", ["building", "shelved_offloaded", "deleted", None])
def test_quiet_for_a_server_that_need_not_hold_anything(
    audit: Auditor, estate: Estate, host: Compute, state: str | None
) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    server.instance["vm_state"] = state
    assert audit(estate, "X10") == []


def test_quiet_for_a_deleted_server(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    server.instance["deleted"] = 7
    assert audit(estate, "X10") == []


def test_quiet_for_a_server_that_holds_nothing(audit: Auditor, estate: Estate, host: Compute) -> None:
    """X06's, X08's."""
    estate.server("web", host, holds=False)
    server = estate.server("stray", host, holds=False)
    estate.claim(server.uuid, estate.compute("left").provider, {"VCPU": 1})
    estate.claim(server.uuid, estate.provider("agent", parent=host.provider), {"NET_BW_EGR_KILOBIT_PER_SEC": 1})
    assert audit(estate, "X10") == []


def test_quiet_for_a_server_that_a_resize_between_cells_hides(audit: Auditor, estate: Estate, host: Compute) -> None:
    """The visible twin holds the new flavor on its own host, and the hidden one's flavor is the old one."""
    there = estate.compute("there", cell="cell2")
    new = estate.flavor("new", 4, 8192, 40)
    server = estate.server("web", there, new, vm_state="resized")
    old = {"cell": "cell1", "host": "right", "node": "right", "compute_id": None, "hidden": 1, "vcpus": 2}
    estate.add(t.instances, **server.instance | old)
    estate.claim(server.uuid, host.provider, {"VCPU": 1})
    assert audit(estate, "X10") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X10") == []


def test_quiet_where_a_row_is_of_an_unknown_class(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Which class it is, nobody can tell; that it is unknown is a finding of its own."""
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.allocate(server.uuid, host.provider, {"PGPU": 20})[0]["resource_class_id"] = 4711
    for row in estate.rows[t.block_device_mapping]:
        row["destination_type"] = "local"
    assert audit(estate, "X10") == []


@pytest.mark.parametrize("change", [{"name": "CUSTOM_DISK"}, {"id": 4711}, None])
def test_quiet_where_the_classes_are_mixed_up(
    audit: Auditor, estate: Estate, host: Compute, change: Row | None
) -> None:
    """Then no server at all would seem to hold what it should; the classes are a finding of their own."""
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    disk = estate.rows[t.resource_classes][2]
    if change is None:
        estate.remove(t.resource_classes, disk)
    else:
        disk.update(change)
    assert audit(estate, "X10", "X32") == []


def test_quiet_where_a_row_is_on_a_provider_that_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = holding(estate, host, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.allocate(server.uuid, {"id": 4711}, {"DISK_GB": 20})
    assert audit(estate, "X10") == []


def test_quiet_where_a_part_has_lost_its_tree(audit: Auditor, estate: Estate, host: Compute) -> None:
    numa = estate.provider("numa", parent=host.provider)
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.claim(server.uuid, numa, {"VCPU": 1})
    numa["root_provider_id"] = None
    assert audit(estate, "X10") == []


def test_quiet_for_a_flavor_edited_after_the_boot(audit: Auditor, estate: Estate, host: Compute) -> None:
    """The server keeps its own."""
    flavor = estate.flavor("edited", 2, 4096, 20, extra_specs={"resources:VCPU": "1"})
    estate.server("web", host, flavor)
    flavor.update(vcpus=64, memory_mb=1, root_gb=999)
    estate.rows[t.flavor_extra_specs].clear()
    assert audit(estate, "X10") == []


# --- what a write of it would need ---


def test_fires_without_a_command_where_a_migration_names_another_host(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20})
    estate.migration(server, "live-migration", "completed", host, estate.compute("left"))
    (finding,) = audit(estate, "X10")
    assert not any("allocation set" in line for line in finding.remedy)
    assert "right and left" in str(finding.withheld)


def test_fires_without_a_command_where_the_host_has_no_room(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("small", vcpus=2, vcpu_ratio=1.0)
    estate.server("neighbour", host, estate.flavor("one", 1, 4096, 20))
    holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20}, estate.flavor("two", 2, 4096, 20))
    (finding,) = audit(estate, "X10")
    assert not any("allocation set" in line for line in finding.remedy)
    assert "no room" in str(finding.withheld)


def test_fires_and_keeps_what_is_below_the_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    gpu = estate.provider("right_gpu", parent=host.provider)
    estate.inventory(gpu, "VGPU", 4)
    flavor = estate.flavor("gpu", 2, 4096, 20, extra_specs={"resources:VGPU": "1"})
    server = holding(estate, host, {"VCPU": 1, "MEMORY_MB": 4096, "DISK_GB": 20}, flavor)
    estate.claim(server.uuid, gpu, {"VGPU": 1})
    (finding,) = audit(estate, "X10")
    assert f" --allocation rp={gpu['uuid']},VGPU=1 " in finding.remedy[-1]
