"""A provider shares with others wherever it stands: every check that tells hosts from pools, over both odd shapes.

Placement anchors a sharing provider at each tree that has a member of its aggregates, whatever it is below itself.
"""

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of
from tests.support import Auditor

SHAPES = ["below another host", "below storage", "below storage that has disk of its own", "below the host", "a root"]
HOST_PART = {"VCPU": 2, "MEMORY_MB": 4096}

every_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("right", disk_gb=0)


@pytest.fixture
def other(estate: Estate) -> Compute:
    return estate.compute("other")


@pytest.fixture
def pool(estate: Estate, host: Compute, other: Compute, shape: str) -> Row:
    """A pool of disk for the host."""
    parent = {"a root": None, "below another host": other.provider, "below the host": host.provider}.get(shape)
    if "storage" in shape:
        parent = estate.provider("filer")
    if "disk" in shape:
        estate.inventory(parent or {}, "DISK_GB", 50)
    pool = estate.provider("pool", parent=parent)
    estate.inventory(pool, "DISK_GB", 100_000)
    estate.trait(pool, t.SHARING_TRAIT)
    estate.aggregate("users of the pool", pool, host.provider)
    return pool


@pytest.fixture
def server(estate: Estate, host: Compute, pool: Row) -> Server:
    """Rightly on the host and in the pool."""
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, HOST_PART)
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    return server


@every_shape
@pytest.mark.usefixtures("server", "shape")
def test_quiet_about_a_server_whose_disk_is_in_a_pool(audit: Auditor, estate: Estate, shape: str) -> None:
    codes = {"X03", "X04", "X06", "X08", "X09", "X10", "X14", "X24", "X34", "P23"}
    # A storage root that offers disk and does not share is taken for a host that nova does not have.
    codes -= {"X03"} if "disk" in shape else set()
    assert audit(estate, *codes) == []


@every_shape
@pytest.mark.usefixtures("server", "shape")
def test_quiet_without_nova(audit: Auditor, estate: Estate) -> None:
    assert audit(estate, "P23", "P30", nova=False) == []


@every_shape
def test_fires_where_the_disk_of_the_pool_is_too_small(
    audit: Auditor, estate: Estate, host: Compute, pool: Row
) -> None:
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, HOST_PART)
    estate.claim(server.uuid, pool, {"DISK_GB": 7})
    (finding,) = audit(estate, "X10")
    assert finding.evidence["verdict"] == "holds DISK_GB 7 where it should be 20"
    assert not any("allocation set" in line for line in finding.remedy)
    assert "pool" in str(finding.withheld)


@every_shape
def test_fires_and_keeps_the_disk_of_the_pool(audit: Auditor, estate: Estate, host: Compute, pool: Row) -> None:
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, {"VCPU": 1, "MEMORY_MB": 4096})
    estate.claim(server.uuid, pool, {"DISK_GB": 20})
    (finding,) = audit(estate, "X10")
    command = finding.remedy[-1]
    assert f"--allocation rp={host.uuid},VCPU=2,MEMORY_MB=4096 --allocation rp={pool['uuid']},DISK_GB=20 " in command


@every_shape
def test_quiet_for_the_pool_of_a_migration(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, pool: Row
) -> None:
    server = estate.server("web", other, vm_state="resized")
    row = estate.migration(server, "resize", "finished", host, other)
    estate.claim(row["uuid"], host.provider, HOST_PART)
    estate.claim(row["uuid"], pool, {"DISK_GB": 20})
    assert audit(estate, "X14") == []


@every_shape
@pytest.mark.usefixtures("pool", "shape")
def test_fires_once_for_a_pool_beside_a_disk(audit: Auditor, estate: Estate, host: Compute, shape: str) -> None:
    estate.inventory(host.provider, "DISK_GB", 500)
    found = audit(estate, "X24")
    # Below the host it is a part of that.
    assert len(found) == (0 if shape == "below the host" else 1)


@every_shape
@pytest.mark.usefixtures("pool", "shape")
def test_a_flavor_fits_by_the_disk_of_the_pool(audit: Auditor, estate: Estate) -> None:
    estate.flavor("large", 2, 4096, 50_000)
    assert audit(estate, "X34") == []


@pytest.mark.parametrize("shape", ["below storage", "below storage that has disk of its own"])
@pytest.mark.parametrize("member", ["nobody", "its own root"])
def test_fires_for_a_pool_below_storage_that_reaches_no_host(
    audit: Auditor, estate: Estate, pool: Row, member: str
) -> None:
    estate.rows[t.resource_provider_aggregates].clear()
    if member == "its own root":
        root = next(row for row in estate.rows[t.resource_providers] if row["name"] == "filer")
        estate.aggregate("storage", pool, root)
    (finding,) = audit(estate, "P23")
    assert finding.subject["provider_name"] == "pool"


@pytest.mark.parametrize("shape", ["a root", "below storage"])
@pytest.mark.parametrize("nova", [True, False])
def test_quiet_where_a_pool_lost_its_trait(
    audit: Auditor, estate: Estate, server: Server, pool: Row, shape: str, nova: bool
) -> None:
    sharing = [row for row in estate.rows[t.resource_provider_traits] if row["resource_provider_id"] == pool["id"]]
    estate.remove(t.resource_provider_traits, sharing[0])
    codes = ["X06", "X08", "X09", "X14"] if nova else ["P30"]
    assert audit(estate, *codes, nova=nova) == []


@every_shape
def test_fires_for_the_part_of_a_pool_that_two_hosts_draw_from(
    audit: Auditor, estate: Estate, host: Compute, other: Compute, server: Server, pool: Row
) -> None:
    """What it holds on the second host is too much; the pool is its own host's, too."""
    estate.aggregate("users of the pool", other.provider)
    estate.claim(server.uuid, other.provider, HOST_PART)
    (finding,) = audit(estate, "X09")
    assert finding.subject["provider_name"] == "other"
    assert all(pool["uuid"] not in line for line in finding.remedy)


@every_shape
def test_quiet_where_the_aggregate_has_the_host_no_more(
    audit: Auditor, estate: Estate, host: Compute, server: Server, pool: Row
) -> None:
    """The disk is where it was."""
    members = estate.rows[t.resource_provider_aggregates]
    estate.remove(
        t.resource_provider_aggregates,
        next(row for row in members if row["resource_provider_id"] == host.provider["id"]),
    )
    assert audit(estate, "X06", "X08", "X09", "X14") == []


def test_quiet_about_the_rest_of_an_unknown_consumer(audit: Auditor, estate: Estate) -> None:
    """A pool that lost its trait, seen without nova."""
    pool = estate.provider("nfs")
    estate.inventory(pool, "DISK_GB", 1000)
    consumer = uuid_of("web")
    estate.claim(consumer, estate.compute("left", disk_gb=0).provider, HOST_PART)
    estate.claim(consumer, pool, {"DISK_GB": 20})
    assert audit(estate, "P30", nova=False) == []
