import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("right")
    estate.server("neighbour", host)
    return host


@pytest.fixture
def flavor(estate: Estate) -> Row:
    return estate.flavor("gpu", 2, 4096, 20, extra_specs={"pci_passthrough:alias": "a100:2"})


@pytest.fixture
def server(estate: Estate, host: Compute, flavor: Row) -> Server:
    return estate.server("web", host, flavor)


def device(estate: Estate, host: Compute, owner: str, status: str = "allocated") -> Row:
    return estate.add(
        t.pci_devices,
        cell=host.cell,
        compute_node_id=host.node["id"],
        address="0000:81:00.0",
        parent_addr=None,
        dev_type="type-PCI",
        vendor_id="10de",
        product_id="20b5",
        status=status,
        instance_uuid=owner,
        deleted=0,
        created_at=estate.ago(days=1),
        updated_at=estate.ago(days=1),
    )


def test_fires_for_a_server_without_any(audit: Auditor, estate: Estate, server: Server) -> None:
    (finding,) = audit(estate, "N24")
    assert finding.subject["instance"] == server.uuid
    assert (finding.evidence["alias"], finding.evidence["amount"]) == ("a100:2", 2)
    assert finding.severity == "warning"
    assert finding.withheld


def test_fires_though_a_neighbour_has_one(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    device(estate, host, estate.server("owner", host, server.flavor).uuid)
    (finding,) = audit(estate, "N24")
    assert finding.subject["instance"] == server.uuid


def test_fires_where_a_migration_says_it_may_be_elsewhere(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.migration(server, "migration", "error", estate.compute("left"), host)
    (finding,) = audit(estate, "N24")
    assert "both hosts" in str(finding.withheld)


def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N24").findings
    assert not finding.settled


@pytest.mark.parametrize("status", ["claimed", "allocated", "removed"])
def test_quiet_for_a_server_with_a_device(
    audit: Auditor, estate: Estate, host: Compute, server: Server, status: str
) -> None:
    device(estate, host, server.uuid, status)
    assert audit(estate, "N24") == []


def test_quiet_for_a_device_of_a_port_alone(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Whose request has no alias, and is in no flavor."""
    estate.server("port", host)
    assert audit(estate, "N24") == []


def test_quiet_for_a_flavor_that_got_its_alias_later(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    estate.rows[t.instance_extra][-1]["flavor"] = estate.embedded(estate.flavor("plain", 2, 4096, 20))
    assert audit(estate, "N24") == []


@pytest.mark.parametrize(
    "fields",
    [
        {"vm_state": "error"},
        {"vm_state": "resized"},
        {"vm_state": "shelved_offloaded", "host": None, "node": None},
        {"task_state": "rebuilding"},
        {"hidden": 1},
        {"deleted": 2},
    ],
)
def test_quiet_for_a_server_that_is_not_at_rest(
    audit: Auditor, estate: Estate, server: Server, fields: dict[str, object]
) -> None:
    server.instance.update(fields)
    assert audit(estate, "N24") == []


@pytest.mark.parametrize("holds", [False, True])
def test_quiet_while_a_migration_is_open_or_holds_something(
    audit: Auditor, estate: Estate, host: Compute, server: Server, holds: bool
) -> None:
    row = estate.migration(server, "migration", "error" if holds else "migrating", host)
    if holds:
        estate.claim(row["uuid"], host.provider, {"VCPU": 2})
    assert audit(estate, "N24") == []


@pytest.mark.parametrize("fields", [{"last_seen_up": "2026-01-01 00:00:00"}, {"forced_down": 1}])
def test_quiet_where_the_host_is_down(
    audit: Auditor, estate: Estate, host: Compute, server: Server, fields: dict[str, object]
) -> None:
    host.service.update(fields)
    assert audit(estate, "N24") == []


def test_quiet_where_placement_counts_its_devices(
    audit: Auditor, estate: Estate, host: Compute, server: Server
) -> None:
    """X26's."""
    card = estate.provider("right_0000:81:00.0", parent=host.provider)
    estate.inventory(card, "CUSTOM_PCI_10DE_20B5", 1)
    estate.trait(card, "COMPUTE_MANAGED_PCI_DEVICE")
    estate.claim(server.uuid, card, {"CUSTOM_PCI_10DE_20B5": 1})
    assert audit(estate, "N24") == []


@pytest.mark.parametrize("alias", ["a100", "a100:many", ""])
def test_quiet_for_an_alias_that_cannot_be_read(audit: Auditor, estate: Estate, host: Compute, alias: str) -> None:
    estate.server("odd", host, estate.flavor("odd", 2, 4096, 20, extra_specs={"pci_passthrough:alias": alias}))
    assert audit(estate, "N24") == []
