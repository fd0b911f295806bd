"""What nova-scheduler asks of placement for a flavor or a server: by example, and against nova itself."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import os_traits
import pytest
from sqlalchemy import Connection, create_engine, make_url

from placement_audit import schema as t
from placement_audit.candidates.flavor import (
    Applied,
    Asked,
    Settings,
    flavor_request,
    server_request,
    settings_kept,
    settings_of,
)
from placement_audit.candidates.request import Request
from placement_audit.demo.estate import Estate, Urls, uuid_of
from placement_audit.errors import CannotTell
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests import nova_scheduler
from tests.conftest import CloudUrls, RealSchemas
from tests.support import sqlite_urls

DEFAULTS = Settings()
DISABLED = "root_required=!COMPUTE_STATUS_DISABLED"
LIMIT = "limit=1000"


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


class Cloud:
    """An estate whose API database and cells are open to be asked."""

    def __init__(self, folder: Path) -> None:
        self.estate = Estate()
        self.folder = folder
        self.urls = sqlite_urls(folder, self.estate.cells)

    @contextmanager
    def open(self) -> Iterator[tuple[Connection, list[Connection]]]:
        if not (self.folder / "nova_api.sqlite").exists():
            self.estate.write(self.urls)
        with ExitStack() as stack:
            cells = [stack.enter_context(connected(url)) for url in self.urls.cells.values()]
            yield stack.enter_context(connected(self.urls.api)), cells

    def ask(
        self,
        specs: dict[str, str] | None = None,
        image: dict[str, str] | None = None,
        settings: Settings = DEFAULTS,
        *,
        flavor: tuple[int, int, int] = (2, 2048, 20),
        in_cells: bool = False,
        **how: Any,
    ) -> Asked:
        """The request for a flavor of 2 VCPUs, 2 GB and 20 GB of disk."""
        self.estate.flavor("asked", *flavor, extra_specs=specs or {})
        with self.open() as (api, cells):
            return flavor_request(
                api, "asked", settings=settings, image_properties=image or {}, cells=cells if in_cells else [], **how
            )

    def ask_server(self, name: str, settings: Settings = DEFAULTS, in_cells: bool = True) -> Asked:
        with self.open() as (api, cells):
            return server_request(api, uuid_of(name), settings, cells=cells if in_cells else [])


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def parameters(asked: Asked, number: int = 0) -> list[str]:
    """The query as its parameters; without what every request has."""
    return [part for part in asked.requests[number].query.split("&") if part not in (DISABLED, LIMIT)]


def said(asked: Asked, name: str) -> Applied:
    [found] = [each for each in asked.filters if each.name == name]
    return found


# --- flavors ---


def test_a_plain_flavor(cloud: Cloud) -> None:
    asked = cloud.ask()
    [request] = asked.requests
    assert request.query == f"resources=VCPU:2,MEMORY_MB:2048,DISK_GB:20&{DISABLED}&{LIMIT}"
    assert request.microversion == (1, 36)
    assert asked.refused is None


def test_a_volume_takes_the_place_of_the_root_disk(cloud: Cloud) -> None:
    assert parameters(cloud.ask(volume_backed=True)) == ["resources=VCPU:2,MEMORY_MB:2048"]


def test_overrides_make_groups_of_their_suffixes(cloud: Cloud) -> None:
    specs = {
        "resources:DISK_GB": "0",
        "resources1:VGPU": "1",
        "trait1:CUSTOM_RED": "required",
        "resources_B:CUSTOM_X": "2",
        "trait_B:CUSTOM_SLOW": "forbidden",
        "trait:HW_CPU_X86_AVX2": "required",
        "trait:CUSTOM_OLD": "preferred",  # nova knows no such word
        "group_policy": "isolate",
    }
    assert parameters(cloud.ask(specs)) == [
        "resources=VCPU:2,MEMORY_MB:2048",
        "required=HW_CPU_X86_AVX2",
        "resources1=VGPU:1",
        "required1=CUSTOM_RED",
        "resources_B=CUSTOM_X:2",
        "required_B=!CUSTOM_SLOW",
        "group_policy=isolate",
    ]


def test_suffixed_groups_without_a_policy_are_noted(cloud: Cloud) -> None:
    asked = cloud.ask({"resources1:VGPU": "1", "resources2:VGPU": "1"})
    assert asked.requests[0].group_policy is None
    assert [note for note in asked.notes if "group_policy" in note]


def test_a_group_of_traits_alone_is_noted(cloud: Cloud) -> None:
    asked = cloud.ask({"trait1:CUSTOM_RED": "required"})
    assert [note for note in asked.notes if note.startswith("nova sends resources1 without")]


def test_dedicated_cpus_are_asked_for_twice(cloud: Cloud) -> None:
    asked = cloud.ask({"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "require"})
    assert [parameters(asked, number) for number in (0, 1)] == [
        ["resources=PCPU:2,MEMORY_MB:2048,DISK_GB:20", "required=HW_CPU_HYPERTHREADING"],
        ["resources=VCPU:2,MEMORY_MB:2048,DISK_GB:20"],
    ]


def test_once_if_nova_is_told_so(cloud: Cloud) -> None:
    asked = cloud.ask({"hw:cpu_policy": "dedicated"}, settings=replace(DEFAULTS, disable_fallback_pcpu_query=True))
    assert len(asked.requests) == 1


def test_mixed_cpus_are_asked_for_once(cloud: Cloud) -> None:
    asked = cloud.ask({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "1"})
    assert [request.groups[0].resources for request in asked.requests] == [
        {"VCPU": 1, "PCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 20}
    ]


@pytest.mark.parametrize("image", [{"hw_cpu_policy": "dedicated", "hw_cpu_thread_policy": "isolate"}])
def test_the_image_may_ask_for_dedicated_cpus(cloud: Cloud, image: dict[str, str]) -> None:
    asked = cloud.ask(image=image)
    assert parameters(asked)[1] == "required=!HW_CPU_HYPERTHREADING"
    assert asked.requests[0].groups[0].resources["PCPU"] == 2


@pytest.mark.parametrize(
    ("specs", "image", "traits"),
    [
        ({"os:secure_boot": "required"}, {}, {"COMPUTE_SECURITY_UEFI_SECURE_BOOT"}),
        ({"os:secure_boot": "optional"}, {}, set()),
        ({}, {"os_secure_boot": "required"}, {"COMPUTE_SECURITY_UEFI_SECURE_BOOT"}),
        ({"hw:tpm_version": "2.0"}, {}, {"COMPUTE_SECURITY_TPM_TIS", "COMPUTE_SECURITY_TPM_2_0"}),
        (
            {"hw:tpm_version": "2.0"},
            {"hw_tpm_model": "tpm-crb"},
            {"COMPUTE_SECURITY_TPM_CRB", "COMPUTE_SECURITY_TPM_2_0"},
        ),
        ({"hw:mem_encryption": "true"}, {}, {"HW_CPU_X86_AMD_SEV"}),
        (
            {"hw:mem_encryption": "true", "hw:mem_encryption_model": "amd-sev-es"},
            {"hw_firmware_type": "uefi"},
            {"HW_CPU_X86_AMD_SEV_ES"},
        ),
        ({"hw:maxphysaddr_mode": "emulate"}, {}, {"COMPUTE_ADDRESS_SPACE_EMULATED"}),
        ({"hw:maxphysaddr_mode": "passthrough"}, {}, {"COMPUTE_ADDRESS_SPACE_PASSTHROUGH"}),
        (
            {},
            {"hw_firmware_type": "uefi", "hw_firmware_stateless": "yes"},
            {"COMPUTE_SECURITY_STATELESS_FIRMWARE"},
        ),
        ({}, {"hw_firmware_stateless": "yes"}, set()),
        ({"hw:pci_numa_affinity_policy": "socket"}, {}, {"COMPUTE_SOCKET_PCI_NUMA_AFFINITY"}),
        ({}, {"trait:CUSTOM_LICENCE": "required", "trait:CUSTOM_NO": "forbidden"}, {"CUSTOM_LICENCE"}),
    ],
)
def test_derived_traits(cloud: Cloud, specs: dict[str, str], image: dict[str, str], traits: set[str]) -> None:
    group = cloud.ask(specs, image).requests[0].groups[0]
    assert {trait for one in group.required for trait in one} == traits


@pytest.mark.parametrize(
    ("specs", "image", "words"),
    [
        ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, "hw:cpu_policy=shared"),
        ({"hw:cpu_policy": "often"}, {}, "hw:cpu_policy=often is none of"),
        ({"hw:tpm_version": "1.2"}, {"hw_tpm_version": "2.0"}, "hw_tpm_version=2.0"),
        ({"hw:tpm_version": "1.2", "hw:tpm_model": "tpm-crb"}, {}, "tpm-crb"),
        ({"hw:tpm_version": "2.0", "hw:tpm_secret_security": "lax"}, {}, "lax"),
        ({"hw:mem_encryption": "true"}, {"hw_firmware_type": "bios"}, "uefi"),
    ],
)
def test_what_nova_turns_down_is_not_asked(
    cloud: Cloud, specs: dict[str, str], image: dict[str, str], words: str
) -> None:
    asked = cloud.ask(specs, image)
    assert asked.requests == ()
    assert words in (asked.refused or "")


# --- request filters ---


def test_an_availability_zone_is_its_aggregates(cloud: Cloud) -> None:
    first = cloud.estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1"})
    second = cloud.estate.nova_aggregate("rack 2", metadata={"availability_zone": "az1"})
    cloud.estate.nova_aggregate("rack 3", metadata={"availability_zone": "az2"})
    asked = cloud.ask(az="az1")
    assert asked.requests[0].groups[0].member_of == (frozenset((first, second)),)
    assert said(asked, "map_az_to_placement_aggregate").line == (
        "map_az_to_placement_aggregate (always on): only one of the aggregates "
        f"rack 1 ({first}), rack 2 ({second}): availability zone az1"
    )


def test_the_default_zone_has_no_aggregates(cloud: Cloud) -> None:
    asked = cloud.ask(az="nova")
    assert not said(asked, "map_az_to_placement_aggregate").applies
    assert asked.requests[0].groups[0].member_of == ()


def test_a_zone_does_not_matter_where_the_option_is_off(cloud: Cloud) -> None:
    cloud.estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1"})
    asked = cloud.ask(az="az1", settings=replace(DEFAULTS, query_placement_for_availability_zone=False))
    assert asked.requests[0].groups[0].member_of == ()
    assert said(asked, "map_az_to_placement_aggregate").line == (
        "map_az_to_placement_aggregate ([scheduler] query_placement_for_availability_zone = False): off"
    )


TENANTS = replace(DEFAULTS, limit_tenants_to_placement_aggregate=True)


def test_a_project_keeps_to_its_aggregates(cloud: Cloud) -> None:
    zone = cloud.estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1"})
    theirs = cloud.estate.nova_aggregate("theirs", metadata={"filter_tenant_id3": "project-a", "owner": "project-b"})
    cloud.estate.nova_aggregate("a list", metadata={"filter_tenant_id": "project-a,project-b"})
    cloud.estate.nova_aggregate("other key", metadata={"tenant": "project-a"})
    asked = cloud.ask(project="project-a", az="az1", settings=TENANTS)
    assert asked.requests[0].groups[0].member_of == (frozenset((theirs,)), frozenset((zone,)))


def test_a_project_without_aggregates_goes_anywhere_or_nowhere(cloud: Cloud) -> None:
    cloud.estate.nova_aggregate("theirs", metadata={"filter_tenant_id": "project-b"})
    assert cloud.ask(project="project-a", settings=TENANTS).requests
    with cloud.open() as (api, _):
        must = replace(TENANTS, placement_aggregate_required_for_tenants=True)
        asked = flavor_request(api, "asked", project="project-a", settings=must)
    assert asked.requests == ()
    assert "no aggregate is kept for the project" in (asked.refused or "")


def test_aggregates_kept_for_other_traits_are_forbidden(cloud: Cloud) -> None:
    cloud.estate.nova_aggregate("mine", metadata={"trait:CUSTOM_RED": "required"})
    other = cloud.estate.nova_aggregate("not mine", metadata={"trait:CUSTOM_BLUE": "required"})
    both = cloud.estate.nova_aggregate(
        "both", metadata={"trait:CUSTOM_RED": "required", "trait:CUSTOM_BLUE": "required"}
    )
    specs = {"trait1:CUSTOM_RED": "required", "resources1:VGPU": "1"}
    asked = cloud.ask(specs, settings=replace(DEFAULTS, enable_isolated_aggregate_filtering=True))
    assert asked.requests[0].groups[0].forbidden_aggregates == {other, both}


@pytest.mark.parametrize(
    ("specs", "image", "settings", "traits"),
    [
        ({"accel:device_profile": "fpga"}, {}, {}, {"COMPUTE_ACCELERATORS"}),
        ({"hw:virtio_packed_ring": "true"}, {}, {}, {"COMPUTE_NET_VIRTIO_PACKED"}),
        (
            {"hw:ephemeral_encryption": "true", "hw:ephemeral_encryption_format": "luks"},
            {},
            {},
            {"COMPUTE_EPHEMERAL_ENCRYPTION", "COMPUTE_EPHEMERAL_ENCRYPTION_LUKS"},
        ),
        ({}, {"hw_sound_model": "virtio"}, {}, {"COMPUTE_SOUND_MODEL_VIRTIO"}),
        ({}, {"hw_sound_model": "usb"}, {}, set()),
        ({"hw:tpm_version": "2.0"}, {}, {}, {"COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER"}),
        (
            {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"},
            {},
            {},
            {"COMPUTE_SECURITY_TPM_SECRET_SECURITY_HOST"},
        ),
        ({}, {"disk_format": "qcow2"}, {}, set()),
        (
            {},
            {"disk_format": "qcow2"},
            {"query_placement_for_image_type_support": True},
            {"COMPUTE_IMAGE_TYPE_QCOW2"},
        ),
        ({}, {"disk_format": "floppy"}, {"query_placement_for_image_type_support": True}, set()),
        ({}, {"hw_disk_bus": "scsi"}, {}, set()),
        (
            {},
            {"hw_disk_bus": "scsi", "architecture": "AMD64", "hw_vif_model": "spapr-vlan"},
            {"image_metadata_prefilter": True},
            {"COMPUTE_STORAGE_BUS_SCSI", "HW_ARCH_X86_64", "COMPUTE_NET_VIF_MODEL_SPAPR_VLAN"},
        ),
        ({}, {"hw_disk_bus": "scsi", "hw_viommu_model": "auto"}, {"image_metadata_prefilter": True}, set()),
    ],
)
def test_traits_of_the_root(
    cloud: Cloud, specs: dict[str, str], image: dict[str, str], settings: dict[str, bool], traits: set[str]
) -> None:
    [request] = cloud.ask(specs, image, replace(DEFAULTS, **settings)).requests  # type: ignore[arg-type]
    assert request.root_required == traits
    assert request.root_forbidden == {"COMPUTE_STATUS_DISABLED"}


def test_every_trait_is_one_of_os_traits(cloud: Cloud) -> None:
    """The lists of what has a trait and what has none, against the package itself."""
    from placement_audit.candidates import flavor

    image_types = {trait.removeprefix("COMPUTE_IMAGE_TYPE_") for trait in os_traits.get_traits("COMPUTE_IMAGE_TYPE_")}
    assert {name.upper() for name in flavor._IMAGE_TYPES} == image_types
    emulated = {trait.removeprefix("COMPUTE_ARCH_") for trait in os_traits.get_traits("COMPUTE_ARCH_")}
    assert {name.upper() for name in flavor._EMULATED} == emulated
    assert set(flavor._ENCRYPTION_TRAITS.values()) <= set(os_traits.get_traits())
    assert all(flavor._STANDARD_TRAIT.match(trait) for trait in os_traits.get_traits())


def test_an_image_type_does_not_matter_to_a_volume(cloud: Cloud) -> None:
    settings = replace(DEFAULTS, query_placement_for_image_type_support=True)
    assert not cloud.ask({}, {"disk_format": "raw"}, settings, volume_backed=True).requests[0].root_required


def test_filters_of_later_releases_are_left_out(cloud: Cloud) -> None:
    asked = cloud.ask({"hw:tpm_version": "2.0"}, settings=replace(DEFAULTS, release=32))
    assert not asked.requests[0].root_required
    assert said(asked, "tpm_secret_security_filter").says == "not before nova 33"


# --- the owner ---


def test_the_owner_is_asked_for_once_every_compute_knows_it(cloud: Cloud) -> None:
    cloud.estate.compute("host-1")
    asked = cloud.ask(in_cells=True)
    assert asked.requests[0].root_required == {"OWNER_NOVA"}


@pytest.mark.parametrize(
    ("bent", "asked_for"),
    [
        ({"version": 72}, False),
        ({"version": 72, "forced_down": 1}, True),
        ({"version": 72, "deleted": 3}, True),
        ({"version": 72, "binary": "nova-conductor"}, True),
    ],
)
def test_one_old_compute_holds_the_owner_back(cloud: Cloud, bent: dict[str, Any], asked_for: bool) -> None:
    cloud.estate.compute("host-1")
    cloud.estate.compute("host-2").service.update(bent)
    asked = cloud.ask(in_cells=True)
    assert ("OWNER_NOVA" in asked.requests[0].root_required) == asked_for


def test_without_cells_the_owner_cannot_be_told(cloud: Cloud) -> None:
    cloud.estate.compute("host-1")
    asked = cloud.ask()
    assert not asked.requests[0].root_required
    assert "not at hand" in said(asked, "owner_nova_filter").line


def test_a_snapshot_has_the_cells_itself(cloud: Cloud, tmp_path: Path) -> None:
    cloud.estate.compute("host-1")
    zone = cloud.estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1"})
    cloud.ask()
    with snapshot(cloud.urls, tmp_path) as connection:
        asked = flavor_request(connection, "asked", az="AZ1", settings=DEFAULTS)
        assert asked.requests[0].root_required == {"OWNER_NOVA"}
        assert asked.requests[0].groups[0].member_of == (frozenset((zone,)),)
        with pytest.raises(CannotTell, match="a snapshot holds no request_specs"):
            server_request(connection, uuid_of("web"), DEFAULTS)


def test_a_cell_that_was_not_read_is_named(cloud: Cloud, tmp_path: Path) -> None:
    cloud.estate.compute("host-1")
    cloud.ask()
    (tmp_path / "nova_cell0.sqlite").unlink()
    with snapshot(cloud.urls, tmp_path) as connection:
        asked = flavor_request(connection, "asked", settings=DEFAULTS)
    assert said(asked, "owner_nova_filter").says == (
        "the root must have OWNER_NOVA, as far as can be told without cell0"
    )


@contextmanager
def snapshot(urls: Urls, folder: Path) -> Iterator[Connection]:
    cells = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, cells), Limits()) as databases:
        take(databases, folder / "snapshot.sqlite")
    with kept(folder / "snapshot.sqlite") as connection:
        yield connection


# --- finding the flavor ---


def test_the_flavorid_comes_before_the_name(cloud: Cloud) -> None:
    cloud.estate.flavor("m1.small", 1, 512, 1, flavorid="2")
    cloud.estate.flavor("2", 8, 512, 1, flavorid="8")
    with cloud.open() as (api, _):
        asked = {name: flavor_request(api, name, settings=DEFAULTS) for name in ("2", "m1.small", "8")}
    assert {name: each.requests[0].groups[0].resources["VCPU"] for name, each in asked.items()} == {
        "2": 1,
        "m1.small": 1,
        "8": 8,
    }


def test_an_unknown_flavor_brings_up_those_near_it(cloud: Cloud) -> None:
    for name in ("m1.small", "m1.smaller", "c5.huge"):
        cloud.estate.flavor(name, 1, 512, 1)
    with cloud.open() as (api, _), pytest.raises(CannotTell) as error:
        flavor_request(api, "m1.smal", settings=DEFAULTS)
    assert str(error.value) == "nova has no flavor of id or name 'm1.smal'; near it: 'm1.small', 'm1.smaller'"


# --- servers ---


def test_a_server_is_asked_for_as_it_was_made(cloud: Cloud) -> None:
    zone = cloud.estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1"})
    flavor = cloud.estate.flavor("big", 4, 8192, 40, extra_specs={"trait:CUSTOM_RED": "required"})
    server = cloud.estate.server("web", cloud.estate.compute("host-1"), flavor)
    image = {"hw_cpu_policy": "dedicated", "traits_required": ["CUSTOM_BLUE"]}
    cloud.estate.request_spec(server, image=image, is_bfv=True, availability_zone="az1")
    flavor["vcpus"] = 99  # changed since
    cloud.estate.rows[t.flavor_extra_specs].clear()
    asked = cloud.ask_server("web")
    assert [parameters(asked, number) for number in (0, 1)] == [
        [
            f"resources={cpu}:4,MEMORY_MB:8192",
            "required=CUSTOM_BLUE,CUSTOM_RED",
            f"member_of={zone}",
            "root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED",
        ]
        for cpu in ("PCPU", "VCPU")
    ]


def test_a_forced_host_is_its_compute_node(cloud: Cloud) -> None:
    host = cloud.estate.compute("host-1")
    cloud.estate.compute_node("host-1", "host-1", uuid=uuid_of("gone"), deleted_at=cloud.estate.ago(days=2))
    cloud.estate.request_spec(cloud.estate.server("web", host), force_hosts=["host-1"])
    assert cloud.ask_server("web").requests[0].groups[0].in_tree == host.uuid


def test_without_cells_a_forced_host_is_noted(cloud: Cloud) -> None:
    cloud.estate.request_spec(cloud.estate.server("web", cloud.estate.compute("host-1")), force_hosts=["host-1"])
    asked = cloud.ask_server("web", in_cells=False)
    assert asked.requests[0].groups[0].in_tree is None
    assert [note for note in asked.notes if note.startswith("made for host host-1, node any alone: no cell's")]


def test_a_host_of_several_nodes_lifts_the_limit(cloud: Cloud) -> None:
    ironic = cloud.estate.compute("ironic", node="node-1", hypervisor_type="ironic")
    cloud.estate.compute_node("ironic", "node-2", hypervisor_type="ironic")
    server = cloud.estate.server("metal", ironic, holds=False)
    cloud.estate.request_spec(server, force_hosts=["ironic"])
    request = cloud.ask_server("metal").requests[0]
    assert (request.limit, request.groups[0].in_tree) == (None, None)


def test_a_forced_host_that_is_gone_is_refused(cloud: Cloud) -> None:
    cloud.estate.request_spec(cloud.estate.server("web", cloud.estate.compute("host-1")), force_nodes=["host-9"])
    asked = cloud.ask_server("web")
    assert asked.requests == ()
    assert "host-9" in (asked.refused or "")


def test_affinity_lifts_the_limit(cloud: Cloud) -> None:
    server = cloud.estate.server("web", cloud.estate.compute("host-1"))
    cloud.estate.request_spec(server, scheduler_hints={"group": ["a"]})
    assert cloud.ask_server("web").requests[0].limit is None


PCI = {"nova_object.data": {"count": 2, "alias_name": "nic", "request_id": uuid_of("nic"), "spec": [{}]}}


@pytest.mark.parametrize(
    ("device", "resource_class", "traits"),
    [
        ({"vendor_id": "8086", "product_id": "10fb"}, "CUSTOM_PCI_8086_10FB", {"OWNER_NOVA"}),
        ({"resource_class": "gpu", "traits": "fast,HW_PCI_X"}, "CUSTOM_GPU", {"CUSTOM_FAST", "HW_PCI_X", "OWNER_NOVA"}),
        ({"resource_class": "PGPU"}, "PGPU", {"OWNER_NOVA"}),
    ],
)
def test_each_pci_device_is_a_group(
    cloud: Cloud, device: dict[str, str], resource_class: str, traits: set[str]
) -> None:
    wanted = {"nova_object.data": PCI["nova_object.data"] | {"spec": [device]}}
    server = cloud.estate.server("web", cloud.estate.compute("host-1"))
    cloud.estate.request_spec(server, pci_requests={"nova_object.data": {"requests": [wanted]}})
    request = cloud.ask_server("web", replace(DEFAULTS, pci_in_placement=True)).requests[0]
    assert [group.suffix for group in request.groups] == ["", f"{uuid_of('nic')}-0", f"{uuid_of('nic')}-1"]
    assert request.groups[1].resources == {resource_class: 1}
    assert {trait for one in request.groups[1].required for trait in one} == traits
    assert request.group_policy == "none"
    assert len(cloud.ask_server("web").requests[0].groups) == 1


def test_a_server_that_nova_has_no_record_of(cloud: Cloud) -> None:
    with pytest.raises(CannotTell, match="no request_specs row"):
        cloud.ask_server("web")
    with cloud.open() as (api, _), pytest.raises(CannotTell, match="'web' is no server's uuid"):
        server_request(api, "web", DEFAULTS)


@pytest.mark.parametrize("spec", ["", "{", "[]", '{"nova_object.data": {}}', '{"nova_object.data": {"flavor": 7}}'])
def test_a_record_that_cannot_be_understood(cloud: Cloud, spec: str) -> None:
    cloud.estate.add(t.request_specs, instance_uuid=uuid_of("web"), spec=spec)
    with pytest.raises(CannotTell, match="cannot be understood"):
        cloud.ask_server("web")


# --- what rows do not tell ---


@pytest.mark.parametrize(
    ("specs", "settings", "words"),
    [
        ({"accel:device_profile": "fpga"}, {}, "cyborg"),
        ({"pci_passthrough:alias": "a:1"}, {}, "not in placement"),
        ({"pci_passthrough:alias": "a:1"}, {"pci_in_placement": True}, "[pci] alias"),
        ({"hw:mem_encryption": "1"}, {}, "hw_firmware_type=uefi"),
        ({}, {}, "neutron"),
    ],
)
def test_notes(cloud: Cloud, specs: dict[str, str], settings: dict[str, bool], words: str) -> None:
    asked = cloud.ask(specs, settings=replace(DEFAULTS, **settings))  # type: ignore[arg-type]
    assert [note for note in asked.notes if words in note]


# --- settings ---


def test_settings_come_from_novas_own_files(tmp_path: Path) -> None:
    (tmp_path / "nova.conf").write_text(
        "[scheduler]\nmax_placement_results = 50\nimage_metadata_prefilter = yes\n"
        "[workarounds]\ndisable_fallback_pcpu_query = true\n[filter_scheduler]\npci_in_placement = 1\n"
    )
    assert settings_of([str(tmp_path / "nova.conf")], []) == Settings(
        max_placement_results=50,
        image_metadata_prefilter=True,
        disable_fallback_pcpu_query=True,
        pci_in_placement=True,
    )
    (tmp_path / "nova.conf.d").mkdir()
    (tmp_path / "nova.conf.d" / "az.conf").write_text("[scheduler]\nquery_placement_for_availability_zone = false\n")
    found = settings_of([str(tmp_path / "nova.conf")], [str(tmp_path / "nova.conf.d")])
    assert (found.query_placement_for_availability_zone, found.max_placement_results) == (False, 50)


def test_a_snapshot_keeps_the_settings_it_was_taken_with(tmp_path: Path) -> None:
    urls = sqlite_urls(tmp_path, ("cell0", "cell1"))
    Estate().write(urls)
    given = {"image_metadata_prefilter": True, "max_placement_results": 50, "incomplete_consumer_user_id": "nobody"}
    sources = replace(from_options(urls.placement, urls.api, []), settings=given)
    with opened(sources, Limits()) as databases:
        take(databases, tmp_path / "kept.sqlite", ())
    with kept(tmp_path / "kept.sqlite") as snapshot:
        assert settings_kept(snapshot) == Settings(image_metadata_prefilter=True, max_placement_results=50)


def test_without_files_settings_are_the_defaults() -> None:
    assert settings_of([], []) == Settings()


@pytest.mark.parametrize("text", ["no group", "[scheduler]\nmax_placement_results = many\n"])
def test_files_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    (tmp_path / "nova.conf").write_text(text)
    with pytest.raises(CannotTell):
        settings_of([str(tmp_path / "nova.conf")], [])


# --- the real schemas ---


def test_on_a_mariadb(auditor_urls: CloudUrls, empty_cloud: RealSchemas) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    zone = estate.nova_aggregate("rack 1", metadata={"availability_zone": "az1", "trait:CUSTOM_RED": "required"})
    host = estate.compute("host-1")
    server = estate.server("web", host)
    estate.request_spec(server, availability_zone="AZ1", force_hosts=["HOST-1"], image={"hw_tpm_version": "2.0"})
    estate.write(Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    settings = replace(DEFAULTS, enable_isolated_aggregate_filtering=True)
    with ExitStack() as stack:

        def connection(url: str) -> Connection:
            # as a caller has it who reads all schemas of a server over one connection
            found = stack.enter_context(connected(url.rpartition("/")[0] + "/"))
            return found.execution_options(schema_translate_map={None: make_url(url).database})

        api, cells = connection(auditor_urls.api), [connection(url) for url in auditor_urls.cells.values()]
        asked = server_request(api, server.uuid.upper(), settings, cells=cells)
        assert flavor_request(api, "m1.small", settings=settings).requests
        with pytest.raises(CannotTell, match="no flavor"):
            flavor_request(api, "m1.small%", settings=settings)
    [request] = asked.requests
    group = request.groups[0]
    assert (group.member_of, group.forbidden_aggregates, group.in_tree) == ((frozenset((zone,)),), {zone}, host.uuid)
    assert request.root_required == {"OWNER_NOVA", "COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER"}


# --- nova itself ---

SEED, CASES = 2026, 600
AGGREGATES = [
    {"name": "rack 1", "metadata": {"availability_zone": "az1"}},
    {"name": "rack 2", "metadata": {"availability_zone": "az1", "filter_tenant_id": "project-a"}},
    {"name": "rack 3", "metadata": {"availability_zone": "az2", "trait:CUSTOM_RED": "required"}},
    {"name": "red and blue", "metadata": {"trait:CUSTOM_RED": "required", "trait:CUSTOM_BLUE": "required"}},
    {"name": "threads", "metadata": {"trait:HW_CPU_HYPERTHREADING": "required", "trait:CUSTOM_NO": "maybe"}},
    {"name": "theirs", "metadata": {"filter_tenant_id7": "project-a", "filter_tenant": "project-b"}},
]
BOOLEANS = ["true", "True", "1", "yes", "no", "false", "maybe"]
SPECS: dict[str, list[str]] = {
    "hw:cpu_policy": ["dedicated", "dedicated", "mixed", "shared", "other"],
    "hw:cpu_thread_policy": ["prefer", "isolate", "require"],
    "hw:emulator_threads_policy": ["isolate", "share"],
    "hw:cpu_dedicated_mask": ["0-1", "^0", "1,2"],
    "hw:cpu_realtime": ["yes", "no"],
    "hw:cpu_realtime_mask": ["^0", "2-3"],
    "hw:mem_encryption": BOOLEANS,
    "hw:mem_encryption_model": ["amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx", "rot13"],
    "hw:pmem": ["6GB, 16-gb,6GB", " , "],
    "hw:tpm_version": ["1.2", "2.0"],
    "hw:tpm_model": ["tpm-tis", "tpm-crb"],
    "hw:tpm_secret_security": ["user", "host", "deployment", "none"],
    "os:secure_boot": ["required", "optional", "disabled"],
    "hw:maxphysaddr_mode": ["emulate", "passthrough"],
    "hw:pci_numa_affinity_policy": ["socket", "legacy", "required"],
    "hw:virtio_packed_ring": BOOLEANS,
    "hw:ephemeral_encryption": BOOLEANS,
    "hw:ephemeral_encryption_format": ["plain", "luks", "luksv2", "zip"],
    "hw:sound_model": ["virtio", "usb", "loud"],
    "accel:device_profile": ["fpga", ""],
    "group_policy": ["none", "isolate", "other"],
    "hw:numa_nodes": ["2"],
}
IMAGE: dict[str, list[str]] = {
    "hw_cpu_policy": ["dedicated", "mixed", "shared"],
    "hw_cpu_thread_policy": ["prefer", "isolate", "require"],
    "hw_cpu_realtime_mask": ["^0-1", "3"],
    "hw_mem_encryption": BOOLEANS,
    "hw_mem_encryption_model": ["amd-sev", "amd-sev-es", "amd-sev-snp"],
    "hw_firmware_type": ["uefi", "uefi", "uefi", "bios"],
    "hw_firmware_stateless": BOOLEANS,
    "hw_machine_type": ["q35", "pc-q35-2.11", "pc"],
    "hw_tpm_version": ["1.2", "2.0"],
    "hw_tpm_model": ["tpm-tis", "tpm-crb"],
    "os_secure_boot": ["required", "optional", "disabled"],
    "hw_maxphysaddr_mode": ["emulate", "passthrough"],
    "hw_pci_numa_affinity_policy": ["socket", "legacy"],
    "hw_virtio_packed_ring": BOOLEANS,
    "hw_ephemeral_encryption": BOOLEANS,
    "hw_ephemeral_encryption_format": ["plain", "luks", "luksv2"],
    "hw_sound_model": ["virtio", "ac97"],
    "hw_cdrom_bus": ["ide", "sata", "lxc", "uml"],
    "hw_disk_bus": ["virtio", "scsi", "fdc", "usb", "xen"],
    "vmware_adaptertype": ["ide", "lsiLogic"],
    "hw_video_model": ["none", "qxl", "gop", "bochs", "vmvga"],
    "hw_vif_model": ["VirtualE1000", "virtio", "ne2k_pci", "spapr-vlan", "igb", "lan9118"],
    "hw_architecture": ["x86_64", "AMD64", "i586", "armv7l", "s390x"],
    "architecture": ["x86_32", "aarch64"],
    "hw_emulation_architecture": ["aarch64", "ppc64le", "mips", "x86_64"],
    "hw_viommu_model": ["auto", "intel"],
    "trait:CUSTOM_RED": ["required"],
    "trait:CUSTOM_GREEN": ["required", "forbidden"],
    "traits_required": ["CUSTOM_NO"],
    "os_distro": ["debian"],
}
SUFFIXES = ["", "", "1", "2", "_A", "A-b_9"]
CLASSES = ["VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "VGPU", "CUSTOM_X", "CUSTOM_y", "BOGUS", "PMEM"]
AMOUNTS = ["0", "1", "2", "4", " 5 ", "1_0", "-1", "two", "1.0", ""]
TRAITS = ["CUSTOM_RED", "CUSTOM_BLUE", "HW_CPU_X86_AVX2", "HW_CPU_HYPERTHREADING"]
NODES = {
    "cell1": [("host-1", "host-1"), ("ironic", "node-1"), ("ironic", "node-2")],
    "cell2": [("host-2", "host-2.example.org")],
}
VERSIONS = {"cell0": 0, "cell1": 74, "cell2": 66}


def some(chance: random.Random, choices: dict[str, list[str]], share: float) -> dict[str, str]:
    return {key: chance.choice(values) for key, values in choices.items() if chance.random() < share}


def case(chance: random.Random, number: int) -> nova_scheduler.Case:
    specs = some(chance, SPECS, chance.choice((0.03, 0.15)))
    for _ in range(chance.choice((0, 0, 1, 3))):
        specs[f"resources{chance.choice(SUFFIXES)}:{chance.choice(CLASSES)}"] = chance.choice(AMOUNTS)
    for _ in range(chance.choice((0, 0, 1, 2))):
        words = ("required", "required", "forbidden", "preferred")
        specs[f"trait{chance.choice(SUFFIXES)}:{chance.choice(TRAITS)}"] = chance.choice(words)
    order = list(specs.items())
    chance.shuffle(order)
    settings = {name: True for name, value in asdict(DEFAULTS).items() if value is False and chance.random() < 0.4}
    settings.pop("query_placement_for_routed_network_aggregates", None)  # asks neutron
    cell = chance.choice(list(VERSIONS))
    plain = chance.random() < 0.5
    pci = [
        {
            "count": chance.choice((1, 2)),
            "alias_name": chance.choice(("a", None)),
            "request_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "spec": [chance.choice(DEVICES)],
            "numa_policy": "legacy",
        }
        for _ in range(0 if plain else chance.choice((0, 1, 2)))
    ]
    return {
        "uuid": uuid_of(f"server {number}"),
        "flavor": {
            "id": number + 1,
            "flavorid": f"id {number}",
            "name": f"flavor {number}",
            "vcpus": chance.choice((1, 4, 6)),
            "memory_mb": chance.choice((0, 2048)),
            "root_gb": chance.choice((0, 20)),
            "ephemeral_gb": chance.choice((0, 0, 3)),
            "swap": chance.choice((0, 0, 1025)),
            "extra_specs": dict(order),
        },
        "image": {
            "id": uuid_of("image"),
            "name": "image",
            "disk_format": chance.choice(("raw", "qcow2", "ploop", "docker")),
            "properties": some(chance, IMAGE, chance.choice((0, 0.03, 0.15))),
        },
        "volume_backed": chance.random() < 0.3,
        "project": chance.choice(("project-a", "project-b")),
        "zone": chance.choice((None, "az1", "az2", "nova")),
        "force_hosts": None if plain or chance.random() < 0.7 else [chance.choice(("host-1", "ironic", "host-2"))],
        "force_nodes": None if plain or chance.random() < 0.8 else [chance.choice(("host-1", "node-2"))],
        "hints": chance.choice(({}, {"group": ["x"]}, {"build_near_host_ip": ["::1"]})),
        "pci": pci,
        "settings": settings,
        "cell": cell,
        "version": VERSIONS[cell],
        "nodes": [
            {"host": host, "hypervisor_hostname": node, "uuid": uuid_of(node)} for host, node in NODES.get(cell, [])
        ],
    }


DEVICES = [
    {"vendor_id": "8086", "product_id": "10fb", "dev_type": "type-VF"},
    {"resource_class": "my gpu", "traits": "fast,HW_PCI_LIVE_MIGRATABLE,custom_slow"},
    {"resource_class": "PGPU", "vendor_id": "10de"},
]


def meaning(query: str) -> set[tuple[str, Any]]:
    """The parameters of a query, whatever their spelling; what nova leaves empty is left out."""
    found: set[tuple[str, Any]] = set()
    for key, value in parse_qsl(query):
        if key.startswith("member_of"):
            no = value.startswith("!")
            found.add((key, (no, frozenset(value.removeprefix("!").removeprefix("in:").split(",")))))
        elif key.startswith(("resources", "required", "same_subtree", "root_required")):
            found.add((key, frozenset(value.split(","))))
        else:
            found.add((key, value))
    return found


def meanings(requests: tuple[Request, ...]) -> list[set[tuple[str, Any]]]:
    return [meaning(request.query) for request in requests]


# What nova says of masks, which nobody but nova-api needs to judge.
MASKS = {"InvalidMixedInstanceDedicatedMask", "RealtimeMaskNotFoundOrInvalid"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[tuple[Any, Any, Asked]]]]:
    """Cases, what nova makes of each, and what we do: for the path over flavors, and for the one over servers."""
    chance = random.Random(SEED)
    cases = [case(chance, number) for number in range(CASES)]
    cloud = Cloud(tmp_path_factory.mktemp("nova"))
    cloud.estate = Estate(cells=tuple(VERSIONS))
    cloud.urls = sqlite_urls(cloud.folder, cloud.estate.cells)
    aggregates = [
        {"uuid": cloud.estate.nova_aggregate(each["name"], metadata=each["metadata"]), **each} for each in AGGREGATES
    ]
    answers = nova_scheduler.ask(cases, aggregates)
    for name, nodes in NODES.items():
        cloud.estate.compute(*nodes[0][:1], node=nodes[0][1], cell=name).service["version"] = VERSIONS[name]
        for host, node in nodes[1:]:
            cloud.estate.compute_node(host, node, cell=name)
    for each, answer in zip(cases, answers, strict=True):
        size = {key: value for key, value in each["flavor"].items() if key != "id"}
        cloud.estate.flavor(**size)
        if "spec" in answer:
            cloud.estate.add(t.request_specs, instance_uuid=each["uuid"], spec=answer["spec"])

    with cloud.open() as (api, connections):
        cells = dict(zip(cloud.estate.cells, connections, strict=True))

        def ours(path: str, each: nova_scheduler.Case) -> Asked:
            settings = replace(DEFAULTS, **each["settings"])
            if path == "server":
                return server_request(api, each["uuid"], settings, cells=[cells[each["cell"]]])
            return flavor_request(
                api,
                each["flavor"]["flavorid"],
                settings=settings,
                project=each["project"],
                az=each["zone"],
                image_properties={**each["image"]["properties"], "disk_format": each["image"]["disk_format"]},
                volume_backed=each["volume_backed"],
                cells=[cells[each["cell"]]],
            )

        def judge(path: str) -> list[tuple[Any, Any, Asked]]:
            plain = [
                (each, answer)
                for each, answer in zip(cases, answers, strict=True)
                if path == "server" or not (each["pci"] or each["force_hosts"] or each["force_nodes"])
            ]
            return [(each, answer, ours(path, each)) for each, answer in plain if path == "flavor" or "spec" in answer]

        yield judge


@pytest.mark.parametrize("path", ["flavor", "server"])
def test_nova_asks_the_same(judged: Callable[[str], list[tuple[Any, Any, Asked]]], path: str) -> None:
    asked = 0
    for each, answer, ours in judged(path):
        if "queries" not in answer:
            assert ours.refused or answer["raised"] in MASKS, (answer, each)
            continue
        asked += 1
        assert ours.refused is None, (ours.refused, each)
        theirs = [meaning(query) for query in answer["queries"]]
        if path == "flavor" and {"group"} & set(each["hints"]):
            theirs = [query | {("limit", "1000")} for query in theirs]
        assert meanings(ours.requests) == theirs, json.dumps(each)
    assert asked > CASES / 4
