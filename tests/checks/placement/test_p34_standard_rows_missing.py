from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor, placement_schema, sqlite_urls


@pytest.fixture
def estate() -> Estate:
    return Estate()


def without(estate: Estate, *names: str) -> None:
    for row in [row for row in estate.rows[t.resource_classes] if row["name"] in names]:
        estate.remove(t.resource_classes, row)


def test_fires_for_the_trait_of_sharing_providers(audit: Auditor, estate: Estate) -> None:
    estate.rows[t.traits].clear()
    (finding,) = audit(estate, "P34")
    assert finding.subject == {"trait": "MISC_SHARES_VIA_AGGREGATE"}
    assert finding.message == "placement has no row for its own trait MISC_SHARES_VIA_AGGREGATE"
    assert finding.severity == "error"
    assert len(finding.remedy) == 2
    assert finding.remedy[0].endswith("trait show MISC_SHARES_VIA_AGGREGATE")


def test_fires_for_each_missing_class(audit: Auditor, estate: Estate) -> None:
    without(estate, "VCPU", "PGPU")
    found = audit(estate, "P34")
    assert [(one.subject["resource_class"], one.evidence["class_id"]) for one in found] == [("PGPU", 17), ("VCPU", 0)]
    assert {one.impact for one in found} == {"C"}
    assert found[1].remedy[-1].endswith("inserts VCPU")


def test_fires_without_a_cure_while_another_class_has_the_id(audit: Auditor, estate: Estate) -> None:
    without(estate, "VCPU")
    estate.add(t.resource_classes, id=0, name="CUSTOM_CPU")
    (finding,) = audit(estate, "P34")
    assert len(finding.remedy) == 1


def test_names_the_rows_without_a_class_that_it_caused(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1")
    estate.claim(uuid_of("web"), host.provider, {"VCPU": 2})
    without(estate, "VCPU")
    (finding,) = audit(estate, "P08", "P12", "P34")
    assert finding.code == "P34"
    assert finding.also == {"P08": 1, "P12": 1}


def test_quiet_when_the_api_was_never_started(audit: Auditor, estate: Estate) -> None:
    estate.rows[t.traits].clear()
    estate.rows[t.resource_classes].clear()
    assert audit(estate, "P34") == []


def test_quiet_without_the_classes_of_xena(audit: Auditor, estate: Estate) -> None:
    without(estate, *t.STANDARD_CLASSES[len(t.TRAIN_CLASSES) :])
    assert audit(estate, "P34") == []


def test_quiet_without_the_classes_of_train_on_stein(tmp_path: Path, estate: Estate) -> None:
    placement_schema(tmp_path, "b4ed3a175331", without=("consumer_types", "consumers.consumer_type_id"))
    without(estate, "PCPU", "MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU")
    audit = Auditor(lambda _: sqlite_urls(tmp_path, estate.cells), tmp_path)
    assert audit(estate, "P34") == []


def test_quiet_when_all_is_there(audit: Auditor, estate: Estate) -> None:
    estate.class_id("CUSTOM_GOLD")
    assert audit(estate, "P34") == []
