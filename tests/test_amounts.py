"""What a flavor asks for, against samples that were read off nova's own request building (SEMANTICS E.1, E.2)."""

import pytest

from placement_audit.amounts import NO_IMAGE, Flavor, readings, requests, totals


def asked(
    vcpus: int = 4,
    memory_mb: int = 2048,
    root_gb: int = 20,
    ephemeral_gb: int = 0,
    swap: int = 0,
    specs: dict[str, str] | None = None,
    **how: bool,
) -> dict[str, int]:
    """Amounts by class, those of a suffixed group under "suffix:class"."""
    found = requests(Flavor(vcpus, memory_mb, root_gb, ephemeral_gb, swap, specs or {}), **how)
    return {f"{suffix}:{name}" if suffix else name: amount for (suffix, name), amount in found.items()}


def cpus(specs: dict[str, str], vcpus: int = 4, **how: bool) -> dict[str, int]:
    return {name: amount for name, amount in asked(vcpus, specs=specs, **how).items() if name in ("VCPU", "PCPU")}


def test_a_plain_flavor() -> None:
    assert asked(2, 2048, 20) == {"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}


@pytest.mark.parametrize(
    ("root", "ephemeral", "swap", "disk"),
    [(1, 0, 0, 1), (1, 0, 1, 2), (1, 0, 1024, 2), (1, 0, 1025, 3), (1, 3, 1025, 6)],
)
def test_disk_is_root_and_ephemeral_and_swap_in_whole_gigabytes(
    root: int, ephemeral: int, swap: int, disk: int
) -> None:
    assert asked(root_gb=root, ephemeral_gb=ephemeral, swap=swap)["DISK_GB"] == disk


def test_a_volume_takes_the_place_of_the_root_disk_alone() -> None:
    assert "DISK_GB" not in asked(root_gb=20, volume_backed=True)
    assert asked(root_gb=20, ephemeral_gb=5, swap=2048, volume_backed=True)["DISK_GB"] == 7


@pytest.mark.parametrize("volume_backed", [False, True])
def test_an_override_of_the_disk_counts_as_it_is(volume_backed: bool) -> None:
    assert asked(specs={"resources:DISK_GB": "5"}, volume_backed=volume_backed)["DISK_GB"] == 5


def test_an_override_in_a_suffixed_group_replaces_the_default() -> None:
    assert asked(specs={"resources1:VCPU": "2"}) == {"1:VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}
    assert "VCPU" not in asked(specs={"resources:PCPU": "3"})
    assert "MEMORY_MB" not in asked(specs={"resources_NUMA0:MEMORY_MB": "0"})


def test_other_classes_come_on_top() -> None:
    found = asked(specs={"resources_A:VGPU": "1", "resources:CUSTOM_X": "2"})
    assert found == {"VCPU": 4, "MEMORY_MB": 2048, "DISK_GB": 20, "_A:VGPU": 1, "CUSTOM_X": 2}


def test_zero_is_no_request() -> None:
    zeros = {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0"}
    assert asked(specs=zeros | {"resources:CUSTOM_BAREMETAL_GOLD": "1"}) == {"CUSTOM_BAREMETAL_GOLD": 1}
    assert asked(specs=zeros) == {}
    assert "DISK_GB" not in asked(root_gb=0)


@pytest.mark.parametrize("value", ["two", "-1", "1.0", "", "0x4", "9" * 5000])
def test_what_is_no_integer_is_ignored(value: str) -> None:
    assert asked(specs={"resources:VCPU": value})["VCPU"] == 4


@pytest.mark.parametrize("value", ["2", " 2 ", "+2", "02"])
def test_an_integer_is_what_python_takes_for_one(value: str) -> None:
    assert asked(specs={"resources:VCPU": value})["VCPU"] == 2


@pytest.mark.parametrize(
    "key",
    ["resources:CPU", "resources:vcpu", "resources", "resource:VCPU", f"resources{'a' * 65}:VCPU", "resources!:VCPU"],
)
def test_what_names_no_class_or_group_is_ignored(key: str) -> None:
    assert asked(specs={key: "1"}) == asked()


def test_an_unknown_custom_class_is_asked_for_all_the_same() -> None:
    assert asked(specs={"resources:CUSTOM_not there": "1"})["CUSTOM_not there"] == 1


def test_amounts_fit_an_integer_of_a_database() -> None:
    assert asked(specs={"resources:VCPU": "9" * 200})["VCPU"] < 2**63


# --- pinned CPUs ---


def test_dedicated_cpus_are_pcpus() -> None:
    assert cpus({"hw:cpu_policy": "dedicated"}) == {"PCPU": 4}
    assert cpus({"hw:cpu_policy": "shared"}) == {"VCPU": 4}


def test_isolated_emulator_threads_take_one_more() -> None:
    isolate = {"hw:emulator_threads_policy": "isolate"}
    assert cpus({"hw:cpu_policy": "dedicated", **isolate}) == {"PCPU": 5}
    mixed = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}
    assert cpus({**mixed, **isolate}) == {"PCPU": 3, "VCPU": 2}
    assert cpus(isolate) == {"VCPU": 4}
    assert cpus({"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "share"}) == {"PCPU": 4}


@pytest.mark.parametrize(
    ("mask", "pinned"),
    [
        ("3", 1),
        ("0-1", 2),
        ("1-3,^2", 2),
        ("^0", 3),
        ("^0-1", 2),
        ("^0,^3", 2),
        ("^0,2", 3),  # begins with an exclusion: all but 0, and naming 2 again adds nothing
        (" 1 - 2 , 3", 3),
        ("1,,2", 2),
        ("1,1-2", 2),
        ("3,7-9", 1),
        ("nonsense", 0),
    ],
)
def test_a_mask_of_dedicated_cpus(mask: str, pinned: int) -> None:
    found = cpus({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": mask})
    assert (found.get("PCPU", 0), found.get("VCPU", 0)) == (pinned, 4 - pinned)


def test_the_realtime_mask_stands_in_for_a_missing_dedicated_one() -> None:
    realtime = {"hw:cpu_policy": "mixed", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0"}
    assert cpus(realtime) == {"PCPU": 3, "VCPU": 1}
    assert cpus({**realtime, "hw:cpu_dedicated_mask": "2,3"}) == {"PCPU": 2, "VCPU": 2}
    # without realtime nova does not look at the mask
    assert cpus({**realtime, "hw:cpu_realtime": "no"}) == {"VCPU": 4}
    assert cpus({"hw:cpu_policy": "mixed", "hw:cpu_realtime": "1"}) == {"PCPU": 4}


def test_a_mask_as_long_as_it_likes_is_no_burden() -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-99999999999999"}
    assert cpus(specs, vcpus=2**31 - 1) == {"VCPU": 2**31 - 1}


def test_the_second_request_of_dedicated_cpus_asks_for_vcpus() -> None:
    pinned = {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"}
    assert cpus(pinned, translate_pinned=False) == {"VCPU": 4}


def test_mixed_cpus_have_no_second_request() -> None:
    mixed = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}
    assert cpus(mixed, translate_pinned=False) == {"PCPU": 2, "VCPU": 2}


def test_dedicated_cpus_replace_named_ones_in_the_unsuffixed_group_alone() -> None:
    dedicated = {"hw:cpu_policy": "dedicated"}
    assert cpus({**dedicated, "resources:PCPU": "3"}) == {"PCPU": 4}
    assert asked(specs={**dedicated, "resources_A:PCPU": "3"})["_A:PCPU"] == 3
    assert cpus({**dedicated, "resources_A:PCPU": "3"}) == {"PCPU": 4}
    assert cpus({**dedicated, "resources:VCPU": "1"}) == {"PCPU": 4, "VCPU": 1}


# --- what else a flavor says ---


@pytest.mark.parametrize(("value", "contexts"), [("true", 1), (" YES ", 1), ("1", 1), ("false", 0), ("maybe", 0)])
def test_encrypted_memory_takes_a_context(value: str, contexts: int) -> None:
    assert asked(specs={"hw:mem_encryption": value}).get("MEM_ENCRYPTION_CONTEXT", 0) == contexts


def test_persistent_memory_is_counted_by_label() -> None:
    found = asked(specs={"hw:pmem": "16GB, 6GB,6GB,, "})
    assert {name: amount for name, amount in found.items() if name.startswith("CUSTOM_")} == {
        "CUSTOM_PMEM_NAMESPACE_16GB": 1,
        "CUSTOM_PMEM_NAMESPACE_6GB": 2,
    }
    assert asked(specs={"hw:pmem": "fast-6gb"})["CUSTOM_PMEM_NAMESPACE_FAST_6GB"] == 1


def test_labels_of_persistent_memory_overrule_an_override() -> None:
    specs = {"resources:CUSTOM_PMEM_NAMESPACE_6GB": "3", "hw:pmem": "6GB"}
    assert asked(specs=specs)["CUSTOM_PMEM_NAMESPACE_6GB"] == 1


# --- what an image says ---


def test_an_image_may_ask_for_dedicated_cpus() -> None:
    flavor = Flavor(4, 2048, 20, extra_specs={"hw:emulator_threads_policy": "isolate"})
    assert requests(flavor, image={"hw_cpu_policy": "dedicated"})["", "PCPU"] == 5
    assert requests(flavor, image={"hw_cpu_policy": "dedicated"}, translate_pinned=False)["", "VCPU"] == 4


def test_the_flavors_policy_comes_before_the_images() -> None:
    flavor = Flavor(4, 2048, 20, extra_specs={"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0"})
    assert requests(flavor, image={"hw_cpu_policy": "shared"})["", "PCPU"] == 1


def test_an_image_has_the_last_word_on_realtime_cpus() -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0"}
    assert requests(Flavor(4, 2048, 20, extra_specs=specs), image={"hw_cpu_realtime_mask": "3"})["", "PCPU"] == 1


def test_an_image_may_ask_for_encrypted_memory() -> None:
    assert requests(Flavor(4, 2048, 20), image={"hw_mem_encryption": "true"})["", "MEM_ENCRYPTION_CONTEXT"] == 1


# --- all that may be held ---


def cores(*flavors: Flavor, image: dict[str, str] | None = None, volume: bool | None = False) -> list[list[int]]:
    """VCPU, PCPU and DISK_GB of every reading."""
    ways = readings(flavors, image or NO_IMAGE, volume)
    return [[way.get(name, 0) for name in ("VCPU", "PCPU", "DISK_GB")] for way in ways]


def test_a_plain_server_may_hold_one_thing() -> None:
    assert cores(Flavor(4, 2048, 20)) == [[4, 0, 20]]


@pytest.mark.parametrize("volume", [True, None])
def test_a_volume_may_or_may_not_have_taken_a_disks_place(volume: bool | None) -> None:
    assert cores(Flavor(4, 2048, 20, 5), volume=volume) == [[4, 0, 5], [4, 0, 25]]
    assert cores(Flavor(4, 2048, 0, 5), volume=volume) == [[4, 0, 5]]


def test_dedicated_cpus_have_their_likeliest_form_first() -> None:
    specs = {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"}
    assert cores(Flavor(4, 2048, 20, extra_specs=specs)) == [[0, 5, 20], [4, 0, 20], [0, 4, 20]]


def test_an_image_may_have_been_overlooked() -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_realtime": "1", "hw:cpu_realtime_mask": "^0"}
    assert cores(Flavor(4, 2048, 20, extra_specs=specs), image={"hw_cpu_realtime_mask": "^0-1"}) == [
        [2, 2, 20],
        [1, 3, 20],
    ]


def test_both_flavors_of_a_resize_count() -> None:
    assert cores(Flavor(4, 2048, 20), Flavor(2, 2048, 20), Flavor(4, 2048, 20)) == [[4, 0, 20], [2, 0, 20]]


def test_totals_are_sums_over_groups() -> None:
    assert totals({("", "VCPU"): 1, ("1", "VCPU"): 2, ("", "VGPU"): 1}) == {"VCPU": 3, "VGPU": 1}
