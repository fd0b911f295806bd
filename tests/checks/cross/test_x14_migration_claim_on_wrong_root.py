import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def right(estate: Estate) -> Compute:
    return estate.compute("right")


@pytest.fixture
def third(estate: Estate) -> Compute:
    return estate.compute("third")


@pytest.fixture
def server(estate: Estate, right: Compute) -> Server:
    return estate.server("web", right, vm_state="resized")


@pytest.fixture
def move(estate: Estate, server: Server, left: Compute, right: Compute, third: Compute) -> Row:
    """A resize from left to right whose migration holds a third host."""
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], third.provider, estate.amounts(server.flavor))
    return row


@pytest.mark.parametrize("kind", ["resize", "migration", "live-migration"])
def test_fires_for_a_host_that_is_not_the_source(
    audit: Auditor, estate: Estate, server: Server, third: Compute, move: Row, kind: str
) -> None:
    move["migration_type"] = kind
    (finding,) = audit(estate, "X14")
    assert finding.subject["migration"] == finding.subject["consumer"] == move["uuid"]
    assert finding.subject["instance"] == server.uuid
    assert finding.subject["provider"] == third.uuid
    assert finding.evidence["source_node"] == "left"
    assert finding.severity == "warning"
    assert " leaves left, but holds in place of it VCPU 2," in finding.message
    assert all(" show " in command or " list " in command for command in finding.remedy)


def test_fires_for_the_wrong_part_alone(audit: Auditor, estate: Estate, left: Compute, move: Row) -> None:
    estate.claim(move["uuid"], left.provider, {"VCPU": 2})
    (finding,) = audit(estate, "X14", "P30")
    assert (finding.code, finding.subject["provider_name"]) == ("X14", "third")
    assert " leaves left, but holds beside it " in finding.message


def test_fires_for_a_device_of_another_host(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, third: Compute
) -> None:
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    estate.claim(row["uuid"], estate.provider("third_gpu", parent=third.provider), {"VGPU": 1})
    (finding,) = audit(estate, "X14")
    assert (finding.subject["provider_name"], finding.evidence["held"]) == ("third", "VGPU 1")
    assert finding.withheld is not None


def test_fires_once_for_a_resize_between_cells(audit: Auditor, estate: Estate, move: Row) -> None:
    estate.add(t.migrations, **{**move, "cell": "cell2"})
    assert len(audit(estate, "X14")) == 1


@pytest.mark.parametrize("clock", ["migration", "claim"])
def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, move: Row, clock: str) -> None:
    if clock == "migration":
        move["updated_at"] = estate.ago(minutes=1)
    for row in estate.rows[t.allocations] if clock == "claim" else []:
        row["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X14").findings
    assert not finding.settled


def test_quiet_for_the_source(audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute) -> None:
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    assert audit(estate, "X14") == []


def test_quiet_for_a_source_in_another_cell(audit: Auditor, estate: Estate, server: Server, right: Compute) -> None:
    far = estate.compute("far", cell="cell2")
    row = estate.migration(server, "resize", "finished", far, right)
    estate.add(t.migrations, **{**row, "cell": "cell2"})
    estate.claim(row["uuid"], far.provider, estate.amounts(server.flavor))
    assert audit(estate, "X14") == []


@pytest.mark.parametrize("status", ["done", "completed"])
def test_quiet_for_a_server_that_was_evacuated_before(
    audit: Auditor, estate: Estate, server: Server, third: Compute, left: Compute, move: Row, status: str
) -> None:
    estate.migration(server, "evacuation", status, third, left, at=estate.ago(days=3))
    assert audit(estate, "X14") == []


@pytest.mark.parametrize("status", ["confirmed", "reverted", "error", "failed", "completed", "cancelled"])
def test_quiet_for_a_migration_that_is_over(audit: Auditor, estate: Estate, move: Row, status: str) -> None:
    move["status"] = status
    assert audit(estate, "X14") == []


def test_quiet_for_a_migration_whose_server_is_gone(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance.update(deleted=5, deleted_at=estate.ago(hours=20))
    assert audit(estate, "X14") == []


def test_quiet_for_what_is_shared(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute
) -> None:
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, {"VCPU": 2})
    estate.claim(row["uuid"], estate.shared("nfs", 1000, left.provider, right.provider), {"DISK_GB": 20})
    lost_its_trait = estate.provider("ceph")
    estate.inventory(lost_its_trait, "DISK_GB", 1000)
    estate.claim(row["uuid"], lost_its_trait, {"DISK_GB": 20})
    assert audit(estate, "X14") == []


def test_quiet_for_bandwidth_and_the_like(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute
) -> None:
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], estate.provider("someone else's"), {"CUSTOM_LICENSE": 1})
    assert audit(estate, "X14") == []


@pytest.mark.parametrize("what", ["node", "provider"])
def test_quiet_when_the_source_is_gone(audit: Auditor, estate: Estate, left: Compute, move: Row, what: str) -> None:
    if what == "node":
        left.node.update(deleted=3, deleted_at=estate.ago(hours=3))
    else:
        left.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    assert audit(estate, "X14") == []


def test_quiet_for_bare_metal(audit: Auditor, estate: Estate, left: Compute, move: Row) -> None:
    left.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X14") == []


def test_quiet_for_a_sharing_provider_below_another_host(
    audit: Auditor, estate: Estate, server: Server, left: Compute, right: Compute, third: Compute
) -> None:
    row = estate.migration(server, "resize", "finished", left, right)
    estate.claim(row["uuid"], left.provider, estate.amounts(server.flavor))
    pool = estate.provider("third_pool", parent=third.provider)
    estate.trait(pool, t.SHARING_TRAIT)
    estate.claim(row["uuid"], pool, {"DISK_GB": 20})
    assert audit(estate, "X14") == []
