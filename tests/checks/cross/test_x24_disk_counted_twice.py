import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_fires_once_for_a_sharing_provider(audit: Auditor, estate: Estate) -> None:
    hosts = [estate.compute(f"node-{number}") for number in range(7)]
    pool = estate.shared("nfs", 9000, *(host.provider for host in hosts), estate.compute("none", disk_gb=0).provider)
    (finding,) = audit(estate, "X24")
    assert (finding.subject["provider"], finding.subject["provider_name"]) == (pool["uuid"], "nfs")
    assert (finding.evidence["hosts"], finding.evidence["total_of_hosts"]) == (7, 14000)
    assert finding.evidence["sample"].endswith("node-4 and 2 more")
    assert finding.impact == "I"
    assert finding.remedy[0].endswith(f"inventory show {hosts[0].uuid} DISK_GB")


def test_fires_where_a_child_is_the_member(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node")
    estate.shared("nfs", 9000, estate.provider("node_NUMA0", parent=host.provider))
    assert len(audit(estate, "X24")) == 1


def test_in_flight_while_it_is_being_set_up(audit: Auditor, estate: Estate) -> None:
    estate.shared("nfs", 9000, estate.compute("node").provider)
    for row in estate.rows[t.inventories]:
        if row["total"] == 9000:
            row["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X24").findings
    assert not finding.settled


def test_quiet_for_hosts_without_a_disk(audit: Auditor, estate: Estate) -> None:
    estate.shared("nfs", 9000, estate.compute("node", disk_gb=0).provider)
    assert audit(estate, "X24") == []


def test_quiet_for_hosts_that_share_nothing(audit: Auditor, estate: Estate) -> None:
    estate.compute("node")
    estate.shared("nfs", 9000, estate.compute("other", disk_gb=0).provider)
    assert audit(estate, "X24") == []


def test_quiet_for_what_is_shared_of_another_class(audit: Auditor, estate: Estate) -> None:
    addresses = estate.provider("addresses")
    estate.inventory(addresses, "IPV4_ADDRESS", 250)
    estate.trait(addresses, t.SHARING_TRAIT)
    estate.aggregate("network", addresses, estate.compute("node").provider)
    assert audit(estate, "X24") == []


def test_quiet_for_an_aggregate_with_storage_that_does_not_share(audit: Auditor, estate: Estate) -> None:
    pool = estate.provider("ceph")
    estate.inventory(pool, "DISK_GB", 9000)
    estate.aggregate("rack", pool, estate.compute("node").provider)
    assert audit(estate, "X24") == []


def test_quiet_for_members_that_are_no_hosts(audit: Auditor, estate: Estate) -> None:
    estate.shared("nfs", 9000)
    other = estate.provider("somebody's")
    estate.inventory(other, "DISK_GB", 10)
    estate.aggregate("users of nfs", other)
    assert audit(estate, "X24") == []
