import pytest

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
    return estate.server("web", estate.compute("right"))


@pytest.fixture
def evacuation(estate: Estate, server: Server, left: Compute) -> Row:
    estate.claim(server.uuid, left.provider, estate.amounts(server.flavor))
    return estate.migration(server, "evacuation", "done", left, at=estate.ago(days=3))


def test_fires_for_a_host_that_is_back(audit: Auditor, estate: Estate, server: Server, evacuation: Row) -> None:
    (finding,) = audit(estate, "N17")
    assert (finding.subject["instance"], finding.subject["host"]) == (server.uuid, "left")
    assert finding.severity == "info"


@pytest.mark.parametrize("state", [{"last_seen_up": None}, {"forced_down": 1}, {"deleted": 3}])
def test_quiet_while_the_host_is_down(
    audit: Auditor, estate: Estate, left: Compute, evacuation: Row, state: dict[str, object]
) -> None:
    left.service.update(state)
    assert audit(estate, "N17") == []


def test_quiet_for_a_host_that_was_not_seen_lately(
    audit: Auditor, estate: Estate, left: Compute, evacuation: Row
) -> None:
    left.service["last_seen_up"] = estate.ago(minutes=5)
    assert audit(estate, "N17") == []


def test_quiet_for_an_evacuation_of_today(audit: Auditor, estate: Estate, evacuation: Row) -> None:
    evacuation["updated_at"] = estate.ago(hours=20)
    assert audit(estate, "N17") == []


@pytest.mark.parametrize(
    "state",
    [
        {"status": "completed"},
        {"status": "failed"},
        {"status": "pre-migrating"},
        {"deleted": 4},
        {"migration_type": "live-migration"},
        {"created_at": None, "updated_at": None},
    ],
)
def test_quiet_for_other_migrations(audit: Auditor, estate: Estate, evacuation: Row, state: dict[str, object]) -> None:
    evacuation.update(state)
    assert audit(estate, "N17") == []


@pytest.mark.parametrize("state", [{"deleted": 4}, {"hidden": 1}])
def test_quiet_for_a_server_that_is_gone(
    audit: Auditor, estate: Estate, server: Server, evacuation: Row, state: dict[str, int]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N17") == []


def test_quiet_when_a_later_evacuation_from_there_was_cleaned_up(
    audit: Auditor, estate: Estate, server: Server, left: Compute, evacuation: Row
) -> None:
    estate.migration(server, "evacuation", "completed", left, at=estate.ago(days=2))
    assert audit(estate, "N17") == []


def test_quiet_for_a_server_that_is_back(
    audit: Auditor, estate: Estate, left: Compute, server: Server, evacuation: Row
) -> None:
    """The next start of nova-compute there would remove the guest that runs."""
    server.instance.update(host="left", node="left")
    assert audit(estate, "N17") == []


def test_quiet_while_the_server_moves(
    audit: Auditor, estate: Estate, left: Compute, server: Server, evacuation: Row
) -> None:
    estate.migration(server, "live-migration", "running", estate.compute("third"), left)
    assert audit(estate, "N17") == []


def test_quiet_where_the_compute_node_is_gone(
    audit: Auditor, estate: Estate, left: Compute, server: Server, evacuation: Row
) -> None:
    left.node["deleted"] = left.node["id"]
    assert audit(estate, "N17") == []
