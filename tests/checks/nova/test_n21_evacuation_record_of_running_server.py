import pytest

from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def home(estate: Estate) -> Compute:
    return estate.compute("home")


@pytest.fixture
def away(estate: Estate) -> Compute:
    return estate.compute("away")


@pytest.fixture
def server(estate: Estate, home: Compute) -> Server:
    return estate.server("web", home)


@pytest.fixture
def record(estate: Estate, server: Server, home: Compute, away: Compute) -> Row:
    return estate.migration(server, "evacuation", "done", home, away, at=estate.ago(days=9))


def test_fires_for_a_server_that_was_migrated_home(
    audit: Auditor, estate: Estate, server: Server, home: Compute, away: Compute, record: Row
) -> None:
    estate.migration(server, "live-migration", "completed", away, home, at=estate.ago(days=2))
    (finding,) = audit(estate, "N21")
    assert (finding.subject["instance"], finding.subject["host"]) == (server.uuid, "home")
    assert (finding.subject["migration"], finding.severity) == (record["uuid"], "error")
    assert finding.remedy[-1].endswith(f"server migrate --live-migration {server.uuid}")
    assert "removes the guest" in finding.message


def test_fires_for_a_server_that_was_evacuated_back(
    audit: Auditor, estate: Estate, server: Server, home: Compute, away: Compute, record: Row
) -> None:
    estate.migration(server, "evacuation", "done", away, home, at=estate.ago(days=2))
    (finding,) = audit(estate, "N21")
    assert finding.subject["migration"] == record["uuid"]


@pytest.mark.parametrize("status", ["accepted", "pre-migrating"])
def test_fires_for_an_evacuation_that_came_to_nothing(
    audit: Auditor, estate: Estate, server: Server, record: Row, status: str
) -> None:
    record["status"] = status
    (finding,) = audit(estate, "N08", "N21")
    assert (finding.code, finding.also) == ("N21", {"N08": 1})


@pytest.mark.parametrize("state", [{"deleted": 3}, {"updated_at": None}])
def test_fires_for_records_that_nova_reads_all_the_same(
    audit: Auditor, estate: Estate, record: Row, state: dict[str, object]
) -> None:
    record.update(state)
    assert len(audit(estate, "N21")) == 1


@pytest.mark.parametrize("why", ["down", "forced down", "no service", "stopped", "task", "moving"])
def test_offers_no_move_that_nova_would_refuse(
    audit: Auditor, estate: Estate, server: Server, home: Compute, away: Compute, record: Row, why: str
) -> None:
    if why == "down":
        home.service["last_seen_up"] = estate.ago(days=1)
    elif why == "forced down":
        home.service["forced_down"] = 1
    elif why == "no service":
        home.service["deleted"] = 3
    elif why == "stopped":
        server.instance["vm_state"] = "stopped"
    elif why == "task":
        server.instance["task_state"] = "powering-off"
    else:
        estate.migration(server, "live-migration", "running", home, away)
    (finding,) = audit(estate, "N21")
    assert not any("server migrate" in line for line in finding.remedy)
    assert finding.withheld


def test_in_flight_right_after_it_came_back(
    audit: Auditor, estate: Estate, server: Server, home: Compute, away: Compute, record: Row
) -> None:
    estate.migration(server, "live-migration", "completed", away, home, at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "N21").findings
    assert not finding.settled


@pytest.mark.parametrize("hours", [1, 100])
def test_quiet_while_an_evacuation_goes_on(
    audit: Auditor, estate: Estate, server: Server, home: Compute, record: Row, hours: int
) -> None:
    server.instance["task_state"] = "rebuild_spawning"
    record.update(status="pre-migrating", created_at=estate.ago(hours=hours), updated_at=estate.ago(hours=hours))
    home.service["last_seen_up"] = estate.ago(hours=hours + 1)
    assert audit(estate, "N21") == []


def test_fires_for_a_host_that_came_back_without_a_start(
    audit: Auditor, estate: Estate, server: Server, record: Row
) -> None:
    """It was cut off, evacuated from, and nobody has restarted it."""
    server.instance["task_state"] = "rebuilding"
    record["status"] = "accepted"
    (finding,) = audit(estate, "N21")
    assert finding.withheld


@pytest.mark.parametrize(
    "state",
    [
        {"status": "completed"},
        {"status": "failed"},
        {"status": "error"},
        {"migration_type": "live-migration"},
        {"source_compute": "away"},
    ],
)
def test_quiet_for_other_records(audit: Auditor, estate: Estate, record: Row, state: dict[str, object]) -> None:
    record.update(state)
    assert audit(estate, "N21") == []


@pytest.mark.parametrize("state", [{"host": "away", "node": "away"}, {"deleted": 4}, {"hidden": 1}, {"host": None}])
def test_quiet_for_a_server_that_is_not_there(
    audit: Auditor, estate: Estate, server: Server, away: Compute, record: Row, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N21") == []
