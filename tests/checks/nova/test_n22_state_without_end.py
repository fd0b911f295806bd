import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from placement_audit.finding import changes_something
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
def server(estate: Estate, right: Compute) -> Server:
    return estate.server("web", right, vm_state="resized")


@pytest.fixture
def move(estate: Estate, server: Server, left: Compute, right: Compute) -> Row:
    """A resize from left to right that waits for its confirmation, and holds the left."""
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    return row


@pytest.mark.parametrize("state", ["active", "stopped", "error", "shelved"])
@pytest.mark.parametrize("kind", ["resize", "migration", None])
def test_fires_for_a_resize_of_a_server_that_is_not_resized(
    audit: Auditor, estate: Estate, server: Server, move: Row, state: str, kind: str | None
) -> None:
    server.instance["vm_state"] = state
    move["migration_type"] = kind
    (finding,) = audit(estate, "N22")
    assert finding.subject["instance"] == server.uuid
    assert finding.subject["migration"] == move["uuid"]
    assert finding.evidence["fault"] == "finished"
    assert f"is {state} on right" in finding.message
    assert "from left to right" in finding.message
    assert finding.severity == "error"
    assert not any(map(changes_something, finding.remedy))
    assert finding.withheld is not None


def test_fires_for_a_resize_whose_destination_was_evacuated(
    audit: Auditor, estate: Estate, server: Server, right: Compute, move: Row
) -> None:
    third = estate.compute("third")
    server.instance.update(vm_state="active", host="third", node="third")
    estate.migration(server, "evacuation", "done", right, third)
    (finding,) = audit(estate, "N22")
    assert finding.withheld is not None
    assert "on third and not on left" in finding.withheld


def test_fires_as_a_warning_where_the_resize_holds_nothing(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute
) -> None:
    estate.migration(server, "resize", "finished", left, right)
    server.instance["vm_state"] = "active"
    (finding,) = audit(estate, "N22")
    assert finding.severity == "warning"


def test_fires_for_a_second_resize_of_a_server_that_is_resized_elsewhere(
    audit: Auditor, estate: Estate, server: Server, right: Compute, move: Row
) -> None:
    third = estate.compute("third")
    server.instance.update(host="third", node="third")
    estate.migration(server, "resize", "finished", right, third)
    (finding,) = audit(estate, "N22")
    assert finding.subject["migration"] == move["uuid"]


@pytest.mark.parametrize("status", ["confirmed", "error", None])
def test_fires_for_a_resized_server_without_an_open_resize(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, status: str | None
) -> None:
    if status:
        estate.migration(server, "resize", status, left, right)
    (finding,) = audit(estate, "N22")
    assert finding.evidence["fault"] == "resized"
    assert finding.severity == "warning"
    assert finding.withheld is not None


def test_fires_for_a_server_whose_deletion_was_not_ended(audit: Auditor, estate: Estate, right: Compute) -> None:
    server = estate.server("web", right, vm_state="deleted")
    (finding,) = audit(estate, "N22")
    assert (finding.subject["instance"], finding.evidence["fault"]) == (server.uuid, "deleted")
    assert finding.severity == "error"
    assert not any(map(changes_something, finding.remedy))


@pytest.mark.parametrize("lost", [{"host": None, "node": None}, {"host": None}, {"node": None}])
@pytest.mark.parametrize("state", ["active", "stopped", "shelved", "soft-delete"])
def test_fires_for_a_server_that_lost_its_host(
    audit: Auditor, estate: Estate, right: Compute, lost: dict[str, None], state: str
) -> None:
    server = estate.server("web", right, vm_state=state)
    server.instance.update(lost)
    (finding,) = audit(estate, "N22")
    assert finding.evidence["fault"] == "nowhere"
    assert "DISK_GB 20 on right" in finding.message
    assert finding.severity == "error"
    assert not any(map(changes_something, finding.remedy))


@pytest.mark.parametrize("other", ["confirming", "finished"])
def test_fires_for_a_resize_between_cells_that_is_over_in_one_cell_alone(
    audit: Auditor, estate: Estate, server: Server, move: Row, other: str
) -> None:
    beyond = estate.compute("beyond", cell="cell2")
    estate.add(
        t.instances, **server.instance | {"cell": "cell2", "host": "beyond", "node": "beyond", "vm_state": "resized"}
    )
    server.instance["hidden"] = 1
    move["status"] = "confirmed"
    move.update(dest_compute="beyond", dest_node="beyond")
    estate.add(t.migrations, **move | {"cell": "cell2", "status": other, "dest_compute": beyond.name})
    (finding,) = audit(estate, "N22")
    assert finding.evidence["fault"] == "halves"
    assert f"{other} in cell2 and confirmed in another cell" in finding.message
    assert finding.withheld is not None


def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance.update(vm_state="active", updated_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "N22").findings
    assert not finding.settled


def test_quiet_while_a_resize_waits_for_its_confirmation(audit: Auditor, estate: Estate, move: Row) -> None:
    move["updated_at"] = move["created_at"] = estate.ago(days=300)
    assert audit(estate, "N22") == []


@pytest.mark.parametrize("renamed", [{"host": "right.example"}, {"node": "right.example"}])
def test_quiet_where_the_destination_was_renamed(
    audit: Auditor, estate: Estate, server: Server, move: Row, renamed: dict[str, str]
) -> None:
    server.instance.update(renamed)
    assert audit(estate, "N22") == []


@pytest.mark.parametrize("task", ["resize_finish", "rebuilding", "deleting", "migrating"])
def test_quiet_while_a_task_goes_on(audit: Auditor, estate: Estate, server: Server, move: Row, task: str) -> None:
    server.instance.update(vm_state="active", task_state=task)
    assert audit(estate, "N22") == []


def test_quiet_while_another_migration_goes_on(
    audit: Auditor, estate: Estate, server: Server, right: Compute, move: Row
) -> None:
    server.instance["vm_state"] = "error"
    estate.migration(server, "evacuation", "pre-migrating", right, estate.compute("third"))
    assert audit(estate, "N22") == []


@pytest.mark.parametrize("status", ["confirming", "reverting"])
def test_quiet_while_a_resize_ends(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move["status"] = status
    assert audit(estate, "N22") == []


def test_quiet_for_a_live_migration(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance["vm_state"] = "active"
    move["migration_type"] = "live-migration"
    assert audit(estate, "N22") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance["vm_state"] = "active"
    estate.add(t.instances, **server.instance | {"cell": "cell2"})
    assert audit(estate, "N22") == []


def test_quiet_for_a_hidden_row_and_its_visible_twin(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    """A resize between cells that waits for its confirmation."""
    estate.compute("beyond", cell="cell2")
    estate.add(t.instances, **server.instance | {"cell": "cell2", "host": "beyond", "node": "beyond"})
    server.instance.update(hidden=1, vm_state="active", task_state="resize_migrated")
    move.update(dest_compute="beyond", dest_node="beyond")
    estate.add(t.migrations, **move | {"cell": "cell2"})
    assert audit(estate, "N22") == []


def test_quiet_for_half_a_resize_that_goes_on(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    estate.compute("beyond", cell="cell2")
    move.update(status="confirmed", updated_at=estate.ago(minutes=30), dest_compute="beyond", dest_node="beyond")
    estate.add(t.migrations, **move | {"cell": "cell2", "status": "confirming"})
    estate.add(t.instances, **server.instance | {"cell": "cell2", "host": "beyond", "node": "beyond"})
    server.instance["hidden"] = 1
    assert audit(estate, "N22") == []


@pytest.mark.parametrize("state", ["shelved_offloaded", "error"])
def test_quiet_for_a_server_that_needs_no_host(audit: Auditor, estate: Estate, right: Compute, state: str) -> None:
    server = estate.server("web", right, vm_state=state)
    server.instance.update(host=None, node=None)
    assert audit(estate, "N22") == []


def test_fires_for_a_server_on_no_host_that_holds_nothing(audit: Auditor, estate: Estate, right: Compute) -> None:
    server = estate.server("web", None, launched_on="right")
    (finding,) = audit(estate, "N22")
    assert (finding.severity, finding.subject["instance"]) == ("error", server.uuid)
    assert "holds nothing" in finding.message
    assert "look on right" in str(finding.withheld)


def test_quiet_for_an_offloaded_server_that_was_soft_deleted(audit: Auditor, estate: Estate, right: Compute) -> None:
    estate.server("web", None, vm_state="soft-delete")
    assert audit(estate, "N22") == []


@pytest.mark.parametrize("host", ["right", None])
def test_fires_for_a_build_without_a_task(audit: Auditor, estate: Estate, right: Compute, host: str | None) -> None:
    """Nova-compute takes the task away before it has the host's room: if it dies then, nothing goes on."""
    server = estate.server("web", right, vm_state="building")
    if host is None:
        server.instance.update(host=None, node=None)
    (finding,) = audit(estate, "N22")
    assert (finding.severity, finding.evidence["fault"]) == ("warning", "building")


def test_quiet_for_a_build_without_a_task_for_a_day(audit: Auditor, estate: Estate, right: Compute) -> None:
    estate.server("web", right, vm_state="building", at=estate.ago(hours=5))
    assert audit(estate, "N22") == []


def test_quiet_in_cell0(audit: Auditor, estate: Estate) -> None:
    estate.server("web", None, cell="cell0", vm_state="deleted")
    assert audit(estate, "N22") == []


def test_quiet_for_a_deleted_server(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(deleted=3, vm_state="deleted", deleted_at=estate.ago(days=3))
    assert audit(estate, "N22") == []
