from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor, sqlite_urls

TRAIT = "COMPUTE_STATUS_DISABLED"


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour")
    return estate.compute("host")


@pytest.fixture
def stuck(estate: Estate, host: Compute) -> Compute:
    """Enabled, and its provider is marked as disabled."""
    estate.trait(host.provider, TRAIT)
    return host


def down(estate: Estate, host: Compute) -> None:
    host.service.update(last_seen_up=estate.ago(minutes=5), updated_at=estate.ago(minutes=5))


def test_fires_for_a_stuck_trait(audit: Auditor, estate: Estate, stuck: Compute) -> None:
    (finding,) = audit(estate, "X19")
    assert (finding.subject["host"], finding.subject["cell"]) == ("host", "cell1")
    assert (finding.subject["provider"], finding.subject["trait"]) == (stuck.uuid, TRAIT)
    assert finding.message == f"nova-compute on host is enabled, and its provider host bears {TRAIT}"
    assert finding.severity == "error"
    assert finding.remedy[0] == "openstack compute service list --long --service nova-compute --host host"
    assert finding.remedy[-1].startswith("systemctl restart nova-compute")


def test_fires_as_a_warning_for_a_missing_trait(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["disabled"] = 1
    (finding,) = audit(estate, "X19")
    assert finding.message == f"nova-compute on host is disabled, and its provider host does not bear {TRAIT}"
    assert finding.severity == "warning"


def test_fires_whatever_the_hosts_name_is_in_placement(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("short", node="short.example.com")
    estate.trait(host.provider, TRAIT)
    (finding,) = audit(estate, "X19")
    assert (finding.subject["host"], finding.subject["node"]) == ("short", "short.example.com")


def test_fires_although_the_api_disabled_the_twin_in_another_cell(
    audit: Auditor, estate: Estate, stuck: Compute
) -> None:
    estate.service("host", cell="cell2", disabled=1)
    assert [finding.severity for finding in audit(estate, "X19")] == ["error"]


@pytest.mark.parametrize("state", ["down", "forced down", "bare metal"])
def test_fires_for_information_where_it_may_be_right(
    audit: Auditor, estate: Estate, stuck: Compute, state: str
) -> None:
    if state == "down":
        down(estate, stuck)
    elif state == "forced down":
        stuck.service["forced_down"] = 1
    else:
        stuck.node["hypervisor_type"] = "ironic"
    (finding,) = audit(estate, "X19")
    assert finding.severity == "info"
    assert ("restart" in finding.remedy[-1]) == (state == "bare metal")


@pytest.mark.parametrize("disabled", [0, 1])
def test_in_flight_right_after_it_was_enabled_or_disabled(
    audit: Auditor, estate: Estate, host: Compute, disabled: int
) -> None:
    """The API writes the service first; nova-compute has not shown a sign of life since."""
    if not disabled:
        estate.trait(host.provider, TRAIT)
    host.service.update(disabled=disabled, last_seen_up=estate.ago(seconds=9), updated_at=estate.ago(seconds=2))
    (finding,) = audit.report(estate, "X19").findings
    assert not finding.settled


def test_in_flight_while_the_trait_is_young(audit: Auditor, estate: Estate, stuck: Compute) -> None:
    """Enabled again a moment after it was disabled."""
    stuck.provider["created_at"] = estate.ago(days=9)
    for row in estate.rows[t.resource_provider_traits]:
        if row["resource_provider_id"] == stuck.provider["id"]:
            row["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X19").findings
    assert not finding.settled


def test_in_flight_while_the_host_is_new(audit: Auditor, estate: Estate) -> None:
    estate.compute("new", at=estate.ago(seconds=30)).service["disabled"] = 1
    (finding,) = audit.report(estate, "X19").findings
    assert not finding.settled


@pytest.mark.parametrize("disabled", [0, 1])
def test_quiet_when_they_agree(audit: Auditor, estate: Estate, host: Compute, disabled: int) -> None:
    host.service["disabled"] = disabled
    if disabled:
        estate.trait(host.provider, TRAIT)
    assert audit(estate, "X19") == []


@pytest.mark.parametrize("state", ["down", "forced down", "bare metal"])
def test_quiet_for_a_missing_trait_that_comes_later(audit: Auditor, estate: Estate, host: Compute, state: str) -> None:
    host.service["disabled"] = 1
    if state == "down":
        down(estate, host)
    elif state == "forced down":
        host.service["forced_down"] = 1
    else:
        host.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X19") == []


def test_quiet_for_a_host_that_is_forced_down_alone(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["forced_down"] = 1
    assert audit(estate, "X19") == []


@pytest.mark.parametrize("version", [35, 37, 39])
def test_quiet_before_train(audit: Auditor, estate: Estate, stuck: Compute, version: int) -> None:
    stuck.service["version"] = version
    assert audit(estate, "X19") == []


def test_quiet_for_two_services_of_one_name(tmp_path: Path, estate: Estate, stuck: Compute) -> None:
    """Which only a database that tells upper from lower case lets in."""
    audit = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path)
    estate.service("HOST", disabled=1)
    assert audit(estate, "X19") == []


def test_quiet_for_a_service_or_node_that_is_deleted(audit: Auditor, estate: Estate, stuck: Compute) -> None:
    gone = estate.compute("gone")
    estate.trait(gone.provider, TRAIT)
    gone.node.update(deleted=1, deleted_at=estate.ago(days=1))
    stuck.service.update(deleted=1, deleted_at=estate.ago(days=1))
    assert audit(estate, "X19") == []


def test_quiet_for_the_trait_on_a_child(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.trait(estate.provider("host_pci", parent=host.provider), TRAIT)
    assert audit(estate, "X19") == []


def test_quiet_for_other_services_of_the_host(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("host", "nova-conductor", disabled=1)
    assert audit(estate, "X19") == []
