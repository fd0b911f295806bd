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
    return estate.server("web", host)


@pytest.fixture
def twin(estate: Estate, server: Server) -> Row:
    """The same server in the other cell."""
    other = estate.compute("right", cell="cell2")
    placed = {"host": other.name, "node": other.name, "compute_id": other.node["id"]}
    return estate.add(t.instances, **{**server.instance, **placed, "cell": "cell2", "vm_state": "stopped"})


def test_fires_for_a_server_in_two_cells(audit: Auditor, estate: Estate, server: Server, twin: Row) -> None:
    (finding,) = audit(estate, "N01")
    assert finding.severity == "error"
    assert finding.subject["instance"] == server.uuid
    assert (finding.subject["cell"], finding.evidence["other_cell"]) == ("cell1", "cell2")
    assert (finding.subject["host"], finding.evidence["other_host"]) == ("left", "right")


def test_fires_for_a_server_that_cell0_has_too(audit: Auditor, estate: Estate, server: Server) -> None:
    buried = {"cell": "cell0", "host": None, "node": None, "vm_state": "error"}
    estate.add(t.instances, **{**server.instance, **buried})
    (finding,) = audit(estate, "N01")
    assert finding.subject["cell"] == "cell0"


def test_fires_while_a_resize_waits_for_its_confirmation(
    audit: Auditor, estate: Estate, host: Compute, server: Server, twin: Row
) -> None:
    estate.migration(server, "resize", "finished", host)
    assert len(audit(estate, "N01")) == 1


def test_its_mapping_is_not_named_once_more(audit: Auditor, estate: Estate, server: Server, twin: Row) -> None:
    assert [finding.code for finding in audit(estate, "N01", "N02")] == ["N01"]


@pytest.mark.parametrize("clock", ["created_at", "updated_at"])
def test_in_flight_while_one_of_them_is_new(audit: Auditor, estate: Estate, twin: Row, clock: str) -> None:
    twin[clock] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "N01").findings
    assert not finding.settled


@pytest.mark.parametrize("state", [{"hidden": 1}, {"deleted": 7}])
def test_quiet_when_one_is_hidden_or_deleted(audit: Auditor, estate: Estate, twin: Row, state: Row) -> None:
    twin.update(state)
    assert audit(estate, "N01") == []


def test_quiet_while_it_moves(audit: Auditor, estate: Estate, host: Compute, server: Server, twin: Row) -> None:
    estate.migration(server, "resize", "post-migrating", host)
    assert audit(estate, "N01") == []


def test_quiet_for_a_server_in_one_cell(audit: Auditor, estate: Estate, server: Server) -> None:
    assert audit(estate, "N01") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, twin: Row) -> None:
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell0")
    report = auditor.report(estate, "N01")
    assert report.findings == []
    assert [result.status for result in report.results] == ["skipped"]
