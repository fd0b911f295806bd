import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def north(estate: Estate) -> Compute:
    host = estate.compute("host-n")
    estate.nova_aggregate("in the north", host, metadata={"availability_zone": "north"})
    return host


@pytest.fixture
def south(estate: Estate) -> Compute:
    host = estate.compute("host-s")
    estate.nova_aggregate("in the south", host, metadata={"availability_zone": "south"})
    return host


def test_fires_for_a_host_of_two_zones(audit: Auditor, estate: Estate, north: Compute) -> None:
    estate.nova_aggregate("mistake", north, metadata={"availability_zone": "west"})
    (finding,) = audit(estate, "X22")
    assert finding.subject["host"] == "host-n"
    assert finding.message == "1 hosts are in aggregates of the zones north and west: host-n"
    assert finding.severity == "warning"


def test_in_flight_right_after_the_aggregate_was_changed(audit: Auditor, estate: Estate, north: Compute) -> None:
    estate.nova_aggregate("mistake", north, metadata={"availability_zone": "west"})
    estate.rows[t.aggregate_metadata][-1]["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X22").findings
    assert not finding.settled


def test_fires_for_information_for_servers_elsewhere(
    audit: Auditor, estate: Estate, north: Compute, south: Compute
) -> None:
    for number in range(7):
        estate.server(f"web-{number}", north, availability_zone="south")
    estate.server("db", south, availability_zone="south")
    (finding,) = audit(estate, "X22")
    assert (finding.evidence["zone"], finding.evidence["count"]) == ("south", 7)
    assert finding.evidence["sample"].endswith(" and 2 more")
    assert finding.severity == "info"


def diskless(estate: Estate) -> tuple[Compute, Row]:
    host = estate.compute("diskless", disk_gb=0)
    estate.nova_aggregate("racks in the north", host, metadata={"availability_zone": "north"})
    return host, estate.shared("nfs", 1000, host.provider)


def test_fires_for_a_shared_disk_outside_the_zone(audit: Auditor, estate: Estate) -> None:
    host, pool = diskless(estate)
    (finding,) = audit(estate, "X22")
    assert (finding.subject["provider"], finding.subject["host"]) == (pool["uuid"], host.name)
    assert finding.severity == "warning"
    assert "a server that needs local disk and asks for this zone finds none here: diskless" in finding.message
    assert any(line.endswith(f"aggregate list {pool['uuid']}") for line in finding.remedy)


def test_offers_the_zones_aggregate_where_it_is_the_pools_in_any_case(audit: Auditor, estate: Estate) -> None:
    _, pool = diskless(estate)
    pool["generation"] = 4
    (finding,) = audit(estate, "X22")
    assert finding.remedy[-1].partition("  #")[0] == (
        "openstack --os-placement-api-version 1.19 resource provider aggregate set --generation 4 --aggregate "
        f"{uuid_of('aggregate users of nfs')} --aggregate {uuid_of('aggregate racks in the north')} {pool['uuid']}"
    )


def test_offers_no_aggregate_that_would_give_the_disk_to_others(audit: Auditor, estate: Estate) -> None:
    diskless(estate)
    # a host of the zone with a disk of its own
    estate.nova_aggregate("racks in the north", estate.compute("another"))
    estate.rows[t.aggregates].pop()
    (finding,) = audit(estate, "X22")
    assert not any("aggregate set" in line for line in finding.remedy)
    assert "who made the aggregates must tell" in (finding.withheld or "")


def test_fires_for_information_where_placement_may_not_be_asked_for_zones(audit: Auditor, estate: Estate) -> None:
    host, _ = diskless(estate)
    host.service["version"] = 66
    (finding,) = audit(estate, "X22")
    assert finding.severity == "info"


def test_fires_as_a_warning_where_an_option_says_that_placement_is_asked(audit: Auditor, estate: Estate) -> None:
    host, _ = diskless(estate)
    host.service["version"] = 66
    audit.settings = {"query_placement_for_availability_zone": True}
    (finding,) = audit(estate, "X22")
    assert finding.severity == "warning"


def test_quiet_when_they_agree(audit: Auditor, estate: Estate, north: Compute, south: Compute) -> None:
    estate.nova_aggregate("also north", north, metadata={"availability_zone": "north"})
    estate.nova_aggregate("fast ones", north, south, metadata={"ssd": "true"})
    estate.server("web", north, availability_zone="north")
    assert audit(estate, "X22") == []


@pytest.mark.parametrize("zone", [None, "", "NORTH"])
def test_quiet_for_a_server_without_a_zone(audit: Auditor, estate: Estate, north: Compute, zone: str | None) -> None:
    estate.server("web", north, availability_zone=zone)
    assert audit(estate, "X22") == []


def test_quiet_for_a_host_of_the_default_zone(audit: Auditor, estate: Estate, north: Compute) -> None:
    host = estate.compute("host")
    estate.server("web", host, availability_zone="nova")
    estate.server("moved", host, availability_zone="north")
    assert audit(estate, "X22") == []


@pytest.mark.parametrize(
    "fields", [{"task_state": "migrating"}, {"deleted": 5}, {"hidden": 1}, {"vm_state": "building"}]
)
def test_quiet_for_a_server_on_its_way(
    audit: Auditor, estate: Estate, north: Compute, fields: dict[str, object]
) -> None:
    estate.server("web", north, availability_zone="south", **fields)
    assert audit(estate, "X22") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, north: Compute) -> None:
    server = estate.server("web", north, availability_zone="south")
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X22") == []


def test_quiet_for_a_server_without_a_host(audit: Auditor, estate: Estate, north: Compute) -> None:
    estate.server("web", None, vm_state="shelved_offloaded", availability_zone="south")
    assert audit(estate, "X22") == []


def test_quiet_for_a_host_that_is_no_compute_node(audit: Auditor, estate: Estate, north: Compute) -> None:
    estate.nova_aggregate("mistake", north, metadata={"availability_zone": "west"})
    north.node.update(deleted=1, deleted_at=estate.ago(days=1))
    assert audit(estate, "X22") == []


def test_quiet_for_a_shared_disk_in_the_zone(audit: Auditor, estate: Estate) -> None:
    _, pool = diskless(estate)
    estate.aggregate("racks in the north", pool)
    assert audit(estate, "X22") == []


def test_quiet_for_another_shared_disk_in_the_zone(audit: Auditor, estate: Estate) -> None:
    host, _ = diskless(estate)
    estate.aggregate("racks in the north", estate.shared("ceph", 1000, host.provider))
    assert audit(estate, "X22") == []


def test_quiet_for_a_host_with_a_disk_of_its_own(audit: Auditor, estate: Estate, north: Compute) -> None:
    estate.shared("nfs", 1000, north.provider)
    assert audit(estate, "X22") == []


def test_quiet_for_a_host_that_is_not_in_the_zones_mirror(audit: Auditor, estate: Estate) -> None:
    diskless(estate)
    mirror = estate.aggregate("racks in the north")
    ids = [row["id"] for row in estate.rows[t.placement_aggregates] if row["uuid"] == mirror]
    members = estate.rows[t.resource_provider_aggregates]
    estate.rows[t.resource_provider_aggregates] = [row for row in members if row["aggregate_id"] not in ids]
    assert audit(estate, "X22") == []


def test_quiet_for_what_is_shared_of_another_class(audit: Auditor, estate: Estate, north: Compute) -> None:
    addresses = estate.provider("addresses")
    estate.inventory(addresses, "IPV4_ADDRESS", 250)
    estate.trait(addresses, t.SHARING_TRAIT)
    estate.aggregate("network", addresses, north.provider)
    assert audit(estate, "X22") == []
