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
    """On a host that is no compute node any more."""
    estate.remove(t.compute_nodes, host.node)
    return estate.server("web", host)


def test_fires_once_for_all_servers_of_a_lost_host(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.server("db", host)
    (finding,) = audit(estate, "N06")
    assert (finding.subject["cell"], finding.subject["host"], finding.subject["node"]) == ("cell1", "left", "left")
    assert (finding.evidence["servers"], finding.severity) == (2, "error")
    assert finding.evidence["state"] == "is no compute node of that cell"


def test_fires_for_a_node_that_was_deleted(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host)
    host.node.update(deleted=3, deleted_at=estate.ago(days=2))
    (finding,) = audit(estate, "N06")
    assert finding.evidence["example"] == server.uuid
    assert finding.evidence["state"] == f"was deleted at {estate.ago(days=2)}"


def test_fires_as_a_warning_for_a_host_of_another_name(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    host.node["host"] = "left.example.org"
    (finding,) = audit(estate, "N06")
    assert (finding.severity, finding.evidence["state"]) == ("warning", "now belongs to left.example.org")


def test_fires_where_only_another_cell_has_the_node(audit: Auditor, estate: Estate, server: Server) -> None:
    estate.compute_node("left", "left", cell="cell2")
    (finding,) = audit(estate, "N06")
    assert finding.subject["cell"] == "cell1"


def test_fires_for_bare_metal_that_is_gone(audit: Auditor, estate: Estate) -> None:
    metal = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.server("web", metal, holds=False)
    estate.remove(t.compute_nodes, metal.node)
    (finding,) = audit(estate, "N06")
    assert finding.subject["node"] == "metal"


def test_fires_although_one_of_them_changed_just_now(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.server("db", host, at=estate.ago(minutes=1))
    assert len(audit(estate, "N06")) == 1


@pytest.mark.parametrize("what", ["server", "node"])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, host: Compute, what: str) -> None:
    server = estate.server("web", host)
    host.node.update(deleted=3, deleted_at=estate.ago(days=2))
    if what == "server":
        server.instance["updated_at"] = estate.ago(minutes=1)
    else:
        host.node["deleted_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "N06").findings
    assert not finding.settled


def test_quiet_for_servers_on_nodes_and_on_none(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node.update(host="LEFT", hypervisor_hostname="Left")
    estate.server("web", host).instance.update(host="left", node="left")
    estate.server("off", None, vm_state="shelved_offloaded")
    estate.server("buried", None, cell="cell0", vm_state="error")
    estate.server("building", None, vm_state="building", task_state="scheduling")
    assert audit(estate, "N06") == []


def test_quiet_for_bare_metal_under_another_service(audit: Auditor, estate: Estate) -> None:
    metal = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.server("web", metal, holds=False)
    metal.node["host"] = "ironic-02"
    assert audit(estate, "N06") == []


@pytest.mark.parametrize("task", ["resize_migrated", "migrating", "rebuilding", "spawning", "deleting"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, server: Server, task: str) -> None:
    server.instance["task_state"] = task
    assert audit(estate, "N06") == []


def test_quiet_while_a_migration_is_open(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.migration(server, "live-migration", "running", host)
    assert audit(estate, "N06") == []


@pytest.mark.parametrize("state", [{"hidden": 1}, {"deleted": 5}, {"cell": "cell0"}, {"host": None}, {"node": None}])
def test_quiet_for_rows_that_count_for_nothing(
    audit: Auditor, estate: Estate, server: Server, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N06") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, server: Server) -> None:
    other = estate.compute("right", cell="cell2")
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "host": other.name, "node": other.name})
    assert audit(estate, "N06") == []
