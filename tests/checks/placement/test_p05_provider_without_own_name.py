from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Auditor:
    """The real table has a unique key on the name, which forbids the same name twice."""
    return Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)


@pytest.mark.parametrize("name", [None, ""])
def test_fires_for_a_provider_without_a_name(audit: Auditor, estate: Estate, name: str | None) -> None:
    estate.provider("named")
    estate.provider("pool")["name"] = name
    (finding,) = audit(estate, "P05")
    assert finding.subject["provider"] == uuid_of("pool")
    assert finding.message == f"provider {uuid_of('pool')} has no name"
    assert (finding.severity, finding.impact) == ("info", "L")
    assert finding.remedy == (f"openstack resource provider show {uuid_of('pool')}",)


def test_knows_the_name_of_a_compute_node(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    host.provider["name"] = ""
    (finding,) = audit(estate, "P05", "X05")
    assert (finding.code, finding.also) == ("P05", {"X05": 1})
    assert finding.remedy[-1] == f"openstack resource provider set --name node-1 {host.uuid}"


def test_does_not_need_nova(audit: Auditor, estate: Estate) -> None:
    estate.compute("node-1").provider["name"] = ""
    (finding,) = audit(estate, "P05", nova=False)
    assert finding.evidence["new_name"] is None


def test_offers_no_name_that_another_has(audit: Auditor, estate: Estate) -> None:
    estate.compute("node-1").provider["name"] = ""
    estate.provider("taken")["name"] = "node-1"
    (finding,) = audit(estate, "P05")
    assert len(finding.remedy) == 1


def test_fires_for_a_name_that_two_have(on_sqlite: Auditor, estate: Estate) -> None:
    estate.provider("left")["name"] = "same"
    estate.provider("right")["name"] = "same"
    findings = on_sqlite(estate, "P05")
    assert {finding.subject["provider"] for finding in findings} == {uuid_of("left"), uuid_of("right")}
    assert findings[0].message.endswith("is called same, and so is another")


def test_quiet_for_names_that_differ_in_case(on_sqlite: Auditor, estate: Estate) -> None:
    """Only a database that takes them for different has both."""
    estate.provider("left")["name"] = "CN1"
    estate.provider("right")["name"] = "cn1"
    assert on_sqlite(estate, "P05") == []


def test_quiet_for_names(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    estate.provider("node-1_pci", parent=host.provider)
    assert audit(estate, "P05") == []
