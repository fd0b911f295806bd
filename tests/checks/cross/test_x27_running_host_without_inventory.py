import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def empty(estate: Estate) -> Compute:
    """Runs, and offers nothing."""
    estate.compute("neighbour")
    host = estate.compute("host")
    rows = estate.rows[t.inventories]
    estate.rows[t.inventories] = [row for row in rows if row["resource_provider_id"] != host.provider["id"]]
    return host


def test_fires_for_a_running_host(audit: Auditor, estate: Estate, empty: Compute) -> None:
    (finding,) = audit(estate, "X27")
    assert (finding.subject["host"], finding.subject["provider"]) == ("host", empty.uuid)
    assert finding.severity == "error"


def test_fires_as_a_warning_for_a_disabled_host(audit: Auditor, estate: Estate, empty: Compute) -> None:
    empty.service["disabled"] = 1
    (finding,) = audit(estate, "X27")
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("status", "back", "coming", "advised"),
    [
        ("done", True, None, False),
        ("pre-migrating", True, None, False),
        ("done", False, "running", False),
        # nova's host may be wrong: the last that is known of the guest is that it came back
        ("done", False, "completed", False),
        ("done", False, "failed", True),
        ("done", False, None, True),
        ("completed", True, None, True),
    ],
)
def test_advises_no_restart_that_would_remove_a_server(
    audit: Auditor, estate: Estate, empty: Compute, status: str, back: bool, coming: str | None, advised: bool
) -> None:
    neighbour = estate.compute("another")
    server = estate.server("evacuee", empty if back else neighbour)
    estate.migration(server, "evacuation", status, empty, neighbour)
    if coming:
        estate.migration(server, "live-migration", coming, neighbour, empty)
    (finding,) = audit(estate, "X27")
    assert ("remove the guest of server" in (finding.withheld or "")) is not advised or coming == "running"
    assert any(line.startswith("systemctl restart nova-compute") for line in finding.remedy) is advised


def test_fires_for_a_host_that_was_put_below_another_provider(audit: Auditor, estate: Estate, empty: Compute) -> None:
    rack = estate.provider("rack")
    estate.inventory(empty.provider, "VCPU", 8)
    empty.provider.update(root_provider_id=rack["id"], parent_provider_id=rack["id"])
    (finding,) = audit(estate, "X27")
    assert finding.message.endswith("stands below another one, rack, and counts as a part of that")
    assert not any("restart" in line for line in finding.remedy)
    assert finding.withheld


def test_fires_alone(audit: Auditor, estate: Estate, empty: Compute) -> None:
    assert [finding.code for finding in audit(estate, "X16", "X17", "X18", "X27")] == ["X27"]


@pytest.mark.parametrize("what", ["provider", "node"])
def test_in_flight_while_it_is_new(audit: Auditor, estate: Estate, empty: Compute, what: str) -> None:
    (empty.provider if what == "provider" else empty.node)["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X27").findings
    assert not finding.settled


@pytest.mark.parametrize("state", ["down", "forced down", "starting", "deleted", "bare metal"])
def test_quiet_where_nova_could_not_have_set_it(audit: Auditor, estate: Estate, empty: Compute, state: str) -> None:
    empty.service.update(
        {
            "down": {"last_seen_up": estate.ago(minutes=5), "updated_at": estate.ago(minutes=5)},
            "forced down": {"forced_down": 1},
            "starting": {"last_seen_up": estate.ago(seconds=50), "updated_at": estate.ago(seconds=10)},
            "deleted": {"deleted": 1, "deleted_at": estate.ago(days=1)},
            "bare metal": {},
        }[state]
    )
    if state == "bare metal":
        empty.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X27") == []


def test_quiet_for_what_a_child_has(audit: Auditor, estate: Estate, empty: Compute) -> None:
    estate.inventory(estate.provider("host_NUMA0", parent=empty.provider), "VCPU", 8)
    assert audit(estate, "X27") == []


def test_quiet_without_a_provider(audit: Auditor, estate: Estate, empty: Compute) -> None:
    empty.node["uuid"] = "00000000-1111-4222-8333-444444444444"
    assert audit(estate, "X27") == []


@pytest.mark.parametrize(("patience", "count"), [(20, 0), (50, 1), (60, 1), (600, 1)])
def test_quiet_where_nova_has_less_patience(
    audit: Auditor, estate: Estate, empty: Compute, patience: int, count: int
) -> None:
    empty.service.update(last_seen_up=estate.ago(seconds=30), updated_at=estate.ago(seconds=30))
    audit.settings = {"service_down_time": patience}
    assert len(audit(estate, "X27")) == count


def test_quiet_for_a_host_that_is_up_in_novas_eyes_alone(audit: Auditor, estate: Estate, empty: Compute) -> None:
    empty.service.update(last_seen_up=estate.ago(minutes=5), updated_at=estate.ago(minutes=5))
    audit.settings = {"service_down_time": 600}
    assert audit(estate, "X27") == []
