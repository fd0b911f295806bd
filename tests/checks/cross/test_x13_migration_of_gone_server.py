import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate) -> Server:
    return estate.server("web", estate.compute("right"), holds=False)


@pytest.fixture
def move(estate: Estate, server: Server, left: Compute) -> Row:
    row = estate.migration(server, "live-migration", "running", left)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    return row


@pytest.fixture
def gone(estate: Estate, server: Server, move: Row) -> Row:
    """The migration, whose server has been deleted under it."""
    server.instance.update(deleted=4, deleted_at=estate.ago(hours=20))
    return move


@pytest.mark.parametrize("status", ["accepted", "queued", "running", "finished", "a status of tomorrow"])
def test_fires_for_an_open_migration_of_a_deleted_server(
    audit: Auditor, estate: Estate, server: Server, left: Compute, gone: Row, status: str
) -> None:
    gone["status"] = status
    (finding,) = audit(estate, "X13")
    assert finding.subject["migration"] == finding.subject["consumer"] == gone["uuid"]
    assert (finding.subject["instance"], finding.subject["provider"]) == (server.uuid, left.uuid)
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096, DISK_GB 20"
    assert finding.evidence["status"] == status
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {gone['uuid']}"


def test_fires_without_a_deletion_where_no_row_tells_of_the_server(
    audit: Auditor, estate: Estate, server: Server, gone: Row
) -> None:
    estate.remove(t.instances, server.instance)
    (finding,) = audit(estate, "X13")
    assert "in no cell" in finding.message
    assert not any("delete" in line for line in finding.remedy)
    assert finding.withheld is not None
    assert "left" in finding.withheld


def test_fires_without_a_deletion_where_the_mapping_says_that_the_server_lives(
    audit: Auditor, estate: Estate, server: Server, gone: Row
) -> None:
    server.mapping["cell_id"] = estate.cell_id("cell2")
    (finding,) = audit(estate, "X13")
    assert not any("allocation delete" in line for line in finding.remedy)
    assert finding.withheld is not None


def test_fires_once_when_two_cells_have_it(audit: Auditor, estate: Estate, gone: Row) -> None:
    estate.add(t.migrations, **{**gone, "cell": "cell2"})
    assert len(audit(estate, "X13")) == 1


def test_in_flight_right_after_the_deletion(audit: Auditor, estate: Estate, server: Server, gone: Row) -> None:
    server.instance["deleted_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X13").findings
    assert not finding.settled


def test_quiet_while_the_server_lives(audit: Auditor, estate: Estate, move: Row) -> None:
    assert audit(estate, "X13") == []


@pytest.mark.parametrize("hidden", [0, 1])
def test_quiet_while_the_server_lives_in_another_cell(
    audit: Auditor, estate: Estate, server: Server, gone: Row, hidden: int
) -> None:
    alive = {"cell": "cell2", "hidden": hidden, "deleted": 0, "deleted_at": None}
    estate.add(t.instances, **{**server.instance, **alive})
    assert audit(estate, "X13") == []


@pytest.mark.parametrize("end", [{"status": "error"}, {"deleted": 3}])
def test_quiet_for_a_migration_that_is_over(audit: Auditor, estate: Estate, gone: Row, end: dict[str, object]) -> None:
    """A finding too, but another."""
    gone.update(end)
    assert audit(estate, "X13") == []


def test_quiet_when_it_holds_nothing(audit: Auditor, estate: Estate, server: Server, left: Compute) -> None:
    estate.migration(server, "live-migration", "running", left)
    server.instance.update(deleted=4, deleted_at=estate.ago(hours=20))
    assert audit(estate, "X13") == []
