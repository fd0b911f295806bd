import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor

WEB = uuid_of("web")


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("host")
    estate.server("fine", host)
    return host


@pytest.mark.parametrize(
    ("column", "missing", "table"),
    [("project_id", "project", "projects"), ("user_id", "user", "users"), ("consumer_type_id", "type", None)],
)
def test_fires_for_a_record_that_names_nobody(
    audit: Auditor, estate: Estate, host: Compute, column: str, missing: str, table: str | None
) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 2}, kind="INSTANCE")
    estate.rows[t.consumers][-1][column] = 777
    (finding,) = audit(estate, "P14")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.subject == {"consumer": WEB}
    assert finding.evidence["missing"] == missing
    assert finding.evidence[f"lost_{missing}_id"] == 777
    (repair,) = [line for line in finding.remedy if "UPDATE" in line]
    assert f"WHERE {column} = 777 AND {column} NOT IN (SELECT id FROM {table or 'consumer_types'})" in repair


def test_fires_once_for_all_that_is_missing(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 2})
    estate.rows[t.consumers][-1] |= {"project_id": 7, "user_id": 8, "consumer_type_id": 9}
    (finding,) = audit(estate, "P14")
    assert finding.evidence["missing"] == "project and user and type"
    assert len([line for line in finding.remedy if "UPDATE" in line]) == 3


def test_in_flight_while_the_record_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 2}, at=estate.ago(minutes=2))
    estate.rows[t.consumers][-1]["project_id"] = 777
    (finding,) = audit.report(estate, "P14").findings
    assert not finding.settled


def test_quiet_for_consumers_with_and_without_a_type(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 2}, kind="INSTANCE")
    estate.claim(uuid_of("job"), host.provider, {"VCPU": 2}, kind="CONTAINER")
    assert audit(estate, "P14") == []
