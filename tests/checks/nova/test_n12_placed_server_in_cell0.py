import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def buried(estate: Estate) -> Server:
    estate.server("neighbour", estate.compute("left"))
    return estate.server("buried", None, cell="cell0", vm_state="error")


@pytest.mark.parametrize(
    "state", [{"host": "left", "node": "left"}, {"host": "left"}, {"node": "left"}, {"vm_state": "active"}]
)
def test_fires_for_a_server_that_is_not_buried(
    audit: Auditor, estate: Estate, buried: Server, state: dict[str, str]
) -> None:
    buried.instance.update(state)
    (finding,) = audit(estate, "N12")
    assert (finding.subject["instance"], finding.subject["cell"]) == (buried.uuid, "cell0")
    assert finding.severity == "info"


def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, buried: Server) -> None:
    buried.instance.update(vm_state="building", updated_at=None, created_at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "N12").findings
    assert not finding.settled


def test_quiet_for_a_buried_server(audit: Auditor, estate: Estate, buried: Server) -> None:
    assert audit(estate, "N12") == []


@pytest.mark.parametrize("state", [{"deleted": 5}, {"hidden": 1}, {"task_state": "deleting"}])
def test_quiet_for_one_that_goes(audit: Auditor, estate: Estate, buried: Server, state: dict[str, object]) -> None:
    buried.instance.update({"vm_state": "active", **state})
    assert audit(estate, "N12") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, buried: Server) -> None:
    buried.instance["vm_state"] = "active"
    estate.add(t.instances, **{**buried.instance, "cell": "cell1"})
    assert audit(estate, "N12") == []
