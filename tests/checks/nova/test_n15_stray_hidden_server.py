from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    estate.server("neighbour", host)
    return estate.server("web", estate.compute("right", cell="cell2"))


@pytest.fixture
def hidden(estate: Estate, server: Server) -> Row:
    """What a resize from cell1 to cell2 left there."""
    placed = {"cell": "cell1", "host": "left", "node": "left", "hidden": 1}
    return estate.add(t.instances, **{**server.instance, **placed})


@pytest.mark.parametrize("status", ["confirmed", "reverted", "error", None])
def test_fires_when_the_resize_is_over(
    audit: Auditor, estate: Estate, host: Compute, server: Server, hidden: Row, status: str | None
) -> None:
    if status:
        estate.migration(server, "resize", status, host)
    (finding,) = audit(estate, "N15")
    assert (finding.subject["instance"], finding.subject["cell"]) == (server.uuid, "cell1")
    assert (finding.subject["host"], finding.severity) == ("left", "warning")
    assert finding.evidence["state"] == "though its resize is over"


@pytest.mark.parametrize("state", [{"deleted": 5}, {"hidden": 1}])
def test_fires_when_nobody_sees_the_other(
    audit: Auditor, estate: Estate, server: Server, hidden: Row, state: dict[str, int]
) -> None:
    server.instance.update(state)
    found = audit(estate, "N15")
    assert {finding.evidence["state"] for finding in found} == {"and no cell has one that can be seen"}


@pytest.mark.parametrize(("status", "found"), [("finished", 2), ("confirmed", 2), ("reverting", 0), ("migrating", 0)])
def test_fires_when_both_are_hidden_and_nothing_moves(
    audit: Auditor, estate: Estate, host: Compute, server: Server, hidden: Row, status: str, found: int
) -> None:
    server.instance["hidden"] = 1
    estate.migration(server, "resize", status, host)
    assert len(audit(estate, "N15")) == found


def test_in_flight_while_they_change_places(
    audit: Auditor, estate: Estate, host: Compute, server: Server, hidden: Row
) -> None:
    server.instance.update(hidden=1, updated_at=estate.ago(minutes=1))
    estate.migration(server, "resize", "finished", host)
    assert [finding.settled for finding in audit.report(estate, "N15").findings] == [False, False]


@pytest.mark.parametrize("what", ["server", "migration"])
def test_in_flight_right_after_a_change(
    audit: Auditor, estate: Estate, host: Compute, server: Server, hidden: Row, what: str
) -> None:
    if what == "server":
        hidden["updated_at"] = estate.ago(minutes=1)
    else:
        estate.migration(server, "resize", "confirmed", host, updated_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "N15").findings
    assert not finding.settled


@pytest.mark.parametrize("status", ["finished", "confirming", "reverting", "migrating", "a status of tomorrow", None])
def test_quiet_while_a_migration_is_open(
    audit: Auditor, estate: Estate, host: Compute, server: Server, hidden: Row, status: str | None
) -> None:
    estate.migration(server, "resize", "", host)["status"] = status
    assert audit(estate, "N15") == []


def test_fires_although_it_has_the_task_that_it_was_hidden_with(audit: Auditor, estate: Estate, hidden: Row) -> None:
    hidden["task_state"] = "resize_migrated"
    assert len(audit(estate, "N15")) == 1


def test_quiet_while_a_task_ends_it(audit: Auditor, estate: Estate, hidden: Row) -> None:
    hidden["task_state"] = "resize_reverting"
    assert audit(estate, "N15") == []


@pytest.mark.parametrize("state", [{"deleted": 5}, {"hidden": 0}, {"hidden": None}])
def test_quiet_for_a_row_that_is_not_hidden(
    audit: Auditor, estate: Estate, hidden: Row, state: dict[str, object]
) -> None:
    hidden.update(state)
    assert audit(estate, "N15") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, hidden: Row) -> None:
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell0")
    assert auditor.report(estate, "N15").findings == []
