from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate(cells=("cell0", "cell1", "cell2"))


@pytest.fixture
def host(estate: Estate) -> Compute:
    estate.compute("neighbour", cell="cell2")
    return estate.compute("left")


def test_fires_for_a_host_without_a_mapping(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.remove(t.host_mappings, host.mapping)
    (finding,) = audit(estate, "N03")
    assert (finding.subject["host"], finding.subject["cell"], finding.severity) == ("left", "cell1", "error")
    discovers = f"nova-manage cell_v2 discover_hosts --cell_uuid {uuid_of('cell cell1')} --by-service --verbose"
    assert finding.remedy[-1] == discovers


def test_fires_for_a_host_that_is_mapped_to_another_cell(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.mapping["cell_id"] = estate.cell_id("cell2")
    (finding,) = audit(estate, "N03")
    assert finding.severity == "error"
    assert finding.message.endswith("nova maps the host to cell2")
    assert not any("discover_hosts" in line or "delete_host" in line for line in finding.remedy)


@pytest.mark.parametrize("field", ["down", "disabled", "forced_down"])
def test_fires_for_information_where_no_server_would_go(
    audit: Auditor, estate: Estate, host: Compute, field: str
) -> None:
    estate.remove(t.host_mappings, host.mapping)
    host.service.update({"last_seen_up": estate.ago(hours=1)} if field == "down" else {field: 1})
    (finding,) = audit(estate, "N03")
    assert finding.severity == "info"


def test_fires_for_information_where_it_was_never_seen_up(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.remove(t.host_mappings, host.mapping)
    host.service["last_seen_up"] = None
    (finding,) = audit(estate, "N03")
    assert finding.severity == "info"


def test_fires_for_a_mapping_without_a_service(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.host_mapping("sold", "cell1")
    (finding,) = audit(estate, "N03")
    assert (finding.subject["host"], finding.severity) == ("sold", "info")
    assert finding.remedy[-2:] == (
        f"nova-manage cell_v2 delete_host --cell_uuid {uuid_of('cell cell1')} --host sold",
        "# then restart nova-scheduler or send it SIGHUP: it remembers the cell of sold",
    )


def test_fires_without_a_deletion_where_servers_are_left(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("web", host)
    host.service["deleted"] = 3
    host.node["deleted"] = 3
    (finding,) = audit(estate, "N03")
    assert not any("delete_host" in line for line in finding.remedy)


@pytest.mark.parametrize("table", ["service", "mapping", "deleted"])
def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, host: Compute, table: str) -> None:
    now = estate.ago(minutes=2)
    if table == "service":
        host.service["created_at"] = now
        estate.remove(t.host_mappings, host.mapping)
    elif table == "mapping":
        estate.host_mapping("next", "cell1", at=now)
    else:
        host.service.update(deleted=3, deleted_at=now)
    (finding,) = audit.report(estate, "N03").findings
    assert not finding.settled


def test_quiet_for_hosts_in_their_cells(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.mapping["host"] = "LEFT"
    estate.service("controller", "nova-conductor")
    estate.service("controller", "nova-scheduler", cell="cell0")
    assert audit(estate, "N03") == []


def test_quiet_for_a_service_without_a_node(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.service("starting")
    assert audit(estate, "N03") == []


def test_fires_for_bare_metal(audit: Auditor, estate: Estate) -> None:
    """Each build on one of its nodes is buried in cell0."""
    host = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.remove(t.host_mappings, host.mapping)
    (finding,) = audit(estate, "N03")
    assert finding.severity == "error"


def test_quiet_for_bare_metal_without_nodes(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("ironic-01", node="metal", hypervisor_type="ironic")
    estate.service("ironic-02")
    host.node["host"] = "ironic-01"
    assert audit(estate, "N03") == []


@pytest.mark.parametrize("why", ["hidden", "migration", "recent node", "node", "provider", "empty cell"])
def test_offers_no_deletion_where_the_host_may_be_in_use(
    audit: Auditor, estate: Estate, host: Compute, why: str
) -> None:
    sold = estate.compute("sold", at=estate.ago(days=90))
    sold.service.update(deleted=3, deleted_at=estate.ago(days=40))
    sold.node.update(deleted=3, deleted_at=estate.ago(days=40))
    estate.remove(t.resource_providers, sold.provider)
    web = estate.server("web", host)
    if why == "hidden":
        web.instance.update(host="sold", node="sold", hidden=1)
    elif why == "migration":
        estate.migration(web, "resize", "finished", sold, host)
    elif why == "recent node":
        sold.node["deleted_at"] = estate.ago(days=2)
    elif why == "node":
        sold.node.update(deleted=0, deleted_at=None)
    elif why == "provider":
        estate.claim(uuid_of("unknown"), estate.provider("sold"), {"VCPU": 1})
    else:
        host.service["cell"] = "cell2"
    findings = [finding for finding in audit(estate, "N03") if finding.subject["host"] == "sold"]
    assert [any("delete_host" in line for line in finding.remedy) for finding in findings] == [False]
    assert findings[0].withheld


def test_quiet_for_a_service_that_was_deleted_with_its_mapping(audit: Auditor, estate: Estate, host: Compute) -> None:
    host.service["deleted"] = 3
    estate.remove(t.host_mappings, host.mapping)
    assert audit(estate, "N03") == []


def test_quiet_while_a_cell_cannot_be_read(tmp_path: Path, estate: Estate, host: Compute) -> None:
    estate.host_mapping("elsewhere", "cell2")
    auditor = Auditor(lambda cloud: sqlite_urls(tmp_path, cloud.cells), tmp_path, unreadable="cell2")
    assert auditor.report(estate, "N03").findings == []


def test_in_flight_for_a_node_that_just_came(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Only then can its host be discovered."""
    estate.remove(t.host_mappings, host.mapping)
    host.node["created_at"] = estate.ago(minutes=1)
    assert [finding.settled for finding in audit.report(estate, "N03").findings] == [False]
