from placement_audit.demo.estate import Estate
from tests.support import Auditor


def test_fires_for_a_provider_without_generation(audit: Auditor) -> None:
    estate = Estate()
    estate.compute("healthy")
    host = estate.compute("host")
    host.provider["generation"] = None
    (finding,) = audit(estate, "P04")
    assert (finding.severity, finding.impact) == ("error", "H")
    assert finding.subject == {"provider": host.uuid, "provider_name": "host"}
    assert finding.remedy[-1] == (
        'mariadb placement -e "UPDATE resource_providers SET generation = 0 WHERE id = 2 AND generation IS NULL"'
    )


def test_quiet_for_a_new_provider(audit: Auditor) -> None:
    estate = Estate()
    estate.compute("host").provider["generation"] = 0
    assert audit(estate, "P04") == []
