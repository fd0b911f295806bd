import json
from pathlib import Path

import pytest
from sqlalchemy import select

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.support import Auditor, sqlite_urls

PLAIN = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("right")
    estate.server("neighbour", host)
    return host


@pytest.fixture
def gpu(estate: Estate, host: Compute) -> Row:
    gpu = estate.provider("right_pci_0000_84_00_0", parent=host.provider)
    estate.inventory(gpu, "VGPU", 4)
    return gpu


@pytest.fixture
def flavor(estate: Estate) -> Row:
    return estate.flavor("gpu", 2, 4096, 20, extra_specs={"resources:VGPU": "1"})


@pytest.fixture
def server(estate: Estate, host: Compute, gpu: Row, flavor: Row) -> Server:
    server = estate.server("web", host, flavor, holds=False)
    estate.claim(server.uuid, host.provider, PLAIN)
    return server


def test_fires_for_a_server_without_its_vgpu(audit: Auditor, estate: Estate, server: Server) -> None:
    (finding,) = audit(estate, "X37")
    assert (finding.subject["instance"], finding.subject["resource_class"]) == (server.uuid, "VGPU")
    assert finding.evidence["amount"] == 1
    assert finding.severity == "warning"
    assert "virsh dumpxml" in str(finding.withheld)


@pytest.mark.parametrize(
    ("specs", "name"),
    [
        ({"resources1:VGPU": "2"}, "VGPU"),
        ({"resources:CUSTOM_SSD": "3"}, "CUSTOM_SSD"),
        ({"hw:mem_encryption": "true"}, "MEM_ENCRYPTION_CONTEXT"),
        ({"hw:pmem": "big"}, "CUSTOM_PMEM_NAMESPACE_BIG"),
    ],
)
def test_fires_for_every_way_of_asking(
    audit: Auditor, estate: Estate, host: Compute, specs: dict[str, str], name: str
) -> None:
    estate.inventory(host.provider, name, 8)
    server = estate.server("web", host, estate.flavor("special", 2, 4096, 20, extra_specs=specs), holds=False)
    estate.claim(server.uuid, host.provider, PLAIN)
    (finding,) = audit(estate, "X37")
    assert (finding.subject["resource_class"], finding.severity) == (name, "warning")


def test_fires_for_a_bare_metal_node(audit: Auditor, estate: Estate) -> None:
    node = estate.compute("conductor", node="node-7", hypervisor_type="ironic")
    zero = {f"resources:{name}": "0" for name in PLAIN}
    flavor = estate.flavor("gold", 8, 65536, 400, extra_specs={**zero, "resources:CUSTOM_GOLD": "1"})
    estate.inventory(node.provider, "CUSTOM_GOLD", 1)
    server = estate.server("metal", node, flavor, holds=False)
    estate.claim(server.uuid, node.provider, {"CUSTOM_SILVER": 1})
    (finding,) = audit(estate, "X37")
    assert finding.subject["resource_class"] == "CUSTOM_GOLD"


def test_fires_for_a_flavor_that_was_deleted(audit: Auditor, estate: Estate, server: Server) -> None:
    """Another of its size asks for the same."""
    server.instance["instance_type_id"] = 4711
    (finding,) = audit(estate, "X37")
    assert finding.subject["instance"] == server.uuid


@pytest.mark.parametrize("why", ["error", "no offer"])
def test_fires_as_information(audit: Auditor, estate: Estate, server: Server, why: str) -> None:
    if why == "error":
        server.instance["vm_state"] = "error"
    else:
        estate.rows[t.inventories].pop()
    (finding,) = audit(estate, "X37")
    assert finding.severity == "info"


def test_fires_with_a_warning_to_look_elsewhere(audit: Auditor, estate: Estate, host: Compute, server: Server) -> None:
    estate.migration(server, "live-migration", "error", host, estate.compute("left"))
    (finding,) = audit(estate, "X37")
    assert "both hosts" in str(finding.withheld)


def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "X37").findings
    assert not finding.settled


@pytest.mark.parametrize("where", ["child", "root", "another host", "a pool"])
def test_quiet_where_it_holds_the_class_anywhere(
    audit: Auditor, estate: Estate, host: Compute, gpu: Row, server: Server, where: str
) -> None:
    places = {"child": gpu, "root": host.provider, "another host": estate.compute("left").provider}
    estate.claim(server.uuid, places.get(where) or estate.shared("pool", 1, host.provider), {"VGPU": 1})
    assert audit(estate, "X37") == []


def test_quiet_for_a_flavor_that_asked_only_later(audit: Auditor, estate: Estate, server: Server) -> None:
    row = estate.rows[t.instance_extra][-1]
    stored = json.loads(row["flavor"])
    stored["cur"]["nova_object.data"]["extra_specs"] = {}
    row["flavor"] = json.dumps(stored)
    assert audit(estate, "X37") == []


@pytest.mark.parametrize("other", ["old", "new"])
def test_quiet_while_nova_keeps_a_flavor_without(
    audit: Auditor, estate: Estate, server: Server, flavor: Row, other: str
) -> None:
    plain = estate.flavor("plain", 2, 4096, 20)
    estate.rows[t.instance_extra][-1]["flavor"] = estate.embedded(flavor, **{other: plain})
    assert audit(estate, "X37") == []


@pytest.mark.parametrize("text", [None, "{", '{"cur": null}'])
def test_quiet_for_a_flavor_that_cannot_be_read(
    audit: Auditor, estate: Estate, server: Server, text: str | None
) -> None:
    estate.rows[t.instance_extra][-1]["flavor"] = text
    assert audit(estate, "X37") == []


@pytest.mark.parametrize(
    "specs",
    [{"resources:VGPU": "0"}, {"resources:VGPU": "many"}, {"resources_GPU:VGPU": "2"}, {"trait:CUSTOM_X": "required"}],
)
def test_quiet_for_a_flavor_that_asks_for_none(
    audit: Auditor, estate: Estate, host: Compute, specs: dict[str, str]
) -> None:
    estate.server("web", host, estate.flavor("none", 2, 4096, 20, extra_specs=specs))
    assert audit(estate, "X37") == []


@pytest.mark.parametrize(
    "fields", [{"task_state": "migrating"}, {"vm_state": "resized"}, {"hidden": 1}, {"deleted": 3}]
)
def test_quiet_for_a_server_that_is_not_at_rest(
    audit: Auditor, estate: Estate, server: Server, fields: dict[str, object]
) -> None:
    server.instance.update(fields)
    assert audit(estate, "X37") == []


def test_quiet_for_a_server_that_is_shelved_away(audit: Auditor, estate: Estate, server: Server) -> None:
    server.instance.update(vm_state="shelved_offloaded", host=None, node=None)
    assert audit(estate, "X37") == []


@pytest.mark.parametrize("status", ["running", "error"])
def test_quiet_while_a_migration_runs_or_holds_something(
    audit: Auditor, estate: Estate, host: Compute, gpu: Row, server: Server, status: str
) -> None:
    row = estate.migration(server, "live-migration", status, host)
    estate.claim(row["uuid"], gpu, {"VGPU": 1})
    assert audit(estate, "X37") == []


def test_quiet_for_a_server_that_holds_nothing_there(
    audit: Auditor, estate: Estate, host: Compute, gpu: Row, flavor: Row
) -> None:
    """X06's."""
    estate.server("web", host, flavor, holds=False)
    assert audit(estate, "X37") == []


def test_only_the_flavors_of_suspects_are_read(
    estate: Estate, host: Compute, gpu: Row, server: Server, tmp_path: Path
) -> None:
    served = estate.server("served", host, server.flavor, holds=False)
    estate.claim(served.uuid, host.provider, PLAIN)
    estate.claim(served.uuid, gpu, {"VGPU": 1})
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    cells = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, cells), Limits()) as databases:
        take(databases, tmp_path / "snapshot", [t.unmet])
    with kept(tmp_path / "snapshot") as connection:
        assert list(connection.scalars(select(t.own_flavors.c.instance_uuid))) == [server.uuid]
