import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.finding import Finding
from tests.support import Auditor

EVERYTHING = ("N03", "N04", "N05", "N06", "N07", "N13", "N23", "X01", "X02", "X03", "X04", "X05", "X06", "X08", "X09")


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def old(estate: Estate) -> Compute:
    """A host with two servers, set up long ago."""
    estate.server("neighbour", estate.compute("neighbour"))
    host = estate.compute("left", at=estate.ago(days=90))
    for name in ("web", "db"):
        estate.server(name, host, at=estate.ago(days=80))
    return host


def die(estate: Estate, host: Compute, days: float = 5) -> None:
    host.service.update(last_seen_up=estate.ago(days=days), updated_at=estate.ago(days=days))


def gone(estate: Estate, host: Compute, days: float = 5) -> None:
    host.node.update(deleted=3, deleted_at=estate.ago(days=days))


def one(audit: Auditor, estate: Estate) -> Finding:
    """All of it is one finding."""
    findings = audit(estate, *EVERYTHING)
    assert [finding.code for finding in findings] == ["N23"], [finding.message for finding in findings]
    return findings[0]


def test_fires_for_a_host_that_got_its_full_name(audit: Auditor, estate: Estate, old: Compute) -> None:
    die(estate, old)
    new = estate.compute("left.example.org", at=estate.ago(days=4))
    estate.remove(t.host_mappings, new.mapping)
    finding = one(audit, estate)
    assert (finding.subject["host"], finding.evidence["new_host"]) == ("left", "left.example.org")
    assert (finding.evidence["servers"], finding.severity) == (2, "error")
    assert "left.example.org looks like the same machine" in finding.message
    assert "nova-compute of left: down, of left.example.org: up" in finding.message
    assert finding.also == {"N03": 1}
    assert finding.withheld
    assert "former name back" in finding.withheld


def test_fires_for_a_host_that_lost_its_full_name(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left.example.org", at=estate.ago(days=90))
    estate.server("web", host, at=estate.ago(days=80))
    die(estate, host)
    estate.compute("left", at=estate.ago(days=4))
    assert one(audit, estate).evidence["new_host"] == "left"


def test_fires_for_another_host_option(audit: Auditor, estate: Estate, old: Compute) -> None:
    """Before nova 27 another host makes another compute node of the same name."""
    die(estate, old)
    new = estate.compute("anything", node="left", at=estate.ago(days=4))
    new.node["uuid"] = uuid_of("second")
    estate.remove(t.resource_providers, new.provider)
    finding = one(audit, estate)
    assert "anything has a compute node of that name now" in finding.message
    assert set(finding.also) == {"N05", "X01", "X02"}


def test_fires_for_a_node_that_got_another_name(audit: Auditor, estate: Estate, old: Compute) -> None:
    """Before nova 27 the former one is deleted as an orphan, with what its servers hold."""
    gone(estate, old)
    node = estate.compute_node("left", "left.example.org", at=estate.ago(days=5))
    estate.provider("left.example.org", uuid=node["uuid"])
    finding = one(audit, estate)
    assert "is called left.example.org now" in finding.message
    assert set(finding.also) == {"N06", "X04"}
    assert not any("provider delete" in line or "restart" in line for line in finding.remedy)


def test_fires_for_a_node_that_was_renamed_in_place(audit: Auditor, estate: Estate, old: Compute) -> None:
    old.node["hypervisor_hostname"] = "left.example.org"
    finding = one(audit, estate)
    assert set(finding.also) == {"N06", "X05"}


def test_fires_for_a_node_under_another_host(audit: Auditor, estate: Estate, old: Compute) -> None:
    estate.nova_aggregate("zone", old)
    old.node["host"] = "left.example.org"
    old.service["host"] = old.mapping["host"] = "left.example.org"
    finding = one(audit, estate)
    assert "is now the one of left.example.org" in finding.message
    assert set(finding.also) == {"N06", "N13"}


def test_fires_for_a_host_that_was_set_without_its_node(audit: Auditor, estate: Estate, old: Compute) -> None:
    right = estate.compute("right")
    for row in estate.rows[t.instances]:
        if row["host"] == old.name:
            row["host"] = right.name
    finding = one(audit, estate)
    assert (finding.subject["host"], finding.subject["node"]) == ("right", "left")
    assert "the compute node of that host is right, and left is that of left" in finding.message
    assert finding.withheld
    assert "do not belong together" in finding.withheld


@pytest.mark.parametrize("version", [61, 66, 74])
def test_fires_for_a_compute_node_that_was_deleted(audit: Auditor, estate: Estate, old: Compute, version: int) -> None:
    gone(estate, old)
    old.service["version"] = version
    finding = one(audit, estate)
    assert set(finding.also) == {"N04", "N06", "X04"}
    # since nova 27 a start takes the deletion back
    assert finding.remedy[-1].startswith("systemctl restart nova-compute  # on left") is (version >= 65)
    assert (finding.withheld is None) is (version >= 65)


def test_no_restart_while_something_is_open_there(audit: Auditor, estate: Estate, old: Compute) -> None:
    gone(estate, old)
    estate.server("busy", old, task_state="rebuilding")
    finding = one(audit, estate)
    assert not any("restart" in line for line in finding.remedy)
    assert finding.withheld
    assert "whose task is rebuilding" in finding.withheld


def test_fires_for_a_host_that_was_deleted_under_its_servers(audit: Auditor, estate: Estate, old: Compute) -> None:
    gone(estate, old)
    old.service.update(deleted=3, deleted_at=estate.ago(days=5))
    estate.remove(t.host_mappings, old.mapping)
    finding = one(audit, estate)
    assert "nova-compute of left: deleted" in finding.message
    assert not any("restart" in line for line in finding.remedy)
    assert finding.withheld


def test_fires_for_a_service_that_was_deleted_and_registered_anew(audit: Auditor, estate: Estate, old: Compute) -> None:
    gone(estate, old)
    estate.compute_node("left", "left", uuid=uuid_of("second"), at=estate.ago(days=4))
    finding = one(audit, estate)
    assert "made anew under another uuid" in finding.message
    assert set(finding.also) >= {"N07", "X02", "X04"}
    assert not any("provider delete" in line for line in finding.remedy)


def test_fires_for_bare_metal_whose_service_died(audit: Auditor, estate: Estate) -> None:
    first = estate.compute("ironic-01", node="metal-a", hypervisor_type="ironic")
    second = estate.compute("ironic-02", node="metal-b", hypervisor_type="ironic")
    estate.server("web", first, holds=False)
    first.node["host"] = second.name
    die(estate, first)
    finding = one(audit, estate)
    assert (finding.subject["host"], finding.evidence["new_host"]) == ("ironic-01", "ironic-02")
    assert "while ironic-02 has their bare metal node" in finding.message


@pytest.mark.parametrize("what", ["new host", "old host", "deleted node", "bare metal"])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, old: Compute, what: str) -> None:
    minutes = 2 / 24 / 60
    if what == "new host":
        die(estate, old)
        estate.compute("left.example.org", at=estate.ago(minutes=2))
    elif what == "old host":
        die(estate, old, minutes)
        estate.compute("left.example.org", at=estate.ago(minutes=1))
    elif what == "deleted node":
        gone(estate, old, minutes)
    else:
        metal = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
        estate.server("metal", metal, holds=False)
        metal.node["host"] = "neighbour"
        die(estate, metal, minutes)
    (finding,) = audit.report(estate, "N23").findings
    assert not finding.settled


def test_quiet_for_a_host_that_is_down(audit: Auditor, estate: Estate, old: Compute) -> None:
    die(estate, old)
    estate.compute("left2", at=estate.ago(days=2))
    assert audit(estate, "N23") == []


def test_quiet_for_a_host_that_was_replaced_without_servers(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("left", at=estate.ago(days=90))
    die(estate, host)
    estate.compute("left.example.org", at=estate.ago(days=4))
    other = estate.compute("right", at=estate.ago(days=90))
    gone(estate, other)
    assert audit(estate, "N23") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("left.east.example.org", "left.west.example.org"), ("left", "left-2"), ("left", "leftover.org")],
)
def test_quiet_for_hosts_whose_names_begin_alike(audit: Auditor, estate: Estate, first: str, second: str) -> None:
    host = estate.compute(first, at=estate.ago(days=90))
    estate.server("web", host, at=estate.ago(days=80))
    die(estate, host)
    estate.compute(second, at=estate.ago(days=4))
    assert audit(estate, "N23") == []


@pytest.mark.parametrize("dead", [True, False])
def test_quiet_for_hosts_that_ran_side_by_side(audit: Auditor, estate: Estate, old: Compute, dead: bool) -> None:
    estate.compute("left.example.org", at=estate.ago(days=50))
    if dead:
        die(estate, old)
    assert audit(estate, "N23") == []


def test_quiet_for_the_same_name_in_another_cell(audit: Auditor) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    host = estate.compute("left", at=estate.ago(days=90))
    estate.server("web", host)
    die(estate, host)
    estate.compute("left.example.org", cell="cell2", at=estate.ago(days=4))
    assert audit(estate, "N23") == []


def test_quiet_for_bare_metal_that_was_rebalanced(audit: Auditor, estate: Estate) -> None:
    first = estate.compute("ironic-01", node="metal-a", hypervisor_type="ironic")
    second = estate.compute("ironic-02", node="metal-b", hypervisor_type="ironic")
    estate.server("web", first, holds=False)
    first.node["host"] = second.name
    assert audit(estate, "N23") == []


def test_quiet_for_bare_metal_of_a_service_that_is_merely_down(audit: Auditor, estate: Estate) -> None:
    first = estate.compute("ironic-01", node="metal-a", hypervisor_type="ironic")
    estate.server("web", first, holds=False)
    die(estate, first)
    assert audit(estate, "N23") == []


@pytest.mark.parametrize("state", [{"task_state": "migrating"}, {"deleted": 4}, {"hidden": 1}, {"host": None}])
def test_quiet_for_servers_that_do_not_count(audit: Auditor, estate: Estate, state: dict[str, object]) -> None:
    host = estate.compute("left")
    estate.server("web", host).instance.update(state)
    gone(estate, host)
    assert audit(estate, "N23") == []
