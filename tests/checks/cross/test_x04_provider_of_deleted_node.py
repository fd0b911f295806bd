import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.finding import Finding
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def gone(estate: Estate) -> Compute:
    """A host whose service was deleted two days ago; its provider stayed."""
    host = estate.compute("gone")
    host.node["deleted"], host.node["deleted_at"] = 7, estate.ago(days=2)
    host.service.update(deleted=7, deleted_at=estate.ago(days=2))
    return host


def deletes(finding: Finding) -> list[str]:
    return [line for line in finding.remedy if "provider delete" in line]


def test_fires_for_an_empty_provider(audit: Auditor, estate: Estate, gone: Compute) -> None:
    estate.compute("right")
    (finding,) = audit(estate, "X04")
    assert finding.subject["provider"] == gone.uuid
    assert (finding.subject["cell"], finding.subject["host"], finding.subject["node"]) == ("cell1", "gone", "gone")
    assert finding.evidence["consumers"] == 0
    assert finding.severity == "warning"
    assert finding.newest_change == finding.evidence["deleted_at"] == gone.node["deleted_at"]
    assert deletes(finding) == [f"openstack resource provider delete {gone.uuid}"]
    assert not [line for line in finding.remedy if "in-tree" in line or "nova-manage" in line]


def test_fires_harder_when_something_is_held_there(audit: Auditor, estate: Estate, gone: Compute) -> None:
    gpu = estate.provider("gone_gpu", parent=gone.provider)
    estate.claim(uuid_of("web"), gone.provider, {"VCPU": 2, "MEMORY_MB": 512})
    estate.claim(uuid_of("db"), gpu, {"VGPU": 1})
    (finding,) = audit(estate, "X04")
    assert (finding.evidence["consumers"], finding.evidence["children"]) == (2, 1)
    assert finding.evidence["evacuated"] == 0
    assert finding.severity == "error"
    assert deletes(finding) == []
    # nova calls every consumer of such a provider orphaned
    assert not [line for line in finding.remedy if "placement audit" in line]
    assert finding.withheld
    assert "0 as live servers of that host, 0 as live servers elsewhere, 0 as deleted servers" in finding.withheld
    assert "0 as migrations and 2 not at all" in finding.withheld


def test_counts_what_evacuations_left_behind(audit: Auditor, estate: Estate, gone: Compute) -> None:
    """Before nova 25 deleting the service leaves them, and nobody cleans them later."""
    right = estate.compute("right")
    moved, kept_away, stuck = (estate.server(name, right) for name in ("moved", "kept-away", "stuck"))
    for server in (moved, kept_away, stuck):
        estate.claim(server.uuid, gone.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    for server in (moved, moved, kept_away):
        estate.migration(server, "evacuation", "done", gone, right)
    estate.migration(stuck, "evacuation", "error", gone, right)
    (finding,) = audit(estate, "X04")
    assert (finding.evidence["consumers"], finding.evidence["evacuated"]) == (3, 2)
    assert "3 consumers, 2 of them evacuated servers" in finding.message
    assert finding.impact == "H"
    assert finding.withheld
    assert "3 as live servers elsewhere" in finding.withheld


def test_tells_who_holds_something(audit: Auditor, estate: Estate, gone: Compute) -> None:
    right = estate.compute("right")
    estate.server("here", gone)
    for server in (estate.server("moved", right), estate.server("dead", right, deleted=4)):
        estate.claim(server.uuid, gone.provider, {"VCPU": 2})
    move = estate.migration(estate.server("resized", right), "resize", "finished", gone, right)
    estate.claim(move["uuid"], gone.provider, {"VCPU": 2})
    (finding,) = audit(estate, "X04")
    counted = ("servers_here", "servers_elsewhere", "deleted_servers", "migrations", "unknown")
    assert [finding.evidence[name] for name in counted] == [1, 1, 1, 1, 0]
    assert finding.remedy[-1].startswith("openstack server show ")
    assert deletes(finding) == []


@pytest.mark.parametrize("why", ["service", "server", "pool below"])
def test_no_delete_while_the_host_may_come_back(audit: Auditor, estate: Estate, gone: Compute, why: str) -> None:
    if why == "service":
        gone.service.update(deleted=0, deleted_at=None, last_seen_up=estate.ago(days=3))
    elif why == "server":
        estate.server("unaccounted", gone, holds=False)
    else:
        estate.trait(estate.provider("gone_pool", parent=gone.provider), t.SHARING_TRAIT)
    (finding,) = audit(estate, "X04")
    assert deletes(finding) == []
    assert finding.withheld


def test_children_go_before_their_parent(audit: Auditor, estate: Estate, gone: Compute) -> None:
    estate.provider("gone_gpu", parent=gone.provider)
    (finding,) = audit(estate, "X04")
    assert "--in-tree" in finding.remedy[1]
    assert "deepest first" in finding.remedy[2]
    assert finding.remedy[3:] == tuple(deletes(finding))


def test_in_flight_while_the_deletion_is_young(audit: Auditor, estate: Estate, gone: Compute) -> None:
    gone.node["deleted_at"] = estate.ago(minutes=1)
    (finding,) = audit.report(estate, "X04").findings
    assert not finding.settled


def test_fires_once_for_a_node_that_two_cells_have_deleted(audit: Auditor, estate: Estate, gone: Compute) -> None:
    estate.compute_node("gone", "gone", cell="cell2", uuid=gone.uuid, deleted_at=estate.ago(days=9))
    (finding,) = audit(estate, "X04")
    assert finding.newest_change == gone.node["deleted_at"]


@pytest.mark.usefixtures("gone")
def test_quiet_while_a_cell_is_unreadable(audit: Auditor, estate: Estate) -> None:
    audit.unreadable = "cell2"
    report = audit.report(estate, "X04")
    assert report.findings == []
    assert [result.status for result in report.results] == ["skipped"]


def test_quiet_when_the_node_lives_on_in_another_cell(audit: Auditor, estate: Estate, gone: Compute) -> None:
    estate.compute_node("gone", "gone", cell="cell2", uuid=gone.uuid)
    assert audit(estate, "X04") == []


def test_quiet_when_the_service_came_back(audit: Auditor, estate: Estate, gone: Compute) -> None:
    """Nova revives the row in place."""
    gone.node["deleted"], gone.node["deleted_at"] = 0, None
    assert audit(estate, "X04") == []


def test_quiet_when_the_provider_went_with_the_node(audit: Auditor, estate: Estate) -> None:
    estate.compute_node("gone", "gone", deleted_at=estate.ago(days=2))
    assert audit(estate, "X04") == []


def test_quiet_for_a_sharing_provider(audit: Auditor, estate: Estate) -> None:
    pool = estate.shared("nfs", 1000, estate.compute("left").provider)
    estate.compute_node("nfs", "nfs", uuid=pool["uuid"], deleted_at=estate.ago(days=2))
    assert audit(estate, "X04") == []
