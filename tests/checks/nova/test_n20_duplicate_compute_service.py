from pathlib import Path

import pytest

from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("right", cell="cell2")
    return estate.compute("left")


def test_fires_for_a_host_in_two_cells(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("LEFT", cell="cell2")
    (finding,) = audit(estate, "N20")
    assert (finding.subject["host"], finding.severity) == ("left", "info")
    assert sorted(str(finding.evidence["spelled"]).split(", ")) == ["LEFT in cell2", "left in cell1"]


def test_fires_for_two_spellings_in_a_database_that_tells_them_apart(
    tmp_path: Path, estate: Estate, host: Compute
) -> None:
    estate.service("Left")
    (finding,) = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path)(estate, "N20")
    assert finding.evidence["services"] == 2


def test_in_flight_while_one_of_them_is_new(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("left", cell="cell2", at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "N20").findings
    assert not finding.settled


def test_quiet_for_services_of_another_kind(audit: Auditor, estate: Estate, host: Compute) -> None:
    for cell in ("cell0", "cell1", "cell2"):
        estate.service("controller", "nova-conductor", cell=cell)
    estate.service("left", "nova-conductor")
    assert audit(estate, "N20") == []


def test_quiet_for_a_service_that_was_deleted(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("left", cell="cell2", deleted=5, deleted_at=estate.ago(days=1))
    assert audit(estate, "N20") == []
