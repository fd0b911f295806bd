from pathlib import Path

import pytest
from sqlalchemy import make_url

from placement_audit.demo.estate import Compute, Estate, Urls, uuid_of
from tests.conftest import RealSchemas
from tests.support import Auditor

WEB = uuid_of("web")


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("node-1")
    estate.server("fine", host)
    return host


def test_fires_for_a_row_without_a_time_among_others(audit: Auditor, estate: Estate, host: Compute) -> None:
    rows = estate.claim(WEB, host.provider, {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1})
    rows[0]["created_at"] = None
    (finding,) = audit(estate, "P29")
    assert finding.message == (
        f"1 allocations of 1 consumers have no time of creation, while others of theirs do: {WEB}"
    )
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert "UPDATE allocations" in finding.remedy[-1]


def test_fires_when_they_are_on_different_providers(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 1})
    estate.allocate(WEB, estate.shared("nfs", 1000, host.provider), {"DISK_GB": 1})[0]["created_at"] = None
    assert len(audit(estate, "P29")) == 1


def test_fires_once_for_all_that_a_script_inserted(audit: Auditor, estate: Estate, host: Compute) -> None:
    for number in range(7):
        estate.claim(uuid_of(f"web {number}"), host.provider, {"VCPU": 1, "DISK_GB": 1})[0]["created_at"] = None
    (finding,) = audit(estate, "P29")
    assert (finding.evidence["consumers"], finding.evidence["undated"]) == (7, 7)
    assert finding.evidence["sample"].endswith("and 2 more")


def test_the_command_gives_them_the_time_of_the_others(
    empty_cloud: RealSchemas, tmp_path: Path, estate: Estate, host: Compute
) -> None:
    cells = {cell: empty_cloud.cells[cell] for cell in estate.cells}
    audit = Auditor(lambda _: Urls(empty_cloud.placement, empty_cloud.api, cells), tmp_path)
    rows = estate.claim(WEB, host.provider, {"VCPU": 1, "DISK_GB": 1})
    rows[0]["created_at"] = None
    for row in estate.claim(uuid_of("never dated"), host.provider, {"VCPU": 1, "DISK_GB": 1}):
        row["created_at"] = None
    (finding,) = audit(estate, "P29")
    database = make_url(empty_cloud.placement).database
    empty_cloud.server.execute(finding.remedy[-1].partition('"')[2].removesuffix('"'), database)
    undated = "SELECT consumer_id FROM allocations WHERE created_at IS NULL"
    assert list(empty_cloud.server.execute(undated, database)) == [(uuid_of("never dated"),)] * 2
    times = "SELECT DISTINCT created_at FROM allocations WHERE created_at IS NOT NULL"
    assert len(empty_cloud.server.execute(times, database)) == 1


def test_in_flight_while_the_other_rows_are_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    rows = estate.claim(WEB, host.provider, {"VCPU": 1, "DISK_GB": 1}, at=estate.ago(minutes=1))
    rows[0]["created_at"] = None
    (finding,) = audit.report(estate, "P29").findings
    assert not finding.settled


def test_quiet_when_none_of_its_rows_has_a_time(audit: Auditor, estate: Estate, host: Compute) -> None:
    for row in estate.claim(WEB, host.provider, {"VCPU": 1, "DISK_GB": 1}):
        row["created_at"] = None
    assert audit(estate, "P29") == []


def test_quiet_for_times_that_differ(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 1})
    estate.claim(WEB, host.provider, {"DISK_GB": 1}, at=estate.ago(days=9))
    assert audit(estate, "P29") == []
