import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("host")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    return estate.server("web", host)


def pci(estate: Estate, host: Compute, address: str, owner: Server | None, **fields: object) -> Row:
    at = estate.ago(days=1)
    values = {
        "parent_addr": None,
        "dev_type": "type-PCI",
        "vendor_id": "10de",
        "product_id": "1eb8",
        "status": "allocated" if owner else "available",
        "deleted": 0,
        "created_at": at,
        "updated_at": at,
    } | fields
    owned = owner.uuid if owner else None
    return estate.add(
        t.pci_devices,
        cell=host.cell,
        compute_node_id=host.node["id"],
        address=address,
        instance_uuid=owned,
        **values,
    )


def reported(estate: Estate, host: Compute, address: str, total: int = 1) -> Row:
    """The provider that nova makes for a device."""
    provider = estate.provider(f"{host.name}_{address.upper()}", parent=host.provider)
    estate.inventory(provider, "CUSTOM_PCI_10DE_1EB8", total)
    estate.trait(provider, "COMPUTE_MANAGED_PCI_DEVICE")
    return provider


@pytest.fixture
def card(estate: Estate, host: Compute) -> Row:
    return reported(estate, host, "0000:8a:00.0")


@pytest.fixture
def taken(estate: Estate, host: Compute, server: Server, card: Row) -> Row:
    return pci(estate, host, "0000:8a:00.0", server)


@pytest.mark.parametrize("kind", ["type-PCI", "type-PF"])
def test_fires_for_a_device_that_its_server_does_not_hold(
    audit: Auditor, estate: Estate, host: Compute, server: Server, taken: Row, kind: str
) -> None:
    taken["dev_type"] = kind
    (finding,) = audit(estate, "X26")
    assert finding.message == (
        f"servers on host use PCI devices and hold none of them: 1 devices, {server.uuid} (host_0000:8A:00.0)"
    )
    assert finding.subject == {"cell": "cell1", "host": "host", "node": "host", "provider": host.uuid}
    assert (finding.severity, finding.evidence["product"]) == ("warning", "10de:1eb8")
    assert finding.remedy[0] == f"openstack server show {server.uuid}"


def test_fires_once_for_all_of_a_host(audit: Auditor, estate: Estate, host: Compute, taken: Row) -> None:
    for number in range(1, 8):
        reported(estate, host, f"0000:8a:0{number}.0")
        pci(estate, host, f"0000:8a:0{number}.0", estate.server(f"web {number}", host))
    (finding,) = audit(estate, "X26")
    assert (finding.evidence["devices"], finding.evidence["servers"]) == (8, 8)
    assert finding.evidence["sample"].endswith("and 3 more")


@pytest.mark.parametrize("status", ["available", None])
def test_fires_for_a_device_that_is_held_and_not_used(
    audit: Auditor, estate: Estate, host: Compute, server: Server, card: Row, status: str | None
) -> None:
    estate.allocate(server.uuid, card, {"CUSTOM_PCI_10DE_1EB8": 1})
    if status:
        pci(estate, host, "0000:8a:00.0", None)
    (finding,) = audit(estate, "X26")
    assert finding.evidence["state"] == "hold more PCI devices than they use"


def test_fires_for_more_virtual_functions_than_are_used(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.allocate(server.uuid, reported(estate, host, "0000:81:00.0", 4), {"CUSTOM_PCI_10DE_1EB8": 2})
    pci(estate, host, "0000:81:00.1", server, dev_type="type-VF", parent_addr="0000:81:00.0")
    assert len(audit(estate, "X26")) == 1


def test_in_flight_while_the_device_was_just_taken(audit: Auditor, estate: Estate, taken: Row) -> None:
    taken["updated_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X26").findings
    assert not finding.settled


def test_quiet_for_what_is_held(audit: Auditor, estate: Estate, server: Server, taken: Row, card: Row) -> None:
    estate.allocate(server.uuid, card, {"CUSTOM_PCI_10DE_1EB8": 1})
    assert audit(estate, "X26") == []


def test_quiet_for_virtual_functions_that_are_held(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.allocate(server.uuid, reported(estate, host, "0000:81:00.0", 4), {"CUSTOM_PCI_10DE_1EB8": 2})
    for number in (1, 2):
        pci(estate, host, f"0000:81:00.{number}", server, dev_type="type-VF", parent_addr="0000:81:00.0")
    assert audit(estate, "X26") == []


def test_quiet_for_virtual_functions_of_which_some_may_be_neutrons(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    reported(estate, host, "0000:81:00.0", 4)
    pci(estate, host, "0000:81:00.1", server, dev_type="type-VF", parent_addr="0000:81:00.0")
    assert audit(estate, "X26") == []


def test_quiet_where_nothing_is_reported(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    pci(estate, host, "0000:8a:00.0", server)
    assert audit(estate, "X26") == []


def test_quiet_for_a_provider_that_is_not_novas(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.inventory(estate.provider("host_0000:8A:00.0", parent=host.provider), "CUSTOM_MINE", 1)
    pci(estate, host, "0000:8a:00.0", server)
    assert audit(estate, "X26") == []


@pytest.mark.parametrize(
    "state", [{"vm_state": "resized"}, {"vm_state": "error"}, {"task_state": "migrating"}, {"hidden": 1}]
)
def test_quiet_while_the_server_is_not_at_rest(
    audit: Auditor, estate: Estate, server: Server, taken: Row, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "X26") == []


@pytest.mark.parametrize("status", ["finished", "running"])
def test_quiet_while_it_moves(
    audit: Auditor, estate: Estate, host: Compute, server: Server, taken: Row, status: str
) -> None:
    estate.migration(server, "resize", status, host, estate.compute("other"))
    assert audit(estate, "X26") == []


def test_quiet_for_a_server_that_holds_nothing_at_all(audit: Auditor, estate: Estate, host: Compute, card: Row) -> None:
    pci(estate, host, "0000:8a:00.0", estate.server("bare", host, holds=False))
    assert audit(estate, "X26") == []


@pytest.mark.parametrize("holds", [True, False])
def test_quiet_for_a_device_that_was_taken_out(
    audit: Auditor, estate: Estate, server: Server, taken: Row, card: Row, holds: bool
) -> None:
    taken["status"] = "removed"
    if holds:
        estate.allocate(server.uuid, card, {"CUSTOM_PCI_10DE_1EB8": 1})
    assert audit(estate, "X26") == []


def test_quiet_while_nova_compute_is_down(audit: Auditor, estate: Estate, host: Compute, taken: Row) -> None:
    host.service["last_seen_up"] = estate.ago(minutes=5)
    assert audit(estate, "X26") == []


@pytest.mark.parametrize(
    ("settings", "impact"),
    [
        ({"report_in_placement": False}, "I"),
        ({"report_in_placement": True, "update_resources_interval": 0}, "M"),
        ({"update_resources_interval": -1}, "I"),
        ({"update_resources_interval": 3600}, "I"),
    ],
)
def test_fires_for_information_where_nobody_looks(
    audit: Auditor, estate: Estate, taken: Row, settings: dict[str, int], impact: str
) -> None:
    audit.settings = settings
    (finding,) = audit(estate, "X26")
    assert finding.impact == impact
