import pytest

from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    return estate.server("web", host)


@pytest.fixture
def move(estate: Estate, server: Server, host: Compute) -> Row:
    return estate.migration(server, "resize", "finished", host, uuid=None)


@pytest.mark.parametrize("status", ["finished", "migrating", None])
def test_fires_for_one_that_is_open(
    audit: Auditor, estate: Estate, server: Server, move: Row, status: str | None
) -> None:
    move["status"] = status
    (finding,) = audit(estate, "N19")
    assert (finding.subject["instance"], finding.evidence["migration_id"]) == (server.uuid, move["id"])
    assert finding.severity == "info"


@pytest.mark.parametrize("state", [{"status": "confirmed"}, {"status": "error"}, {"deleted": 4}])
def test_quiet_for_one_that_is_over(audit: Auditor, estate: Estate, move: Row, state: dict[str, object]) -> None:
    move.update(state)
    assert audit(estate, "N19") == []


def test_quiet_for_one_with_a_uuid(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.migration(server, "resize", "finished", host)
    assert audit(estate, "N19") == []
