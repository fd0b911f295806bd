from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Server
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def gone(estate: Estate) -> Server:
    """A server of which the mapping alone is left."""
    host = estate.compute("left")
    estate.server("neighbour", host)
    server = estate.server("web", host, holds=False)
    estate.remove(t.instances, server.instance)
    return server


def test_fires_for_a_mapping_alone(audit: Auditor, estate: Estate, gone: Server) -> None:
    (finding,) = audit(estate, "N02b")
    assert (finding.subject["instance"], finding.subject["cell"]) == (gone.uuid, "cell1")
    assert finding.severity == "info"
    assert "no deletion of it was accepted" in finding.message
    assert "proves no deletion" in str(finding.withheld)


def test_fires_for_one_that_is_queued_for_deletion(audit: Auditor, estate: Estate, gone: Server) -> None:
    gone.mapping["queued_for_delete"] = 1
    (finding,) = audit(estate, "N02b")
    assert "its deletion was accepted" in finding.message
    assert "does no harm" in str(finding.withheld)


def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, gone: Server) -> None:
    gone.mapping["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N02b").findings
    assert not finding.settled


@pytest.mark.parametrize("cell", ["cell1", "cell2"])
def test_quiet_for_a_row_in_any_cell(audit: Auditor, estate: Estate, gone: Server, cell: str) -> None:
    estate.add(t.instances, **{**gone.instance, "cell": cell, "deleted": 5})
    assert audit(estate, "N02b") == []


def test_quiet_for_an_archived_server(audit: Auditor, estate: Estate, gone: Server) -> None:
    estate.add(t.shadow_instances, cell="cell1", uuid=gone.uuid, deleted_at=estate.ago(days=9))
    assert audit(estate, "N02b") == []


def test_quiet_for_a_build(audit: Auditor, estate: Estate, gone: Server) -> None:
    estate.building("soon")
    estate.add(t.build_requests, instance_uuid=gone.uuid, created_at=estate.ago(days=1))
    assert audit(estate, "N02b") == []


def test_quiet_for_the_bookmark_of_map_instances(audit: Auditor, estate: Estate, gone: Server) -> None:
    gone.mapping["instance_uuid"] = gone.uuid.replace("-", " ")
    assert audit(estate, "N02b") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, gone: Server) -> None:
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    assert auditor.report(estate, "N02b").findings == []
