import json

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def server(estate: Estate, host: Compute) -> Server:
    """A resize failed, and its request kept the new flavor."""
    server = estate.server("web", host)
    estate.request_spec(estate.server("neighbour", host))
    big = estate.flavor("m1.big", 8, 16384, 80)
    estate.request_spec(server, flavor=resized_to(estate, big))
    return server


def resized_to(estate: Estate, flavor: Row) -> object:
    return json.loads(estate.embedded(flavor))["cur"]


@pytest.fixture
def move(estate: Estate, host: Compute, server: Server) -> Row:
    old = estate.ago(days=1)
    return estate.migration(server, "resize", "error", host, estate.compute("right"), at=old)


@pytest.mark.parametrize("status", ["error", "failed", "confirmed", "reverted"])
def test_fires_after_a_resize(audit: Auditor, estate: Estate, server: Server, move: Row, status: str) -> None:
    move["status"] = status
    (finding,) = audit(estate, "N11b")
    assert (finding.subject["instance"], finding.severity, finding.impact) == (server.uuid, "info", "L")
    small, big = server.flavor["flavorid"], json.loads(server.request["spec"])["nova_object.data"]["flavor"]
    assert finding.subject["flavor"] == small
    assert finding.evidence["requested"] == big["nova_object.data"]["flavorid"] != small


def test_in_flight_right_after_a_change(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    server.instance["updated_at"] = estate.ago(minutes=2)
    (finding,) = audit.report(estate, "N11b").findings
    assert not finding.settled


def test_quiet_for_the_same_flavor(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    estate.request_spec(server)
    assert audit(estate, "N11b") == []


def test_quiet_for_a_server_that_was_never_resized(audit: Auditor, estate: Estate, server: Server) -> None:
    assert audit(estate, "N11b") == []


@pytest.mark.parametrize("status", ["finished", "migrating", "reverting", None])
def test_quiet_while_a_resize_is_open(
    audit: Auditor, estate: Estate, server: Server, move: Row, status: str | None
) -> None:
    move["status"] = status
    assert audit(estate, "N11b") == []


@pytest.mark.parametrize(
    "state",
    [
        {"vm_state": "error"},
        {"vm_state": "resized"},
        {"task_state": "resize_prep"},
        {"task_state": "rebuilding"},
        {"hidden": 1},
        {"deleted": 7},
    ],
)
def test_quiet_while_it_is_not_at_rest(
    audit: Auditor, estate: Estate, server: Server, move: Row, state: dict[str, object]
) -> None:
    server.instance.update(state)
    assert audit(estate, "N11b") == []


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"nova_object.data": {}}', "\x00"])
def test_quiet_for_a_request_that_cannot_be_read(
    audit: Auditor, estate: Estate, server: Server, move: Row, text: str
) -> None:
    server.request["spec"] = text
    assert audit(estate, "N11b") == []


@pytest.mark.parametrize("text", [None, "{", '{"cur": null}'])
def test_quiet_for_a_flavor_that_cannot_be_read(
    audit: Auditor, estate: Estate, server: Server, move: Row, text: str | None
) -> None:
    for row in estate.rows[t.instance_extra]:
        row["flavor"] = text
    assert audit(estate, "N11b") == []


def test_quiet_for_a_server_that_two_cells_have(audit: Auditor, estate: Estate, server: Server, move: Row) -> None:
    twin = estate.server("twin", None, cell="cell0")
    twin.instance["uuid"] = server.uuid
    assert audit(estate, "N11b") == []
