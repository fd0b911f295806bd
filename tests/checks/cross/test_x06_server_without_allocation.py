import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server
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
    estate.claim(server.uuid, estate.shared("nfs", 100_000, host.provider), {"DISK_GB": 20})
    (finding,) = audit(estate, "X06")
    assert finding.evidence["held"] == "DISK_GB 20 on nfs"
    assert finding.remedy[-1] == f"openstack resource provider allocation show {server.uuid}"


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
