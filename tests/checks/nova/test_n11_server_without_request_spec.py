from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    """Its request is lost."""
    estate.server("neighbour", host)
    server = estate.server("web", host)
    estate.remove(t.request_specs, server.request)
    return server


@pytest.mark.parametrize("state", ["active", "stopped", "error", "shelved", "resized"])
def test_fires_for_a_server_on_a_host(audit: Auditor, estate: Estate, server: Server, state: str) -> None:
    server.instance["vm_state"] = state
    (finding,) = audit(estate, "N11")
    assert (finding.subject["instance"], finding.subject["host"]) == (server.uuid, "left")
    assert finding.severity == "warning"


def test_fires_for_one_that_is_offloaded(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(vm_state="shelved_offloaded", host=None, node=None)
    assert len(audit(estate, "N11")) == 1


def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N11").findings
    assert not finding.settled


@pytest.mark.parametrize("spelled", [str.upper, lambda uuid: uuid.replace("-", "")])
def test_quiet_for_a_request_in_another_spelling(
    audit: Auditor, estate: Estate, server: Server, spelled: object
) -> None:
    estate.add(t.request_specs, instance_uuid=spelled(server.uuid))  # type: ignore[operator]
    assert audit(estate, "N11") == []


def test_quiet_for_a_server_in_error_on_no_host(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(vm_state="error", host=None, node=None)
    assert audit(estate, "N11") == []


def test_quiet_for_a_server_in_cell0(audit: Auditor, estate: Estate, server: Server) -> None:
    buried = {"cell": "cell0", "host": None, "node": None, "vm_state": "building"}
    server.instance.update(buried)
    server.mapping["cell_id"] = estate.cell_id("cell0")
    assert audit(estate, "N11") == []


@pytest.mark.parametrize("made", ["2016-05-01 12:00:00", None])
def test_quiet_for_a_server_of_before_newtons_end(
    audit: Auditor, estate: Estate, server: Server, made: str | None
) -> None:
    server.instance["created_at"] = made
    assert audit(estate, "N11") == []


@pytest.mark.parametrize("state", [{"deleted": 5}, {"hidden": 1}])
def test_quiet_for_what_is_deleted_or_hidden(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, int]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N11") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, server: Server) -> None:
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    assert auditor.report(estate, "N11").findings == []
