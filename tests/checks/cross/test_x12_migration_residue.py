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
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {move['uuid']}"


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
