import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor

WEB = uuid_of("web")


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("host")
    estate.server("fine", host)
    return host


def test_fires_for_what_a_consumer_without_record_holds(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.allocate(WEB, host.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    (finding,) = audit(estate, "P13")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.subject == {"consumer": WEB, "provider": host.uuid, "provider_name": "host"}
    assert set(finding.evidence["held"].split(", ")) == {"VCPU 2", "MEMORY_MB 4096"}
    assert finding.identity == f"P13:{WEB}:{host.uuid}"
    assert finding.remedy[-1] == "placement-manage db online_data_migrations"


def test_fires_for_each_of_its_providers(audit: Auditor, estate: Estate, host: Compute) -> None:
    for provider in (host.provider, estate.compute("other").provider):
        estate.allocate(WEB, provider, {"VCPU": 2})
    found = [(finding.code, finding.subject["provider_name"]) for finding in audit(estate, "P13", "P30")]
    assert sorted(found) == [("P13", "host"), ("P13", "other")]


def test_a_mapping_without_its_server_is_the_same_finding(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.allocate(WEB, host.provider, {"VCPU": 2})
    estate.add(t.instance_mappings, instance_uuid=WEB, cell_id=estate.cell_id("cell1"), queued_for_delete=0)
    (finding,) = audit(estate, "P13", "X11", "N02b")
    assert (finding.code, dict(finding.also)) == ("P13", {"N02b": 1, "X11": 1})


def test_fires_when_the_class_is_unknown_too(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.allocate(WEB, host.provider, {"CUSTOM_GOLD": 1})
    estate.rows[t.resource_classes].pop()
    (finding,) = audit(estate, "P13")
    assert finding.evidence["held"] == "class 10000 1"


def test_in_flight_while_the_allocation_is_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.allocate(WEB, host.provider, {"VCPU": 2}, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "P13").findings
    assert not finding.settled


def test_quiet_for_a_record_in_another_case(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.consumer(WEB)
    estate.allocate(WEB.upper(), host.provider, {"VCPU": 2})
    assert audit(estate, "P13") == []


@pytest.mark.parametrize("revision", ["b4ed3a175331", "611cd6dffd7b"])
def test_quiet_before_train_has_made_the_records(audit: Auditor, estate: Estate, host: Compute, revision: str) -> None:
    estate.allocate(WEB, host.provider, {"VCPU": 2})
    audit.revision = revision
    assert audit(estate, "P13") == []


def test_fires_from_train_on(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.allocate(WEB, host.provider, {"VCPU": 2})
    audit.revision = "b5c396305c25"
    assert len(audit(estate, "P13")) == 1


def test_quiet_when_the_provider_is_gone(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Such rows count nowhere; P11 has them."""
    gone = estate.compute("gone")
    estate.allocate(WEB, gone.provider, {"VCPU": 2})
    estate.remove(t.resource_providers, gone.provider)
    assert [finding.code for finding in audit(estate, "P11", "P13")] == ["P11"]
