import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, uuid_of
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


def trait(estate: Estate, name: str) -> None:
    """A trait that nothing has."""
    estate.remove(t.resource_provider_traits, estate.trait(estate.provider("maker " + name), name))


def test_fires_once_for_all_traits(audit: Auditor, estate: Estate) -> None:
    for number in range(1, 38):
        trait(estate, f"CUSTOM_T{number:02}")
    (finding,) = audit(estate, "P26")
    assert finding.message == (
        "37 custom traits are on no provider, though something may still ask for them: "
        "CUSTOM_T01, CUSTOM_T02, CUSTOM_T03, CUSTOM_T04, CUSTOM_T05 and 32 more"
    )
    assert (finding.severity, finding.impact, finding.identity) == ("info", "I", "P26:traits")


def test_fires_for_classes(audit: Auditor, estate: Estate) -> None:
    estate.class_id("CUSTOM_GOLD")
    trait(estate, "CUSTOM_SSD")
    classes, traits = audit(estate, "P26")
    assert (
        classes.message
        == "1 custom resource classes are on no provider, though something may still ask for them: CUSTOM_GOLD"
    )
    assert [line.partition(" WHERE ")[0].split()[-1] for line in (*classes.remedy, *traits.remedy)] == [
        "resource_classes",
        "traits",
    ]
    assert traits.message == "1 custom traits are on no provider, though something may still ask for them: CUSTOM_SSD"


def test_quiet_for_names_in_use(audit: Auditor, estate: Estate) -> None:
    host = estate.compute("node-1").provider
    estate.inventory(host, "CUSTOM_GOLD", 1)
    estate.trait(host, "CUSTOM_SSD")
    # its inventory is gone, and it is still held
    estate.claim(uuid_of("web"), host, {"CUSTOM_SILVER": 1})
    assert audit(estate, "P26") == []


def test_quiet_for_names_that_a_flavor_asks_for(audit: Auditor, estate: Estate) -> None:
    estate.class_id("CUSTOM_GOLD")
    trait(estate, "CUSTOM_SSD")
    estate.flavor("gold", 1, 512, 1, extra_specs={"resources1:CUSTOM_GOLD": "1", "trait:CUSTOM_SSD": "required"})
    assert audit(estate, "P26") == []


def test_does_not_need_nova(audit: Auditor, estate: Estate) -> None:
    estate.class_id("CUSTOM_GOLD")
    assert len(audit(estate, "P26", nova=False)) == 1


def test_quiet_for_standard_names(audit: Auditor, estate: Estate) -> None:
    trait(estate, "HW_CPU_X86_AVX2")
    trait(estate, "CUSTOMARY")
    assert audit(estate, "P26") == []
