import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_for_a_node_whose_provider_is_missing(audit: Auditor, estate: Estate) -> None:
    estate.compute("right")
    node = estate.compute_node("left", "left.example.com")
    (finding,) = audit(estate, "X01")
    assert finding.subject == {"cell": "cell1", "host": "left", "node": "left.example.com"}
    assert finding.evidence["node_uuid"] == node["uuid"]
    assert finding.severity == "error"
    assert "openstack resource provider list --name left.example.com" in finding.remedy


def test_fires_in_each_cell(audit: Auditor) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.compute_node("left", "left", cell="cell1")
    estate.compute_node("right", "right", cell="cell2")
    assert [finding.subject["cell"] for finding in audit(estate, "X01")] == ["cell1", "cell2"]


@pytest.mark.parametrize("back", [True, False])
def test_advises_no_restart_that_would_remove_a_server(audit: Auditor, estate: Estate, back: bool) -> None:
    lost, another = estate.compute("left"), estate.compute("another")
    estate.migration(estate.server("web", lost if back else another), "evacuation", "done", lost, another)
    lost.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    (finding,) = audit(estate, "X01")
    assert any(line.startswith("systemctl restart nova-compute") for line in finding.remedy) is not back


@pytest.mark.parametrize(
    ("disabled", "down", "servers", "severity"),
    [
        (1, True, False, "info"),
        (1, True, True, "warning"),
        (0, True, False, "error"),
        (1, False, False, "error"),
    ],
)
def test_fires_softly_where_nothing_is_lost(
    audit: Auditor, estate: Estate, disabled: int, down: bool, servers: bool, severity: str
) -> None:
    host = estate.compute("left")
    estate.remove(t.resource_providers, host.provider)
    host.service["disabled"] = disabled
    if down:
        host.service["last_seen_up"] = estate.ago(days=90)
    if servers:
        estate.server("web", host, holds=False)
    (finding,) = audit(estate, "X01")
    assert finding.severity == severity


def test_in_flight_while_the_node_is_young(audit: Auditor, estate: Estate) -> None:
    estate.compute_node("left", "left", at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X01").findings
    assert not finding.settled
    assert finding.newest_change == estate.ago(minutes=2)


def test_settled_although_the_host_writes_its_node_all_the_time(audit: Auditor, estate: Estate) -> None:
    estate.compute_node("left", "left")["updated_at"] = estate.ago(seconds=1)
    assert len(audit(estate, "X01")) == 1


def test_quiet_for_a_host_with_its_provider(audit: Auditor, estate: Estate) -> None:
    estate.compute("left")
    estate.compute("metal", node="2f5a", hypervisor_type="ironic")
    assert audit(estate, "X01") == []


def test_quiet_for_a_uuid_in_other_case(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    host.provider["uuid"] = host.uuid.upper()
    assert audit(estate, "X01") == []


def test_quiet_for_a_deleted_node(audit: Auditor, estate: Estate) -> None:
    estate.compute_node("left", "left", deleted_at=estate.ago(days=2))
    assert audit(estate, "X01") == []
