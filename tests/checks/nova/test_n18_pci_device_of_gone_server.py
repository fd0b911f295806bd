import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server, uuid_of
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
def server(estate: Estate, right: Compute) -> Server:
    return estate.server("web", right)


def pci(estate: Estate, host: Compute, address: str, status: str, owner: str | None) -> Row:
    at = estate.ago(days=1)
    return estate.add(
        t.pci_devices,
        cell=host.cell,
        compute_node_id=host.node["id"],
        address=address,
        dev_type="type-PCI",
        vendor_id="8086",
        product_id="1572",
        status=status,
        instance_uuid=owner,
        deleted=0,
        created_at=at,
        updated_at=at,
    )


@pytest.fixture
def device(estate: Estate, left: Compute, right: Compute, server: Server) -> Row:
    """On the left, of a server that is on the right, where it has another."""
    pci(estate, right, "0000:81:00.1", "allocated", server.uuid)
    pci(estate, left, "0000:81:00.1", "available", None)
    return pci(estate, left, "0000:81:00.2", "allocated", server.uuid)


def test_fires_for_a_server_that_runs_elsewhere(audit: Auditor, estate: Estate, server: Server, device: Row) -> None:
    (finding,) = audit(estate, "N18")
    assert (finding.subject["node"], finding.evidence["address"]) == ("left", "0000:81:00.2")
    assert (finding.subject["instance"], finding.severity) == (server.uuid, "warning")
    assert finding.evidence["owner"] == f"server {server.uuid}, which is not on this host"


def test_fires_for_a_deleted_server(audit: Auditor, estate: Estate, device: Row) -> None:
    gone = {"vm_state": "deleted", "deleted": 9, "deleted_at": estate.ago(days=1)}
    device["instance_uuid"] = estate.server("gone", None, **gone).uuid
    (finding,) = audit(estate, "N18")
    assert finding.evidence["owner"].endswith("which is gone")


def test_fires_for_a_server_that_nobody_knows(audit: Auditor, estate: Estate, device: Row) -> None:
    device["instance_uuid"] = uuid_of("ghost")
    assert len(audit(estate, "N18")) == 1


@pytest.mark.parametrize("status", ["claimed", "allocated"])
def test_fires_for_a_device_that_nobody_has(audit: Auditor, estate: Estate, device: Row, status: str) -> None:
    device.update(status=status, instance_uuid=None)
    (finding,) = audit(estate, "N18")
    assert finding.evidence["owner"] == "nobody"
    assert not any("server show" in line for line in finding.remedy)


@pytest.mark.parametrize("what", ["device", "server", "migration"])
def test_in_flight_right_after_a_change(
    audit: Auditor, estate: Estate, server: Server, left: Compute, device: Row, what: str
) -> None:
    now = estate.ago(minutes=2)
    if what == "migration":
        estate.migration(server, "live-migration", "completed", left, updated_at=now)
    else:
        (device if what == "device" else server.instance)["updated_at"] = now
    (finding,) = audit.report(estate, "N18").findings
    assert not finding.settled


@pytest.mark.parametrize("hidden", [0, 1])
def test_quiet_for_a_server_on_that_node(
    audit: Auditor, estate: Estate, left: Compute, device: Row, hidden: int
) -> None:
    device["instance_uuid"] = estate.server("here", left, hidden=hidden).uuid
    assert audit(estate, "N18") == []


@pytest.mark.parametrize("status", ["claimed", "available", "removed", "unclaimable"])
def test_quiet_for_other_devices(audit: Auditor, estate: Estate, device: Row, status: str) -> None:
    device["status"] = status
    assert audit(estate, "N18") == []


@pytest.mark.parametrize("status", ["running", "finished", "reverting", None])
def test_quiet_while_a_migration_is_open(
    audit: Auditor, estate: Estate, server: Server, left: Compute, device: Row, status: str | None
) -> None:
    estate.migration(server, "resize", "", left)["status"] = status
    assert audit(estate, "N18") == []


def test_quiet_for_an_evacuated_server(
    audit: Auditor, estate: Estate, server: Server, left: Compute, device: Row
) -> None:
    estate.migration(server, "evacuation", "done", left)
    assert audit(estate, "N18") == []


def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, server: Server, device: Row) -> None:
    server.instance["task_state"] = "rebuilding"
    assert audit(estate, "N18") == []


def test_quiet_for_a_resize_that_failed_at_its_end(
    audit: Auditor, estate: Estate, server: Server, left: Compute, device: Row
) -> None:
    server.instance["vm_state"] = "resized"
    estate.migration(server, "resize", "error", left)
    assert audit(estate, "N18") == []


@pytest.mark.parametrize("state", [{"last_seen_up": None}, {"forced_down": 1}, {"deleted": 3}])
def test_quiet_while_the_host_is_down(
    audit: Auditor, estate: Estate, left: Compute, device: Row, state: dict[str, object]
) -> None:
    left.service.update(state)
    assert audit(estate, "N18") == []


def test_quiet_for_deleted_devices_and_nodes(audit: Auditor, estate: Estate, left: Compute, device: Row) -> None:
    device["deleted"] = 4
    pci(estate, left, "0000:81:00.3", "allocated", None)
    left.node["deleted"] = 2
    assert audit(estate, "N18") == []


def test_quiet_after_the_host_was_renamed(
    audit: Auditor, estate: Estate, left: Compute, right: Compute, server: Server
) -> None:
    """N06 names the cause; the device is in use."""
    pci(estate, right, "0000:00:01.0", "allocated", server.uuid)
    server.instance["host"] = "right.old"
    assert audit(estate, "N18") == []
