import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.server("other", estate.compute("left"))
    return estate.compute("right")


def test_fires_once_for_the_servers_of_a_project(audit: Auditor, estate: Estate, host: Compute) -> None:
    servers = [estate.server(f"web-{number}", host) for number in range(7)]
    for server in servers:
        server.instance["project_id"] = "project-b"
    (finding,) = audit(estate, "X15")
    assert finding.subject["project"] == "project-b"
    assert (finding.evidence["placement_project"], finding.evidence["servers"]) == ("project-a", 7)
    assert finding.evidence["sample"].endswith(" and 2 more")
    assert finding.impact == "L"
    assert finding.remedy[-1].endswith(f"--dry-run --verbose --instance {min(server.uuid for server in servers)}")


def test_fires_for_another_user_of_the_same_project(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host).instance["user_id"] = "user-b"
    (finding,) = audit(estate, "X15")
    assert (finding.evidence["owner"], finding.evidence["servers"]) == ("user", 1)


def test_fires_without_a_healing_that_would_not_work(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host, task_state="powering-off").instance["project_id"] = "project-b"
    (finding,) = audit(estate, "X15")
    assert not any("heal_allocations" in command for command in finding.remedy)


def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host, at=estate.ago(minutes=2)).instance["project_id"] = "project-b"
    (finding,) = audit.report(estate, "X15").findings
    assert not finding.settled


@pytest.mark.parametrize("column", ["project_id", "user_id"])
def test_quiet_when_only_the_case_differs(audit: Auditor, estate: Estate, host: Compute, column: str) -> None:
    row = estate.server("web", host).instance
    row[column] = row[column].upper()
    assert audit(estate, "X15") == []


def test_quiet_for_a_consumer_without_an_owner(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, estate.amounts(server.flavor), project=t.NOBODY, user=t.NOBODY)
    assert audit(estate, "X15") == []


@pytest.mark.parametrize("column", ["project_id", "user_id"])
def test_quiet_when_nova_knows_no_owner(audit: Auditor, estate: Estate, host: Compute, column: str) -> None:
    estate.server("web", host).instance[column] = None
    assert audit(estate, "X15") == []


def test_quiet_for_a_migration(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host)
    row = estate.migration(server, "resize", "finished", estate.compute("third"), host)
    estate.claim(row["uuid"], host.provider, {"VCPU": 1}, project="project-b")
    assert audit(estate, "X15") == []


@pytest.mark.parametrize("gone", [{"deleted": 4}, {"hidden": 1}])
def test_quiet_for_a_server_that_is_deleted_or_hidden(
    audit: Auditor, estate: Estate, host: Compute, gone: dict[str, int]
) -> None:
    estate.server("web", host, **gone).instance["project_id"] = "project-b"
    assert audit(estate, "X15") == []


def test_quiet_for_a_server_that_two_cells_show(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("web", host)
    estate.add(t.instances, **{**server.instance, "cell": "cell2", "project_id": "project-b"})
    assert audit(estate, "X15") == []


@pytest.mark.parametrize(("counts", "severity"), [(True, "warning"), (False, "info")])
def test_fires_as_a_warning_where_quotas_are_counted_in_placement(
    audit: Auditor, estate: Estate, host: Compute, counts: bool, severity: str
) -> None:
    estate.server("web", host).instance["project_id"] = "project-b"
    audit.settings = {"count_usage_from_placement": counts}
    (finding,) = audit(estate, "X15")
    assert finding.severity == severity


@pytest.mark.parametrize("owner", ["project", "user"])
def test_quiet_for_the_sentinel_that_a_file_names(audit: Auditor, estate: Estate, host: Compute, owner: str) -> None:
    server = estate.server("web", host, **{owner: "unknown owner"})
    server.instance[f"{owner}_id"] = "project-b"
    audit.settings = {f"incomplete_consumer_{owner}_id": "unknown owner"}
    assert audit(estate, "X15") == []


def test_fires_with_all_that_a_server_with_devices_holds(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Nova-manage refuses a flavor with a VGPU."""
    server = estate.server("web", host)
    gpu = estate.provider("right_gpu", parent=host.provider)
    estate.inventory(gpu, "VGPU", 4)
    estate.claim(server.uuid, gpu, {"VGPU": 1})
    server.instance["project_id"] = "project-b"
    (finding,) = audit(estate, "X15")
    assert not any("heal_allocations" in line for line in finding.remedy)
    command = finding.remedy[-1]
    assert command.endswith(f"--project-id project-b --user-id user-a {server.uuid}")
    for row in ("VCPU=2", "MEMORY_MB=4096", "DISK_GB=20"):
        assert f"--allocation rp={host.uuid},{row} " in command
    assert f"--allocation rp={gpu['uuid']},VGPU=1 " in command


def test_fires_without_a_command_where_more_is_held_than_there_is(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    """Which placement refuses to write again before release 14."""
    estate.server("web", host).instance["project_id"] = "project-b"
    for row in estate.rows[t.inventories]:
        row["reserved"] = row["total"]
    (finding,) = audit(estate, "X15")
    assert not any("heal" in line or "allocation set" in line for line in finding.remedy)
    assert "release 14" in str(finding.withheld)
