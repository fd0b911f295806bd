import pytest

from placement_audit.demo.estate import Compute, Estate, Row
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("healthy")
    return estate.compute("host")


@pytest.fixture
def device(estate: Estate, host: Compute) -> Row:
    return estate.provider("host_pci", parent=host.provider)


def test_fires_for_each_of_a_circle_and_not_for_those_below(
    audit: Auditor, estate: Estate, host: Compute, device: Row
) -> None:
    estate.provider("host_pci_function", parent=device)
    host.provider["parent_provider_id"] = device["id"]
    first, second = sorted(audit(estate, "P03", "P02"), key=lambda one: one.evidence["provider_id"])
    assert (first.code, first.severity, first.impact) == ("P03", "error", "C")
    assert first.subject == {"provider": host.uuid, "provider_name": "host"}
    assert first.evidence["parent_name"] == "host_pci"
    assert first.evidence["below"] == 2
    assert second.subject["provider_name"] == "host_pci"


def test_the_circle_is_opened_above_the_one_that_was_its_root(
    audit: Auditor, estate: Estate, host: Compute, device: Row
) -> None:
    host.provider["parent_provider_id"] = device["id"]
    first, second = sorted(audit(estate, "P03"), key=lambda one: one.evidence["provider_id"])
    assert first.remedy[-1] == (
        'mariadb placement -e "UPDATE resource_providers SET parent_provider_id = NULL'
        f" WHERE id = {host.provider['id']} AND parent_provider_id = {device['id']}"
        f' AND root_provider_id = {host.provider["id"]}"'
    )
    assert len(second.remedy) == 1


def test_fires_for_a_provider_that_is_its_own_parent(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.provider["parent_provider_id"] = host.provider["id"]
    (finding,) = audit(estate, "P03", "P02")
    assert finding.code == "P03"
    assert finding.also == {"P02": 1}
    assert finding.evidence["below"] == 0


def test_quiet_for_a_deep_tree(audit: Auditor, estate: Estate, device: Row) -> None:
    for depth in range(20):
        device = estate.provider(f"level {depth}", parent=device)
    assert audit(estate, "P03", "P02") == []


def test_quiet_for_a_parent_that_is_gone(audit: Auditor, estate: Estate, device: Row) -> None:
    device["parent_provider_id"] = 999
    assert audit(estate, "P03") == []


def test_offers_nothing_where_two_of_a_circle_are_roots(
    audit: Auditor, estate: Estate, host: Compute, device: Row
) -> None:
    host.provider["parent_provider_id"] = device["id"]
    device["root_provider_id"] = device["id"]
    found = audit(estate, "P03")
    assert [line for finding in found for line in finding.remedy if "UPDATE" in line] == []
    assert all("of the same circle" in (finding.withheld or "") for finding in found)


def test_tells_where_a_circle_is_to_be_opened(audit: Auditor, estate: Estate, host: Compute, device: Row) -> None:
    host.provider["parent_provider_id"] = device["id"]
    withheld = {finding.subject["provider_name"]: finding.withheld for finding in audit(estate, "P03")}
    assert withheld["host"] is None
    assert "is to be opened above host" in (withheld["host_pci"] or "")


def test_offers_nothing_where_none_of_a_circle_is_a_root(
    audit: Auditor, estate: Estate, host: Compute, device: Row
) -> None:
    other = estate.compute("other")
    host.provider.update(parent_provider_id=device["id"], root_provider_id=other.provider["id"])
    device["root_provider_id"] = other.provider["id"]
    assert all("none of the circle" in (finding.withheld or "") for finding in audit(estate, "P03"))
