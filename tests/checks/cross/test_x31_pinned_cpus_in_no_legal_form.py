import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor

DEDICATED = {"hw:cpu_policy": "dedicated"}
ISOLATE = {"hw:emulator_threads_policy": "isolate"}
MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("right")
    estate.inventory(host.provider, "PCPU", 16)
    estate.server("neighbour", host)
    return host


def holding(estate: Estate, host: Compute, specs: dict[str, str], cpus: dict[str, int], **more: int) -> Server:
    """A server of 4 CPUs that holds these."""
    server = estate.server("web", host, estate.flavor("pinned", 4, 4096, 20, extra_specs=specs), holds=False)
    estate.claim(server.uuid, host.provider, {"MEMORY_MB": 4096, "DISK_GB": 20} | cpus | more)
    return server


@pytest.mark.parametrize(
    ("specs", "cpus", "verdict"),
    [
        (DEDICATED, {"PCPU": 2}, "holds PCPU 2 where it should be 4"),
        (DEDICATED, {"VCPU": 2}, "holds VCPU 2 where it should be 4"),
        (DEDICATED, {"PCPU": 2, "VCPU": 1}, "holds VCPU 1 where it should be 0, PCPU 2 where it should be 4"),
        (DEDICATED, {}, "holds PCPU 0 where it should be 4"),
        (DEDICATED | ISOLATE, {"VCPU": 3}, "holds VCPU 3 where it should be 4"),
        (MIXED, {"VCPU": 2}, "holds PCPU 0 where it should be 2"),
        (MIXED, {"VCPU": 1, "PCPU": 2}, "holds VCPU 1 where it should be 2"),
        ({"resources:PCPU": "6"}, {"PCPU": 5}, "holds PCPU 5 where it should be 6"),
    ],
)
def test_fires_for_neither_form(
    audit: Auditor, estate: Estate, host: Compute, specs: dict[str, str], cpus: dict[str, int], verdict: str
) -> None:
    server = holding(estate, host, specs, cpus)
    (finding,) = audit(estate, "X10", "X31")
    assert finding.code == "X31"
    assert finding.subject["instance"] == server.uuid
    assert finding.evidence["verdict"] == verdict
    assert finding.severity == "warning"
    assert finding.remedy[-1].startswith("openstack resource provider allocation show")


def test_fires_as_information_for_too_many(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, DEDICATED, {"PCPU": 6})
    (finding,) = audit(estate, "X31")
    assert finding.impact == "L"


def test_fires_as_information_for_a_server_in_error(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, DEDICATED, {"PCPU": 2}).instance["vm_state"] = "error"
    (finding,) = audit(estate, "X31")
    assert finding.impact == "I"


def test_fires_where_the_image_asks_for_pinned_cpus(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = holding(estate, host, {}, {"PCPU": 3})
    estate.image_property(server, "hw_cpu_policy", "dedicated")
    (finding,) = audit(estate, "X31")
    assert finding.subject["instance"] == server.uuid


def test_in_flight_while_the_server_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, DEDICATED, {"PCPU": 2}).instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "X31").findings
    assert not finding.settled


@pytest.mark.parametrize(
    ("specs", "cpus"),
    [
        (DEDICATED, {"PCPU": 4}),
        (DEDICATED, {"VCPU": 4}),
        (DEDICATED | ISOLATE, {"PCPU": 5}),
        (DEDICATED | ISOLATE, {"PCPU": 4}),  # made before Train, and reshaped since
        (DEDICATED | ISOLATE, {"VCPU": 4}),
        (DEDICATED | {"resources:VCPU": "6"}, {"PCPU": 6}),
        (MIXED, {"VCPU": 2, "PCPU": 2}),
        (MIXED | ISOLATE, {"VCPU": 2, "PCPU": 3}),
        ({"resources:PCPU": "6"}, {"PCPU": 6}),
        (DEDICATED | {"resources:VCPU": "1"}, {"PCPU": 4, "VCPU": 1}),
        ({"hw:cpu_policy": "shared"}, {"VCPU": 4}),
    ],
)
def test_quiet_for_a_legal_form(
    audit: Auditor, estate: Estate, host: Compute, specs: dict[str, str], cpus: dict[str, int]
) -> None:
    holding(estate, host, specs, cpus)
    assert audit(estate, "X10", "X31") == []


@pytest.mark.parametrize("cpus", [{"PCPU": 4}, {"PCPU": 5}, {"VCPU": 4}])
def test_quiet_for_what_the_image_asks_or_healing_made_of_it(
    audit: Auditor, estate: Estate, host: Compute, cpus: dict[str, int]
) -> None:
    server = holding(estate, host, ISOLATE, cpus)
    estate.image_property(server, "hw_cpu_policy", "dedicated")
    assert audit(estate, "X10", "X31") == []


def test_quiet_for_the_realtime_mask_of_an_image(audit: Auditor, estate: Estate, host: Compute) -> None:
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0"}
    server = holding(estate, host, specs, {"VCPU": 2, "PCPU": 2})
    estate.image_property(server, "hw_cpu_realtime_mask", "^0-1")
    assert audit(estate, "X10", "X31") == []


def test_quiet_for_a_resize_that_waits(audit: Auditor, estate: Estate, host: Compute) -> None:
    old: Row = estate.flavor("plain", 2, 4096, 20)
    server = holding(estate, host, DEDICATED | ISOLATE, {"PCPU": 5})
    server.instance["vm_state"] = "resized"
    estate.rows[t.instance_extra][-1]["flavor"] = estate.embedded(server.flavor, old=old, new=server.flavor)
    estate.migration(server, "resize", "finished", host, host)
    assert audit(estate, "X10", "X31") == []


@pytest.mark.parametrize("task", ["resize_migrated", "migrating", "rebuilding"])
def test_quiet_while_a_task_moves_it(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    holding(estate, host, DEDICATED, {"PCPU": 2}).instance["task_state"] = task
    assert audit(estate, "X31") == []


def test_quiet_where_the_memory_differs_too(audit: Auditor, estate: Estate, host: Compute) -> None:
    """One finding for one server: X10's."""
    holding(estate, host, DEDICATED, {"PCPU": 2}, MEMORY_MB=2048)
    (finding,) = audit(estate, "X10", "X31")
    assert finding.code == "X10"


def test_quiet_where_the_flavor_cannot_be_read(audit: Auditor, estate: Estate, host: Compute) -> None:
    holding(estate, host, DEDICATED, {"PCPU": 2})
    estate.rows[t.instance_extra][-1]["flavor"] = "{"
    assert audit(estate, "X31") == []
