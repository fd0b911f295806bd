import pytest

from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def renamed(estate: Estate) -> Compute:
    estate.compute("right")
    host = estate.compute("left")
    host.provider["name"] = "left.example.com"
    return host


def test_fires_for_a_provider_with_another_name(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    (finding,) = audit(estate, "X05")
    assert finding.subject["provider"] == renamed.uuid
    assert finding.subject["provider_name"] == "left.example.com"
    assert (finding.subject["host"], finding.subject["node"]) == ("left", "left")
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"openstack resource provider set --name left {renamed.uuid}"


def test_no_new_name_that_another_provider_has(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    estate.provider("left", uuid=renamed.uuid.replace("-", "")[::-1])
    (finding,) = audit(estate, "X05")
    assert finding.remedy == (f"openstack resource provider show {renamed.uuid}",)


def test_in_flight_while_the_node_is_young(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    renamed.node["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X05").findings
    assert not finding.settled


def test_fires_when_only_the_case_differs(audit: Auditor, estate: Estate) -> None:
    """nova-compute tells upper from lower case where it looks for the node's name."""
    host = estate.compute("left")
    host.provider["name"] = "LEFT"
    (finding,) = audit(estate, "X05")
    assert finding.remedy[-1] == f"openstack resource provider set --name left {host.uuid}"


@pytest.mark.parametrize("state", [{"last_seen_up": None}, {"forced_down": 1}, {"deleted": 3}])
def test_fires_as_a_warning_where_nova_compute_does_not_run(
    audit: Auditor, estate: Estate, renamed: Compute, state: dict[str, object]
) -> None:
    renamed.service.update(state)
    (finding,) = audit(estate, "X05")
    assert finding.severity == "warning"


def test_no_new_name_while_servers_have_the_old_one(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    """It may be the compute node that was renamed."""
    estate.server("web", renamed, node="left.example.com")
    (finding,) = audit(estate, "X05")
    assert not any("set --name" in line for line in finding.remedy)
    assert finding.withheld
    assert "servers still name left.example.com" in finding.withheld


def test_no_new_name_where_two_nodes_have_it(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    estate.compute_node("other", "left", uuid=uuid_of("other"))
    (finding,) = audit(estate, "X05")
    assert not any("set --name" in line for line in finding.remedy)


def test_stands_for_what_nova_cannot_put_right(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    estate.trait(renamed.provider, "COMPUTE_STATUS_DISABLED")
    renamed.node["vcpus"] = 47
    (finding,) = audit(estate, "X05", "X16", "X19")
    assert (finding.code, finding.also) == ("X05", {"X16": 1, "X19": 1})


def test_quiet_when_the_uuids_differ_in_case(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    host.provider["uuid"] = host.uuid.upper()
    assert audit(estate, "X05") == []


def test_quiet_for_a_deleted_node(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    renamed.node["deleted"], renamed.node["deleted_at"] = 7, estate.ago(days=2)
    assert audit(estate, "X05") == []
