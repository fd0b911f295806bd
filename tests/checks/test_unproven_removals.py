"""States in which a removal looked proven, and was not: each belongs to a mechanism that several checks share."""

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.finding import Finding, removes_something
from tests.support import Auditor

PLAIN = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def right(estate: Estate) -> Compute:
    return estate.compute("right")


def removals(findings: list[Finding]) -> list[str]:
    return [line for finding in findings for line in finding.remedy if removes_something(line)]


def test_none_while_a_cell_is_unreadable(audit: Auditor, estate: Estate, left: Compute) -> None:
    estate.server("web", left)
    extra = estate.compute("extra")
    estate.allocate(uuid_of("web"), extra.provider, PLAIN)
    audit.unreadable = "cell2"
    (finding,) = [one for one in audit.report(estate).findings if one.code == "X09"]
    assert removals([finding]) == []
    assert "cell2 cannot be read" in str(finding.withheld)


def test_none_in_a_hole_that_another_check_would_have_told(audit: Auditor, estate: Estate, left: Compute) -> None:
    """One check alone knows of the hole, too."""
    extra = estate.compute("extra")
    server = estate.server("web", left)
    estate.allocate(server.uuid, extra.provider, PLAIN)
    estate.add(t.host_mappings, host="lost", cell_id=99, created_at=estate.ago(days=2), updated_at=None)
    report = audit.report(estate, "X09")
    assert len(report.gaps) == 1
    assert removals(list(report.findings)) == []


def test_none_of_what_the_server_lacks_at_home(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    server = estate.server("web", left, holds=False)
    estate.claim(server.uuid, left.provider, {"DISK_GB": 20})
    estate.allocate(server.uuid, right.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    assert removals(audit(estate)) == []


def test_none_of_a_device_that_the_migration_alone_holds(audit: Auditor, estate: Estate, left: Compute) -> None:
    """A resize on one host whose revert failed: as many devices, but not the same one."""
    server = estate.server("web", left, estate.flavor("big", 4, 8192, 20))
    devices = [estate.provider(f"left_pci_{number}", parent=left.provider) for number in (1, 2)]
    for device in devices:
        estate.inventory(device, "VGPU", 1)
    estate.allocate(server.uuid, devices[0], {"VGPU": 1})
    move = estate.migration(server, "resize", "error", left, left)
    estate.claim(move["uuid"], left.provider, PLAIN)
    estate.allocate(move["uuid"], devices[1], {"VGPU": 1})
    estate.action(server, "revertResize", failed=True)
    (finding,) = audit(estate, "X12")
    assert removals([finding]) == []


def test_none_of_a_pool_whose_trait_was_lost_as_well(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, request: pytest.FixtureRequest
) -> None:
    if "mariadb" in request.node.name:
        pytest.skip("a foreign key forbids it there")
    estate.shared("nfs", 5000, left.provider, right.provider)
    estate.rows[t.placement_aggregates].clear()
    estate.rows[t.traits] = [row for row in estate.rows[t.traits] if row["name"] != t.SHARING_TRAIT]
    lost = [one for one in audit(estate, "P22") if one.subject["table"] == "resource_provider_aggregates"]
    assert removals(lost) == []


@pytest.mark.parametrize("last", ["softDelete", "restore"])
def test_none_of_what_was_only_soft_deleted(audit: Auditor, estate: Estate, left: Compute, last: str) -> None:
    estate.server("known", left)
    uuid = uuid_of("soft")
    estate.claim(uuid, left.provider, PLAIN)
    estate.add(
        t.instance_mappings,
        instance_uuid=uuid,
        cell_id=estate.cell_id("cell1"),
        queued_for_delete=1,
        updated_at=estate.ago(days=2),
    )
    for number, action in enumerate(("create", "softDelete", last)):
        at = estate.ago(days=4 - number)
        row = {"cell": "cell1", "instance_uuid": uuid, "action": action, "start_time": at}
        estate.add(t.instance_actions, **row, message=None, deleted=0)
    (finding,) = audit(estate, "X11")
    assert removals([finding]) == []
    assert "soft-deleted" in str(finding.withheld)


def test_none_of_a_server_that_its_mapping_has_elsewhere(audit: Auditor, estate: Estate, left: Compute) -> None:
    far = estate.compute("far", cell="cell2")
    estate.server("other", far)
    gone = estate.ago(days=2)
    server = estate.server("web", left, holds=False, deleted=1, deleted_at=gone, vm_state="deleted")
    server.instance.update(host=None, node=None)
    server.mapping.update(cell_id=estate.cell_id("cell2"), queued_for_delete=0)
    estate.consumer(server.uuid)
    missing = {"resource_provider_id": 999, "resource_class_id": 0, "used": 2, "created_at": gone}
    estate.add(t.allocations, consumer_id=server.uuid, **missing)
    estate.allocate(server.uuid, far.provider, PLAIN)
    assert removals(audit(estate, "P11")) == []


def test_none_of_a_root_with_a_pool_below_it(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    root = estate.provider("old")
    estate.inventory(root, "VCPU", 8)
    estate.trait(root, "COMPUTE_NODE")
    pool = estate.provider("pool", parent=root)
    estate.inventory(pool, "DISK_GB", 5000)
    estate.trait(pool, t.SHARING_TRAIT)
    estate.aggregate("users of pool", pool, left.provider, right.provider)
    estate.service("old", deleted=1, deleted_at=estate.ago(days=2))
    (finding,) = audit(estate, "X03")
    assert removals([finding]) == []
    assert "shares with others" in str(finding.withheld)


def test_none_while_a_deleted_record_tells_of_an_old_guest(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", right, launched_on="left")
    estate.allocate(server.uuid, left.provider, PLAIN)
    gone = {"deleted": 7, "deleted_at": estate.ago(days=2)}
    estate.migration(server, "evacuation", "done", left, right, **gone)
    left.service.update(last_seen_up=estate.ago(days=2), updated_at=estate.ago(days=2))
    (finding,) = audit(estate, "X09")
    assert removals([finding]) == []


def test_none_where_placement_would_refuse_what_is_left(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", left)
    estate.allocate(server.uuid, right.provider, {"VCPU": 0, "MEMORY_MB": 0})
    found = audit(estate, "P17", "X09")
    assert {one.code for one in found} >= {"P17"}
    assert removals(found) == []


def test_none_of_a_provider_that_any_of_its_hosts_may_take_back(audit: Auditor, estate: Estate, left: Compute) -> None:
    estate.server("web", estate.compute("far", cell="cell2"))
    provider = estate.provider("old")
    estate.inventory(provider, "VCPU", 4)
    estate.trait(provider, "COMPUTE_NODE")
    for host, cell in (("first", "cell1"), ("second", "cell2")):
        estate.compute_node(host, "old", cell=cell, uuid=provider["uuid"], deleted_at=estate.ago(days=2))
    estate.service("second", cell="cell2")
    assert removals(audit(estate, "X04")) == []
