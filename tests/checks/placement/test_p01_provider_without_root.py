import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("healthy")
    return estate.compute("host")


def test_fires_for_a_root_that_does_not_point_at_itself(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.provider["root_provider_id"] = None
    (finding,) = audit(estate, "P01", "P02")
    assert (finding.code, finding.severity, finding.impact) == ("P01", "error", "C")
    assert finding.subject == {"provider": host.uuid, "provider_name": "host"}
    assert finding.remedy[-1] == (
        'mariadb placement -e "UPDATE resource_providers SET root_provider_id = 2'
        ' WHERE id = 2 AND root_provider_id IS NULL AND parent_provider_id <=> NULL"'
    )


def test_fires_for_a_grandchild_and_names_the_top_of_its_tree(audit: Auditor, estate: Estate, host: Compute) -> None:
    numa = estate.provider("host_numa0", parent=host.provider)
    device = estate.provider("host_0000:81:00.0", parent=numa)
    device["root_provider_id"] = None
    (finding,) = audit(estate, "P01", "P02")
    assert finding.subject["provider_name"] == "host_0000:81:00.0"
    assert (finding.evidence["parent_id"], finding.evidence["right_root_id"]) == (numa["id"], 2)
    assert f"parent_provider_id <=> {numa['id']}" in finding.remedy[-1]


def test_fires_without_a_command_when_the_parent_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    device = estate.provider("host_pci", parent=host.provider)
    device |= {"root_provider_id": None, "parent_provider_id": 999}
    (finding,) = audit(estate, "P01")
    assert finding.evidence["right_root_id"] is None
    assert [line for line in finding.remedy if "UPDATE" in line] == []


def test_quiet_for_a_tree(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.provider("host_pci", parent=host.provider)
    assert audit(estate, "P01") == []


def test_quiet_before_train_has_filled_in_the_roots(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.provider["root_provider_id"] = None
    audit.revision = "b4ed3a175331"
    assert audit(estate, "P01", "P02") == []


def test_fires_from_train_on(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.provider["root_provider_id"] = None
    audit.revision = "611cd6dffd7b"
    assert len(audit(estate, "P01")) == 1


def test_fires_without_a_command_for_a_compute_node_that_was_given_a_parent(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    other = estate.compute("other")
    host.provider.update(root_provider_id=None, parent_provider_id=other.provider["id"])
    (finding,) = audit(estate, "P01")
    assert [line for line in finding.remedy if "UPDATE" in line] == []
    assert "which nova gives no parent" in (finding.withheld or "")
