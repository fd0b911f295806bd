import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Row, uuid_of
from placement_audit.finding import Finding
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def old(estate: Estate) -> Row:
    """The provider of a host that was set up again since: compute_nodes has the name under a new uuid."""
    provider = estate.provider("left", uuid=uuid_of("left before"))
    estate.inventory(provider, "VCPU", 48)
    estate.trait(provider, "COMPUTE_NODE")
    estate.compute_node("left", "left")
    return provider


@pytest.fixture
def remembered(estate: Estate, old: Row) -> Row:
    """Nova still has the deleted compute node of that provider."""
    return estate.compute_node("left", "left", uuid=old["uuid"], deleted_at=estate.ago(days=3))


def deletes(finding: Finding) -> list[str]:
    return [line for line in finding.remedy if "provider delete" in line]


@pytest.mark.usefixtures("remembered")
def test_fires_for_a_host_that_was_set_up_again(audit: Auditor, estate: Estate, old: Row) -> None:
    estate.compute("right")
    (finding,) = audit(estate, "X02")
    assert finding.subject["host"] == "left"
    assert finding.subject["provider"] == uuid_of("left before")
    assert finding.evidence["node_uuid"] == uuid_of("left")
    assert (finding.evidence["consumers"], finding.evidence["children"]) == (0, 0)
    assert finding.severity == "error"
    assert deletes(finding) == [f"openstack resource provider delete {old['uuid']}"]
    assert not [line for line in finding.remedy if "--in-tree" in line]


def test_no_delete_while_something_is_held_there(audit: Auditor, estate: Estate, old: Row) -> None:
    child = estate.provider("left_gpu", parent=old)
    estate.claim(uuid_of("web"), old, {"VCPU": 2})
    estate.claim(uuid_of("db"), old, {"VCPU": 2, "MEMORY_MB": 512})
    estate.claim(uuid_of("db"), child, {"VGPU": 1})
    (finding,) = audit(estate, "X02")
    assert (finding.evidence["consumers"], finding.evidence["children"]) == (2, 1)
    assert "still holds the allocations of 2 consumers" in finding.message
    assert deletes(finding) == []
    assert finding.remedy == (f"openstack resource provider show --allocations {old['uuid']}",)


def test_no_delete_while_a_child_alone_holds_something(audit: Auditor, estate: Estate, old: Row) -> None:
    child = estate.provider("left_gpu", parent=old)
    estate.claim(uuid_of("db"), child, {"VGPU": 1})
    (finding,) = audit(estate, "X02")
    assert deletes(finding) == []


@pytest.mark.usefixtures("remembered")
def test_children_go_before_their_parent(audit: Auditor, estate: Estate, old: Row) -> None:
    estate.provider("left_gpu", parent=old)
    (finding,) = audit(estate, "X02")
    lines = [number for number, line in enumerate(finding.remedy) if "--in-tree" in line or "children" in line]
    assert lines == [1, 2]
    assert "provider delete" in finding.remedy[3]


def test_no_delete_of_the_provider_of_a_live_host_in_another_cell(audit: Auditor, estate: Estate) -> None:
    right = estate.compute("twin", cell="cell1")
    estate.compute_node("twin", "twin", cell="cell2", uuid=uuid_of("twin in cell2"))
    (finding,) = audit(estate, "X02")
    assert finding.subject["cell"] == "cell2"
    assert finding.subject["provider"] == right.uuid
    assert "two of them have one name" in finding.message
    assert deletes(finding) == []


def test_no_delete_of_a_provider_that_may_be_another_clouds(audit: Auditor, estate: Estate, old: Row) -> None:
    (finding,) = audit(estate, "X02")
    assert deletes(finding) == []
    assert finding.withheld
    assert "may be another cloud's" in finding.withheld


@pytest.mark.usefixtures("remembered")
def test_no_delete_while_something_below_is_shared(audit: Auditor, estate: Estate, old: Row) -> None:
    estate.trait(estate.provider("left_pool", parent=old), t.SHARING_TRAIT)
    (finding,) = audit(estate, "X02")
    assert deletes(finding) == []


@pytest.mark.usefixtures("remembered")
def test_no_delete_while_a_cell_is_unreadable(audit: Auditor, estate: Estate, old: Row) -> None:
    audit.unreadable = "cell2"
    (finding,) = audit(estate, "X02")
    assert finding.subject["provider"] == old["uuid"]
    assert deletes(finding) == []


def test_fires_for_a_short_and_a_full_host_name(audit: Auditor, estate: Estate) -> None:
    """Two services of one machine: the second cannot have the provider's name."""
    estate.compute("left", node="left")
    estate.compute_node("left.example.com", "left", uuid=uuid_of("second"))
    (finding,) = audit(estate, "X02")
    assert finding.subject["host"] == "left.example.com"
    assert deletes(finding) == []


def test_fires_when_the_names_differ_in_case(audit: Auditor, estate: Estate, old: Row) -> None:
    old["name"] = "LEFT"
    assert len(audit(estate, "X02")) == 1


def test_in_flight_while_the_node_is_young(audit: Auditor, estate: Estate) -> None:
    estate.provider("left", uuid=uuid_of("left before"))
    estate.compute_node("left", "left", at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "X02").findings
    assert not finding.settled


@pytest.mark.usefixtures("old")
def test_speaks_for_the_node_and_the_old_provider(audit: Auditor, estate: Estate) -> None:
    findings = audit(estate, "X01", "X02", "X03")
    assert [finding.code for finding in findings] == ["X02"]
    assert findings[0].also == {"X01": 1, "X03": 1}


def test_speaks_for_the_provider_of_the_deleted_node(audit: Auditor, estate: Estate, old: Row) -> None:
    estate.compute_node("left", "left", uuid=old["uuid"], deleted_at=estate.ago(days=3))
    (finding,) = audit(estate, "X01", "X02", "X03", "X04")
    assert finding.code == "X02"
    assert finding.also == {"X01": 1, "X04": 1}


def test_quiet_for_hosts_with_their_own_providers(audit: Auditor, estate: Estate) -> None:
    estate.compute("left")
    estate.compute("right", cell="cell2")
    assert audit(estate, "X02") == []


def test_quiet_for_uuids_and_names_that_differ_in_case_alone(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    host.provider["uuid"] = host.uuid.upper()
    host.provider["name"] = "LEFT"
    assert audit(estate, "X02") == []


@pytest.mark.usefixtures("old")
def test_quiet_for_a_host_whose_own_provider_has_another_name(audit: Auditor, estate: Estate) -> None:
    """Nova goes by uuid: that host works (X05 tells the rest)."""
    estate.provider("another name", uuid=uuid_of("left"))
    assert audit(estate, "X02") == []


def test_quiet_for_a_child_of_that_name(audit: Auditor, estate: Estate) -> None:
    other = estate.compute("other")
    estate.provider("left", parent=other.provider, uuid=uuid_of("a child"))
    estate.compute_node("left", "left")
    assert audit(estate, "X02") == []
