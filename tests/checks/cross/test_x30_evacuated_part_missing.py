import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def burnt(estate: Estate) -> Compute:
    return estate.compute("burnt", at=estate.ago(days=9))


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("host")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    return estate.server("web", host)


@pytest.fixture
def evacuation(estate: Estate, server: Server, burnt: Compute, host: Compute) -> Row:
    """From the burnt host, of which the server holds nothing any more."""
    return estate.migration(server, "evacuation", "done", burnt, host)


def test_fires_once_for_a_host(audit: Auditor, estate: Estate, burnt: Compute, host: Compute, evacuation: Row) -> None:
    for number in range(6):
        estate.migration(estate.server(f"more-{number}", host), "evacuation", "done", burnt, host)
    (finding,) = audit(estate, "X30")
    assert (finding.subject["provider"], finding.subject["provider_name"]) == (burnt.uuid, "burnt")
    assert finding.evidence["servers"] == 7
    assert finding.evidence["sample"].endswith(" and 2 more")
    assert finding.impact == "I"


def test_in_flight_while_it_is_young(audit: Auditor, estate: Estate, evacuation: Row) -> None:
    evacuation["updated_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X30").findings
    assert not finding.settled


def test_in_flight_while_the_old_host_cleans_up(
    audit: Auditor, estate: Estate, server: Server, evacuation: Row
) -> None:
    for row in estate.rows[t.allocations]:
        row["created_at"] = estate.ago(seconds=1)
    (finding,) = audit.report(estate, "X30").findings
    assert not finding.settled


def test_quiet_when_it_holds_its_old_host(
    audit: Auditor, estate: Estate, server: Server, burnt: Compute, evacuation: Row
) -> None:
    estate.claim(server.uuid, burnt.provider, estate.amounts(server.flavor))
    assert audit(estate, "X30") == []


@pytest.mark.parametrize("status", ["completed", "accepted", "failed", "error"])
def test_quiet_for_other_states(audit: Auditor, estate: Estate, evacuation: Row, status: str) -> None:
    evacuation["status"] = status
    assert audit(estate, "X30") == []


@pytest.mark.parametrize("kind", ["live-migration", "resize", "evacuation"])
def test_quiet_when_it_was_moved_since(
    audit: Auditor, estate: Estate, server: Server, host: Compute, evacuation: Row, kind: str
) -> None:
    estate.migration(server, kind, "completed", host, estate.compute("third"))
    assert audit(estate, "X30") == []


def test_quiet_when_it_is_elsewhere_now(audit: Auditor, estate: Estate, server: Server, evacuation: Row) -> None:
    server.instance.update(host="third", node="third")
    assert audit(estate, "X30") == []


@pytest.mark.parametrize("what", ["node", "provider", "made anew", "bare metal"])
def test_quiet_when_the_old_host_is_gone_or_another(
    audit: Auditor, estate: Estate, burnt: Compute, evacuation: Row, what: str
) -> None:
    if what == "node":
        burnt.node.update(deleted=1, deleted_at=estate.ago(hours=3))
    elif what == "provider":
        burnt.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    elif what == "made anew":
        burnt.provider["created_at"] = estate.ago(hours=3)
    else:
        burnt.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X30") == []


def test_quiet_for_a_server_that_holds_nothing(audit: Auditor, estate: Estate, burnt: Compute, host: Compute) -> None:
    estate.migration(estate.server("ghost", host, holds=False), "evacuation", "done", burnt, host)
    assert audit(estate, "X30") == []


@pytest.mark.parametrize("fields", [{"deleted": 5}, {"hidden": 1}, {"vm_state": "shelved_offloaded"}])
def test_quiet_for_a_server_that_is_not_there(
    audit: Auditor, estate: Estate, server: Server, evacuation: Row, fields: dict[str, object]
) -> None:
    server.instance.update(fields)
    assert audit(estate, "X30") == []


def test_quiet_for_a_server_that_two_cells_show(
    audit: Auditor, estate: Estate, server: Server, evacuation: Row
) -> None:
    estate.add(t.instances, **{**server.instance, "cell": "cell2"})
    assert audit(estate, "X30") == []
