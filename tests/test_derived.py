"""The tables that a snapshot computes: what belongs to which tree, what a tree can draw from, what is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from placement_audit import schema as t
from placement_audit.amounts import Flavor
from placement_audit.demo.estate import Estate
from placement_audit.derived import embedded_flavor, embedded_flavors, with_parts
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.support import sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate()


def derived(estate: Estate, folder: Path, table: Table) -> list[Any]:
    """The rows of a derived table, as a snapshot of the estate has them."""
    urls = sqlite_urls(folder, estate.cells)
    estate.write(urls)
    cells = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, cells), Limits()) as databases:
        take(databases, folder / "snapshot", [table, t.resource_providers])
    with kept(folder / "snapshot") as connection:
        return list(connection.execute(select(table)))


def names(estate: Estate, rows: list[Any]) -> set[tuple[str, str]]:
    """Pairs of ids as pairs of names."""
    name = {row["id"]: row["name"] for row in estate.rows[t.resource_providers]}
    return {(name[row.root_id], name[row.provider_id]) for row in rows}


# --- trees ---


def test_a_tree_is_all_that_names_the_root(estate: Estate, tmp_path: Path) -> None:
    root = estate.compute("left").provider
    agent = estate.provider("agent", parent=root)
    estate.provider("device", parent=agent)
    estate.compute("right")
    rows = derived(estate, tmp_path, t.trees)
    assert names(estate, rows) == {("left", "left"), ("left", "agent"), ("left", "device"), ("right", "right")}
    assert {row.shared for row in rows} == {0}


def test_a_provider_whose_root_is_missing_stands_alone(estate: Estate, tmp_path: Path) -> None:
    estate.provider("null")["root_provider_id"] = None
    estate.provider("dangling")["root_provider_id"] = 4711
    rows = derived(estate, tmp_path, t.trees)
    assert names(estate, rows) == {("null", "null"), ("dangling", "dangling")}


def test_sharing_providers_and_segments_are_nobodys_host(estate: Estate, tmp_path: Path) -> None:
    pool = estate.shared("nfs", 1000)
    estate.provider("nfs_part", parent=pool)
    estate.provider("Neutron segment id 7")
    estate.provider("left")
    rows = derived(estate, tmp_path, t.trees)
    assert sorted((row.provider_id, row.shared) for row in rows) == [(1, 1), (2, 0), (3, 1), (4, 0)]


# --- reach ---


def test_a_tree_reaches_itself_and_what_is_shared_with_any_of_it(estate: Estate, tmp_path: Path) -> None:
    left = estate.compute("left").provider
    numa = estate.provider("numa", parent=left)
    right = estate.compute("right").provider
    estate.shared("of the root", 1000, left)
    estate.shared("of a child", 1000, numa)
    estate.shared("of both", 1000, left, right, numa)
    found = names(estate, derived(estate, tmp_path, t.reach))
    assert {provider for root, provider in found if root == "left"} == {
        *("left", "numa", "of the root", "of a child", "of both"),
    }
    assert {provider for root, provider in found if root == "right"} == {"right", "of both"}
    assert ("of both", "left") not in found


def test_an_aggregate_alone_shares_nothing(estate: Estate, tmp_path: Path) -> None:
    left, right = estate.compute("left").provider, estate.compute("right").provider
    estate.aggregate("zone", left, right)
    assert names(estate, derived(estate, tmp_path, t.reach)) == {("left", "left"), ("right", "right")}


def test_a_reached_provider_is_listed_once(estate: Estate, tmp_path: Path) -> None:
    left = estate.compute("left").provider
    pool = estate.shared("nfs", 1000, left)
    estate.aggregate("again", pool, left)
    rows = derived(estate, tmp_path, t.reach)
    assert len(rows) == len(names(estate, rows)) == 3


# --- flavor_requests ---


def asked(estate: Estate, tmp_path: Path) -> dict[int, dict[str, int]]:
    """Variant to amounts of the only flavor."""
    found: dict[int, dict[str, int]] = {}
    for row in derived(estate, tmp_path, t.flavor_requests):
        found.setdefault(row.variant, {})[row.suffix + ":" + row.resource_class] = row.amount
    return found


def test_a_plain_flavor_has_one_variant(estate: Estate, tmp_path: Path) -> None:
    estate.flavor("small", 2, 4096, 20, swap=1, ephemeral_gb=5)
    assert asked(estate, tmp_path) == {0: {":VCPU": 2, ":MEMORY_MB": 4096, ":DISK_GB": 26}}


def test_a_flavor_with_dedicated_cpus_has_two(estate: Estate, tmp_path: Path) -> None:
    estate.flavor("pinned", 2, 4096, 0, extra_specs={"hw:cpu_policy": "dedicated"})
    assert asked(estate, tmp_path) == {
        0: {":PCPU": 2, ":MEMORY_MB": 4096},
        1: {":VCPU": 2, ":MEMORY_MB": 4096},
    }


def test_groups_keep_their_suffixes(estate: Estate, tmp_path: Path) -> None:
    specs = {"resources_A:VGPU": "1", "resources_B:VGPU": "2"}
    estate.flavor("gpus", 2, 4096, 0, extra_specs=specs)
    estate.compute("host")
    plain = {":VCPU": 2, ":MEMORY_MB": 4096}
    assert asked(estate, tmp_path) == {0: {**plain, "_A:VGPU": 1, "_B:VGPU": 2}}


def test_groups_with_names_may_mean_nothing_before_xena(estate: Estate, tmp_path: Path) -> None:
    estate.flavor("gpus", 2, 4096, 0, extra_specs={"resources_A:VGPU": "1"})
    estate.compute("new")
    estate.compute("old").service["version"] = 56
    plain = {":VCPU": 2, ":MEMORY_MB": 4096}
    assert asked(estate, tmp_path) == {0: {**plain, "_A:VGPU": 1}, 1: plain}


def test_columns_without_a_value_count_as_nothing(estate: Estate, tmp_path: Path) -> None:
    flavor = estate.flavor("odd", 2, 4096, 20, extra_specs={"resources:VGPU": "1"})
    flavor.update(root_gb=None, ephemeral_gb=None, swap=None)
    estate.rows[t.flavor_extra_specs][0]["value"] = None
    assert asked(estate, tmp_path) == {0: {":VCPU": 2, ":MEMORY_MB": 4096}}


def test_an_absurd_amount_is_no_obstacle(estate: Estate, tmp_path: Path) -> None:
    specs = {"resources1:VCPU": "9" * 200, "resources2:VCPU": "9" * 200}
    estate.flavor("absurd", 2, 4096, 0, extra_specs=specs)
    estate.server("web", estate.compute("left"), estate.rows[t.flavors][0], holds=False)
    assert asked(estate, tmp_path)[0]["1:VCPU"] > 2**31


def test_an_absurd_amount_sums_up_too(estate: Estate, tmp_path: Path) -> None:
    specs = {"resources1:VCPU": "9" * 200, "resources2:VCPU": "9" * 200}
    flavor = estate.flavor("absurd", 2, 4096, 0, extra_specs=specs)
    estate.server("web", estate.compute("left"), flavor, holds=False)
    (vcpu,) = [row.amount for row in derived(estate, tmp_path, t.expected) if row.resource_class == "VCPU"]
    assert 2**31 < vcpu < 2**63


# --- the flavor in instance_extra ---


def embedded(**fields: Any) -> str:
    data = {"vcpus": 2, "memory_mb": 4096, "root_gb": 20, "ephemeral_gb": 0, "swap": 0, "extra_specs": {}} | fields
    current = {"nova_object.name": "Flavor", "nova_object.data": data}
    return json.dumps({"cur": current, "old": None, "new": None})


def test_an_embedded_flavor() -> None:
    specs = {"hw:cpu_policy": "dedicated"}
    assert embedded_flavor(embedded(ephemeral_gb=1, swap=512, extra_specs=specs)) == Flavor(2, 4096, 20, 1, 512, specs)


@pytest.mark.parametrize("swap", ["", None, 0, "0"])
def test_no_swap_has_many_forms(swap: Any) -> None:
    assert embedded_flavor(embedded(swap=swap)) == Flavor(2, 4096, 20)


def test_numbers_may_be_text() -> None:
    assert embedded_flavor(embedded(vcpus="2", swap="512")) == Flavor(2, 4096, 20, 0, 512)


def test_extra_specs_may_be_missing_or_hold_nothing() -> None:
    assert embedded_flavor(embedded(extra_specs=None)) == Flavor(2, 4096, 20)
    odd = embedded_flavor(embedded(extra_specs={"hw:pmem": None, "resources:VCPU": 0}))
    assert odd is not None
    assert odd.extra_specs == {"hw:pmem": "", "resources:VCPU": "0"}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "[]",
        '"text"',
        "{",
        "{}",
        '{"cur": null}',
        '{"cur": {"vcpus": 2, "memory_mb": 4096, "root_gb": 20}}',
        '{"cur": {"nova_object.data": null}}',
        '{"cur": {"nova_object.data": []}}',
        '{"cur": {"nova_object.data": {}}}',
        embedded(vcpus=None),
        embedded(memory_mb="much"),
        embedded(root_gb={}),
        embedded(extra_specs=["a"]),
        embedded(swap="none"),
        embedded(vcpus=float("inf")),
        embedded(vcpus=float("nan")),
        "[" * 100_000,
    ],
)
def test_a_flavor_that_cannot_be_understood_is_unknown(text: str | None) -> None:
    assert embedded_flavor(text) is None


def test_the_flavors_of_a_resize_follow_the_current_one() -> None:
    flavors = {name: json.loads(embedded(vcpus=number))["cur"] for number, name in enumerate(("cur", "old", "new"))}
    found = embedded_flavors(json.dumps(flavors))
    assert found is not None
    assert [flavor.vcpus for flavor in found] == [0, 1, 2]
    assert embedded_flavors(embedded()) == (Flavor(2, 4096, 20),)


@pytest.mark.parametrize(
    "flavors",
    [{"cur": None}, {"old": {}}, {"new": "small"}, {"new": {"nova_object.data": {}}}],
)
def test_one_flavor_that_cannot_be_understood_makes_all_unknown(flavors: dict[str, Any]) -> None:
    assert embedded_flavors(json.dumps(json.loads(embedded()) | flavors)) is None


def test_an_unreadable_flavor_expects_nothing(estate: Estate, tmp_path: Path) -> None:
    host = estate.compute("left")
    estate.server("web", host, holds=False)
    for name in ("broken", "empty"):
        estate.server(name, host, holds=False)
    estate.rows[t.instance_extra][1]["flavor"] = "{"
    estate.rows[t.instance_extra][2]["flavor"] = None
    rows = derived(estate, tmp_path, t.expected)
    assert {(row.resource_class, row.amount) for row in rows} == {
        ("VCPU", 2),
        ("PCPU", 0),
        ("MEMORY_MB", 4096),
        ("DISK_GB", 20),
    }
    assert len({row.instance_uuid for row in rows}) == 1


# --- doubtful servers, and misfits ---


def crowd(estate: Estate) -> str:
    """Servers that nobody doubts, and one of which memory is missing: its uuid is returned."""
    host = estate.compute("left")
    swap = estate.flavor("swap", 2, 4096, 20, swap=2048)
    pinned = estate.flavor("pinned", 2, 4096, 20, extra_specs={"hw:cpu_policy": "dedicated"})
    for number, flavor in enumerate((None, swap, pinned)):
        for volume_backed in (False, True):
            server = estate.server(f"server {number} {volume_backed}", host, flavor, volume_backed=volume_backed)
            estate.image_property(server, "hw_cpu_policy", "shared")
    odd = estate.server("odd", host, holds=False)
    estate.claim(odd.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 20})
    for name in ("hw_cpu_policy", "hw_cpu_realtime_mask", "hw_mem_encryption", "os_distro", "base_image_ref"):
        estate.image_property(odd, name, "x")
    estate.image_property(odd, "hw_cpu_policy", "dedicated")["deleted"] = 5
    return odd.uuid


def test_a_misfit_is_told_with_what_it_should_hold(estate: Estate, tmp_path: Path) -> None:
    uuid = crowd(estate)
    (row,) = derived(estate, tmp_path, t.misfits)
    assert (row.cell, row.instance_uuid, row.resource_class, row.held, row.amount) == (
        *("cell1", uuid, "MEMORY_MB", 1024, 4096),
    )


def test_only_the_flavors_and_images_of_suspects_are_read(estate: Estate, tmp_path: Path) -> None:
    uuid = crowd(estate)
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    cells = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, cells), Limits()) as databases:
        take(databases, tmp_path / "snapshot", [t.misfits, t.flavors])
    with kept(tmp_path / "snapshot") as connection:
        assert list(connection.scalars(select(t.instance_extra.c.instance_uuid))) == [uuid]
        said = select(t.instance_system_metadata.c.instance_uuid, t.instance_system_metadata.c.key)
        assert {row.key for row in connection.execute(said) if row.instance_uuid == uuid} == {
            *("image_hw_cpu_policy", "image_hw_cpu_realtime_mask", "image_hw_mem_encryption"),
        }
        assert {row.instance_uuid for row in connection.execute(said)} == {uuid}
        disks = select(t.block_device_mapping.c.destination_type)
        assert sorted(connection.scalars(disks)) == ["local", "volume", "volume", "volume"]


def test_a_root_disk_told_twice_is_no_more_a_volume_than_not(estate: Estate, tmp_path: Path) -> None:
    host = estate.compute("left")
    server = estate.server("web", host, estate.flavor("odd", 2, 4096, 20, swap=1024), holds=False)
    estate.claim(server.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 1})
    row = estate.rows[t.block_device_mapping][-1]
    estate.add(t.block_device_mapping, **row | {"destination_type": "volume"})
    assert derived(estate, tmp_path, t.misfits) == []


def test_sizes_that_are_missing_are_looked_up_in_the_flavor(estate: Estate, tmp_path: Path) -> None:
    server = estate.server("web", estate.compute("left"))
    server.instance.update(vcpus=None, memory_mb=None, root_gb=None, ephemeral_gb=None)
    assert [row.uuid for row in derived(estate, tmp_path, t.doubtful)] == [server.uuid]


def test_parts_are_followed_to_the_live_tables() -> None:
    assert {table.name for table in with_parts([t.claims])} == {
        *("claims", "allocations", "resource_classes"),
        *("trees", "resource_providers", "resource_provider_traits", "traits"),
    }


# --- odd_servers ---


def test_an_ordinary_server_is_not_odd(estate: Estate, tmp_path: Path) -> None:
    host = estate.compute("left")
    estate.server("web", host)
    estate.server("db", host, compute_id=None, vm_state="stopped")
    estate.server("gone", None, deleted=5)
    estate.server("off", None, vm_state="shelved_offloaded")
    assert derived(estate, tmp_path, t.odd_servers) == []


@pytest.mark.parametrize(
    "state",
    [
        {"task_state": "rebooting"},
        {"hidden": 1},
        {"cell": "cell0"},
        {"host": "right"},
        {"node": "right"},
        {"compute_id": 4711},
    ],
)
def test_an_odd_server_is_listed(estate: Estate, tmp_path: Path, state: dict[str, Any]) -> None:
    estate.server("neighbour", estate.compute("left"))
    odd = estate.server("web", estate.compute("other"))
    odd.instance.update(state)
    assert [row.uuid for row in derived(estate, tmp_path, t.odd_servers)] == [odd.uuid]


def test_a_server_on_a_deleted_node_is_odd(estate: Estate, tmp_path: Path) -> None:
    host = estate.compute("left")
    estate.server("web", host)
    host.node["deleted"] = 3
    assert len(derived(estate, tmp_path, t.odd_servers)) == 1
