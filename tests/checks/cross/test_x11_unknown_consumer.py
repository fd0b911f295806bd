from collections.abc import Callable

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.finding import Finding
from tests.support import Auditor

GHOST = uuid_of("ghost")
NOBODY = "00000000-0000-0000-0000-000000000000"
CORE = {"VCPU": 2, "MEMORY_MB": 4096}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("right")
    estate.server("web", host)
    return host


def deletes(command: str) -> bool:
    return "allocation delete" in command


def told(finding: Finding) -> str:
    return str(finding.evidence["evidence"])


@pytest.mark.parametrize("kind", ["INSTANCE", "MIGRATION"])
def test_fires_for_a_consumer_of_nova_s_type(audit: Auditor, estate: Estate, host: Compute, kind: str) -> None:
    estate.claim(GHOST, host.provider, CORE, kind=kind)
    (finding,) = audit(estate, "X11")
    assert finding.subject["consumer"] == GHOST
    assert (finding.subject["provider"], finding.subject["project"]) == (host.uuid, "project-a")
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096"
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {GHOST}"
    assert "its consumer type says that it is a server or a migration" in finding.message


def test_no_delete_by_the_type_alone_on_a_host_that_is_unknown_too(audit: Auditor, estate: Estate) -> None:
    estate.server("web", estate.compute("right"))
    stranger = estate.provider("stranger")
    estate.trait(stranger, "COMPUTE_NODE")
    estate.claim(GHOST, stranger, CORE, kind="INSTANCE")
    (finding,) = audit(estate, "X11")
    assert not any(map(deletes, finding.remedy))
    assert str(finding.withheld).startswith("its host is unknown to this nova, too")


def test_no_delete_by_the_type_alone_of_what_is_newer_than_all_servers(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    """As after the restore of a backup."""
    estate.claim(GHOST, host.provider, CORE, kind="INSTANCE", at=estate.ago(hours=2))
    (finding,) = audit(estate, "X11")
    assert not any(map(deletes, finding.remedy))
    assert "newer than every server" in str(finding.withheld)


def queued(estate: Estate) -> None:
    estate.add(t.instance_mappings, instance_uuid=GHOST, cell_id=estate.cell_id("cell1"), queued_for_delete=1)


def deletion_recorded(estate: Estate) -> None:
    for action, days in (("create", 9), ("delete", 3)):
        act(estate, action, days)


def never_built(estate: Estate) -> None:
    estate.add(t.instance_mappings, instance_uuid=GHOST, cell_id=None)


def act(estate: Estate, action: str, days: int, message: str | None = None) -> None:
    at = estate.ago(days=days)
    values = {"action": action, "message": message, "start_time": at, "deleted": 0}
    estate.add(t.instance_actions, cell="cell1", instance_uuid=GHOST, **values)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (queued, "has accepted the deletion"),
        (deletion_recorded, "a record of its deletion"),
        (never_built, "its build was accepted"),
    ],
)
@pytest.mark.parametrize("project", ["project-a", "project-without-servers"])
@pytest.mark.parametrize("held", [CORE, {"VGPU": 1}])
def test_fires_with_a_delete_where_rows_of_nova_prove_that_it_is_gone(
    audit: Auditor,
    estate: Estate,
    host: Compute,
    write: Callable[[Estate], None],
    words: str,
    project: str,
    held: dict[str, int],
) -> None:
    """Whatever it holds, and whether or not its project has servers left."""
    estate.claim(GHOST, host.provider, held, project=project)
    write(estate)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "error"
    assert words in told(finding)
    assert words in finding.message
    assert any(map(deletes, finding.remedy))


def ordered_only(estate: Estate) -> None:
    act(estate, "create", 9)


def deletion_failed(estate: Estate) -> None:
    act(estate, "delete", 3, "Error")


def deletion_undone(estate: Estate) -> None:
    act(estate, "delete", 9)
    act(estate, "restore", 3)


def request_kept(estate: Estate) -> None:
    estate.add(t.request_specs, instance_uuid=GHOST)


@pytest.mark.parametrize("write", [ordered_only, deletion_failed, deletion_undone, request_kept])
def test_fires_without_a_delete_where_nova_may_have_lost_the_row(
    audit: Auditor, estate: Estate, host: Compute, write: Callable[[Estate], None]
) -> None:
    estate.claim(GHOST, host.provider, CORE)
    write(estate)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "error"
    assert not any(map(deletes, finding.remedy))
    assert "look for the guest on right" in str(finding.withheld)


def test_fires_as_a_warning_where_nothing_proves_that_it_was_a_server(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    """A container of Zun, a script's hold and a purged server look the same."""
    estate.claim(GHOST, host.provider, CORE)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "warning"
    assert not any(map(deletes, finding.remedy))
    assert "nothing of nova says that it ever was a server" in finding.message
    assert "Zun" in str(finding.withheld)


def test_fires_for_memory_that_nobody_owns(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Whoever it was: nothing says that it may be deleted."""
    estate.claim(GHOST, host.provider, CORE, project=NOBODY)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "warning"
    assert not any(map(deletes, finding.remedy))


@pytest.mark.parametrize(
    ("held", "project", "kind"),
    [
        (CORE, "project-a", "CONTAINER"),
        (CORE, "project-of-zun", None),
        ({"CUSTOM_LICENCE": 1}, "project-a", None),
        ({"CUSTOM_LICENCE": 1}, NOBODY, None),
        (CORE, NOBODY, "CONTAINER"),
    ],
)
def test_fires_as_information_for_another_service(
    audit: Auditor, estate: Estate, host: Compute, held: dict[str, int], project: str, kind: str | None
) -> None:
    estate.claim(GHOST, host.provider, held, project=project, kind=kind)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "info"
    assert not any(map(deletes, finding.remedy))


def test_fires_as_a_warning_for_a_server_that_is_mapped_to_a_cell_without_it(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    """The database read may not be the cell's own."""
    server = estate.server("lost", host)
    estate.remove(t.instances, server.instance)
    (finding,) = audit(estate, "X11")
    assert finding.severity == "warning"
    assert f"nova-manage cell_v2 verify_instance --uuid {server.uuid}" in finding.remedy
    assert not any(map(deletes, finding.remedy))


def test_fires_for_each_root(audit: Auditor, estate: Estate, host: Compute) -> None:
    """What is held on the pool alone is no less nova's."""
    pool = estate.shared("pool", 100_000, host.provider)
    estate.claim(GHOST, host.provider, {"VCPU": 2})
    estate.claim(GHOST, pool, {"CUSTOM_TAPE": 1})
    queued(estate)
    findings = audit(estate, "X11")
    assert {finding.subject["provider_name"] for finding in findings} == {"right", "pool"}
    assert {finding.severity for finding in findings} == {"error"}


def test_in_flight_while_the_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(GHOST, host.provider, CORE, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X11").findings
    assert not finding.settled


def test_quiet_for_servers_live_and_deleted(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("gone", host, deleted=9, deleted_at=estate.ago(days=2))
    estate.server("buried", None, cell="cell0", vm_state="error")
    estate.claim(uuid_of("buried"), host.provider, CORE)
    assert audit(estate, "X11") == []


@pytest.mark.parametrize("status", ["running", "finished", "confirmed", "error"])
def test_quiet_for_a_migration(audit: Auditor, estate: Estate, host: Compute, status: str) -> None:
    row = estate.migration(estate.server("moved", host), "resize", status, host)
    estate.claim(row["uuid"], host.provider, CORE)
    assert audit(estate, "X11") == []


def test_quiet_for_a_build_request(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(GHOST, host.provider, CORE)
    estate.add(t.build_requests, instance_uuid=GHOST, created_at=estate.ago(minutes=20))
    assert audit(estate, "X11") == []


def test_quiet_for_a_build_that_is_mapped_to_no_cell_yet(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(estate.building("soon", at=estate.ago(minutes=20)), host.provider, CORE)
    assert audit(estate, "X11") == []


def test_in_flight_right_after_the_mapping_changed(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(GHOST, host.provider, CORE)
    estate.add(t.instance_mappings, instance_uuid=GHOST, cell_id=None, updated_at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "X11").findings
    assert not finding.settled


def test_a_mapping_without_its_server_is_the_same_finding(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(GHOST, host.provider, CORE)
    queued(estate)
    (finding,) = audit(estate, "X11", "N02b")
    assert (finding.code, dict(finding.also)) == ("X11", {"N02b": 1})


def test_quiet_for_what_is_archived(audit: Auditor, estate: Estate, host: Compute) -> None:
    for name, table in (("server", t.shadow_instances), ("migration", t.shadow_migrations)):
        estate.claim(uuid_of(name), host.provider, CORE)
        estate.add(table, cell="cell1", uuid=uuid_of(name), deleted_at=estate.ago(days=9))
    assert audit(estate, "X11") == []


def test_quiet_in_another_case(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("shouting", host, holds=False)
    estate.claim(server.uuid.upper(), host.provider, CORE)
    assert audit(estate, "X11") == []
