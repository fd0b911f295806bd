import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.server("neighbour", estate.compute("neighbour"))
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    return estate.server("web", host, compute_id=4711)


def test_fires_once_for_all_servers_of_a_node(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.server("db", host, compute_id=4711)
    estate.server("right", host)
    (finding,) = audit(estate, "N07")
    assert (finding.subject["host"], finding.subject["node"], finding.severity) == ("left", "left", "info")
    assert (finding.evidence["servers"], finding.evidence["compute_id"]) == (2, 4711)
    assert finding.evidence["node_id"] == host.node["id"]


def test_fires_for_the_id_of_another_node(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["compute_id"] = estate.rows[t.compute_nodes][0]["id"]
    assert len(audit(estate, "N07")) == 1


@pytest.mark.parametrize("evacuated", [True, False])
def test_names_no_start_that_would_remove_a_server(
    audit: Auditor, estate: Estate, host: Compute, server: Server, evacuated: bool
) -> None:
    if evacuated:
        estate.migration(server, "evacuation", "done", host, estate.compute("another"))
    (finding,) = audit(estate, "N07")
    assert any("start of nova-compute" in line for line in finding.remedy) is not evacuated


@pytest.mark.parametrize("clock", ["server", "node"])
def test_in_flight_right_after_a_change(
    audit: Auditor, estate: Estate, host: Compute, server: Server, clock: str
) -> None:
    if clock == "server":
        server.instance["updated_at"] = estate.ago(minutes=1)
    else:
        host.node["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "N07").findings
    assert not finding.settled


@pytest.mark.parametrize("state", [{"compute_id": None}, {"hidden": 1}, {"deleted": 5}, {"node": "elsewhere"}])
def test_quiet_for_servers_that_name_no_other_node(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N07") == []


def test_quiet_for_the_right_id(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    assert audit(estate, "N07") == []


def test_quiet_for_bare_metal_under_another_service(audit: Auditor, estate: Estate) -> None:
    metal = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.server("web", metal, holds=False)
    metal.node["host"] = "ironic-02"
    assert audit(estate, "N07") == []


@pytest.mark.parametrize("task", ["resize_migrated", "migrating", "rebuilding"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    assert audit(estate, "N07") == []


def test_quiet_while_a_migration_is_open(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.migration(server, "live-migration", "running", host)
    assert audit(estate, "N07") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "host": None, "node": None})
    assert audit(estate, "N07") == []
