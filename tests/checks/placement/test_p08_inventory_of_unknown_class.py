import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    estate = Estate()
    for name in ("left", "right"):
        estate.inventory(estate.compute(name).provider, "CUSTOM_GOLD", 4)
    return estate


def forget(estate: Estate, *names: str) -> None:
    """Take classes out of the table, and leave what refers to them."""
    for row in list(estate.rows[t.resource_classes]):
        if row["name"] in names:
            estate.remove(t.resource_classes, row)


def test_fires_once_for_a_custom_class(audit: Auditor, estate: Estate) -> None:
    forget(estate, "CUSTOM_GOLD")
    (finding,) = audit(estate, "P08")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.identity == "P08:10000"
    assert finding.evidence == {"class_id": 10000, "standard_class": None, "rows": 2, "providers": 2}
    assert len(finding.remedy) == 1


def test_fires_for_vcpu_which_the_next_start_brings_back(audit: Auditor, estate: Estate) -> None:
    forget(estate, "VCPU")
    (finding,) = audit(estate, "P08")
    assert finding.evidence["class_id"] == 0
    assert finding.evidence["rows"] == 2
    assert finding.remedy[-1] == "systemctl restart placement-api  # its start inserts VCPU as id 0"


def test_fires_without_a_restart_when_vcpu_has_another_id(audit: Auditor, estate: Estate) -> None:
    """As in a dump that was restored without NO_AUTO_VALUE_ON_ZERO."""
    forget(estate, "VCPU")
    estate.add(t.resource_classes, id=10001, name="VCPU")
    (finding,) = audit(estate, "P08")
    assert finding.evidence["standard_class"] is None
    assert len(finding.remedy) == 1


def test_quiet_for_standard_classes_before_the_first_start(audit: Auditor, estate: Estate) -> None:
    forget(estate, *t.STANDARD_CLASSES)
    assert audit(estate, "P08") == []


def test_fires_for_a_custom_class_before_the_first_start(audit: Auditor, estate: Estate) -> None:
    forget(estate, "CUSTOM_GOLD", *t.STANDARD_CLASSES)
    (finding,) = audit(estate, "P08")
    assert finding.evidence["class_id"] == 10000


def test_quiet_for_known_classes(audit: Auditor, estate: Estate) -> None:
    assert audit(estate, "P08") == []
