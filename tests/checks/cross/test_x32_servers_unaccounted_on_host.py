import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor

ALL = ("X06", "X08", "X10", "X32")


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("right")


def bare(estate: Estate, host: Compute, count: int, holds: bool = False) -> None:
    for number in range(count):
        estate.server(f"web-{number}-{holds}", host, holds=holds)


def test_fires_for_a_host_whose_servers_hold_nothing(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 7)
    (finding,) = audit(estate, *ALL)
    assert finding.code == "X32"
    assert finding.subject["provider"] == host.uuid
    assert finding.also == {"X06": 7}
    assert (finding.evidence["servers"], finding.evidence["on_host"]) == (7, 7)
    assert finding.evidence["examples"].endswith(" and 2 more")
    assert "--host right " in finding.remedy[-1]
    assert 'heal_allocations --dry-run --verbose --instance "$server"' in finding.remedy[-1]
    assert finding.severity == "error"


def test_fires_once_for_all_ways_of_being_unaccounted(audit: Auditor, estate: Estate, host: Compute) -> None:
    left = estate.compute("left")
    estate.server("bare", host, holds=False)
    stray = estate.server("stray", host, holds=False)
    estate.claim(stray.uuid, left.provider, estate.amounts(stray.flavor))
    estate.server("web", host)
    (finding,) = audit(estate, *ALL)
    assert finding.also == {"X06": 1, "X08": 1}
    assert (finding.evidence["servers"], finding.evidence["on_host"]) == (2, 3)
    assert not any("heal_allocations" in command for command in finding.remedy)
    assert "X06,X08" in str(finding.withheld)


def test_fires_for_the_host_alone_that_lacks_them(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 2)
    other = estate.compute("other")
    estate.server("lonely", other, holds=False)
    found = audit(estate, *ALL)
    assert sorted(finding.code for finding in found) == ["X06", "X32"]


def test_fires_where_a_server_holds_on_two_wrong_hosts(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Which is one server."""
    for name in ("one", "two"):
        server = estate.server(name, host, holds=False)
        for wrong in ("left", "middle"):
            known = [row for row in estate.rows[t.resource_providers] if row["name"] == wrong]
            provider = known[0] if known else estate.compute(wrong).provider
            estate.claim(server.uuid, provider, estate.amounts(server.flavor))
    (finding,) = audit(estate, *ALL)
    assert finding.evidence["servers"] == 2
    assert finding.also == {"X08": 4}


def test_fires_for_many_of_a_large_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 10)
    bare(estate, host, 15, holds=True)
    (finding,) = audit(estate, *ALL)
    assert (finding.code, finding.evidence["servers"], finding.evidence["on_host"]) == ("X32", 10, 25)
    assert len(finding.absorbed) == 10


def test_fires_though_some_are_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    """It stands for them, too: most of the host is enough without them."""
    bare(estate, host, 5)
    for row in estate.rows[t.instances][:2]:
        row["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, *ALL).findings
    assert (finding.code, finding.settled, finding.also) == ("X32", True, {"X06": 5})


def test_in_flight_while_too_few_are_old(audit: Auditor, estate: Estate, host: Compute) -> None:
    """It takes no settled finding with it."""
    bare(estate, host, 5)
    for row in estate.rows[t.instances][:3]:
        row["updated_at"] = estate.ago(minutes=2)
    report = audit.report(estate, *ALL)
    assert sorted((finding.code, finding.settled) for finding in report.findings) == [
        ("X06", True),
        ("X06", True),
        ("X32", False),
    ]


def test_quiet_for_a_single_server(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 1)
    assert [finding.code for finding in audit(estate, *ALL)] == ["X06"]


def test_quiet_for_some_of_many(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 2)
    bare(estate, host, 2, holds=True)
    assert [finding.code for finding in audit(estate, *ALL)] == ["X06", "X06"]


def test_quiet_for_servers_in_error(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 3)
    for row in estate.rows[t.instances]:
        row["vm_state"] = "error"
    assert [finding.code for finding in audit(estate, *ALL)] == ["X06"] * 3


def test_quiet_for_servers_that_lack_a_little(audit: Auditor, estate: Estate, host: Compute) -> None:
    """They overbook nothing, or little."""
    for name in ("one", "two"):
        server = estate.server(name, host, holds=False)
        estate.claim(server.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 5})
    assert [finding.code for finding in audit(estate, *ALL)] == ["X10", "X10"]


def test_quiet_for_servers_that_hold_too_much(audit: Auditor, estate: Estate, host: Compute) -> None:
    for name in ("one", "two"):
        server = estate.server(name, host, holds=False)
        estate.claim(server.uuid, host.provider, {"VCPU": 9, "MEMORY_MB": 4096, "DISK_GB": 20})
    assert [finding.code for finding in audit(estate, *ALL)] == ["X10", "X10"]


@pytest.mark.parametrize("task", ["migrating", "rebuilding", "spawning"])
def test_quiet_while_tasks_move_them(audit: Auditor, estate: Estate, host: Compute, task: str) -> None:
    bare(estate, host, 3)
    for row in estate.rows[t.instances]:
        row["task_state"] = task
    assert audit(estate, *ALL) == []


def test_quiet_for_a_healthy_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    bare(estate, host, 3, holds=True)
    assert audit(estate, *ALL) == []
