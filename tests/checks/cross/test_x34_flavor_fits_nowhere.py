import pytest

from placement_audit.demo.estate import Compute, Estate, Row
from placement_audit.finding import Finding
from placement_audit.schema import flavor_extra_specs
from tests.support import Auditor

PINNED = {"hw:cpu_policy": "dedicated"}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    """48 cores that may be given four times over, 256 GiB, 2000 GB."""
    return estate.compute("left")


def only(findings: list[Finding]) -> tuple[str, str]:
    """The one finding's letter and reasons."""
    (finding,) = findings
    return finding.impact.value, finding.evidence["reasons"]


@pytest.mark.usefixtures("host")
def test_fires_for_more_cpus_than_a_host_has(audit: Auditor, estate: Estate) -> None:
    estate.compute("right", vcpus=24)
    estate.flavor("small", 48, 4096, 20)
    estate.flavor("huge", 64, 4096, 20, flavorid="a1b2")
    (finding,) = audit(estate, "X34")
    assert finding.subject == {"flavor": "huge"}
    assert finding.identity == "X34:a1b2"
    assert finding.severity == "warning"
    assert finding.evidence["reasons"] == "VCPU 64: max_unit is at most 48 on 2 providers"
    assert finding.message == f"flavor huge fits on no host, however empty: {finding.evidence['reasons']}"
    assert finding.remedy == ("openstack flavor show a1b2", "placement-audit explain --flavor a1b2")


def test_fires_for_more_than_is_left_beside_the_reserved_part(audit: Auditor, estate: Estate) -> None:
    estate.compute("left", memory_mb=8192, reserved_mb=512)
    estate.flavor("whole", 1, 8192, 20)
    assert only(audit(estate, "X34")) == ("M", "MEMORY_MB 8192: capacity is at most 7680 on 1 providers")


@pytest.mark.usefixtures("host")
def test_fires_for_a_class_that_nobody_has(audit: Auditor, estate: Estate) -> None:
    estate.flavor("gpu", 1, 1024, 20, extra_specs={"resources:VGPU": "1"})
    assert only(audit(estate, "X34")) == ("M", "VGPU 1: no provider has any")


def test_fires_for_less_than_the_smallest_unit(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(host.provider, "CUSTOM_FPGA", 8, min_unit=4)
    estate.flavor("fpga", 1, 1024, 20, extra_specs={"resources:CUSTOM_FPGA": "2"})
    assert only(audit(estate, "X34")) == ("M", "CUSTOM_FPGA 2: min_unit is at least 4 on 1 providers")


@pytest.mark.parametrize("step", [3, 0])
def test_fires_for_an_amount_between_two_steps(audit: Auditor, estate: Estate, host: Compute, step: int) -> None:
    estate.inventory(host.provider, "CUSTOM_FPGA", 9, step_size=step)
    estate.flavor("fpga", 1, 1024, 20, extra_specs={"resources:CUSTOM_FPGA": "4"})
    impact, reasons = only(audit(estate, "X34"))
    assert impact == "M"
    assert reasons.startswith("CUSTOM_FPGA 4: min_unit, max_unit, step_size and capacity never admit it together")


@pytest.mark.usefixtures("host")
def test_fires_with_every_class_that_is_short(audit: Auditor, estate: Estate) -> None:
    estate.flavor("huge", 64, 512 * 1024, 20)
    _, reasons = only(audit(estate, "X34"))
    assert sorted(reasons.split("; ")) == [
        "MEMORY_MB 524288: max_unit is at most 262144 on 1 providers",
        "VCPU 64: max_unit is at most 48 on 1 providers",
    ]


def test_fires_when_no_single_host_has_it_all(audit: Auditor, estate: Estate) -> None:
    estate.compute("cores", vcpus=96, memory_mb=65536)
    estate.compute("memory", vcpus=24, memory_mb=524288)
    estate.flavor("both", 64, 131072, 20)
    impact, reasons = only(audit(estate, "X34"))
    assert impact == "M"
    assert reasons == "each of VCPU 64, MEMORY_MB 131072, DISK_GB 20 is somewhere, but no host has all of it"


def test_fires_for_a_sharing_provider_that_only_other_hosts_reach(audit: Auditor, estate: Estate) -> None:
    estate.compute("left", vcpus=96, disk_gb=0)
    estate.shared("nfs", 1000, estate.compute("right", vcpus=24, disk_gb=0).provider)
    estate.flavor("big", 64, 4096, 0, ephemeral_gb=20)
    impact, reasons = only(audit(estate, "X34"))
    assert impact == "M"
    assert "no host has all of it" in reasons


@pytest.mark.usefixtures("host")
def test_fires_for_pinned_cpus_in_both_forms(audit: Auditor, estate: Estate) -> None:
    estate.flavor("pinned", 64, 4096, 20, extra_specs=PINNED)
    impact, reasons = only(audit(estate, "X34"))
    assert impact == "M"
    assert sorted(reasons.split("; ")) == [
        "PCPU 64: no provider has any",
        "VCPU 64: max_unit is at most 48 on 1 providers",
    ]


@pytest.mark.usefixtures("host")
def test_fires_for_mixed_cpus_which_are_asked_for_once(audit: Auditor, estate: Estate) -> None:
    estate.flavor("mixed", 8, 4096, 20, extra_specs={"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0-1"})
    assert only(audit(estate, "X34")) == ("M", "PCPU 6: no provider has any")


@pytest.mark.usefixtures("host")
def test_in_flight_while_the_flavor_is_young(audit: Auditor, estate: Estate) -> None:
    estate.flavor("huge", 64, 4096, 20, created_at=estate.ago(minutes=1))
    estate.flavor("older", 64, 4096, 20, updated_at=estate.ago(minutes=2))
    findings = audit.report(estate, "X34").findings
    assert [finding.settled for finding in findings] == [False, False]
    assert [finding.newest_change for finding in findings] == [estate.ago(minutes=1), estate.ago(minutes=2)]


# --- only the root disk is too large ---


@pytest.mark.usefixtures("host")
def test_fires_mildly_when_a_server_may_boot_from_a_volume(audit: Auditor, estate: Estate) -> None:
    estate.flavor("fat", 2, 4096, 5000)
    (finding,) = audit(estate, "X34")
    assert finding.impact == "L"
    assert finding.severity == "info"
    assert finding.message == (
        "flavor fat fits on no host unless the server boots from a volume: "
        "DISK_GB 5000: max_unit is at most 2000 on 1 providers"
    )


def test_fires_mildly_when_only_the_other_hosts_have_the_disk(audit: Auditor, estate: Estate) -> None:
    estate.compute("cores", vcpus=96, disk_gb=0)
    estate.compute("disk", vcpus=24)
    estate.flavor("both", 64, 4096, 20)
    impact, reasons = only(audit(estate, "X34"))
    assert impact == "L"
    assert "no host has all of it" in reasons


def test_quiet_about_a_diskless_flavor_on_diskless_hosts(audit: Auditor, estate: Estate) -> None:
    estate.compute("left", disk_gb=0)
    estate.flavor("volume", 2, 4096, 0)
    assert audit(estate, "X34") == []


@pytest.mark.parametrize(
    "disks",
    [{"ephemeral_gb": 5000}, {"swap": 5000 * 1024}],
)
def test_a_volume_replaces_no_other_disk(audit: Auditor, estate: Estate, host: Compute, disks: dict[str, int]) -> None:
    del host
    estate.flavor("fat", 2, 4096, 20, **disks)
    assert only(audit(estate, "X34"))[0] == "M"


@pytest.mark.usefixtures("host")
def test_a_volume_replaces_no_disk_that_is_asked_for_by_name(audit: Auditor, estate: Estate) -> None:
    estate.flavor("fat", 2, 4096, 5000, extra_specs={"resources:DISK_GB": "5000"})
    assert only(audit(estate, "X34"))[0] == "M"


@pytest.mark.usefixtures("host")
def test_a_volume_gives_no_cpus(audit: Auditor, estate: Estate) -> None:
    estate.flavor("all too much", 64, 4096, 5000)
    assert only(audit(estate, "X34"))[0] == "M"


def test_a_flavor_of_nothing_but_a_root_disk(audit: Auditor, estate: Estate) -> None:
    estate.compute("left", disk_gb=0)
    estate.flavor("disk", 1, 512, 20, extra_specs={"resources:VCPU": "0", "resources:MEMORY_MB": "0"})
    assert only(audit(estate, "X34")) == ("L", "DISK_GB 20: no provider has any")


# --- what is legal ---


@pytest.mark.usefixtures("host")
def test_quiet_for_what_fits_to_the_last_unit(audit: Auditor, estate: Estate) -> None:
    estate.flavor("whole", 48, 262144 - 4096, 2000)
    assert audit(estate, "X34") == []


def test_quiet_for_a_host_that_is_full(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host, estate.flavor("whole", 48, 262144 - 4096, 2000))
    assert audit(estate, "X34") == []


@pytest.mark.usefixtures("host")
def test_quiet_for_a_disabled_flavor(audit: Auditor, estate: Estate) -> None:
    estate.flavor("huge", 64, 4096, 20, disabled=1)
    assert audit(estate, "X34") == []


@pytest.mark.usefixtures("host")
def test_quiet_for_a_flavor_that_asks_for_nothing(audit: Auditor, estate: Estate) -> None:
    zeros = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    estate.flavor("nothing", 64, 4096, 20, extra_specs=zeros)
    assert audit(estate, "X34") == []


def test_quiet_when_a_sharing_provider_supplies_the_disk(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", disk_gb=0)
    estate.shared("nfs", 10_000, host.provider)
    estate.flavor("fat", 2, 4096, 5000)
    assert audit(estate, "X34") == []


def test_quiet_when_a_child_reaches_the_sharing_provider(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", disk_gb=0)
    estate.shared("nfs", 10_000, estate.provider("left_NUMA0", parent=host.provider))
    estate.flavor("fat", 2, 4096, 5000)
    assert audit(estate, "X34") == []


def test_quiet_when_children_supply_a_class(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.inventory(estate.provider("left_gpu", parent=host.provider), "VGPU", 4)
    estate.flavor("gpu", 2, 4096, 20, extra_specs={"resources:VGPU": "4"})
    estate.flavor("two groups", 2, 4096, 20, extra_specs={"resources1:VGPU": "3", "resources2:VGPU": "3"})
    assert audit(estate, "X34") == []


@pytest.mark.usefixtures("host")
def test_quiet_when_a_host_still_offers_pinned_cpus_as_vcpus(audit: Auditor, estate: Estate) -> None:
    estate.flavor("pinned", 48, 4096, 20, extra_specs=PINNED)
    estate.flavor("isolated", 48, 4096, 20, extra_specs=PINNED | {"hw:emulator_threads_policy": "isolate"})
    assert audit(estate, "X34") == []


def test_quiet_for_pinned_cpus_on_a_host_that_has_them(audit: Auditor, estate: Estate) -> None:
    host = estate.provider("pins")
    for name, total in (("PCPU", 64), ("MEMORY_MB", 65536), ("DISK_GB", 500)):
        estate.inventory(host, name, total)
    estate.flavor("pinned", 64, 4096, 20, extra_specs=PINNED)
    assert audit(estate, "X34") == []


def metal(estate: Estate, name: str, **inventory: int) -> Row:
    node = estate.compute(name, hypervisor_type="ironic")
    return estate.inventory(node.provider, "CUSTOM_BAREMETAL_GOLD", 1, **inventory)


def gold(estate: Estate) -> Row:
    zeros = {f"resources:{name}": "0" for name in ("VCPU", "MEMORY_MB", "DISK_GB")}
    return estate.flavor("gold", 64, 524288, 4000, extra_specs=zeros | {"resources:CUSTOM_BAREMETAL_GOLD": "1"})


def test_quiet_for_ironic_nodes_that_are_all_in_use(audit: Auditor, estate: Estate) -> None:
    metal(estate, "metal-1", reserved=1)
    gold(estate)
    assert audit(estate, "X34") == []


def test_fires_for_a_class_of_ironic_nodes_that_are_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    del host
    gold(estate)
    assert only(audit(estate, "X34")) == ("M", "CUSTOM_BAREMETAL_GOLD 1: no provider has any")


@pytest.mark.usefixtures("host")
def test_quiet_for_the_flavor_of_a_lease_that_has_not_begun(audit: Auditor, estate: Estate) -> None:
    reservation = {"resources:CUSTOM_RESERVATION_1F2E3D4C_0000_4000_8000_000000000000": "1"}
    estate.flavor("reservation", 2, 4096, 20, extra_specs=reservation)
    assert audit(estate, "X34") == []


def test_quiet_in_a_cloud_without_hosts(audit: Auditor, estate: Estate) -> None:
    estate.flavor("small", 1, 512, 1)
    estate.shared("nfs", 1000)
    assert audit(estate, "X34") == []


def test_quiet_about_traits_that_no_host_has(audit: Auditor, estate: Estate, host: Compute) -> None:
    del host
    estate.flavor("rare", 1, 512, 1, extra_specs={"trait:CUSTOM_RARE": "required"})
    assert audit(estate, "X34") == []


@pytest.mark.parametrize(("disabled", "count"), [(True, 1), (False, 0)])
@pytest.mark.usefixtures("host")
def test_fires_for_pinned_cpus_where_vcpus_do_not_do(
    audit: Auditor, estate: Estate, disabled: bool, count: int
) -> None:
    estate.flavor("pinned", 4, 4096, 20, extra_specs=PINNED)
    audit.settings = {"disable_fallback_pcpu_query": disabled}
    assert len(audit(estate, "X34")) == count


@pytest.mark.parametrize(("version", "fires"), [(74, True), (60, True), (56, False)])
def test_groups_with_names_ask_for_something_since_xena(
    audit: Auditor, estate: Estate, host: Compute, version: int, fires: bool
) -> None:
    """One nova-compute of before Xena is enough to doubt what the scheduler makes of them."""
    estate.compute("newest")
    host.service["version"] = version
    named = estate.flavor("named", 2, 4096, 20)
    estate.add(flavor_extra_specs, flavor_id=named["id"], key="resources_GOLD:CUSTOM_GOLD", value="1")
    assert [finding.subject["flavor"] for finding in audit(estate, "X34")] == ["named"] * fires


def test_numbered_groups_have_always_asked_for_something(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["version"] = 40
    numbered = estate.flavor("numbered", 2, 4096, 20)
    estate.add(flavor_extra_specs, flavor_id=numbered["id"], key="resources1:CUSTOM_GOLD", value="1")
    assert [finding.subject["flavor"] for finding in audit(estate, "X34")] == ["numbered"]
