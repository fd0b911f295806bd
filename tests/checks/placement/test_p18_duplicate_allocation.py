from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


def test_fires_for_two_rows_of_one_class(audit: Auditor) -> None:
    estate = Estate()
    host = estate.compute("node-1")
    server = estate.server("web", host)
    estate.allocate(server.uuid, host.provider, {"VCPU": 3})
    (finding,) = audit(estate, "P18")
    assert finding.subject == {
        "consumer": uuid_of("web"),
        "provider": uuid_of("node-1"),
        "provider_name": "node-1",
        "resource_class": "VCPU",
    }
    assert (finding.evidence["rows"], finding.evidence["used"]) == (2, 5)
    assert (finding.evidence["smallest"], finding.evidence["largest"]) == (2, 3)
    assert finding.severity == "warning"
    assert "2 rows of VCPU on node-1; together they take 5" in finding.message
    assert "resource_provider_id = 1 AND resource_class_id = 0" in finding.remedy[-1]


def test_in_flight_while_the_newest_row_is_young(audit: Auditor) -> None:
    estate = Estate()
    host = estate.compute("node-1")
    server = estate.server("web", host)
    estate.allocate(server.uuid, host.provider, {"VCPU": 2}, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "P18").findings
    assert not finding.settled


def test_quiet_for_one_class_on_several_providers(audit: Auditor) -> None:
    estate = Estate()
    host = estate.compute("node-1")
    server = estate.server("web", host)
    for name in ("numa-0", "numa-1"):
        estate.claim(server.uuid, estate.provider(name, parent=host.provider), {"VCPU": 2})
    assert audit(estate, "P18") == []


def test_quiet_for_several_consumers(audit: Auditor) -> None:
    estate = Estate()
    host = estate.compute("node-1")
    estate.server("web", host)
    estate.server("db", host)
    assert audit(estate, "P18") == []
