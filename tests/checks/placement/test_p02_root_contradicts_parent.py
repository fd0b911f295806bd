import pytest

from placement_audit.demo.estate import Compute, Estate, Row
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("host")


@pytest.fixture
def other(estate: Estate) -> Compute:
    return estate.compute("other")


@pytest.fixture
def device(estate: Estate, host: Compute) -> Row:
    return estate.provider("host_pci", parent=host.provider)


def test_fires_for_a_child_in_the_tree_of_another_host(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, device: Row
) -> None:
    device["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.subject == {"provider": device["uuid"], "provider_name": "host_pci"}
    assert finding.evidence["reason"] == "its parents lead to another root"
    assert (finding.evidence["root_name"], finding.evidence["right_root_name"]) == ("other", "host")
    assert finding.remedy[-1] == (
        f'mariadb placement -e "UPDATE resource_providers SET root_provider_id = {host.provider["id"]}'
        f" WHERE id = {device['id']} AND root_provider_id = {other.provider['id']}"
        f' AND parent_provider_id = {host.provider["id"]}"'
    )


def test_fires_for_the_one_in_the_wrong_tree_and_not_for_its_children(
    audit: Auditor, estate: Estate, other: Compute, device: Row
) -> None:
    estate.provider("host_pci_function", parent=device)
    device["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert finding.subject["provider_name"] == "host_pci"


def test_fires_for_a_child_that_is_its_own_root(audit: Auditor, estate: Estate, device: Row) -> None:
    device["root_provider_id"] = device["id"]
    (finding,) = audit(estate, "P02")
    assert finding.evidence["reason"] == "it has a parent, yet is its own root"


def test_fires_without_a_command_for_a_root_that_is_not_its_own(
    audit: Auditor, estate: Estate, host: Compute, other: Compute
) -> None:
    """It may be the parent that was lost."""
    host.provider["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert finding.subject["provider_name"] == "host"
    assert finding.evidence["reason"] == "it has no parent, yet is not its own root"
    assert len(finding.remedy) == 1


def test_fires_without_a_command_when_the_parent_is_gone(audit: Auditor, estate: Estate, device: Row) -> None:
    estate.provider("host_pci_function", parent=device)
    device["parent_provider_id"] = 999
    (finding,) = audit(estate, "P02")
    assert finding.subject["provider_name"] == "host_pci"
    assert finding.evidence["reason"] == "its parent does not exist"
    assert finding.evidence["parent_id"] == 999
    assert len(finding.remedy) == 1


def test_quiet_for_a_deep_tree(audit: Auditor, estate: Estate, other: Compute, device: Row) -> None:
    estate.provider("host_pci_function", parent=device)
    estate.provider("other_pci", parent=other.provider)
    assert audit(estate, "P02") == []


def test_quiet_for_one_without_a_root_and_its_children(
    audit: Auditor, estate: Estate, host: Compute, device: Row
) -> None:
    host.provider["root_provider_id"] = None
    assert audit(estate, "P02") == []
