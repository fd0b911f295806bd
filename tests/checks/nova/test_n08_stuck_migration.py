import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor

STEPS = ["accepted", "preparing", "pre-migrating", "reverting", "confirming"]
WORK = ["queued", "running", "running (post-copy)", "migrating", "post-migrating"]


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, left: Compute) -> Server:
    estate.server("neighbour", left)
    return estate.server("web", left)


@pytest.fixture
def move(estate: Estate, server: Server, left: Compute) -> Row:
    right = estate.compute("right")
    return estate.migration(server, "live-migration", "running", left, right, at=estate.ago(hours=30))


@pytest.mark.parametrize("status", WORK)
def test_fires_for_work_that_stands_still_for_a_day(
    audit: Auditor, estate: Estate, server: Server, move: Row, status: str
) -> None:
    move["status"] = status
    (finding,) = audit(estate, "N08")
    assert (finding.subject["migration"], finding.subject["instance"]) == (move["uuid"], server.uuid)
    assert (finding.evidence["status"], finding.severity) == (status, "warning")
    assert (finding.subject["host"], finding.evidence["dest_host"]) == ("left", "right")
    assert finding.message.endswith(f"has been {status} since {move['updated_at']}")


@pytest.mark.parametrize("status", STEPS)
def test_fires_for_a_step_that_takes_hours(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move.update(status=status, created_at=estate.ago(hours=3), updated_at=estate.ago(hours=2))
    assert len(audit(estate, "N08")) == 1


@pytest.mark.parametrize("kind", ["live-migration", "resize", "migration", "evacuation", None])
@pytest.mark.parametrize("status", [*STEPS, *WORK])
def test_fires_with_a_word_on_why_nothing_is_offered(
    audit: Auditor, estate: Estate, move: Row, kind: str | None, status: str
) -> None:
    move.update(migration_type=kind, status=status)
    (finding,) = audit(estate, "N08")
    assert finding.withheld is not None
    assert "left" in finding.withheld
    if kind == "evacuation":
        assert "next start of nova-compute on left removes" in finding.withheld


def test_fires_with_a_word_on_a_server_that_is_gone(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance.update(deleted=3, deleted_at=estate.ago(days=3))
    (finding,) = audit(estate, "N08")
    assert finding.withheld is not None
    assert "server that is gone" in finding.withheld


def test_fires_for_one_that_was_never_updated(audit: Auditor, estate: Estate, move: Row) -> None:
    move["updated_at"] = None
    assert len(audit(estate, "N08")) == 1


def test_fires_for_an_evacuation_after_a_day(audit: Auditor, estate: Estate, move: Row) -> None:
    move.update(migration_type="evacuation", status="pre-migrating")
    assert len(audit(estate, "N08")) == 1


def test_fires_for_a_queue_behind_one_that_is_stuck(audit: Auditor, estate: Estate, left: Compute, move: Row) -> None:
    estate.migration(estate.server("db", left), "live-migration", "queued", left, at=estate.ago(hours=29))
    assert len(audit(estate, "N08")) == 2


def test_fires_without_a_command_for_a_server_that_is_gone(
    audit: Auditor, estate: Estate, server: Server, move: Row
) -> None:
    server.instance["deleted"] = 5
    (finding,) = audit(estate, "N08")
    assert not any(server.uuid in line for line in finding.remedy)
    assert finding.message.endswith("; its server is gone")


def test_fires_once_for_a_resize_between_cells(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2"})
    assert [finding.subject["cell"] for finding in audit(estate, "N08")] == ["cell2"]


def test_its_server_is_not_named_once_more(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance.update(task_state="migrating", updated_at=estate.ago(hours=30), created_at=estate.ago(days=9))
    move["uuid"] = None
    assert [finding.code for finding in audit(estate, "N08", "N09", "N19")] == ["N08"]


@pytest.mark.parametrize("status", WORK)
def test_quiet_for_work_of_hours(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move.update(status=status, updated_at=estate.ago(hours=20))
    assert audit(estate, "N08") == []


@pytest.mark.parametrize("status", STEPS)
def test_quiet_for_a_step_of_minutes(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move.update(status=status, updated_at=estate.ago(minutes=50))
    assert audit(estate, "N08") == []


@pytest.mark.parametrize("status", ["accepted", "pre-migrating"])
def test_quiet_for_an_evacuation_of_hours(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move.update(migration_type="evacuation", status=status, updated_at=estate.ago(hours=20))
    assert audit(estate, "N08") == []


@pytest.mark.parametrize(
    "status",
    ["finished", "confirmed", "reverted", "error", "failed", "completed", "cancelled", "done", "of tomorrow", None],
)
def test_quiet_for_what_may_stay_so_and_for_what_is_unknown(
    audit: Auditor, estate: Estate, move: Row, status: str | None
) -> None:
    move.update(status=status, created_at=estate.ago(days=200), updated_at=estate.ago(days=200))
    assert audit(estate, "N08") == []


def test_quiet_for_the_queue_of_a_busy_host(audit: Auditor, estate: Estate, left: Compute, move: Row) -> None:
    move.update(status="queued")
    ahead = estate.server("db", left)
    estate.migration(ahead, "live-migration", "running", left, at=estate.ago(minutes=1))
    assert audit(estate, "N08") == []


def test_quiet_without_a_clock(audit: Auditor, estate: Estate, move: Row) -> None:
    move.update(created_at=None, updated_at=None)
    assert audit(estate, "N08") == []


def test_quiet_for_a_deleted_row(audit: Auditor, estate: Estate, move: Row) -> None:
    move.update(deleted=3)
    assert audit(estate, "N08") == []


@pytest.mark.parametrize("status", ["running", "finished", "confirmed"])
def test_quiet_where_the_other_cells_row_went_on(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2", "status": status, "updated_at": estate.ago(minutes=40)})
    assert audit(estate, "N08") == []
