from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, uuid_of
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left", cell="cell2")


@pytest.fixture
def zone(estate: Estate, host: Compute) -> Row:
    """An aggregate that lists a host."""
    row = estate.add(t.aggregates, id=7, uuid=uuid_of("zone"), name="north zone", created_at=estate.ago(days=9))
    estate.add(t.aggregate_hosts, aggregate_id=7, host="LEFT")
    return row


def test_fires_for_a_host_that_nobody_knows(audit: Auditor, estate: Estate, zone: Row) -> None:
    estate.add(t.aggregate_hosts, aggregate_id=7, host="sold")
    (finding,) = audit(estate, "N13")
    assert (finding.subject["aggregate"], finding.subject["host"]) == ("north zone", "sold")
    assert finding.severity == "info"
    assert finding.remedy[0] == "openstack aggregate show 'north zone'"


def test_fires_for_a_host_whose_service_was_deleted(audit: Auditor, estate: Estate, host: Compute, zone: Row) -> None:
    host.service.update(deleted=3, deleted_at=estate.ago(days=1))
    assert len(audit(estate, "N13")) == 1


def test_fires_for_a_host_with_another_service_alone(audit: Auditor, estate: Estate, host: Compute, zone: Row) -> None:
    host.service["binary"] = "nova-conductor"
    assert len(audit(estate, "N13")) == 1


@pytest.mark.parametrize("what", ["service", "aggregate"])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, host: Compute, zone: Row, what: str) -> None:
    now = estate.ago(minutes=2)
    host.service.update(deleted=3, deleted_at=now if what == "service" else estate.ago(days=1))
    if what == "aggregate":
        zone["created_at"] = now
    (finding,) = audit.report(estate, "N13").findings
    assert not finding.settled


@pytest.mark.parametrize("state", [{"disabled": 1}, {"forced_down": 1}, {"last_seen_up": None}])
def test_quiet_for_a_host_with_a_service(
    audit: Auditor, estate: Estate, host: Compute, zone: Row, state: dict[str, object]
) -> None:
    host.service.update(state)
    assert audit(estate, "N13") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, host: Compute, zone: Row) -> None:
    host.service["deleted"] = 3
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell1")
    assert auditor.report(estate, "N13").findings == []
