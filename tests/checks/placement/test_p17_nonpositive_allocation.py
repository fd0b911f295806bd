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
    return estate.compute("host")


@pytest.mark.parametrize("used", [0, -4])
def test_fires_for_an_amount_below_one(audit: Auditor, estate: Estate, host: Compute, used: int) -> None:
    estate.claim(WEB, host.provider, {"VCPU": used, "MEMORY_MB": 4096})
    (finding,) = audit(estate, "P17")
    assert (finding.severity, finding.impact) == ("warning", "M")
    assert finding.subject == {
        "consumer": WEB,
        "provider": host.uuid,
        "provider_name": "host",
        "resource_class": "VCPU",
    }
    assert finding.evidence["used"] == used
    assert finding.remedy[-1].endswith(f"unset --provider {host.uuid} --resource-class VCPU {WEB}")


def test_fires_without_a_command_that_would_take_a_good_row_too(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 2})
    estate.claim(WEB, host.provider, {"VCPU": 0})
    (finding,) = audit(estate, "P17")
    assert finding.remedy == (f"openstack resource provider allocation show {WEB}",)


def test_fires_without_a_command_when_the_class_is_unknown(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"CUSTOM_GOLD": 0})
    estate.rows[t.resource_classes].pop()
    (finding,) = audit(estate, "P17")
    assert finding.subject["resource_class"] == "class 10000"
    assert len(finding.remedy) == 1


def test_quiet_for_an_amount_of_one(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.claim(WEB, host.provider, {"VCPU": 1})
    assert audit(estate, "P17") == []
