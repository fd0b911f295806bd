import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour")
    return estate.compute("host")


def drop(estate: Estate, host: Compute, *names: str) -> None:
    wanted = {row["id"] for row in estate.rows[t.traits] if row["name"] in names}
    for row in list(estate.rows[t.resource_provider_traits]):
        if row["resource_provider_id"] == host.provider["id"] and row["trait_id"] in wanted:
            estate.remove(t.resource_provider_traits, row)


def test_fires_once_for_all_hosts_that_lack_it(audit: Auditor, estate: Estate, host: Compute) -> None:
    for number in range(7):
        drop(estate, estate.compute(f"node-{number}"), "OWNER_NOVA")
    (finding,) = audit(estate, "X20")
    assert finding.subject == {"trait": "OWNER_NOVA"}
    assert finding.evidence["hosts"] == 7
    assert finding.evidence["sample"] == "node-0, node-1, node-2, node-3, node-4 and 2 more"
    assert finding.severity == "error"


def test_fires_for_a_trait_that_no_provider_has(audit: Auditor, estate: Estate, host: Compute) -> None:
    for row in estate.rows[t.traits]:
        if row["name"] == "OWNER_NOVA":
            row["name"] = "CUSTOM_OTHER"
    (finding,) = audit(estate, "X20")
    assert finding.evidence["hosts"] == 2


@pytest.mark.parametrize("version", [51, 66, 74])
def test_fires_for_information_without_compute_node(
    audit: Auditor, estate: Estate, host: Compute, version: int
) -> None:
    drop(estate, host, "COMPUTE_NODE")
    host.service["version"] = version
    (finding,) = audit(estate, "X20")
    assert (finding.subject["trait"], finding.severity) == ("COMPUTE_NODE", "info")


def test_in_flight_while_the_host_is_new(audit: Auditor, estate: Estate, host: Compute) -> None:
    drop(estate, host, "OWNER_NOVA")
    host.provider["created_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X20").findings
    assert not finding.settled


@pytest.mark.parametrize("version", [40, 66, 72])
def test_quiet_while_any_compute_service_is_older(audit: Auditor, estate: Estate, host: Compute, version: int) -> None:
    drop(estate, host, "OWNER_NOVA")
    old = estate.compute("old", cell="cell2")
    old.service.update(version=version, last_seen_up=estate.ago(days=3), updated_at=estate.ago(days=3))
    assert audit(estate, "X20") == []


@pytest.mark.parametrize("state", ["down", "forced down", "starting", "deleted", "bare metal", "before Ussuri"])
def test_quiet_where_nova_could_not_have_set_it(audit: Auditor, estate: Estate, host: Compute, state: str) -> None:
    drop(estate, host, "OWNER_NOVA", "COMPUTE_NODE")
    host.service.update(
        {
            "down": {"last_seen_up": estate.ago(minutes=5), "updated_at": estate.ago(minutes=5)},
            "forced down": {"forced_down": 1},
            "starting": {"last_seen_up": estate.ago(seconds=50), "updated_at": estate.ago(seconds=10)},
            "deleted": {"deleted": 1, "deleted_at": estate.ago(days=1)},
            "bare metal": {},
            "before Ussuri": {"version": 40},
        }[state]
    )
    if state == "bare metal":
        host.node["hypervisor_type"] = "ironic"
    assert audit(estate, "X20") == []


def test_quiet_for_providers_that_are_no_hosts(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.provider("host_pci", parent=host.provider)
    estate.shared("nfs", 1000, host.provider)
    assert audit(estate, "X20") == []
