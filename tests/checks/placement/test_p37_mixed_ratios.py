import pytest

from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def hosts(estate: Estate, *ratios: float) -> list[dict[str, object]]:
    return [estate.compute(f"node-{number}", vcpu_ratio=ratio).provider for number, ratio in enumerate(ratios, start=1)]


def test_fires_once_for_an_aggregate_and_a_class(audit: Auditor, estate: Estate) -> None:
    rack = estate.aggregate("rack", *hosts(estate, 4.0, 4.0, 16.0))
    (finding,) = audit(estate, "P37")
    assert finding.subject == {"resource_class": "VCPU"}
    assert (finding.evidence["lowest"], finding.evidence["highest"]) == (4.0, 16.0)
    assert (finding.evidence["aggregates"], finding.evidence["most_providers"]) == (1, 3)
    assert finding.evidence["sample"] in (f"{rack} (4.0 on 2, 16.0 on 1)", f"{rack} (16.0 on 1, 4.0 on 2)")
    assert finding.impact == "L"
    assert finding.remedy[0].endswith(f"resource provider list --member-of {rack}")


def test_fires_once_for_all_aggregates_that_mix_the_same(audit: Auditor, estate: Estate) -> None:
    members = hosts(estate, 4.0, 16.0)
    uuids = sorted(estate.aggregate(f"customer {number}", *members) for number in range(7))
    estate.aggregate("another", *members, estate.compute("node-9", vcpu_ratio=8.0).provider)
    estate.aggregate("lower", members[0], estate.compute("node-8", vcpu_ratio=8.0).provider)
    lower, equal = audit(estate, "P37")
    assert (lower.identity, lower.evidence["aggregates"]) == ("P37:VCPU:4.0:8.0", 1)
    assert (equal.identity, equal.evidence["aggregates"]) == ("P37:VCPU:4.0:16.0", 8)
    assert equal.evidence["sample"].endswith(" and 3 more")
    assert equal.evidence["first"] in {uuids[0], uuid_of("aggregate another")}


def test_fires_for_custom_classes(audit: Auditor, estate: Estate) -> None:
    members = [estate.provider(name) for name in ("one", "two")]
    for member, ratio in zip(members, (1.0, 2.0), strict=True):
        estate.inventory(member, "CUSTOM_GOLD", 10, allocation_ratio=ratio)
    estate.aggregate("rack", *members)
    (finding,) = audit(estate, "P37")
    assert finding.subject["resource_class"] == "CUSTOM_GOLD"


def test_quiet_for_hosts_of_different_aggregates(audit: Auditor, estate: Estate) -> None:
    first, second = hosts(estate, 4.0, 16.0)
    estate.aggregate("rack", first)
    estate.aggregate("other rack", second)
    assert audit(estate, "P37") == []


def test_quiet_for_hosts_without_an_aggregate(audit: Auditor, estate: Estate) -> None:
    hosts(estate, 4.0, 16.0)
    assert audit(estate, "P37") == []


def test_quiet_for_unlike_ratios_of_different_classes(audit: Auditor, estate: Estate) -> None:
    estate.aggregate("rack", *hosts(estate, 4.0, 4.0))
    assert audit(estate, "P37") == []


def test_quiet_for_a_sharing_provider(audit: Auditor, estate: Estate) -> None:
    first, second = hosts(estate, 4.0, 4.0)
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 100_000, allocation_ratio=3.0)
    estate.trait(pool, "MISC_SHARES_VIA_AGGREGATE")
    estate.aggregate("rack", pool, first, second)
    assert audit(estate, "P37") == []


def test_quiet_for_the_noise_of_a_float(audit: Auditor, estate: Estate) -> None:
    estate.aggregate("rack", *hosts(estate, 0.9, 0.9000001))
    assert audit(estate, "P37") == []
