import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def inside(estate: Estate) -> Compute:
    """The host that is set aside for project-a."""
    host = estate.compute("inside")
    estate.nova_aggregate("for a", host, metadata={"filter_tenant_id": "project-a"})
    return host


@pytest.fixture
def outside(estate: Estate) -> Compute:
    return estate.compute("outside")


def test_fires_once_for_a_project(audit: Auditor, estate: Estate, inside: Compute, outside: Compute) -> None:
    uuids = sorted(estate.server(f"web-{number}", outside).uuid for number in range(7))
    estate.server("db", inside)
    (finding,) = audit(estate, "X23")
    assert finding.subject["project"] == "project-a"
    assert (finding.evidence["servers"], finding.evidence["hosts"]) == (7, 1)
    assert (finding.evidence["first"], finding.impact) == (uuids[0], "I")


def test_fires_for_a_key_with_a_suffix(audit: Auditor, estate: Estate, inside: Compute, outside: Compute) -> None:
    estate.nova_aggregate("for b", inside, metadata={"filter_tenant_id3": "project-b"})
    estate.server("web", outside, project="project-b")
    (finding,) = audit(estate, "X23")
    assert finding.subject["project"] == "project-b"


@pytest.mark.parametrize("row", ["server", "tag"])
def test_in_flight_while_it_is_young(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute, row: str
) -> None:
    server = estate.server("web", outside)
    changed = server.instance if row == "server" else estate.rows[t.aggregate_metadata][0]
    changed["updated_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X23").findings
    assert not finding.settled


def test_quiet_inside_and_in_a_second_aggregate(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute
) -> None:
    estate.nova_aggregate("also for a", outside, metadata={"filter_tenant_id2": "PROJECT-A"})
    estate.server("web", inside)
    estate.server("db", outside)
    assert audit(estate, "X23") == []


def test_quiet_for_projects_without_an_aggregate(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute
) -> None:
    estate.server("web", outside, project="project-b")
    estate.server("db", inside, project="project-b")
    assert audit(estate, "X23") == []


def test_quiet_for_a_list_of_projects(audit: Auditor, estate: Estate, inside: Compute, outside: Compute) -> None:
    """The request filter matches no list."""
    estate.nova_aggregate("for b and c", inside, metadata={"filter_tenant_id": "project-b,project-c"})
    estate.server("web", outside, project="project-b")
    assert audit(estate, "X23") == []


def test_quiet_for_a_tag_without_hosts(audit: Auditor, estate: Estate, outside: Compute) -> None:
    estate.nova_aggregate("for a", metadata={"filter_tenant_id": "project-a"})
    estate.server("web", outside)
    assert audit(estate, "X23") == []


@pytest.mark.parametrize("fields", [{"deleted": 5}, {"hidden": 1}, {"vm_state": "building"}])
def test_quiet_for_a_server_that_is_not_there(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute, fields: dict[str, object]
) -> None:
    estate.server("web", outside, **fields)
    estate.server("off", None, vm_state="shelved_offloaded")
    assert audit(estate, "X23") == []


def test_quiet_for_a_server_that_two_cells_show(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute
) -> None:
    server = estate.server("web", outside)
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X23") == []


@pytest.mark.parametrize(("limits", "count"), [(True, 1), (False, 0)])
def test_quiet_where_projects_are_not_kept_in_aggregates(
    audit: Auditor, estate: Estate, inside: Compute, outside: Compute, limits: bool, count: int
) -> None:
    estate.server("web", outside)
    audit.settings = {"limit_tenants_to_placement_aggregate": limits}
    assert len(audit(estate, "X23")) == count
