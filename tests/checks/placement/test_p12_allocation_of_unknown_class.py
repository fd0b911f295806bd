import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("host")
    estate.server("web", host)
    estate.server("db", host)
    for name in ("web", "db"):
        estate.claim(uuid_of(name), host.provider, {"CUSTOM_GOLD": 1})
    return host


def forget(estate: Estate, *names: str) -> None:
    """Take classes out of the table, and leave what refers to them."""
    for row in list(estate.rows[t.resource_classes]):
        if row["name"] in names:
            estate.remove(t.resource_classes, row)


def test_fires_once_for_a_custom_class_that_was_deleted(audit: Auditor, estate: Estate, host: Compute) -> None:
    forget(estate, "CUSTOM_GOLD")
    for row in estate.rows[t.instances]:
        row.update(deleted=1, deleted_at=estate.ago(days=1))
    (finding,) = audit(estate, "P12")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.identity == "P12:10000"
    assert (finding.evidence["rows"], finding.evidence["consumers"], finding.evidence["providers"]) == (2, 2, 1)
    assert finding.remedy[1:] == (
        'mariadb placement -e "DELETE FROM allocations WHERE resource_class_id = 10000'
        " AND NOT EXISTS (SELECT * FROM resource_classes WHERE id = 10000)"
        ' AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = 10000)"',
    )


@pytest.mark.parametrize("nova", [True, False])
def test_offers_nothing_while_live_servers_hold_it(audit: Auditor, estate: Estate, host: Compute, nova: bool) -> None:
    forget(estate, "CUSTOM_GOLD")
    (finding,) = audit(estate, "P12", nova=nova)
    assert len(finding.remedy) == 1
    assert ("of live servers" if nova else "nova's databases were not read") in (finding.withheld or "")


def test_fires_without_a_command_while_a_provider_still_has_the_class(
    audit: Auditor, estate: Estate, host: Compute
) -> None:
    estate.inventory(host.provider, "CUSTOM_GOLD", 4)
    forget(estate, "CUSTOM_GOLD")
    (finding,) = audit(estate, "P12")
    assert len(finding.remedy) == 1


def test_fires_for_vcpu_which_the_next_start_brings_back(audit: Auditor, estate: Estate, host: Compute) -> None:
    forget(estate, "VCPU")
    (finding,) = audit(estate, "P12")
    assert finding.evidence["class_id"] == 0
    assert finding.remedy[1:] == ("systemctl restart placement-api  # its start inserts VCPU as id 0",)


def test_quiet_for_standard_classes_before_the_first_start(audit: Auditor, estate: Estate, host: Compute) -> None:
    forget(estate, *t.STANDARD_CLASSES)
    assert audit(estate, "P12") == []


def test_quiet_for_known_classes(audit: Auditor, estate: Estate, host: Compute) -> None:
    assert audit(estate, "P12") == []
