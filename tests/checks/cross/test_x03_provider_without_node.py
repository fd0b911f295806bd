import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Row, uuid_of
from placement_audit.finding import Finding
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def lost(estate: Estate) -> Row:
    """The provider of a host whose compute node's row is gone for good."""
    estate.compute("right")
    host = estate.compute("lost")
    estate.remove(t.compute_nodes, host.node)
    return host.provider


def deletes(finding: Finding) -> list[str]:
    return [line for line in finding.remedy if "provider delete" in line]


def test_fires_for_a_provider_that_attracts_servers(audit: Auditor, estate: Estate, lost: Row) -> None:
    (finding,) = audit(estate, "X03")
    assert finding.subject == {"provider": lost["uuid"], "provider_name": "lost"}
    assert (finding.evidence["consumers"], finding.evidence["children"]) == (0, 0)
    assert finding.severity == "error"
    assert finding.impact == "H"
    assert finding.newest_change == lost["created_at"]
    assert deletes(finding) == [f"openstack resource provider delete {lost['uuid']}"]
    assert not [line for line in finding.remedy if "in-tree" in line or "children" in line]


@pytest.mark.parametrize("unusable", [{"max_unit": 1, "min_unit": 2}, {"reserved": 48}, {"allocation_ratio": 0.0}])
def test_fires_with_less_when_nothing_is_to_be_had(audit: Auditor, estate: Estate, unusable: dict[str, float]) -> None:
    provider = estate.provider("lost")
    estate.trait(provider, "COMPUTE_NODE")
    estate.inventory(provider, "VCPU", 48, **unusable)
    (finding,) = audit(estate, "X03")
    assert finding.impact == "M"
    assert finding.severity == "warning"


def test_fires_for_a_provider_without_inventory_that_nova_made(audit: Auditor, estate: Estate) -> None:
    estate.trait(estate.provider("lost"), "COMPUTE_NODE")
    estate.service("lost", deleted=4, deleted_at=estate.ago(days=9))
    (finding,) = audit(estate, "X03")
    assert finding.impact == "M"
    assert len(deletes(finding)) == 1


def test_no_delete_of_a_host_that_no_cell_remembers(audit: Auditor, estate: Estate) -> None:
    """It may be of a second nova, or of a cell that was not read: it attracts nobody by this nova's fault."""
    lost = estate.provider("lost")
    estate.trait(lost, "COMPUTE_NODE")
    estate.inventory(lost, "VCPU", 48)
    (finding,) = audit(estate, "X03")
    assert (finding.severity, deletes(finding)) == ("warning", [])
    assert "no cell remembers a host named lost" in str(finding.withheld)


@pytest.mark.parametrize("server_names", ["host", "node"])
def test_no_delete_while_a_server_names_the_host(audit: Auditor, estate: Estate, lost: Row, server_names: str) -> None:
    estate.server("alive", None).instance[server_names] = "lost"
    (finding,) = audit(estate, "X03")
    assert deletes(finding) == []
    assert "servers of a host named lost" in str(finding.withheld)


def test_no_delete_while_another_compute_node_has_the_name(audit: Auditor, estate: Estate, lost: Row) -> None:
    estate.compute_node("lost", "lost", uuid=uuid_of("lost anew"))
    (finding,) = audit(estate, "X03")
    assert deletes(finding) == []


def test_fires_for_core_classes_in_a_child(audit: Auditor, estate: Estate) -> None:
    root = estate.provider("lost")
    estate.inventory(estate.provider("lost_NUMA0", parent=root), "PCPU", 8)
    (finding,) = audit(estate, "X03")
    assert finding.subject["provider"] == root["uuid"]
    assert finding.impact == "M"
    assert finding.evidence["children"] == 1


def test_no_delete_of_what_another_service_may_have_made(audit: Auditor, estate: Estate) -> None:
    """Zun makes roots with VCPU and MEMORY_MB of its own, without the traits of a nova driver."""
    estate.inventory(estate.provider("container-host"), "VCPU", 48)
    (finding,) = audit(estate, "X03")
    assert finding.impact == "M"
    assert deletes(finding) == []
    assert "Zun" in str(finding.withheld)


def test_the_traits_of_a_driver_tell_that_nova_made_it_before_ussuri(audit: Auditor, estate: Estate) -> None:
    provider = estate.provider("lost")
    estate.inventory(provider, "VCPU", 48)
    estate.trait(provider, "COMPUTE_DEVICE_TAGGING")
    estate.service("lost", deleted=4, deleted_at=estate.ago(days=9))
    (finding,) = audit(estate, "X03")
    assert len(deletes(finding)) == 1


def test_no_delete_while_something_is_held_there(audit: Auditor, estate: Estate, lost: Row) -> None:
    child = estate.provider("lost_gpu", parent=lost)
    estate.claim(uuid_of("web"), lost, {"VCPU": 2, "MEMORY_MB": 512})
    estate.claim(uuid_of("db"), child, {"VGPU": 1})
    (finding,) = audit(estate, "X03")
    assert (finding.evidence["consumers"], finding.evidence["children"]) == (2, 1)
    assert deletes(finding) == []
    assert "look at its consumers" in str(finding.withheld)
    assert not [line for line in finding.remedy if "deepest" in line]
    assert [line for line in finding.remedy if "--in-tree" in line]


def test_children_go_before_their_parent(audit: Auditor, estate: Estate, lost: Row) -> None:
    estate.provider("lost_gpu", parent=lost)
    (finding,) = audit(estate, "X03")
    assert [line.split()[0] for line in finding.remedy] == ["openstack", "openstack", "#", "openstack"]
    assert "--in-tree" in finding.remedy[1]
    assert finding.remedy[-1:] == tuple(deletes(finding))


def test_in_flight_while_the_provider_is_young(audit: Auditor, estate: Estate, lost: Row) -> None:
    lost["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X03").findings
    assert not finding.settled


@pytest.mark.usefixtures("lost")
def test_quiet_while_a_cell_is_unreadable(audit: Auditor, estate: Estate) -> None:
    audit.unreadable = "cell2"
    report = audit.report(estate, "X03")
    assert report.findings == []
    assert [result.status for result in report.results] == ["skipped"]


def test_quiet_for_hosts_of_every_cell(audit: Auditor, estate: Estate) -> None:
    estate.compute("left", cell="cell1")
    right = estate.compute("right", cell="cell2")
    right.provider["uuid"] = right.uuid.upper()
    assert audit(estate, "X03") == []


def test_quiet_for_children(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    estate.inventory(estate.provider("left_NUMA0", parent=host.provider), "VCPU", 8)
    assert audit(estate, "X03") == []


def test_quiet_for_a_sharing_provider(audit: Auditor, estate: Estate) -> None:
    estate.shared("nfs", 1000, estate.compute("left").provider)
    assert audit(estate, "X03") == []


def test_quiet_for_a_neutron_segment(audit: Auditor, estate: Estate) -> None:
    estate.inventory(estate.provider("Neutron segment id 7"), "IPV4_ADDRESS", 250)
    assert audit(estate, "X03") == []


def test_quiet_for_what_other_services_and_operators_make(audit: Auditor, estate: Estate) -> None:
    fpga = estate.provider("accelerators")
    estate.inventory(estate.provider("accelerators_0", parent=fpga), "FPGA", 2)
    estate.inventory(estate.provider("licences"), "CUSTOM_LICENCE", 100)
    estate.provider("nothing at all")
    assert audit(estate, "X03") == []


def test_quiet_for_a_deleted_node(audit: Auditor, estate: Estate, lost: Row) -> None:
    """X04 tells of those."""
    estate.compute_node("lost", "lost", uuid=lost["uuid"], deleted_at=estate.ago(days=2))
    assert audit(estate, "X03") == []
