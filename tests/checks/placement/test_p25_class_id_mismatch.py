import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Row, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def class_row(estate: Estate, name: str) -> Row:
    estate.class_id(name)
    return next(row for row in estate.rows[t.resource_classes] if row["name"] == name)


def test_fires_for_vcpu_that_a_dump_has_numbered_anew(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    estate.claim(uuid_of("web"), host.provider, {"VCPU": 2})
    class_row(estate, "VCPU")["id"] = 10_000
    (finding,) = audit(estate, "P25")
    assert finding.subject == {"resource_class": "VCPU"}
    assert (finding.evidence["found_id"], finding.evidence["class_id"]) == (10_000, 0)
    assert (finding.evidence["inventories"], finding.evidence["allocations"]) == (1, 1)
    assert finding.severity == "error"
    assert finding.remedy[-2:] == (
        "# stop placement's API first and start it afterwards: it keeps the id of VCPU in memory",
        'mariadb placement -e "UPDATE resource_classes SET id = 0 WHERE id = 10000'
        " AND name = 'VCPU' AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = 10000)"
        ' AND NOT EXISTS (SELECT * FROM allocations WHERE resource_class_id = 10000)"',
    )


def test_fires_without_a_cure_when_the_wrong_id_is_in_use(audit: Auditor, estate: Estate) -> None:
    class_row(estate, "VCPU")["id"] = 10_000
    estate.add(
        t.allocations,
        resource_provider_id=estate.provider("node-1")["id"],
        consumer_id=uuid_of("web"),
        resource_class_id=10_000,
        used=1,
        created_at=estate.ago(days=1),
    )
    (finding,) = audit(estate, "P25")
    assert len(finding.remedy) == 1
    assert finding.remedy[0].startswith('mariadb placement -e "SELECT')


def test_fires_for_another_name_under_a_standard_id(audit: Auditor, estate: Estate) -> None:
    class_row(estate, "VCPU")["name"] = "CUSTOM_CPU"
    (finding,) = audit(estate, "P25")
    assert finding.subject == {"resource_class": "CUSTOM_CPU"}
    assert finding.evidence["class_id"] == 0
    assert finding.message == "resource class CUSTOM_CPU has id 0, which is that of VCPU"


def test_fires_for_both_of_two_that_changed_places(audit: Auditor, estate: Estate) -> None:
    first, second = class_row(estate, "VCPU"), class_row(estate, "MEMORY_MB")
    first["id"], second["id"] = second["id"], first["id"]
    found = audit(estate, "P25")
    assert [finding.subject["resource_class"] for finding in found] == ["MEMORY_MB", "VCPU"]
    assert all(len(finding.remedy) == 1 for finding in found)


def test_fires_for_a_custom_class_below_ten_thousand(audit: Auditor, estate: Estate) -> None:
    class_row(estate, "CUSTOM_GOLD")["id"] = 9_999
    (finding,) = audit(estate, "P25")
    assert finding.evidence["class_id"] == 9_999
    assert finding.evidence["fault"] == "and custom classes begin at 10000"


def test_names_the_rows_without_a_class_that_it_caused(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    estate.claim(uuid_of("web"), host.provider, {"VCPU": 2})
    class_row(estate, "VCPU")["id"] = 10_000
    (finding,) = audit(estate, "P08", "P12", "P25")
    assert finding.code == "P25"
    assert finding.also == {"P08": 1, "P12": 1}


def test_quiet_for_custom_classes_in_their_range(audit: Auditor, estate: Estate) -> None:
    estate.class_id("CUSTOM_GOLD")
    class_row(estate, "CUSTOM_SILVER")["id"] = 20_000
    assert audit(estate, "P25") == []


def test_quiet_for_a_standard_class_of_a_later_release(audit: Auditor, estate: Estate) -> None:
    estate.add(t.resource_classes, id=len(t.STANDARD_CLASSES), name="CLASS_OF_TOMORROW")
    assert audit(estate, "P25") == []


def test_quiet_where_train_has_fewer_classes(audit: Auditor, estate: Estate) -> None:
    for name in t.STANDARD_CLASSES[len(t.TRAIN_CLASSES) :]:
        estate.remove(t.resource_classes, class_row(estate, name))
    assert audit(estate, "P25") == []
