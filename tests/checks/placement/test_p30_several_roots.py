import pytest

from placement_audit.demo.estate import Compute, Estate, uuid_of
from tests.support import Auditor

AMOUNTS = {"VCPU": 2, "MEMORY_MB": 4096}


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def left(estate: Estate) -> Compute:
    return estate.compute("left")


@pytest.fixture
def right(estate: Estate) -> Compute:
    return estate.compute("right")


def hold_both(estate: Estate, consumer: str, left: Compute, right: Compute, kind: str | None = None) -> None:
    for host in (left, right):
        estate.claim(consumer, host.provider, AMOUNTS, kind=kind)


def test_fires_as_a_warning_where_nova_is_not_read(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", right)
    estate.claim(server.uuid, left.provider, AMOUNTS)
    (finding,) = audit(estate, "P30", nova=False)
    assert finding.subject == {"consumer": server.uuid}
    assert finding.evidence["roots"] == 2
    assert sorted(finding.evidence["providers"].split(", ")) == ["left", "right"]
    assert finding.severity == "warning"
    assert not any(word in line for line in finding.remedy for word in ("delete", "unset", "set "))
    assert finding.message.startswith("perhaps an evacuated server, or one that is being moved: ")
    assert (finding.withheld or "").startswith("an evacuated server holds its old host until that is back")


def test_fires_as_information_for_a_consumer_that_nova_does_not_know(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    hold_both(estate, uuid_of("reservation"), left, right)
    (finding,) = audit(estate, "P30")
    assert finding.impact == "I"


def test_fires_as_information_for_a_type_that_nova_never_writes(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    hold_both(estate, uuid_of("reservation"), left, right, kind="CONTAINER")
    (finding,) = audit(estate, "P30", nova=False)
    assert finding.evidence["consumer_type"] == "CONTAINER"
    assert finding.impact == "I"


def test_fires_as_a_warning_for_a_type_of_nova(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    hold_both(estate, uuid_of("web"), left, right, kind="INSTANCE")
    (finding,) = audit(estate, "P30", nova=False)
    assert finding.impact == "M"


def test_in_flight_while_the_newest_claim_is_young(
    audit: Auditor, estate: Estate, left: Compute, right: Compute
) -> None:
    server = estate.server("web", right)
    estate.claim(server.uuid, left.provider, AMOUNTS, at=estate.ago(minutes=2))
    (finding,) = audit.report(estate, "P30", nova=False).findings
    assert not finding.settled


def test_quiet_for_a_server_that_nova_knows(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    server = estate.server("web", right)
    estate.claim(server.uuid, left.provider, AMOUNTS)
    gone = estate.server("old", right, deleted=7, deleted_at=estate.ago(days=1))
    estate.claim(gone.uuid, left.provider, AMOUNTS)
    assert audit(estate, "P30") == []


def test_quiet_for_a_migration_that_nova_knows(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    """A server that was evacuated earlier hands all its roots to the migration that moves it next."""
    server = estate.server("web", estate.compute("third"))
    migration = estate.migration(server, "resize", "finished", right)
    hold_both(estate, migration["uuid"], left, right)
    assert audit(estate, "P30") == []


@pytest.mark.parametrize("nova", [True, False])
def test_quiet_for_a_sharing_provider_and_a_segment(audit: Auditor, estate: Estate, right: Compute, nova: bool) -> None:
    pool = estate.shared("nfs", 100_000, right.provider)
    segment = estate.provider("Neutron segment id 7")
    consumer = uuid_of("web")
    estate.claim(consumer, right.provider, AMOUNTS)
    estate.claim(consumer, pool, {"DISK_GB": 20})
    estate.claim(consumer, segment, {"IPV4_ADDRESS": 1})
    assert audit(estate, "P30", nova=nova) == []


def test_quiet_for_what_is_no_hosts_own(audit: Auditor, estate: Estate, left: Compute, right: Compute) -> None:
    estate.claim(uuid_of("web"), right.provider, AMOUNTS)
    estate.claim(uuid_of("web"), left.provider, {"CUSTOM_LICENCE": 1})
    assert audit(estate, "P30", nova=False) == []


def test_quiet_for_several_providers_of_one_tree(audit: Auditor, estate: Estate, right: Compute) -> None:
    numa = estate.provider("right_numa0", parent=right.provider)
    estate.claim(uuid_of("web"), right.provider, {"DISK_GB": 20})
    estate.claim(uuid_of("web"), numa, AMOUNTS)
    assert audit(estate, "P30", nova=False) == []
