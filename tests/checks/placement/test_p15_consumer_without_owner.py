from typing import Any

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.schema import NOBODY
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("node-1")
    estate.server("owned", host)
    return host


def unowned(estate: Estate, host: Compute, name: str, **fields: Any) -> str:
    server = estate.server(name, host, project=NOBODY, **fields)
    return server.uuid


def test_fires_once_for_all_of_them(audit: Auditor, estate: Estate, host: Compute) -> None:
    uuids = sorted(unowned(estate, host, f"server {number}") for number in range(7))
    (finding,) = audit(estate, "P15")
    assert (finding.severity, finding.impact) == ("info", "L")
    assert finding.subject == {"table": "consumers"}
    assert (finding.evidence["consumers"], finding.evidence["servers"]) == (7, 7)
    assert finding.evidence["sample"] == ", ".join(uuids[:5]) + " and 2 more"
    assert finding.remedy[-1].endswith(f"heal_allocations --dry-run --verbose --instance {uuids[0]}")


@pytest.mark.parametrize("owner", [{"project": NOBODY}, {"user": NOBODY}])
def test_fires_for_a_project_as_for_a_user(
    audit: Auditor, estate: Estate, host: Compute, owner: dict[str, str]
) -> None:
    estate.consumer(uuid_of("container"), **owner)
    (finding,) = audit(estate, "P15")
    assert (finding.evidence["consumers"], finding.evidence["servers"]) == (1, 0)
    assert finding.remedy[1:] == (f"openstack resource provider allocation show {uuid_of('container')}",)


def test_does_not_need_nova(audit: Auditor, estate: Estate, host: Compute) -> None:
    unowned(estate, host, "web")
    (finding,) = audit(estate, "P15", nova=False)
    assert (finding.evidence["consumers"], finding.evidence["servers"]) == (1, None)


@pytest.mark.parametrize("fields", [{"task_state": "resize_prep"}, {"node": None}, {"deleted": 3}])
def test_heals_no_server_that_cannot_be_healed(
    audit: Auditor, estate: Estate, host: Compute, fields: dict[str, object]
) -> None:
    unowned(estate, host, "web", **fields)
    (finding,) = audit(estate, "P15")
    assert [line for line in finding.remedy if "heal" in line] == []


def test_in_flight_while_all_of_them_are_young(audit: Auditor, estate: Estate, host: Compute) -> None:
    unowned(estate, host, "young", at=estate.ago(minutes=1))
    (finding,) = audit.report(estate, "P15").findings
    assert not finding.settled


def test_a_young_one_holds_back_no_old_one(audit: Auditor, estate: Estate, host: Compute) -> None:
    unowned(estate, host, "young", at=estate.ago(minutes=1))
    unowned(estate, host, "old")
    assert len(audit(estate, "P15")) == 1


def test_quiet_for_owned_consumers(audit: Auditor, estate: Estate, host: Compute) -> None:
    assert audit(estate, "P15") == []


def test_quiet_for_another_sentinel_than_the_default(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.consumer(uuid_of("web"), project="nobody", user="nobody")
    assert audit(estate, "P15") == []


def test_fires_for_the_sentinel_that_a_file_names(audit: Auditor, estate: Estate, host: Compute) -> None:
    estate.server("theirs", host, project="unknown owner")
    audit.settings = {"incomplete_consumer_project_id": "unknown owner"}
    (finding,) = audit(estate, "P15")
    assert (finding.evidence["consumers"], finding.impact) == (1, "L")
    assert not any(command.startswith("mariadb") for command in finding.remedy)


@pytest.mark.parametrize(("counts", "severity"), [(True, "warning"), (False, "info")])
def test_fires_as_a_warning_where_quotas_are_counted_in_placement(
    audit: Auditor, estate: Estate, host: Compute, counts: bool, severity: str
) -> None:
    unowned(estate, host, "server")
    audit.settings = {"count_usage_from_placement": counts}
    (finding,) = audit(estate, "P15")
    assert finding.severity == severity


def test_heals_no_server_with_devices(audit: Auditor, estate: Estate, host: Compute) -> None:
    """Nova-manage refuses a flavor with a VGPU, and stops."""
    uuid = unowned(estate, host, "web")
    estate.claim(uuid, estate.provider("node-1_gpu", parent=host.provider), {"VGPU": 1})
    (finding,) = audit(estate, "P15")
    assert [line for line in finding.remedy if "heal" in line] == []
    assert "allocation set" in str(finding.withheld)


def test_heals_no_server_of_a_host_that_is_too_full(audit: Auditor, estate: Estate, host: Compute) -> None:
    unowned(estate, host, "web")
    for row in estate.rows[t.inventories]:
        row["reserved"] = row["total"]
    (finding,) = audit(estate, "P15")
    assert [line for line in finding.remedy if "heal" in line] == []
