import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of
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
    return estate.server("web", right)


@pytest.fixture
def move(estate: Estate, server: Server, left: Compute, right: Compute) -> Row:
    """Was a resize from left to right, and still holds the left."""
    row = estate.migration(server, "resize", "confirmed", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    return row


def deletes(command: str) -> bool:
    return "allocation delete" in command


@pytest.mark.parametrize("status", ["confirmed", "reverted", "error", "failed", "completed", "cancelled", "done"])
def test_fires_for_a_migration_that_is_over(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row, status: str
) -> None:
    move["status"] = status
    (finding,) = audit(estate, "X12")
    assert finding.subject["migration"] == finding.subject["consumer"] == move["uuid"]
    assert finding.subject["instance"] == server.uuid
    assert finding.subject["provider"] == left.uuid
    assert finding.evidence["state"] == status
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20"
    assert finding.severity == "error"
    assert any(map(deletes, finding.remedy)) == (status in ("confirmed", "completed", "done"))


def test_fires_with_a_deletion_where_the_guest_is_on_the_destination(audit: Auditor, estate: Estate, move: Row) -> None:
    (finding,) = audit(estate, "X12")
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {move['uuid']}"
    assert finding.withheld is None


def test_fires_with_a_deletion_after_a_confirmation_that_failed(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    move["status"] = "error"
    server.instance["vm_state"] = "error"
    estate.action(server, "revertResize", at=estate.ago(days=9))  # of an earlier resize
    estate.action(server, "confirmResize", failed=True, at=estate.ago(hours=20))
    estate.action(server, "resetState", at=estate.ago(hours=19))
    (finding,) = audit(estate, "X12")
    assert any(map(deletes, finding.remedy))


@pytest.mark.parametrize("status", ["error", "reverted"])
@pytest.mark.parametrize("kind", ["resize", "migration", None])
@pytest.mark.parametrize(
    "orders",
    [{}, {"revertResize": 20}, {"confirmResize": 21, "revertResize": 20}, {"confirmResize": 20, "revertResize": 20}],
)
def test_fires_without_a_deletion_where_a_revert_may_have_failed(
    audit: Auditor,
    estate: Estate,
    server: Server,
    move: Row,
    status: str,
    kind: str | None,
    orders: dict[str, int],
) -> None:
    """The guest may be on the source alone, whatever nova has as its host."""
    move.update(status=status, migration_type=kind)
    for action, hours in orders.items():
        estate.action(server, action, failed=True, at=estate.ago(hours=hours))
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))
    assert finding.withheld is not None
    assert "left" in finding.withheld
    assert "right" in finding.withheld


@pytest.mark.parametrize("status", ["failed", "cancelled", "error", "completed"])
def test_fires_without_a_deletion_where_nova_has_the_server_on_the_source_of_a_live_migration(
    audit: Auditor, estate: Estate, server: Server, move: Row, status: str
) -> None:
    move.update(migration_type="live-migration", status=status)
    server.instance.update(host="left", node="left")
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))


@pytest.mark.parametrize("status", ["error", "completed"])
def test_fires_with_a_deletion_where_a_live_migration_has_reached_its_destination(
    audit: Auditor, estate: Estate, move: Row, status: str
) -> None:
    move.update(migration_type="live-migration", status=status)
    (finding,) = audit(estate, "X12")
    assert any(map(deletes, finding.remedy))


@pytest.mark.parametrize("renamed", [{"host": "left.example"}, {"node": "left.example"}])
def test_fires_without_a_deletion_where_the_servers_host_was_renamed(
    audit: Auditor, estate: Estate, left: Compute, server: Server, move: Row, renamed: dict[str, str]
) -> None:
    """It is accounted for through its node, or its host, alone."""
    move.update(migration_type="live-migration", status="error")
    server.instance.update({"host": "left", "node": "left"} | renamed)
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))
    assert finding.withheld is not None


def test_fires_without_a_deletion_where_the_servers_host_is_unknown(
    audit: Auditor, estate: Estate, right: Compute, move: Row
) -> None:
    right.node["host"] = "right.example"
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))


@pytest.mark.parametrize(
    "state",
    [
        {"host": None, "node": None},
        {"vm_state": "error", "host": None, "node": None},
        {"host": "right", "node": None},
        {"task_state": "rebuilding"},
    ],
)
def test_fires_without_a_deletion_where_nobody_knows_the_servers_host(
    audit: Auditor, estate: Estate, server: Server, move: Row, state: dict[str, str | None]
) -> None:
    server.instance.update(state)
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))


def test_fires_with_a_deletion_for_an_offloaded_server(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    server.instance.update(vm_state="shelved_offloaded", host=None, node=None)
    assert any(map(deletes, audit(estate, "X12")[0].remedy))


def test_fires_without_a_deletion_for_an_offloaded_server_whose_move_failed(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    server.instance.update(vm_state="shelved_offloaded", host=None, node=None)
    move["status"] = "error"
    assert not any(map(deletes, audit(estate, "X12")[0].remedy))


@pytest.mark.parametrize("hidden", [0, 1])
def test_fires_without_a_deletion_where_another_cell_has_the_server_too(
    audit: Auditor, estate: Estate, server: Server, move: Row, hidden: int
) -> None:
    estate.add(t.instances, **server.instance | {"cell": "cell2", "hidden": hidden, "host": "left", "node": "left"})
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))
    assert finding.withheld is not None


@pytest.mark.parametrize(
    ("kind", "status", "deleted", "offered"),
    [
        # back to the left, as nova does not know: before nova 28 the last step might fail unseen
        ("live-migration", "completed", 0, False),
        ("live-migration", "error", 0, False),
        ("live-migration", "error", 7, False),
        # rolled back: it never left the right
        ("live-migration", "failed", 0, True),
        ("live-migration", "cancelled", 0, True),
        ("resize", "error", 0, False),
        ("resize", "finished", 0, False),
        ("live-migration", "running", 0, False),
    ],
)
def test_fires_by_what_a_later_move_says(
    audit: Auditor,
    estate: Estate,
    server: Server,
    left: Compute,
    right: Compute,
    move: Row,
    kind: str,
    status: str,
    deleted: int,
    offered: bool,
) -> None:
    move["created_at"] = estate.ago(days=5)
    estate.migration(server, kind, status, right, left, deleted=deleted)
    (finding,) = audit(estate, "X12")
    assert any(map(deletes, finding.remedy)) == offered


def test_fires_with_a_deletion_where_a_later_move_proves_it(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, move: Row
) -> None:
    """The revert failed; the server was evacuated since."""
    third = estate.compute("third")
    move.update(status="error", created_at=estate.ago(days=5))
    server.instance.update(host="third", node="third")
    estate.migration(server, "evacuation", "done", right, third)
    assert any(map(deletes, audit(estate, "X12")[0].remedy))


def test_fires_without_a_deletion_until_the_host_has_cleaned_up_after_an_evacuation(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    third = estate.compute("third")
    move.update(status="error", migration_type="live-migration", created_at=estate.ago(days=5))
    server.instance.update(host="third", node="third")
    evacuation = estate.migration(server, "evacuation", "done", left, third)
    assert not any(map(deletes, audit(estate, "X12")[0].remedy))
    evacuation["status"] = "completed"
    assert evacuation in estate.rows[t.migrations]


def test_fires_with_a_deletion_where_the_server_holds_as_much_there_itself(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    """Wherever the guest is: on the left both would account for it."""
    move["status"] = "error"
    estate.claim(server.uuid, left.provider, estate.amounts(server.flavor))
    assert any(map(deletes, audit(estate, "X12")[0].remedy))


@pytest.mark.parametrize("less", ["VCPU", "a device"])
def test_fires_without_a_deletion_where_the_server_holds_less_there_itself(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row, less: str
) -> None:
    move["status"] = "error"
    amounts = estate.amounts(server.flavor)
    if less == "a device":
        estate.claim(move["uuid"], estate.provider("left_gpu", parent=left.provider), {"VGPU": 1})
    else:
        amounts[less] -= 1
    estate.claim(server.uuid, left.provider, amounts)
    assert not any(map(deletes, audit(estate, "X12")[0].remedy))


def test_fires_without_a_deletion_where_another_part_is_needed(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    """The deletion takes all parts."""
    third = estate.compute("third")
    estate.claim(move["uuid"], third.provider, {"VCPU": 2})
    estate.migration(server, "live-migration", "error", third, estate.compute("fourth"))
    findings = audit(estate, "X12")
    assert {finding.subject["provider_name"] for finding in findings} == {"left", "third"}
    assert not [line for finding in findings for line in finding.remedy if deletes(line)]
    assert all(finding.withheld for finding in findings)


def test_fires_without_a_deletion_of_the_only_disk_in_a_pool(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, move: Row
) -> None:
    pool = estate.shared("nfs", 100_000, left.provider, right.provider)
    estate.claim(move["uuid"], pool, {"DISK_GB": 20})
    assert not [line for finding in audit(estate, "X12") for line in finding.remedy if deletes(line)]


def test_fires_with_a_deletion_where_the_server_has_its_own_disk_in_the_pool(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, move: Row
) -> None:
    pool = estate.shared("nfs", 100_000, left.provider, right.provider)
    for consumer in (move["uuid"], server.uuid):
        estate.claim(consumer, pool, {"DISK_GB": 20})
    assert all(deletes(finding.remedy[-1]) for finding in audit(estate, "X12"))


def test_fires_without_a_deletion_where_no_row_tells_of_the_server(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    """A cell may be missing."""
    estate.remove(t.instances, server.instance)
    (finding,) = audit(estate, "X12")
    assert not any(map(deletes, finding.remedy))
    assert finding.withheld is not None
    assert "left" in finding.withheld


def test_fires_without_a_deletion_where_the_mapping_says_that_the_server_lives(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    """In another cell, which has no row of it."""
    server.instance.update(deleted=5, deleted_at=estate.ago(hours=20))
    server.mapping["cell_id"] = estate.cell_id("cell2")
    assert not any(map(deletes, audit(estate, "X12")[0].remedy))


@pytest.mark.parametrize("status", ["error", "finished"])
def test_fires_for_a_migration_that_was_deleted_with_its_server(
    audit: Auditor, estate: Estate, server: Server, move: Row, status: str
) -> None:
    gone = {"deleted": 5, "deleted_at": estate.ago(hours=20)}
    server.instance.update(gone)
    move.update(gone, status=status)
    (finding,) = audit(estate, "X12")
    assert (finding.severity, finding.evidence["state"]) == ("error", "deleted")
    assert deletes(finding.remedy[-1])


def test_fires_for_an_archived_migration(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    for table, row in ((t.migrations, move), (t.instances, server.instance)):
        estate.remove(table, row)
    row = {key: move[key] for key in ("cell", "uuid", "instance_uuid", "status", "created_at", "updated_at")}
    estate.add(t.shadow_migrations, **row, deleted_at=estate.ago(days=9))
    (finding,) = audit(estate, "X12")
    assert finding.subject["migration"] == move["uuid"]
    assert (finding.subject["instance"], finding.evidence["state"]) == (server.uuid, "archived")


@pytest.mark.parametrize(
    "state", [{"vm_state": "resized"}, {"task_state": "resize_migrating"}, {"task_state": "migrating"}]
)
def test_fires_as_a_warning_where_the_compute_service_still_counts_it(
    audit: Auditor, estate: Estate, server: Server, move: Row, state: dict[str, str]
) -> None:
    move["status"] = "error"
    server.instance.update(state)
    (finding,) = audit(estate, "X12")
    assert finding.severity == "warning"
    assert not any(map(deletes, finding.remedy))


def test_fires_without_a_deletion_where_it_has_what_belongs_to_the_server(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    """A live migration broke: the server is still on the left, and its own claim is on the right."""
    server = estate.server("web", left, holds=False)
    estate.claim(server.uuid, right.provider, estate.amounts(server.flavor))
    row = estate.migration(server, "live-migration", "error", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    (finding,) = audit(estate, "X12")
    assert finding.severity == "error"
    assert not any(map(deletes, finding.remedy))


def test_fires_for_each_root_of_a_migration_of_an_evacuated_server(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.claim(move["uuid"], estate.compute("third").provider, {"VCPU": 2})
    names = {finding.subject["provider_name"] for finding in audit(estate, "X12")}
    assert names == {"left", "third"}


def test_fires_once_for_a_resize_between_cells(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2"})
    assert len(audit(estate, "X12")) == 1


@pytest.mark.parametrize("clock", ["updated_at", "deleted_at"])
def test_in_flight_right_after_the_end(audit: Auditor, estate: Estate, move: Row, clock: str) -> None:
    move[clock] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X12").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=1)


@pytest.mark.parametrize(
    "status",
    [
        "accepted",
        "pre-migrating",
        "queued",
        "preparing",
        "running",
        "running (post-copy)",
        "migrating",
        "post-migrating",
        "finished",
        "confirming",
        "reverting",
        "a status of tomorrow",
        None,
    ],
)
def test_quiet_while_it_is_open(audit: Auditor, estate: Estate, move: Row, status: str | None) -> None:
    move["status"] = status
    assert audit(estate, "X12") == []


def test_quiet_while_it_is_open_in_another_cell(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2", "status": "finished"})
    assert audit(estate, "X12") == []


def test_quiet_while_the_resize_is_being_reverted(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    move["status"] = "reverted"
    server.instance.update(vm_state="resized", task_state="resize_reverting")
    assert audit(estate, "X12") == []


def test_quiet_when_it_holds_nothing(audit: Auditor, estate: Estate, server: Server, left: Compute) -> None:
    for status in ("confirmed", "error", "completed"):
        estate.migration(server, "resize", status, left)
    assert audit(estate, "X12") == []


def test_quiet_for_a_migration_without_a_uuid(audit: Auditor, estate: Estate, server: Server, left: Compute) -> None:
    """They have one since Queens."""
    estate.migration(server, "resize", "confirmed", left, uuid=None)
    estate.claim(uuid_of("a stranger"), left.provider, {"VCPU": 1})
    assert audit(estate, "X12") == []
