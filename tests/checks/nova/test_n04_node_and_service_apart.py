import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour")
    return estate.compute("left")


def test_fires_for_a_node_without_a_service(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.remove(t.services, host.service)
    (finding,) = audit(estate, "N04")
    assert (finding.subject["host"], finding.subject["node"], finding.severity) == ("left", "left", "warning")
    assert [command.split()[1] for command in finding.remedy] == ["compute", "server", "start"]


def test_fires_as_an_error_where_servers_are(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    host.service.update(deleted=3, deleted_at=estate.ago(days=1))
    (finding,) = audit(estate, "N04")
    assert finding.severity == "error"


def test_fires_where_the_service_is_in_another_cell(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["cell"] = "cell2"
    host.service["last_seen_up"] = None
    (finding,) = audit(estate, "N04")
    assert finding.subject["cell"] == "cell1"


def test_fires_where_another_service_has_the_hosts_name(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["binary"] = "nova-conductor"
    assert len(audit(estate, "N04")) == 1


def test_fires_for_a_service_that_lost_its_node(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.node.update(deleted=3, deleted_at=estate.ago(days=1))
    (finding,) = audit(estate, "N04")
    assert (finding.subject["host"], finding.severity) == ("left", "error")
    assert finding.message == "left in cell1 has a nova-compute service that is up, but no compute node"
    assert finding.remedy[1:] == ("# read in the log of nova-compute on left why it cannot register its node",)


def test_fires_for_information_where_there_never_was_a_node(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("odd")
    (finding,) = audit(estate, "N04")
    assert (finding.subject["host"], finding.severity) == ("odd", "info")


def test_fires_for_information_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.remove(t.services, host.service)
    (finding,) = audit(estate, "N04")
    assert finding.severity == "info"


@pytest.mark.parametrize("what", ["node", "service", "deleted service", "deleted node"])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, host: Compute, what: str) -> None:
    now = estate.ago(minutes=2)
    if what == "node":
        estate.remove(t.services, host.service)
        host.node["created_at"] = now
    elif what == "service":
        estate.service("new", at=now)
    else:
        (host.service if what == "deleted service" else host.node).update(deleted=3, deleted_at=now)
    (finding,) = audit.report(estate, "N04").findings
    assert not finding.settled


def test_quiet_for_pairs(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["host"] = "LEFT"
    estate.compute("right", cell="cell2", node="right.example.org")
    estate.service("controller", "nova-conductor")
    assert audit(estate, "N04") == []


@pytest.mark.parametrize("state", [{"last_seen_up": None}, {"forced_down": 1}, {"last_seen_up": "2020-01-01 00:00:00"}])
def test_quiet_for_a_service_that_is_down(
    audit: Auditor, estate: Estate, host: Compute, state: dict[str, object]
) -> None:
    estate.service("odd", **state)
    assert audit(estate, "N04") == []


def test_quiet_for_a_service_without_nodes_where_there_is_bare_metal(audit: Auditor, estate: Estate) -> None:
    estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.service("ironic-02")
    assert audit(estate, "N04") == []


def test_quiet_for_what_was_deleted_together(audit: Auditor, estate: Estate, host: Compute) -> None:
    for row in (host.node, host.service):
        row.update(deleted=3, deleted_at=estate.ago(days=1))
    assert audit(estate, "N04") == []
