import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("right")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    return estate.server("web", host)


def delete(estate: Estate, row: Row, **ago: float) -> None:
    row.update(vm_state="deleted", deleted=7, deleted_at=estate.ago(**(ago or {"hours": 20})))


def homeless(estate: Estate, host: Compute, cell: str = "cell1", **fields: str | None) -> Server:
    """A server on no host that holds something all the same."""
    server = estate.server("web", None, cell=cell, **fields)
    estate.claim(server.uuid, host.provider, estate.amounts(server.flavor))
    return server


def test_fires_for_a_deleted_server(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    delete(estate, server.instance)
    (finding,) = audit(estate, "X07")
    assert finding.subject["instance"] == finding.subject["consumer"] == server.uuid
    assert finding.subject["provider"] == host.uuid
    assert finding.evidence["state"] == "is deleted"
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20"
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {server.uuid}"


@pytest.mark.parametrize(
    ("state", "cell", "fields"),
    [
        ("never left cell0", "cell0", {"vm_state": "error"}),
        ("is in error and on no host", "cell1", {"vm_state": "error"}),
        ("is offloaded", "cell1", {"vm_state": "shelved_offloaded"}),
    ],
)
def test_fires_for_a_server_on_no_host(
    audit: Auditor, estate: Estate, host: Compute, state: str, cell: str, fields: dict[str, str]
) -> None:
    server = homeless(estate, host, cell, **fields)
    (finding,) = audit(estate, "X07")
    assert finding.subject["instance"] == server.uuid
    assert finding.subject["cell"] == cell
    assert finding.evidence["state"] == state


def test_fires_for_an_archived_server(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.remove(t.instances, server.instance)
    estate.add(t.shadow_instances, cell="cell1", uuid=server.uuid, deleted_at=estate.ago(days=9))
    (finding,) = audit(estate, "X07")
    assert finding.evidence["state"] == "is deleted and archived"
    assert finding.subject["provider"] == host.uuid


def test_fires_for_every_root_of_which_it_holds_something(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    delete(estate, server.instance)
    pool = estate.shared("nfs", 100_000, host.provider)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    findings = audit(estate, "X07")
    assert {finding.subject["provider"] for finding in findings} == {host.uuid, pool["uuid"]}
    assert len({finding.identity for finding in findings}) == 2


def test_fires_once_for_a_server_that_is_deleted_in_two_cells(audit: Auditor, estate: Estate, server: Server) -> None:
    delete(estate, server.instance)
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert len(audit(estate, "X07")) == 1


def test_fires_for_a_server_that_a_resize_brought_to_another_cell_and_no_host(
    audit: Auditor, estate: Estate, server: Server
) -> None:
    delete(estate, server.instance)
    other = {"cell": "cell2", "host": None, "node": None, "vm_state": "error", "deleted": 0, "deleted_at": None}
    estate.add(t.instances, **{**server.instance, **other})
    (finding,) = audit(estate, "X07")
    assert (finding.subject["cell"], finding.evidence["state"]) == ("cell2", "is in error and on no host")


def test_in_flight_right_after_the_deletion(audit: Auditor, estate: Estate, server: Server) -> None:
    delete(estate, server.instance, seconds=40)
    (finding,) = audit.report(estate, "X07").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(seconds=40)


def test_in_flight_right_after_a_build_failed(audit: Auditor, estate: Estate, host: Compute) -> None:
    homeless(estate, host, vm_state="error", updated_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "X07").findings
    assert not finding.settled


@pytest.mark.parametrize(
    "state",
    ["active", "paused", "suspended", "stopped", "rescued", "resized", "shelved", "soft-delete", "error", "building"],
)
def test_quiet_for_a_server_on_its_host(audit: Auditor, estate: Estate, server: Server, state: str) -> None:
    server.instance.update(vm_state=state, deleted_at=estate.ago(hours=20) if state == "soft-delete" else None)
    assert audit(estate, "X07") == []


def test_quiet_for_a_deleted_server_that_holds_nothing(audit: Auditor, estate: Estate, host: Compute) -> None:
    delete(estate, estate.server("web", host, holds=False).instance)
    estate.server("buried", None, cell="cell0", vm_state="error")
    estate.server("offloaded", None, vm_state="shelved_offloaded")
    assert audit(estate, "X07") == []


@pytest.mark.parametrize("task", ["scheduling", "networking", "spawning"])
def test_quiet_for_a_server_that_is_being_built(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    homeless(estate, host, vm_state="building", task_state=task)
    assert audit(estate, "X07") == []


@pytest.mark.parametrize("task", ["unshelving", "spawning"])
def test_quiet_while_unshelving(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    homeless(estate, host, vm_state="shelved_offloaded", task_state=task)
    assert audit(estate, "X07") == []


@pytest.mark.parametrize("task", ["scheduling", "deleting", "rebuilding"])
def test_quiet_while_a_server_in_error_has_a_task(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    homeless(estate, host, vm_state="error", task_state=task)
    assert audit(estate, "X07") == []


def test_quiet_while_a_migration_of_it_is_open(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.migration(homeless(estate, host, vm_state="error"), "evacuation", "accepted", host)
    assert audit(estate, "X07") == []


def test_quiet_while_a_build_of_it_is_queued(audit: Auditor, estate: Estate, server: Server) -> None:
    delete(estate, server.instance)
    estate.add(t.build_requests, instance_uuid=server.uuid, created_at=estate.ago(minutes=1))
    assert audit(estate, "X07") == []


def test_fires_for_a_mapping_without_a_cell_that_no_build_follows(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    server = homeless(estate, host, vm_state="error")
    server.mapping["cell_id"] = None
    (finding,) = audit(estate, "X07")
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {server.uuid}"


def test_in_flight_right_after_the_mapping_changed(audit: Auditor, estate: Estate, host: Compute) -> None:
    homeless(estate, host, vm_state="error").mapping.update(cell_id=None, updated_at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X07").findings
    assert not finding.settled


def test_no_delete_where_nova_maps_the_server_to_another_cell(audit: Auditor, estate: Estate, server: Server) -> None:
    """Its live row may be missing there."""
    delete(estate, server.instance)
    estate.compute("other", cell="cell2")
    server.mapping.update(cell_id=estate.cell_id("cell2"), queued_for_delete=0)
    (finding,) = audit(estate, "X07")
    assert not any("allocation delete" in line for line in finding.remedy)
    assert "maps this server to cell2" in str(finding.withheld)


def test_no_delete_where_an_offloaded_server_names_a_host(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(vm_state="shelved_offloaded")
    (finding,) = audit(estate, "X07")
    assert not any("allocation delete" in line for line in finding.remedy)
    assert "its row names the host right" in str(finding.withheld)


@pytest.mark.parametrize(("action", "offered"), [("create", True), ("delete", True), ("evacuate", False)])
def test_no_delete_for_a_server_in_error_that_was_on_a_host_before(
    audit: Auditor, estate: Estate, host: Compute, action: str, offered: bool
) -> None:
    estate.action(homeless(estate, host, vm_state="error"), action, failed=True)
    (finding,) = audit(estate, "X07")
    assert any("allocation delete" in line for line in finding.remedy) == offered
    assert (finding.withheld is None) == offered


@pytest.mark.parametrize("hidden", [0, 1])
def test_quiet_for_a_deleted_row_of_a_server_that_lives_in_another_cell(
    audit: Auditor, estate: Estate, server: Server, hidden: int
) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "hidden": hidden})
    delete(estate, server.instance)
    assert audit(estate, "X07") == []


def test_quiet_for_a_row_of_cell0_whose_server_runs_elsewhere(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell0"})
    assert audit(estate, "X07") == []


def test_quiet_for_an_archived_row_of_a_server_that_lives_in_another_cell(
    audit: Auditor, estate: Estate, server: Server
) -> None:
    estate.add(t.shadow_instances, cell="cell2", uuid=server.uuid, deleted_at=estate.ago(days=9))
    assert audit(estate, "X07") == []


def test_quiet_for_a_hidden_row(audit: Auditor, estate: Estate, host: Compute) -> None:
    homeless(estate, host, vm_state="error").instance["hidden"] = 1
    assert audit(estate, "X07") == []


def test_quiet_for_others_on_the_same_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(uuid_of("a stranger"), host.provider, {"VCPU": 1})
    assert audit(estate, "X07") == []
