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


def test_fires_for_a_compute_node_whose_root_is_another(
    audit: Auditor, estate: Estate, host: Compute, other: Compute
) -> None:
    host.provider["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert finding.subject["provider_name"] == "host"
    assert finding.evidence["reason"] == "it has no parent, yet is not its own root"
    assert finding.remedy[-1].endswith(
        "SET parent_provider_id = NULL, root_provider_id = 1 WHERE id = 1 AND root_provider_id = 2"
        ' AND parent_provider_id <=> NULL"'
    )


@pytest.mark.parametrize("root", ["its own", "the other's"])
def test_leaves_a_compute_node_its_own_root(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, root: str
) -> None:
    """Nova gives it no parent: that is the mistake."""
    third = estate.compute("third")
    host.provider["parent_provider_id"] = other.provider["id"]
    if root != "its own":
        host.provider["root_provider_id"] = third.provider["id"]
    (finding,) = audit(estate, "P02")
    assert [line.partition(" SET ")[2] for line in finding.remedy if "UPDATE" in line] == [
        "parent_provider_id = NULL, root_provider_id = 1 WHERE id = 1 AND root_provider_id = "
        f'{host.provider["root_provider_id"]} AND parent_provider_id <=> 2"'
    ]


def test_fires_without_a_command_for_what_may_be_a_host(
    audit: Auditor, estate: Estate, host: Compute, other: Compute
) -> None:
    host.provider["parent_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02", nova=False)
    assert len(finding.remedy) == 1
    assert "may be a host's own root" in (finding.withheld or "")


def test_fires_without_a_command_for_a_lone_provider_that_is_no_host(
    audit: Auditor, estate: Estate, other: Compute
) -> None:
    """It may be the parent that was lost."""
    estate.provider("device")["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert len(finding.remedy) == 1
    assert "have lost its parent" in (finding.withheld or "")


def test_fires_without_a_command_while_a_server_of_the_recorded_root_holds_it(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, device: Row
) -> None:
    """It is the parent that somebody changed."""
    server = estate.server("web", other)
    estate.allocate(server.uuid, device, {"VGPU": 1})
    device["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert len(finding.remedy) == 1
    assert f"{server.uuid} holds something of it and of the tree of its root" in (finding.withheld or "")


def test_fires_with_a_command_while_a_server_of_the_parents_holds_it(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, device: Row
) -> None:
    server = estate.server("web", host)
    estate.allocate(server.uuid, device, {"VGPU": 1})
    device["root_provider_id"] = other.provider["id"]
    (finding,) = audit(estate, "P02")
    assert "UPDATE" in finding.remedy[-1]


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
