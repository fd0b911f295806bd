from placement_audit import schema as t
from placement_audit.demo.estate import Estate
from tests.support import Auditor


def left_behind(estate: Estate, **rows: int) -> None:
    for table in t.left_behind:
        for number in range(rows.get(table.name, 0)):
            estate.add(table, id=number + 1)


def test_fires_once_for_all_tables(audit: Auditor) -> None:
    estate = Estate()
    left_behind(estate, allocations=4, inventories=1)
    (finding,) = audit(estate, "X28")
    assert finding.subject == {"database": "nova_api"}
    assert finding.evidence["rows"] == 5
    assert sorted(finding.evidence["counts"].split(", ")) == ["allocations 4", "inventories 1"]
    assert finding.impact == "I"


def test_quiet_for_empty_tables(audit: Auditor) -> None:
    estate = Estate()
    estate.server("web", estate.compute("host"))
    assert audit(estate, "X28") == []
