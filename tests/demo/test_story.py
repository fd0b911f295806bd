"""The demo cloud is told the same way each time, and the audit finds in it what went wrong and nothing more."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.audit import Report
from placement_audit.demo.estate import Estate, Urls, uuid_of
from placement_audit.demo.story import healthy, told
from placement_audit.errors import CannotTell
from placement_audit.finding import Finding, Severity
from tests.conftest import RealSchemas
from tests.support import Auditor, sqlite_urls

NOW = datetime(2026, 7, 1, 12, 0, 0)

# What went wrong, by the check that finds it: the host, server or flavor that it is about, or the resource class where
# one finding stands for many hosts.
FAULTS = {
    "P13": ["research-notebook"],
    "P19": ["compute-20"],
    "P36": ["MEMORY_MB"],
    "X02": ["compute-23"],
    "X03": ["compute-21"],
    "X04": ["compute-22"],
    "X06": ["shop-payment"],
    "X07": ["games-alpha"],
    "X09": ["billing-db"],
    "X11": ["shop-ghost"],
    "X12": ["media-encoder"],
    "X34": ["m1.64core"],
}
# For information: the hosts of the overcommitted memory and of the lowered ratio are in aggregates with others.
# Nova's own tables still have the ratios of before.
SIDE_EFFECTS = {"P37": ["MEMORY_MB", "VCPU"], "X17": ["MEMORY_MB", "VCPU"]}
IN_FLIGHT = {"X12": ["telco-gateway"]}
# What a healthy cloud gives for information: nova reports max_unit = total, whatever it reserves of that.
HEALTHY = {"P35"}


def pairs(expected: dict[str, list[str]]) -> list[tuple[str, str]]:
    return sorted((code, name) for code, names in expected.items() for name in names)


def named(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Findings by code and the story's name for their subject; an unexpected one by its message."""
    names = {name for expected in (FAULTS, SIDE_EFFECTS, IN_FLIGHT) for _, name in pairs(expected)}
    by_uuid = {uuid_of(name): name for name in names}
    found = []
    for finding in findings:
        values = [by_uuid.get(str(value), str(value)) for value in finding.subject.values()]
        found.append((finding.code, next((value for value in values if value in names), finding.message)))
    return sorted(found)


def audited(estate: Estate, folder: Path, urls: Urls | None = None) -> Report:
    report = Auditor(lambda cloud: urls or sqlite_urls(folder, cloud.cells), folder).report(estate)
    assert {result.status for result in report.results} <= {"clean", "findings"}
    return report


def settled(report: Report, *severities: Severity) -> list[Finding]:
    return [finding for finding in report.findings if finding.settled and finding.severity in severities]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return audited(told(), tmp_path_factory.mktemp("story"))


def test_same_arguments_give_the_same_rows() -> None:
    assert told(now=NOW).rows == told(now=NOW).rows
    assert healthy(now=NOW).rows == healthy(now=NOW).rows


def test_the_faults_are_found_and_nothing_else(report: Report) -> None:
    assert named(settled(report, Severity.ERROR, Severity.WARNING)) == pairs(FAULTS)


def test_information(report: Report) -> None:
    findings = settled(report, Severity.INFO)
    assert named(finding for finding in findings if finding.code not in HEALTHY) == pairs(SIDE_EFFECTS)


def test_what_happened_just_now_is_in_flight(report: Report) -> None:
    assert named(finding for finding in report.findings if not finding.settled) == pairs(IN_FLIGHT)


def test_the_six_row_server_has_six_rows() -> None:
    held = [row for row in told().rows[t.allocations] if row["consumer_id"] == uuid_of("billing-db")]
    assert len(held) == 6


@pytest.mark.parametrize(("hosts", "servers"), [(20, 300), (8, 0), (24, 1000), (60, 700)])
def test_a_healthy_cloud_is_silent(tmp_path: Path, hosts: int, servers: int) -> None:
    report = audited(healthy(hosts, servers), tmp_path)
    assert report.counted(Severity.WARNING) == []
    assert {finding.code for finding in report.findings} == HEALTHY


@pytest.mark.parametrize(("hosts", "servers"), [(8, 0), (24, 1000), (60, 700)])
def test_a_larger_cloud_has_no_more_faults(tmp_path: Path, report: Report, hosts: int, servers: int) -> None:
    other = audited(told(hosts, servers), tmp_path)
    severities = Severity.ERROR, Severity.WARNING
    counts = [Counter(finding.code for finding in settled(one, *severities)) for one in (report, other)]
    assert counts[0] == counts[1]


def test_real_schemas_give_the_same_findings(tmp_path: Path, report: Report, empty_cloud: RealSchemas) -> None:
    real = audited(told(), tmp_path, Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    assert [(one.identity, one.settled) for one in real.findings] == [
        (one.identity, one.settled) for one in report.findings
    ]


def test_has_as_many_servers_as_asked_for() -> None:
    for cloud in (told(30, 500), healthy(30, 500)):
        rows = [row for row in cloud.rows[t.instances] if not row["deleted"] and not row["hidden"]]
        assert len(rows) == 500


def test_three_rows_a_server() -> None:
    cloud = healthy(100, 1700)
    assert 2.8 < len(cloud.rows[t.allocations]) / 1700 < 3.2


def test_tells_when_there_are_too_few_hosts() -> None:
    with pytest.raises(CannotTell, match="at least 8 hosts"):
        told(7, 10)
    with pytest.raises(CannotTell, match="5000 servers do not fit on 20 hosts"):
        told(20, 5000)
