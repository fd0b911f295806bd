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


@pytest.mark.parametrize(("version", "told"), [(64, True), (66, False)])
def test_the_claim_is_looked_at_where_nova_may_keep_it(
    audit: Auditor, estate: Estate, version: int, told: bool
) -> None:
    estate.rows[t.services][0]["version"] = version
    uuid = estate.building("soon", at=estate.ago(hours=2))
    estate.claim(uuid, estate.rows[t.resource_providers][0], {"VCPU": 2})
    (finding,) = audit(estate, "N10")
    assert "it holds VCPU 2 on left" in finding.message
    assert any(f"allocation delete {uuid}" in line and line.startswith("#") for line in finding.remedy) == told


def test_no_deletion_of_a_server_that_nova_maps_to_a_cell(audit: Auditor, estate: Estate) -> None:
    """The row may be missing in that cell's database."""
    estate.building("soon", at=estate.ago(hours=2))
    estate.rows[t.instance_mappings][-1]["cell_id"] = estate.cell_id("cell1")
    (finding,) = audit(estate, "N10")
    assert not any(map(deletes, finding.remedy))
    assert "backup" in str(finding.withheld)


def test_fires_for_information_where_the_server_is_built(audit: Auditor, estate: Estate) -> None:
    uuid = estate.rows[t.instances][0]["uuid"]
    estate.add(t.build_requests, instance_uuid=uuid, created_at=estate.ago(hours=2))
    (finding,) = audit(estate, "N10")
    assert (finding.subject["instance"], finding.severity) == (uuid, "info")
    assert not any(map(deletes, finding.remedy))


def test_fires_as_an_error_where_the_request_hides_a_server(audit: Auditor, estate: Estate) -> None:
    uuid = estate.rows[t.instances][0]["uuid"]
    estate.rows[t.instance_mappings][0]["cell_id"] = None
    estate.add(t.build_requests, instance_uuid=uuid, created_at=estate.ago(hours=2))
    (finding,) = audit(estate, "N10")
    assert (finding.subject["instance"], finding.severity) == (uuid, "error")
    assert not any(map(deletes, finding.remedy))


def test_fires_without_a_deletion_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate) -> None:
    estate.building("soon", at=estate.ago(hours=2))
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    (finding,) = auditor.report(estate, "N10").findings
    assert finding.evidence["state"] == "no cell that was read has the server"
    assert not any(map(deletes, finding.remedy))
    assert "was not read" in str(finding.withheld)


def test_quiet_for_a_build_of_minutes(audit: Auditor, estate: Estate) -> None:
    estate.building("soon", at=estate.ago(minutes=50))
    assert audit(estate, "N10") == []


def test_quiet_without_a_clock(audit: Auditor, estate: Estate) -> None:
    estate.building("soon")
    estate.rows[t.build_requests][0]["created_at"] = None
    assert audit(estate, "N10") == []
