import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor

NORTH = {"availability_zone": "north"}


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def hosts(estate: Estate) -> list[Compute]:
    return [estate.compute(f"node-{number}", cell=f"cell{number % 2 + 1}") for number in range(8)]


def take_out(estate: Estate, *hosts: Compute) -> None:
    """Of every aggregate in placement."""
    ids = {host.provider["id"] for host in hosts}
    for row in list(estate.rows[t.resource_provider_aggregates]):
        if row["resource_provider_id"] in ids:
            estate.remove(t.resource_provider_aggregates, row)


def test_fires_once_for_a_zone_that_placement_does_not_know(
    audit: Auditor, estate: Estate, hosts: list[Compute]
) -> None:
    uuid = estate.nova_aggregate("north", *hosts, metadata=NORTH)
    take_out(estate, *hosts[1:])
    (finding,) = audit(estate, "X21")
    assert finding.subject["aggregate"] == "north"
    assert (finding.evidence["aggregate_uuid"], finding.evidence["hosts"]) == (uuid, 7)
    assert finding.evidence["sample"] == "node-1, node-2, node-3, node-4, node-5 and 2 more"
    assert finding.severity == "error"
    assert finding.remedy[-1].startswith("nova-manage placement sync_aggregates --verbose  # adds the 7")


def test_fires_when_placement_has_no_such_aggregate(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    uuid = estate.nova_aggregate("north", *hosts[:1], metadata=NORTH)
    take_out(estate, *hosts)
    estate.rows[t.placement_aggregates] = [row for row in estate.rows[t.placement_aggregates] if row["uuid"] != uuid]
    assert [finding.severity for finding in audit(estate, "X21")] == ["error"]


@pytest.mark.parametrize(
    "why", ["no zone", "tenant", "trait", "may not be asked for", "another of the zone", "down", "disabled"]
)
def test_fires_for_information_where_it_may_not_matter(
    audit: Auditor, estate: Estate, hosts: list[Compute], why: str
) -> None:
    metadata = {
        "no zone": {},
        "tenant": {"filter_tenant_id": "project-a"},
        "trait": {"trait:CUSTOM_GPU": "required"},
    }.get(why, NORTH)
    estate.nova_aggregate("north", *hosts[:2], metadata=metadata)
    take_out(estate, hosts[0])
    if why == "may not be asked for":
        hosts[7].service["version"] = 66
    elif why == "another of the zone":
        estate.nova_aggregate("also north", hosts[0], metadata=NORTH)
    elif why == "down":
        hosts[0].service.update(last_seen_up=estate.ago(hours=1), updated_at=estate.ago(hours=1))
    elif why == "disabled":
        hosts[0].service["disabled"] = 1
    (finding,) = audit(estate, "X21")
    assert finding.severity == "info"
    assert "sync_aggregates" in finding.remedy[-1]


def test_fires_for_a_host_that_left(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    estate.aggregate("north", hosts[1].provider)
    (finding,) = audit(estate, "X21")
    assert (finding.evidence["sample"], finding.severity) == ("node-1", "warning")
    assert not any("sync_aggregates" in command for command in finding.remedy)
    assert finding.remedy[-1].endswith(f"aggregate list {hosts[1].uuid}")


@pytest.mark.parametrize("why", ["no zone", "may not be asked for", "in the zone all the same"])
def test_fires_for_information_for_a_host_that_left_and_it_may_not_matter(
    audit: Auditor, estate: Estate, hosts: list[Compute], why: str
) -> None:
    estate.nova_aggregate("north", hosts[0], metadata={} if why == "no zone" else NORTH)
    estate.aggregate("north", hosts[1].provider)
    if why == "may not be asked for":
        hosts[7].service["version"] = 66
    elif why == "in the zone all the same":
        estate.nova_aggregate("also north", hosts[1], metadata=NORTH)
    (finding,) = audit(estate, "X21")
    assert finding.severity == "info"


def test_in_flight_right_after_a_host_was_added(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    take_out(estate, hosts[0])
    for row in estate.rows[t.aggregate_hosts]:
        row["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X21").findings
    assert not finding.settled


def test_quiet_when_they_agree(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", *hosts, metadata=NORTH)
    assert audit(estate, "X21") == []


def test_quiet_for_placements_own_aggregates_and_what_is_shared(
    audit: Auditor, estate: Estate, hosts: list[Compute]
) -> None:
    estate.nova_aggregate("north", *hosts, metadata=NORTH)
    pool = estate.shared("nfs", 1000, *(host.provider for host in hosts))
    estate.aggregate("north", pool)
    estate.aggregate("a rack", hosts[0].provider)
    assert audit(estate, "X21") == []


def test_quiet_for_an_aggregate_without_hosts_or_without_a_uuid(
    audit: Auditor, estate: Estate, hosts: list[Compute]
) -> None:
    estate.nova_aggregate("empty", metadata=NORTH)
    estate.aggregate("empty", hosts[0].provider)
    estate.nova_aggregate("old", hosts[0])
    estate.rows[t.aggregates][-1]["uuid"] = None
    assert audit(estate, "X21") == []


@pytest.mark.parametrize("what", ["node", "provider"])
def test_quiet_for_a_host_without_a_node_or_a_provider(
    audit: Auditor, estate: Estate, hosts: list[Compute], what: str
) -> None:
    estate.nova_aggregate("north", *hosts, metadata=NORTH)
    take_out(estate, hosts[0])
    if what == "node":
        hosts[0].node.update(deleted=1, deleted_at=estate.ago(days=1))
    else:
        hosts[0].node["uuid"] = "00000000-1111-4222-8333-444444444444"
    assert audit(estate, "X21") == []


def test_quiet_for_bare_metal_of_which_one_node_is_in(audit: Auditor, estate: Estate) -> None:
    first = estate.compute("conductor", node="metal-1", hypervisor_type="ironic")
    second = estate.provider("metal-2")
    estate.compute_node("conductor", "metal-2", uuid=second["uuid"], hypervisor_type="ironic")
    estate.nova_aggregate("north", first, metadata=NORTH)
    assert audit(estate, "X21") == []


def test_quiet_for_bare_metal_that_went_to_another_service(
    audit: Auditor, estate: Estate, hosts: list[Compute]
) -> None:
    metal = estate.compute("conductor", node="metal-1", hypervisor_type="ironic")
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    estate.aggregate("north", metal.provider)
    assert audit(estate, "X21") == []


def test_quiet_where_only_the_case_of_a_host_differs(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    estate.rows[t.aggregate_hosts][0]["host"] = "NODE-0"
    assert audit(estate, "X21") == []
