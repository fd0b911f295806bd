import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
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


@pytest.mark.parametrize("kind", [None, "INSTANCE", "MIGRATION"])
def test_fires_for_a_consumer_that_nova_does_not_know(
    audit: Auditor, estate: Estate, host: Compute, kind: str | None
) -> None:
    estate.claim(GHOST, host.provider, CORE, kind=kind)
    (finding,) = audit(estate, "X11")
    assert finding.subject["consumer"] == GHOST
    assert (finding.subject["provider"], finding.subject["project"]) == (host.uuid, "project-a")
    assert finding.evidence["held"] == "VCPU 2, MEMORY_MB 4096"
    assert finding.severity == "error"
    assert finding.remedy[-1] == f"openstack resource provider allocation delete {GHOST}"


def test_fires_when_the_owner_of_the_project_has_deleted_all_its_servers(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    estate.server("old", host, holds=False, project="project-b", deleted=3, deleted_at=estate.ago(days=3))
    estate.claim(GHOST, host.provider, CORE, project="project-b")
    (finding,) = audit(estate, "X11")
    assert finding.severity == "error"


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


def test_quiet_for_a_server_that_is_mapped_to_no_cell_yet(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(GHOST, host.provider, CORE)
    estate.add(t.instance_mappings, instance_uuid=GHOST, cell_id=None)
    assert audit(estate, "X11") == []


def test_quiet_for_what_is_archived(audit: Auditor, estate: Estate, host: Compute) -> None:
    for name, table in (("server", t.shadow_instances), ("migration", t.shadow_migrations)):
        estate.claim(uuid_of(name), host.provider, CORE)
        estate.add(table, cell="cell1", uuid=uuid_of(name), deleted_at=estate.ago(days=9))
    assert audit(estate, "X11") == []


def test_quiet_in_another_case(audit: Auditor, estate: Estate, host: Compute) -> None:
    server = estate.server("shouting", host, holds=False)
    estate.claim(server.uuid.upper(), host.provider, CORE)
    assert audit(estate, "X11") == []
