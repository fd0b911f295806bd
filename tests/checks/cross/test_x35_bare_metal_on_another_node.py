import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor

METAL = {"CUSTOM_METAL": 1}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def flavor(estate: Estate) -> Row:
    extra = {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0", "resources:CUSTOM_METAL": "1"}
    return estate.flavor("metal", 8, 65536, 200, extra_specs=extra)


def metal(estate: Estate, node: str, *, service: str = "conductor", reserved: int = 0) -> Compute:
    """A bare metal node; the service has several."""
    host = estate.compute(service, node=node, hypervisor_type="ironic")
    estate.inventory(host.provider, "CUSTOM_METAL", 1, reserved=reserved)
    if len([row for row in estate.rows[t.services] if row["host"] == service]) > 1:
        estate.remove(t.services, host.service)
        estate.remove(t.host_mappings, host.mapping)
    return host


def serve(estate: Estate, host: Compute, flavor: Row, *held_on: Compute, name: str = "server") -> Server:
    server = estate.server(name, host, flavor, holds=False)
    for one in held_on:
        estate.claim(server.uuid, one.provider, METAL)
    return server


# nova 27 and later reserve a node that is in use.
@pytest.mark.parametrize("reserved", [0, 1])
def test_fires_for_a_server_that_holds_another_node(audit: Auditor, estate: Estate, flavor: Row, reserved: int) -> None:
    own, other = metal(estate, "metal-1", reserved=reserved), metal(estate, "metal-2", reserved=reserved)
    server = serve(estate, own, flavor, other)
    (finding,) = audit(estate)
    assert (finding.code, finding.severity) == ("X35", "error")
    assert finding.identity == f"X35:{server.uuid}:{other.uuid}"
    assert finding.message == (
        f"server {server.uuid} runs on bare metal node metal-1 and holds nothing of it, but CUSTOM_METAL 1 on metal-2"
    )
    assert "instance_uuid of metal-1 and of metal-2" in (finding.withheld or "")


def test_fires_for_a_node_beside_its_own(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own, other = metal(estate, "metal-1"), metal(estate, "metal-2", service="another conductor")
    server = serve(estate, own, flavor, own, other)
    (finding,) = audit(estate)
    assert (finding.code, finding.severity) == ("X35", "warning")
    assert finding.message == (
        f"server {server.uuid} runs on bare metal node metal-1 and also holds CUSTOM_METAL 1 on metal-2"
    )


def test_fires_for_what_it_holds_of_a_virtual_host_alone(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own, other = metal(estate, "metal-1"), estate.compute("virtual", reserved_mb=0)
    server = estate.server("server", own, flavor, holds=False)
    estate.claim(server.uuid, other.provider, {"VCPU": 8, "MEMORY_MB": 65536})
    assert [finding.code for finding in audit(estate, "X06", "X08", "X09", "X35")] == ["X35"]


def test_leaves_the_second_host_of_one_that_holds_its_own_to_its_check(
    audit: Auditor, estate: Estate, flavor: Row
) -> None:
    own, other = metal(estate, "metal-1"), estate.compute("virtual", reserved_mb=0)
    server = serve(estate, own, flavor, own)
    estate.claim(server.uuid, other.provider, {"VCPU": 8, "MEMORY_MB": 65536})
    assert [finding.code for finding in audit(estate, "X06", "X08", "X09", "X35")] == ["X09"]


def test_fires_for_a_node_that_nova_has_no_more(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own, old = metal(estate, "metal-1"), metal(estate, "metal-0")
    old.node.update(deleted=old.node["id"], deleted_at=estate.ago(days=1))
    serve(estate, own, flavor, old)
    assert [finding.severity for finding in audit(estate, "X35")] == ["error"]


def test_quiet_for_its_own_node_in_use(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own = metal(estate, "metal-1", reserved=1)
    metal(estate, "metal-2", reserved=1)
    serve(estate, own, flavor, own)
    assert audit(estate, "X35") == []


def test_quiet_for_a_node_that_went_to_another_service(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own = metal(estate, "metal-1")
    metal(estate, "metal-2", service="another conductor")
    serve(estate, own, flavor, own)
    own.node["host"] = "another conductor"
    assert audit(estate, "X35") == []


def test_quiet_for_a_node_of_two_rows(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own, old = metal(estate, "metal-1"), metal(estate, "metal-0")
    old.node.update(hypervisor_hostname="metal-1", host="another conductor")
    serve(estate, own, flavor, old)
    assert audit(estate, "X35") == []


def test_leaves_a_server_that_holds_nothing_to_its_check(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own = metal(estate, "metal-1")
    serve(estate, own, flavor)
    assert [finding.code for finding in audit(estate, "X06", "X35")] == ["X06"]


def test_quiet_for_a_server_on_a_node_that_nova_does_not_know(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own, other = metal(estate, "metal-1"), metal(estate, "metal-2")
    serve(estate, own, flavor, other)
    own.node.update(deleted=own.node["id"], deleted_at=estate.ago(days=1))
    assert audit(estate, "X35") == []


@pytest.mark.parametrize("why", ["rebuild", "evacuation", "build"])
def test_quiet_for_a_server_in_the_middle_of_something(audit: Auditor, estate: Estate, flavor: Row, why: str) -> None:
    own, other = metal(estate, "metal-1"), metal(estate, "metal-2", service="another conductor")
    server = serve(estate, own, flavor, other)
    if why == "rebuild":
        server.instance["task_state"] = "rebuild_spawning"
    elif why == "evacuation":
        estate.migration(server, "evacuation", "pre-migrating", own, other)
    else:
        server.instance.update(vm_state="building", task_state="spawning")
    assert audit(estate, "X35") == []


def test_quiet_for_what_it_holds_of_a_pool_or_of_no_host(audit: Auditor, estate: Estate, flavor: Row) -> None:
    own = metal(estate, "metal-1")
    server = serve(estate, own, flavor, own)
    pool = estate.shared("pool", 1000, own.provider)
    estate.allocate(server.uuid, pool, {"DISK_GB": 20})
    licences = estate.provider("licences")
    estate.inventory(licences, "CUSTOM_LICENCE", 10)
    estate.allocate(server.uuid, licences, {"CUSTOM_LICENCE": 1})
    assert audit(estate, "X35") == []


def test_quiet_for_virtual_servers(audit: Auditor, estate: Estate) -> None:
    own, other = estate.compute("node-1"), estate.compute("node-2")
    server = estate.server("server", own, holds=False)
    estate.claim(server.uuid, other.provider, {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20})
    assert audit(estate, "X35") == []
