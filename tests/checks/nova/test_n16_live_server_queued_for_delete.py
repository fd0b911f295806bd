import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def server(estate: Estate) -> Server:
    host = estate.compute("left")
    estate.server("neighbour", host)
    server = estate.server("web", host)
    server.mapping["queued_for_delete"] = 1
    return server


@pytest.mark.parametrize("state", ["active", "stopped", "error"])
def test_fires_for_a_server_that_lives_on(audit: Auditor, estate: Estate, server: Server, state: str) -> None:
    server.instance["vm_state"] = state
    (finding,) = audit(estate, "N16")
    assert (finding.subject["instance"], finding.severity) == (server.uuid, "info")


@pytest.mark.parametrize("of_mapping", [True, False])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, server: Server, of_mapping: bool) -> None:
    (server.mapping if of_mapping else server.instance)["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N16").findings
    assert not finding.settled


@pytest.mark.parametrize("mark", [0, None])
def test_quiet_without_the_mark(audit: Auditor, estate: Estate, server: Server, mark: int | None) -> None:
    server.mapping["queued_for_delete"] = mark
    assert audit(estate, "N16") == []


@pytest.mark.parametrize(
    "state",
    [
        {"vm_state": "soft-delete"},
        {"task_state": "deleting"},
        {"task_state": "soft-deleting"},
        {"task_state": "restoring"},
        {"deleted": 5},
        {"hidden": 1},
    ],
)
def test_quiet_for_one_that_is_deleted_or_will_be(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N16") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "N16") == []
