import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    estate = Estate()
    estate.aggregate("rack", estate.compute("node-1").provider)
    return estate


@pytest.mark.parametrize(
    ("table", "row", "missing", "impact"),
    [
        (t.resource_provider_aggregates, {"resource_provider_id": 77, "aggregate_id": 1}, "provider", "M"),
        (t.resource_provider_aggregates, {"resource_provider_id": 1, "aggregate_id": 77}, "aggregate", "L"),
        (t.resource_provider_traits, {"resource_provider_id": 77, "trait_id": 1}, "provider", "L"),
        (t.resource_provider_traits, {"resource_provider_id": 1, "trait_id": 77}, "trait", "L"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_fires_for_each_side(
    audit: Auditor, estate: Estate, table: t.Table, row: dict[str, int], missing: str, impact: str
) -> None:
    estate.add(table, **row)
    (finding,) = audit(estate, "P22")
    assert finding.subject == {"table": table.name}
    assert (finding.evidence["missing"], finding.evidence["sample"]) == (missing, "77")
    assert finding.impact == impact
    column = next(name for name, value in row.items() if value == 77)
    assert f"DELETE FROM {table.name} WHERE {column} NOT IN (SELECT id FROM " in finding.remedy[1]


def test_fires_once_for_all_providers_that_are_missing(audit: Auditor, estate: Estate) -> None:
    gone = [estate.provider(f"gone {number}") for number in range(7)]
    for name in ("rack", "row", "room"):
        estate.aggregate(name, *gone)
    for provider in gone:
        estate.remove(t.resource_providers, provider)
    (finding,) = audit(estate, "P22")
    assert (finding.evidence["ids"], finding.evidence["rows"]) == (7, 21)
    assert finding.message.startswith(
        "21 rows of resource_provider_aggregates name a provider that does not exist (7 ids): "
    )
    assert finding.message.endswith(" and 2 more")
    assert finding.identity == "P22:resource_provider_aggregates:provider"


def test_quiet_for_associations_with_both_sides(audit: Auditor, estate: Estate) -> None:
    estate.shared("nfs", 1000, estate.compute("node-2").provider)
    assert audit(estate, "P22") == []


@pytest.mark.parametrize("what", ["allocation", "inventory", "child"])
def test_offers_nothing_where_the_provider_was_lost(audit: Auditor, estate: Estate, what: str) -> None:
    pool = estate.provider("pool")
    estate.aggregate("rack", pool)
    if what == "allocation":
        estate.claim(uuid_of("web"), pool, {"DISK_GB": 1})
    elif what == "inventory":
        estate.inventory(pool, "DISK_GB", 100)
    else:
        estate.provider("below", parent=pool)
    estate.remove(t.resource_providers, pool)
    (finding,) = audit(estate, "P22")
    assert len(finding.remedy) == 1
    assert "was lost and not deleted" in (finding.withheld or "")


@pytest.mark.parametrize("what", ["aggregate", "trait"])
def test_offers_nothing_where_a_pool_may_have_been_shared_by_it(audit: Auditor, estate: Estate, what: str) -> None:
    pool = estate.shared("nfs", 1000, estate.compute("node-2").provider)
    if what == "aggregate":
        estate.rows[t.placement_aggregates].pop()
    else:
        (row,) = (row for row in estate.rows[t.resource_provider_traits] if row["resource_provider_id"] == pool["id"])
        row["trait_id"] = 77
    (finding,) = audit(estate, "P22")
    assert finding.evidence["missing"] == what
    assert len(finding.remedy) == 1
    assert finding.withheld
