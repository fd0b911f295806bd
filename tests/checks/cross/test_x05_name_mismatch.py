import pytest

from placement_audit.demo.estate import Compute, Estate
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
    assert finding.impact == "L"
    assert finding.severity == "info"
    assert finding.remedy[-1] == f"openstack resource provider set --name left {renamed.uuid}"


def test_no_new_name_that_another_provider_has(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    estate.provider("left", uuid=renamed.uuid.replace("-", "")[::-1])
    (finding,) = audit(estate, "X05")
    assert finding.remedy == (f"openstack resource provider show {renamed.uuid}",)


def test_in_flight_while_the_node_is_young(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    renamed.node["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X05").findings
    assert not finding.settled


def test_quiet_when_only_the_case_differs(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left")
    host.provider["name"] = "LEFT"
    host.provider["uuid"] = host.uuid.upper()
    assert audit(estate, "X05") == []


def test_quiet_for_a_deleted_node(audit: Auditor, estate: Estate, renamed: Compute) -> None:
    renamed.node["deleted"], renamed.node["deleted_at"] = 7, estate.ago(days=2)
    assert audit(estate, "X05") == []
