import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour", cell="cell2")
    return estate.compute("left")


def test_fires_for_one_name_in_two_cells(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute_node("LEFT", "LEFT", cell="cell2", uuid="00000000-1111-4222-8333-444444444444")
    (finding,) = audit(estate, "N05")
    assert finding.severity == "error"
    assert (finding.subject["cell"], finding.evidence["other_cell"]) == ("cell1", "cell2")
    assert finding.evidence["shared"] == "name"


def test_fires_once_for_a_host_in_two_cells(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Of which one is mapped elsewhere, and has no provider."""
    estate.compute_node("left", "left", cell="cell2", uuid="00000000-1111-4222-8333-444444444444")
    estate.service("left", cell="cell2")
    found = audit(estate, "N03", "N05", "X01", "X02")
    assert [(finding.code, finding.also) for finding in found] == [("N05", {"N03": 1, "X02": 1, "X01": 1})]


def test_fires_beside_a_host_that_is_not_mapped_for_another_reason(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    estate.compute_node("right", "right", cell="cell2", uuid=host.uuid)
    estate.remove(t.host_mappings, host.mapping)
    assert sorted(finding.code for finding in audit(estate, "N03", "N05")) == ["N03", "N05"]


def test_fires_for_one_uuid_in_two_cells(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute_node("right", "right", cell="cell2", uuid=host.uuid)
    (finding,) = audit(estate, "N05")
    assert finding.evidence["shared"] == "uuid"
    assert (finding.subject["node"], finding.evidence["other_node"]) == ("left", "right")


def test_fires_for_one_name_under_two_hosts(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute_node("left.example.org", "left", uuid="00000000-1111-4222-8333-444444444444")
    (finding,) = audit(estate, "N05")
    assert (finding.subject["host"], finding.evidence["other_host"]) == ("left", "left.example.org")


def test_fires_for_bare_metal_in_two_cells(audit: Auditor, estate: Estate) -> None:
    for cell in ("cell1", "cell2"):
        estate.compute_node(f"ironic of {cell}", "metal", cell=cell, hypervisor_type="ironic")
    assert len(audit(estate, "N05")) == 1


def test_in_flight_while_one_of_them_is_new(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute_node("right", "right", cell="cell2", uuid=host.uuid, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "N05").findings
    assert not finding.settled


def test_quiet_for_bare_metal_that_wanders_between_services(audit: Auditor, estate: Estate) -> None:
    estate.compute_node("ironic-01", "metal", hypervisor_type="ironic")
    estate.compute_node("ironic-02", "metal", hypervisor_type="ironic", uuid="00000000-1111-4222-8333-444444444444")
    assert audit(estate, "N05") == []


def test_quiet_for_a_node_that_was_deleted(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute_node("left", "left", cell="cell2", uuid=host.uuid, deleted_at=estate.ago(days=9))
    assert audit(estate, "N05") == []


def test_quiet_for_several_nodes_of_one_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.compute("ironic-01", node="metal-1", hypervisor_type="ironic")
    estate.compute_node("ironic-01", "metal-2", hypervisor_type="ironic")
    assert len(estate.rows[t.compute_nodes]) == 4
    assert audit(estate, "N05") == []
