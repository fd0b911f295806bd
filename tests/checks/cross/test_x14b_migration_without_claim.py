import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
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
    """A resize from left to right that waits for its confirmation, and nothing holds the left."""
    return estate.migration(server, "resize", "finished", left, right)


@pytest.mark.parametrize("kind", ["resize", "migration"])
def test_fires_while_it_waits(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row, kind: str
) -> None:
    move["migration_type"] = kind
    (finding,) = audit(estate, "X14b")
    assert finding.subject["migration"] == move["uuid"]
    assert finding.subject["instance"] == server.uuid
    assert (finding.subject["provider"], finding.subject["node"]) == (left.uuid, "left")
    assert finding.severity == "warning"
    assert all(" show " in command or " list " in command for command in finding.remedy)


@pytest.mark.parametrize(("status", "task"), [("migrating", "resize_migrating"), ("post-migrating", "resize_finish")])
def test_fires_on_the_way(audit: Auditor, estate: Estate, server: Server, move: Row, status: str, task: str) -> None:
    move["status"] = status
    server.instance.update(vm_state="active", task_state=task)
    assert len(audit(estate, "X14b")) == 1


def test_fires_once_for_a_resize_between_cells(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2"})
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "hidden": 1})
    assert len(audit(estate, "X14b")) == 1


@pytest.mark.parametrize("row", ["migration", "server"])
def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, server: Server, move: Row, row: str) -> None:
    (move if row == "migration" else server.instance)["updated_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X14b").findings
    assert not finding.settled


def test_quiet_when_the_migration_holds_the_source(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    estate.claim(move["uuid"], left.provider, estate.amounts(server.flavor))
    assert audit(estate, "X14b") == []


def test_quiet_when_the_server_itself_still_holds_the_source(
    audit: Auditor, estate: Estate, server: Server, left: Compute, move: Row
) -> None:
    """As a move of before Queens left it."""
    estate.claim(server.uuid, left.provider, estate.amounts(server.flavor))
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("kind", ["live-migration", "evacuation", None])
def test_quiet_for_other_kinds(audit: Auditor, estate: Estate, move: Row, kind: str | None) -> None:
    move["migration_type"] = kind
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("status", ["pre-migrating", "confirming", "reverting", "confirmed", "error", None])
def test_quiet_before_it_begins_and_while_it_ends(
    audit: Auditor, estate: Estate, move: Row, status: str | None
) -> None:
    move["status"] = status
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("state", [{"vm_state": "active"}, {"vm_state": "error"}, {"task_state": "resize_reverting"}])
def test_quiet_when_the_server_says_otherwise(
    audit: Auditor, estate: Estate, server: Server, move: Row, state: dict[str, str]
) -> None:
    server.instance.update(state)
    assert audit(estate, "X14b") == []


def test_quiet_within_one_host(audit: Auditor, estate: Estate, server: Server, right: Compute) -> None:
    estate.migration(server, "resize", "finished", right, right)
    assert audit(estate, "X14b") == []


def test_quiet_for_a_server_that_holds_nothing_at_all(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("ghost", right, holds=False, vm_state="resized")
    estate.migration(server, "resize", "finished", left, right)
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("gone", [{"deleted": 4}, {"uuid": None}])
def test_quiet_for_a_row_that_is_deleted_or_has_no_uuid(
    audit: Auditor, estate: Estate, move: Row, gone: dict[str, object]
) -> None:
    move.update(gone)
    assert audit(estate, "X14b") == []


def test_quiet_when_the_server_is_gone(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance.update(deleted=4, deleted_at=estate.ago(hours=20))
    assert audit(estate, "X14b") == []


def test_quiet_when_the_other_cell_is_ahead(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2", "status": "confirmed"})
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("what", ["node", "provider", "bare metal"])
def test_quiet_when_the_source_is_gone_or_bare_metal(
    audit: Auditor, estate: Estate, left: Compute, move: Row, what: str
) -> None:
    if what == "node":
        left.node.update(deleted=3, deleted_at=estate.ago(hours=3))
    elif what == "provider":
        left.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    else:
        left.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X14b") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X14b") == []


def test_fires_for_the_later_of_two_moves(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, move: Row
) -> None:
    """The first was left behind by a failure."""
    later = estate.migration(server, "resize", "finished", left, right)
    (finding,) = audit(estate, "X14b")
    assert finding.subject["migration"] == later["uuid"]


@pytest.mark.parametrize("status", ["finished", "error", "confirmed"])
def test_quiet_for_a_row_from_which_a_later_move_went_on(
    audit: Auditor, estate: Estate, server: Server, right: Compute, move: Row, status: str
) -> None:
    estate.migration(server, "resize", status, right, right)
    assert audit(estate, "X14b") == []


@pytest.mark.parametrize("task", [None, "resize_migrating"])
def test_quiet_for_a_server_that_is_on_a_third_host(
    audit: Auditor, estate: Estate, server: Server, move: Row, task: str | None
) -> None:
    estate.claim(server.uuid, estate.compute("third").provider, estate.amounts(server.flavor))
    server.instance.update(host="third", node="third", task_state=task)
    if task:
        move["status"] = "migrating"
        server.instance["vm_state"] = "active"
    assert audit(estate, "X14b") == []


def test_quiet_for_a_resize_that_waits_while_the_server_is_on_its_source(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("back", right, vm_state="resized")
    estate.migration(server, "resize", "finished", left, right)
    server.instance.update(host="left", node="left")
    assert audit(estate, "X14b") == []
