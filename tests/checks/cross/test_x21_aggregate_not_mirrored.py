import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor

NORTH = {"availability_zone": "north"}
SET = "openstack --os-placement-api-version 1.19 resource provider aggregate set"


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
        hosts[7].service["version"] = 59
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
    assert finding.remedy[-1] == f"{SET} --generation 1 {hosts[1].uuid}"


def test_offers_a_host_that_left_the_list_without_it(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    estate.aggregate("north", hosts[1].provider)
    rack = estate.aggregate("a rack", hosts[1].provider)
    (finding,) = audit(estate, "X21")
    assert finding.remedy[-1] == f"{SET} --generation 1 --aggregate {rack} {hosts[1].uuid}"


@pytest.mark.parametrize("why", ["a server of the zone", "a pool", "a host of another name", "no generation"])
def test_withholds_where_novas_list_may_be_the_wrong_one(
    audit: Auditor, estate: Estate, hosts: list[Compute], why: str
) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    estate.aggregate("north", hosts[1].provider)
    if why == "a server of the zone":
        estate.server("server", hosts[1], availability_zone="north")
    elif why == "a pool":
        pool = estate.shared("nfs", 1000)
        estate.aggregate("north", pool)
    elif why == "a host of another name":
        old = estate.rows[t.aggregate_hosts][0]
        estate.add(t.aggregate_hosts, **old | {"host": "node-1.example.org"})
    else:
        hosts[1].provider["generation"] = None
    (finding,) = audit(estate, "X21")
    assert not any("aggregate set" in command for command in finding.remedy)
    assert "nova's list may be the wrong one" in (finding.withheld or "")


@pytest.mark.parametrize("why", ["no zone", "may not be asked for", "in the zone all the same"])
def test_fires_for_information_for_a_host_that_left_and_it_may_not_matter(
    audit: Auditor, estate: Estate, hosts: list[Compute], why: str
) -> None:
    estate.nova_aggregate("north", hosts[0], metadata={} if why == "no zone" else NORTH)
    estate.aggregate("north", hosts[1].provider)
    if why == "may not be asked for":
        hosts[7].service["version"] = 59
    elif why == "in the zone all the same":
        estate.nova_aggregate("also north", hosts[1], metadata=NORTH)
    (finding,) = audit(estate, "X21")
    assert finding.severity == "info"


@pytest.mark.parametrize("how", ["missing", "extra"])
@pytest.mark.parametrize("version", [60, 66])
def test_fires_as_a_warning_where_the_scheduler_asks_by_default(
    audit: Auditor, estate: Estate, hosts: list[Compute], version: int, how: str
) -> None:
    for host in hosts:
        host.service["version"] = version
    estate.nova_aggregate("north", *hosts[:2], metadata=NORTH)
    if how == "missing":
        take_out(estate, hosts[0])
    else:
        estate.aggregate("north", hosts[2].provider)
    assert [finding.severity for finding in audit(estate, "X21")] == ["warning"]


def test_fires_for_information_where_it_is_set_otherwise(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    hosts[0].service["version"] = 66
    audit.settings = {"query_placement_for_availability_zone": "0"}
    estate.nova_aggregate("north", *hosts[:2], metadata=NORTH)
    take_out(estate, hosts[0])
    assert [finding.severity for finding in audit(estate, "X21")] == ["info"]


def ironic(estate: Estate, service: str, *nodes: str) -> list[Compute]:
    """A service of bare metal."""
    found = [estate.compute(service, node=node, hypervisor_type="ironic") for node in nodes]
    for host in found[1:]:
        estate.remove(t.services, host.service)
        estate.remove(t.host_mappings, host.mapping)
    return found


def test_fires_as_a_warning_for_bare_metal_that_requests_never_reach(audit: Auditor, estate: Estate) -> None:
    (metal,) = ironic(estate, "conductor", "metal-1")
    estate.nova_aggregate("north", metal, metadata=NORTH)
    take_out(estate, metal)
    (finding,) = audit(estate, "X21")
    assert finding.severity == "warning"
    assert "sync_aggregates" in finding.remedy[-1]


@pytest.mark.parametrize("why", ["bare metal", "node without provider", "aggregate without uuid", "no mapping"])
def test_names_each_provider_where_nova_manage_would_stop(
    audit: Auditor, estate: Estate, hosts: list[Compute], why: str
) -> None:
    uuid = estate.nova_aggregate("north", *hosts[:3], metadata=NORTH)
    take_out(estate, *hosts[:2])
    rack = estate.aggregate("a rack", hosts[1].provider)
    hosts[1].provider["generation"] = 7
    if why == "bare metal":
        metal, _ = ironic(estate, "conductor", "metal-1", "metal-2")
        estate.nova_aggregate("metal", metal)
    elif why == "node without provider":
        hosts[2].node["uuid"] = "00000000-1111-4222-8333-444444444444"
    elif why == "aggregate without uuid":
        estate.nova_aggregate("old")
        estate.rows[t.aggregates][-1]["uuid"] = None
    else:
        estate.remove(t.host_mappings, hosts[0].mapping)
    (finding,) = audit(estate, "X21")
    assert [line for line in finding.remedy if "sync_aggregates" in line or "aggregate set" in line] == [
        f"{SET} --generation 1 --aggregate {uuid} {hosts[0].uuid}",
        f"{SET} --generation 7 --aggregate {rack} --aggregate {uuid} {hosts[1].uuid}",
    ]


def test_names_each_node_of_bare_metal(audit: Auditor, estate: Estate) -> None:
    first, second = ironic(estate, "conductor", "metal-1", "metal-2")
    uuid = estate.nova_aggregate("north", first, metadata=NORTH)
    take_out(estate, first)
    (finding,) = audit(estate, "X21")
    assert finding.evidence["hosts"] == 1
    assert [line for line in finding.remedy if "aggregate set" in line] == [
        f"{SET} --generation 1 --aggregate {uuid} {host.uuid}" for host in (first, second)
    ]


def test_names_the_first_of_many(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    ironic_host, _ = ironic(estate, "conductor", "metal-1", "metal-2")
    estate.nova_aggregate("metal", ironic_host)
    estate.nova_aggregate("north", *hosts, metadata=NORTH)
    take_out(estate, *hosts)
    (finding,) = audit(estate, "X21")
    assert len([line for line in finding.remedy if "aggregate set" in line]) == 5
    assert finding.remedy[-1] == "# these are the first 5 of 8: audit again for the next"


def test_withholds_where_a_host_has_two_nodes(audit: Auditor, estate: Estate, hosts: list[Compute]) -> None:
    estate.nova_aggregate("north", hosts[0], metadata=NORTH)
    take_out(estate, hosts[0])
    old = estate.provider("node-0.example.org")
    estate.compute_node("node-0", "node-0.example.org", uuid=old["uuid"])
    (finding,) = audit(estate, "X21")
    assert "would stop" in (finding.withheld or "")


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
