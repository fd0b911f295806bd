import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("node-1", disk_gb=0)


def test_fires_without_an_inventory(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.shared("nfs", 1000, host.provider)
    estate.claim(uuid_of("web"), pool, {"DISK_GB": 20})
    estate.remove(t.inventories, estate.rows[t.inventories][-1])
    (finding,) = audit(estate, "P23")
    assert finding.subject == {"provider": pool["uuid"], "provider_name": "nfs"}
    assert finding.evidence["reason"] == "it has no inventory"
    assert (finding.severity, finding.impact) == ("warning", "M")


def test_fires_for_information_without_inventory_and_consumers(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 1000, host.provider)
    estate.remove(t.inventories, estate.rows[t.inventories][-1])
    (finding,) = audit(estate, "P23")
    assert (finding.severity, finding.impact) == ("info", "L")


@pytest.mark.parametrize("aggregates", [0, 1])
def test_quiet_for_a_child_that_gives_to_its_own_tree(
    audit: Auditor, estate: Estate, host: Compute, aggregates: int
) -> None:
    child = estate.provider("node-1_disks", parent=host.provider)
    estate.inventory(child, "DISK_GB", 1000)
    estate.trait(child, t.SHARING_TRAIT)
    if aggregates:
        estate.aggregate("its own", child)
    assert audit(estate, "P23") == []


def test_fires_without_an_aggregate(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 1000)
    estate.trait(pool, t.SHARING_TRAIT)
    (finding,) = audit(estate, "P23")
    assert finding.evidence["reason"] == "it is in no aggregate"


def test_fires_when_it_is_alone_in_its_aggregates(audit: Auditor, estate: Estate, host: Compute) -> None:
    pool = estate.shared("nfs", 1000)
    estate.aggregate("another", pool)
    estate.aggregate("rack", host.provider)
    estate.claim(uuid_of("web"), pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "P23")
    assert finding.evidence == {"reason": "no provider of another tree is in its aggregates", "consumers": 1}
    assert len(finding.remedy) == 3


@pytest.mark.parametrize("young", ["provider", "inventory"])
def test_in_flight_while_it_is_being_set_up(audit: Auditor, estate: Estate, host: Compute, young: str) -> None:
    pool = estate.shared("nfs", 1000)
    row = pool if young == "provider" else estate.rows[t.inventories][-1]
    row["created_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "P23").findings
    assert not finding.settled


def test_quiet_for_a_pool_with_users(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 1000, host.provider)
    assert audit(estate, "P23") == []


def test_quiet_when_only_a_child_is_in_its_aggregate(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 1000, estate.provider("node-1_NUMA0", parent=host.provider))
    assert audit(estate, "P23") == []


def test_quiet_for_a_pool_that_is_full_or_reserved(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.shared("nfs", 1000, host.provider)
    estate.rows[t.inventories][-1]["reserved"] = 1000
    assert audit(estate, "P23") == []


def test_quiet_for_a_segment(audit: Auditor, estate: Estate) -> None:
    segment = estate.provider(f"Neutron segment id {uuid_of('segment')}")
    estate.inventory(segment, "IPV4_ADDRESS", 250)
    estate.trait(segment, t.SHARING_TRAIT)
    estate.aggregate("segment", segment)
    assert audit(estate, "P23") == []


def test_quiet_for_providers_that_do_not_share(audit: Auditor, estate: Estate) -> None:
    estate.provider("nothing at all")
    assert audit(estate, "P23") == []
