from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.server("neighbour", estate.compute("left"))
    return estate


def deletes(command: str) -> bool:
    return "server delete" in command


def test_fires_for_a_build_that_nobody_carries_out(audit: Auditor, estate: Estate) -> None:
    uuid = estate.building("soon", at=estate.ago(hours=2))
    (finding,) = audit(estate, "N10")
    assert (finding.subject["instance"], finding.severity) == (uuid, "warning")
    assert finding.evidence["state"] == "no cell has the server"
    assert [line.startswith("#") for line in finding.remedy if deletes(line)] == [True]


def test_fires_for_information_where_the_server_is_built(audit: Auditor, estate: Estate) -> None:
    uuid = estate.rows[t.instances][0]["uuid"]
    estate.add(t.build_requests, instance_uuid=uuid, created_at=estate.ago(hours=2))
    (finding,) = audit(estate, "N10")
    assert (finding.subject["instance"], finding.severity) == (uuid, "info")
    assert not any(map(deletes, finding.remedy))


def test_fires_without_a_deletion_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate) -> None:
    estate.building("soon", at=estate.ago(hours=2))
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    (finding,) = auditor.report(estate, "N10").findings
    assert finding.evidence["state"] == "no cell that was read has the server"
    assert not any(map(deletes, finding.remedy))


def test_quiet_for_a_build_of_minutes(audit: Auditor, estate: Estate) -> None:
    estate.building("soon", at=estate.ago(minutes=50))
    assert audit(estate, "N10") == []


def test_quiet_without_a_clock(audit: Auditor, estate: Estate) -> None:
    estate.building("soon")
    estate.rows[t.build_requests][0]["created_at"] = None
    assert audit(estate, "N10") == []
