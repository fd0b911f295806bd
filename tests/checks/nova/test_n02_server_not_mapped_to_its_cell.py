from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server, uuid_of
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


def test_fires_for_a_server_without_a_mapping(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.remove(t.instance_mappings, server.mapping)
    (finding,) = audit(estate, "N02")
    assert finding.subject["instance"] == server.uuid
    assert finding.severity == "error"
    assert "no cell, for there is none" in finding.message
    assert finding.remedy[-1] == f"nova-manage cell_v2 map_instances --cell_uuid {uuid_of('cell cell1')} --reset"


def test_fires_for_a_server_that_is_mapped_to_another_cell(audit: Auditor, estate: Estate, server: Server) -> None:
    server.mapping["cell_id"] = estate.cell_id("cell2")
    (finding,) = audit(estate, "N02")
    assert (finding.subject["cell"], finding.evidence["mapped_to"]) == ("cell1", "cell2")
    assert not any("map_instances" in line for line in finding.remedy)


def test_fires_for_a_server_that_is_mapped_to_no_cell_yet(audit: Auditor, estate: Estate, server: Server) -> None:
    server.mapping["cell_id"] = None
    (finding,) = audit(estate, "N02")
    assert "no build is queued" in finding.message
    assert not any("map_instances" in line for line in finding.remedy)


def test_fires_as_a_warning_in_cell0(audit: Auditor, estate: Estate, server: Server) -> None:
    buried = estate.server("buried", None, cell="cell0", vm_state="error")
    estate.remove(t.instance_mappings, buried.mapping)
    (finding,) = audit(estate, "N02")
    assert (finding.subject["instance"], finding.severity) == (buried.uuid, "warning")


@pytest.mark.parametrize("of_mapping", [True, False])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, server: Server, of_mapping: bool) -> None:
    server.mapping["cell_id"] = None
    (server.mapping if of_mapping else server.instance)["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N02").findings
    assert not finding.settled


def test_quiet_for_a_server_that_is_mapped_to_its_cell(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.server("far", estate.compute("right", cell="cell2"))
    estate.server("buried", None, cell="cell0", vm_state="error")
    assert audit(estate, "N02") == []


def test_quiet_for_a_build_that_is_queued(audit: Auditor, estate: Estate, server: Server) -> None:
    server.mapping["cell_id"] = None
    estate.add(t.build_requests, instance_uuid=server.uuid, created_at=estate.ago(days=1))
    assert audit(estate, "N02") == []


@pytest.mark.parametrize("state", [{"deleted": 7}, {"hidden": 1}])
def test_quiet_for_what_is_deleted_or_hidden(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, int]
) -> None:
    server.instance.update(state)
    estate.remove(t.instance_mappings, server.mapping)
    assert audit(estate, "N02") == []


def test_quiet_while_a_resize_turns_the_mapping_around(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    server.mapping["cell_id"] = estate.cell_id("cell2")
    estate.migration(server, "resize", "post-migrating", host)
    assert audit(estate, "N02") == []


def test_quiet_for_a_mapping_in_capital_letters(audit: Auditor, estate: Estate, server: Server) -> None:
    server.mapping["instance_uuid"] = server.uuid.upper()
    assert audit(estate, "N02") == []


def test_quiet_for_a_mapping_without_dashes(audit: Auditor, estate: Estate, server: Server) -> None:
    server.mapping["instance_uuid"] = server.uuid.replace("-", "")
    assert audit(estate, "N02") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, server: Server) -> None:
    estate.remove(t.instance_mappings, server.mapping)
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    assert auditor.report(estate, "N02").findings == []
