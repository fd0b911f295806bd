import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    estate.server("neighbour", host)
    return estate.server("web", host, at=estate.ago(days=2), task_state="rebooting")


@pytest.mark.parametrize("task", ["rebooting", "deleting", "spawning", "migrating", "resize_migrating", "powering-off"])
def test_fires_for_a_task_of_days(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    (finding,) = audit(estate, "N09")
    assert (finding.subject["instance"], finding.subject["host"]) == (server.uuid, "left")
    assert (finding.evidence["task_state"], finding.severity) == (task, "warning")


@pytest.mark.parametrize("task", ["image_uploading", "image_backup", "shelving_image_uploading"])
def test_fires_for_an_upload_of_many_days(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance.update(task_state=task, created_at=estate.ago(days=9), updated_at=estate.ago(days=4))
    assert len(audit(estate, "N09")) == 1


def test_fires_for_a_build_that_was_never_updated(audit: Auditor, estate: Estate) -> None:
    estate.server("web", None, at=estate.ago(days=2), vm_state="building", task_state="scheduling", updated_at=None)
    assert len(audit(estate, "N09")) == 1


def test_fires_although_an_old_migration_was_never_closed(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.migration(server, "resize", "a status of tomorrow", host, at=estate.ago(days=3))
    assert len(audit(estate, "N09")) == 1


def test_in_flight_right_after_its_migration_ended(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    server.instance["task_state"] = "migrating"
    estate.migration(server, "live-migration", "error", host, updated_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "N09").findings
    assert not finding.settled
    assert finding.evidence["since"] == server.instance["updated_at"]


@pytest.mark.parametrize("task", ["rebooting", "image_uploading"])
def test_quiet_for_a_task_of_hours(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance.update(task_state=task, updated_at=estate.ago(hours=20))
    assert audit(estate, "N09") == []


@pytest.mark.parametrize("task", ["image_snapshot", "image_uploading", "shelving"])
def test_quiet_for_a_long_upload(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    assert audit(estate, "N09") == []


def test_quiet_without_a_task(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["task_state"] = None
    assert audit(estate, "N09") == []


def test_quiet_while_its_migration_goes_on(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    server.instance["task_state"] = "migrating"
    estate.migration(server, "live-migration", "running", host, updated_at=estate.ago(minutes=1))
    assert audit(estate, "N09") == []


def test_quiet_without_a_clock(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(created_at=None, updated_at=None)
    assert audit(estate, "N09") == []


@pytest.mark.parametrize("state", [{"hidden": 1}, {"deleted": 5}, {"cell": "cell0"}])
def test_quiet_for_rows_that_count_for_nothing(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N09") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "task_state": None})
    assert audit(estate, "N09") == []
