"""Judging: settled or in flight, one cause one finding, what is skipped, what fails."""

import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Table, func, insert, literal, literal_column, select, update

from placement_audit import schema
from placement_audit.audit import Report, judge, live_report
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Estate, uuid_of
from placement_audit.finding import Check, Impact, Severity, removes_something
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits, local_file
from tests.support import Auditor, sqlite_urls


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)


@pytest.fixture
def snapshot(auditor: Auditor) -> Path:
    """A snapshot of two providers: "left", and "right" with a hostile name."""
    estate = Estate()
    estate.provider("left")
    estate.provider("right {consumer} '; rm -rf /")
    auditor.report(estate, "P04")
    return auditor.folder / "snapshot.sqlite"


def check(code: str, **fields: object) -> Check:
    """A check that finds every provider."""
    provider = schema.resource_providers
    columns = {
        "query": select(
            provider.c.uuid.label("provider"),
            provider.c.name.label("provider_name"),
            literal("same").label("shape"),
            literal_column("NULL").label("blank"),
            provider.c.created_at.label("newest_change"),
        ).order_by("provider_name"),
        "name": f"check-{code}",
        "impact": Impact.HIGH,
        "title": "T",
        "message": "{provider_name} has {blank}",
        "identity": ("provider_name", "blank"),
        "why": "W.",
    }
    return Check(code=code, **(columns | fields))  # type: ignore[arg-type]


def judged(path: Path, *checks: Check, grace: int = 10):  # type: ignore[no-untyped-def]
    with kept(path) as connection:
        return judge(connection, checks, timedelta(minutes=grace))


def test_a_name_from_the_database_is_only_text(snapshot: Path) -> None:
    report = judged(snapshot, check("Z1", remedy=("show {provider_name}", "lost {blank}")))
    hostile = report.findings[1]
    assert hostile.message == "right {consumer} '; rm -rf / has none"
    assert hostile.remedy == ("""show 'right {consumer} '"'"'; rm -rf /'""",)
    assert hostile.identity == "Z1:right%20%7Bconsumer%7D%20%27%3B%20rm%20-rf%20%2F:"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("mysql+pymysql://dba:***@db1:3307/cloud2", "mariadb -h db1 -P 3307 cloud2 -e 'SELECT 1'"),
        ("mysql+pymysql://dba@/a b?unix_socket=/run/s", "mariadb -S /run/s 'a b' -e 'SELECT 1'"),
        ("postgresql://dba@db1/placement", "mariadb placement -e 'SELECT 1'"),
    ],
)
def test_sql_of_a_remedy_goes_where_the_rows_came_from(snapshot: Path, url: str, line: str) -> None:
    with local_file(snapshot, write=True).begin() as connection:
        connection.execute(update(schema.sources).where(schema.sources.c.role == "placement").values(url=url))
    assert judged(snapshot, check("T1", remedy=("mariadb placement -e 'SELECT 1'",))).findings[0].remedy == (line,)


def test_a_word_of_a_command_stays_one_word_on_one_line(auditor: Auditor) -> None:
    estate = Estate(cells=())
    name = "a\n'b\x1b\\"
    estate.provider(name)
    auditor.report(estate, "P04")
    [finding] = judged(auditor.folder / "snapshot.sqlite", check("T1", remedy=("printf %s {provider_name}",))).findings
    assert "\n" not in finding.remedy[0]
    assert subprocess.run(["bash", "-c", finding.remedy[0]], capture_output=True, check=True).stdout.decode() == name


def test_grace_is_measured_from_the_servers_clock(snapshot: Path) -> None:
    assert all(finding.settled for finding in judged(snapshot, check("Z1")).findings)
    young = judged(snapshot, check("Z1"), grace=60 * 48)
    assert not any(finding.settled for finding in young.findings)
    assert (young.results[0].findings, young.results[0].in_flight) == (0, 2)
    assert young.exit_code(Severity.INFO) == 0


def test_the_cause_stands_for_its_effects(snapshot: Path) -> None:
    cause = check("Z1", absorbs={"Z2": ("provider",)})
    report = judged(snapshot, check("Z2"), cause)
    assert [(finding.code, dict(finding.also)) for finding in report.findings] == [("Z1", {"Z2": 1})] * 2
    effect = next(result for result in report.results if result.check.code == "Z2")
    assert (effect.status, effect.findings) == ("clean", 0)
    assert effect.reason == "2 more named by the finding of their cause"


def test_a_cause_in_flight_hides_no_settled_effect(snapshot: Path) -> None:
    with_future_clock = check("Z1").query.with_only_columns(
        schema.resource_providers.c.uuid.label("provider"),
        schema.resource_providers.c.name.label("provider_name"),
        literal_column("NULL").label("blank"),
        literal("2999-01-01 00:00:00").label("newest_change"),
    )
    report = judged(snapshot, check("Z1", query=with_future_clock, absorbs={"Z2": ("provider",)}), check("Z2"))
    assert [finding.code for finding in report.findings] == ["Z2", "Z2", "Z1", "Z1"]


def test_an_effects_effects_are_their_causes(snapshot: Path) -> None:
    chain = [
        check("Z3"),
        check("Z2", absorbs={"Z3": ("provider",)}),
        check("Z1", absorbs={"Z2": ("provider",)}),
    ]
    report = judged(snapshot, *chain)
    assert [(finding.code, dict(finding.also)) for finding in report.findings] == [("Z1", {"Z2": 1, "Z3": 1})] * 2
    first = report.findings[0]
    assert first.absorbed == tuple(first.identity.replace("Z1", code) for code in ("Z2", "Z3"))


def test_nothing_has_one_cause_with_nothing(snapshot: Path) -> None:
    report = judged(snapshot, check("Z1", absorbs={"Z2": ("blank",)}), check("Z2"))
    assert sorted(finding.code for finding in report.findings) == ["Z1", "Z1", "Z2", "Z2"]


def test_a_failing_check_is_named_and_the_others_go_on(snapshot: Path) -> None:
    broken = check("Z1", query=select(literal_column("no_such_column").label("provider")))
    report = judged(snapshot, broken, check("Z2"))
    assert [result.status for result in report.results] == ["failed", "findings"]
    assert "no_such_column" in str(report.results[0].reason)
    assert report.exit_code(Severity.WARNING) == 2


def test_severity_decides_the_exit_code(snapshot: Path) -> None:
    report = judged(snapshot, check("Z1", impact=Impact.MEDIUM))
    assert [report.exit_code(severity) for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)] == [0, 1, 1]


def test_placement_alone_is_a_valid_source(auditor: Auditor) -> None:
    estate = Estate()
    estate.compute("host")
    report = auditor.report(estate, nova=False)
    skipped = {result.check.code: result.reason for result in report.results if result.status == "skipped"}
    assert "X09" in skipped
    assert "P19" not in skipped
    assert all("--api-db" in str(reason) for reason in skipped.values())
    assert report.exit_code(Severity.WARNING) == 0


def test_without_a_cell_no_consumer_is_called_unknown(auditor: Auditor) -> None:
    """Its servers would all look like ghosts."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.server("alive", estate.compute("host", cell="cell2"))
    urls = auditor.urls(estate)
    estate.write(urls)
    (auditor.folder / "nova_cell2.sqlite").unlink()
    path = auditor.folder / "snapshot.sqlite"
    with opened(from_options(urls.placement, urls.api, []), Limits()) as databases:
        take(databases, path)
    report = judged(path, *catalogue())
    assert [finding.message for finding in report.findings if finding.severity is not Severity.INFO] == []
    skipped = {result.check.code for result in report.results if result.status == "skipped"}
    assert {"X03", "X04", "X07", "X11", "X12", "X13"} <= skipped
    assert report.gaps
    assert report.exit_code(Severity.ERROR) == 2


def two_hosts(at: str) -> Estate:
    estate = Estate()
    for number in range(4):
        estate.server(f"server-{number} {at}", estate.compute(f"host-{number} {at}"))
    return estate


def test_the_nova_of_another_cloud_condemns_nothing(auditor: Auditor, tmp_path: Path) -> None:
    """Every consumer would be unknown, and every provider without a node."""
    here, there = two_hosts("here"), two_hosts("there")
    urls = auditor.urls(here)
    here.write(urls)
    (tmp_path / "there").mkdir()
    other = sqlite_urls(tmp_path / "there", there.cells)
    there.write(other)
    path = tmp_path / "snapshot.sqlite"
    with opened(from_options(urls.placement, other.api, []), Limits()) as databases:
        take(databases, path)
    report = judged(path, *catalogue())
    assert any("different clouds: only 0 of 4 compute nodes have a provider" in gap for gap in report.gaps)
    assert not {finding.code for finding in report.findings} & {"X03", "X04", "X07", "X11", "X12", "X13"}
    assert not any(" delete " in line for finding in report.findings for line in finding.remedy)
    assert report.exit_code(Severity.ERROR) == 2


def test_cells_without_a_node_condemn_nothing(auditor: Auditor) -> None:
    estate = two_hosts("here")
    estate.rows[schema.instances] = []
    estate.rows[schema.compute_nodes] = []
    report = auditor.report(estate)
    assert any("no cell has a compute node, yet 4 consumers" in gap for gap in report.gaps)
    assert not {finding.code for finding in report.findings} & {"X03", "X11"}


def test_one_database_under_two_cell_names_is_a_gap(auditor: Auditor, tmp_path: Path) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.server("one", estate.compute("host-1", cell="cell1"))
    estate.server("two", estate.compute("host-2", cell="cell2"))
    urls = auditor.urls(estate)
    estate.write(urls)
    path = tmp_path / "snapshot.sqlite"
    twice = from_options(urls.placement, urls.api, [f"cell1={urls.cells['cell2']}"])
    with opened(twice, Limits()) as databases:
        take(databases, path)
    report = judged(path, *catalogue())
    assert any("the same database as cell1" in gap for gap in report.gaps)
    assert [finding.code for finding in report.findings if finding.severity is Severity.ERROR] == []


def test_cells_that_are_swapped_condemn_no_server_on_a_host(auditor: Auditor, tmp_path: Path) -> None:
    estate = Estate()
    estate.server("alive", estate.compute("host"))
    urls = auditor.urls(estate)
    estate.write(urls)
    path = tmp_path / "snapshot.sqlite"
    swapped = [f"cell0={urls.cells['cell1']}", f"cell1={urls.cells['cell0']}"]
    with opened(from_options(urls.placement, urls.api, swapped), Limits()) as databases:
        take(databases, path)
    assert not any(finding.code == "X07" for finding in judged(path, *catalogue()).findings)


def test_an_api_database_that_maps_nothing_condemns_no_server(auditor: Auditor) -> None:
    estate = two_hosts("here")
    estate.rows[schema.instance_mappings] = []
    report = auditor.report(estate)
    assert any("only 0 of 4 servers of cell1 are mapped to it" in gap for gap in report.gaps)
    assert not {finding.code for finding in report.findings} & {"N01", "N02", "N02b", "N03", "N11"}
    assert report.exit_code(Severity.ERROR) == 2


def test_a_few_servers_that_are_not_mapped_are_findings(auditor: Auditor) -> None:
    estate = two_hosts("here")
    del estate.rows[schema.instance_mappings][0]
    report = auditor.report(estate)
    assert report.gaps == []
    assert [finding.code for finding in report.findings if finding.severity is Severity.ERROR] == ["N02"]


def test_one_database_under_two_addresses_condemns_no_server(auditor: Auditor) -> None:
    """Each of its servers would be in two cells, and mapped to another one."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    for number in range(5):
        server = estate.server(f"server-{number}", estate.compute(f"host-{number}"))
        estate.add(schema.instances, **{**server.instance, "cell": "cell2"})
    report = auditor.report(estate)
    assert any("5 of 5 servers of cell1 are in another cell, too" in gap for gap in report.gaps)
    assert not {finding.code for finding in report.findings} & {"N01", "N02"}
    assert report.exit_code(Severity.ERROR) == 2


def test_resizes_between_cells_are_no_second_servers(auditor: Auditor) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    for number in range(5):
        old = estate.compute(f"old-{number}")
        server = estate.server(f"server-{number}", estate.compute(f"new-{number}", cell="cell2"), vm_state="resized")
        estate.add(schema.instances, **{**server.instance, "cell": "cell1", "host": old.name, "hidden": 1})
        estate.migration(server, "resize", "finished", old)
    assert auditor.report(estate).gaps == []


@pytest.mark.parametrize("table", [schema.instances, schema.allocations, schema.consumers])
def test_a_uuid_without_dashes_is_the_same_uuid(auditor: Auditor, table: Table) -> None:
    estate = Estate()
    estate.server("alive", estate.compute("host", reserved_mb=0))
    for row in estate.rows[table]:
        for key in ("uuid", "consumer_id"):
            if key in row:
                row[key] = row[key].replace("-", "")
    # Placement itself finds a consumer by its spelling alone.
    spelling = {"P06"} if table is schema.consumers else set()
    assert {finding.code for finding in auditor.report(estate).findings} == spelling


def test_cells_that_no_mapping_names_misplace_nobody(auditor: Auditor, tmp_path: Path) -> None:
    """Which number is whose cell cannot be told then."""
    estate = two_hosts("here")
    estate.rows[schema.instance_mappings][0]["cell_id"] = 4711
    urls = auditor.urls(estate)
    estate.write(urls)
    with sqlite3.connect(tmp_path / "nova_api.sqlite") as connection:
        connection.execute("DELETE FROM cell_mappings")
    connection.close()
    path = tmp_path / "snapshot.sqlite"
    given = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, given), Limits()) as databases:
        take(databases, path)
    report = judged(path, *catalogue())
    assert report.gaps == []
    assert [finding.code for finding in report.findings if finding.severity is not Severity.INFO] == []


def live(auditor: Auditor, estate: Estate, change: str) -> Report:
    """The cloud as its own cell_mappings describe it, after a change to them."""
    urls = auditor.urls(estate)
    estate.write(urls)
    with sqlite3.connect(auditor.folder / "nova_api.sqlite") as connection:
        connection.execute(change)
    connection.close()
    sources = from_options(urls.placement, urls.api, [])
    return live_report(sources, Limits(), catalogue(), timedelta(minutes=10), lambda *_: None)


@pytest.mark.parametrize(
    ("stray", "named"), [("nova_api", "this is nova's API database"), ("placement", "this is a placement database")]
)
def test_a_cell_that_leads_to_another_database_is_a_gap(auditor: Auditor, stray: str, named: str) -> None:
    address = f"sqlite:///{auditor.folder}/{stray}.sqlite"
    change = f"UPDATE cell_mappings SET database_connection = '{address}' WHERE name = 'cell1'"
    report = live(auditor, two_hosts("here"), change)
    [gap] = report.gaps
    assert gap.startswith("cell cell1 could not be read: ")
    assert named in gap
    skipped = {result.check.code for result in report.results if result.status == "skipped"}
    assert {"X03", "X04", "X07", "X11", "X12", "X13", "N02", "N02b"} <= skipped
    assert [finding.code for finding in report.findings if finding.severity is Severity.ERROR] == []
    assert report.exit_code(Severity.ERROR) == 2


def test_a_disabled_cell_is_judged_and_named(auditor: Auditor) -> None:
    report = live(auditor, two_hosts("here"), "UPDATE cell_mappings SET disabled = 1 WHERE name = 'cell1'")
    assert report.gaps == []
    assert [warning for warning in report.warnings if "disabled" in warning] == [
        "cell cell1 is disabled: it gets no new servers, and is judged as all others"
    ]
    assert next(source for source in report.sources if source.name == "cell1").rows > 0
    assert report.exit_code(Severity.ERROR) == 0


# --- holes in what is known: one sentence, and nothing is left over ---

ON_ABSENCE = {"X03", "X04", "X07", "X11", "X12", "X13", "N02", "N02b", "N03"}


def holds_back(report: Report, told: str) -> None:
    """One gap that says so, exit code 2, nothing judged by absence, nothing to be removed."""
    [gap] = report.gaps
    assert told in gap
    assert report.exit_code(Severity.ERROR) == 2
    skipped = {result.check.code: str(result.reason) for result in report.results if result.status == "skipped"}
    assert skipped.keys() >= ON_ABSENCE
    assert not {finding.code for finding in report.findings} & ON_ABSENCE
    for finding in report.findings:
        assert not any(map(removes_something, finding.remedy)), finding


def two_cells(servers: int = 5) -> Estate:
    """A cloud with so many hosts and servers in each of two cells."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    for number in range(servers):
        for cell in ("cell1", "cell2"):
            host = estate.compute(f"host-{number} of {cell}", cell=cell)
            estate.server(f"server-{number} of {cell}", host)
    return estate


def without_cell2(estate: Estate, *tables: Table) -> Estate:
    """All rows of cell2 are gone from these tables."""
    uuids = {row["uuid"] for row in estate.rows[schema.instances] if row["cell"] == "cell2"}
    number = estate.cell_id("cell2")
    for table in tables:
        estate.rows[table] = [
            row
            for row in estate.rows[table]
            if not (
                row.get("cell") == "cell2"
                or row.get("cell_id") == number
                or row.get("instance_uuid") in uuids
                or row.get("uuid") in uuids
            )
        ]
    return estate


CELL_TABLES = (schema.instances, schema.compute_nodes, schema.services)


def test_a_cell_that_is_listed_no_more_condemns_nothing(auditor: Auditor) -> None:
    report = live(auditor, two_cells(), "DELETE FROM cell_mappings WHERE name = 'cell2'")
    holds_back(
        report, "nova maps 5 servers and host host-0 of cell2, host-1 of cell2, host-2 of cell2 and 2 more to a cell"
    )


def test_neither_does_one_with_a_single_host(auditor: Auditor) -> None:
    estate = two_hosts("here")
    estate.cells = ("cell0", "cell1", "cell2")
    estate.server("alive", estate.compute("alone", cell="cell2"))
    report = live(auditor, estate, "DELETE FROM cell_mappings WHERE name = 'cell2'")
    holds_back(report, "nova maps 1 server and host alone to a cell")


@pytest.mark.parametrize("requests_are_left", [True, False])
def test_hosts_that_no_mapping_is_left_of_condemn_nothing(auditor: Auditor, requests_are_left: bool) -> None:
    estate = without_cell2(two_cells(), *CELL_TABLES, schema.host_mappings, schema.instance_mappings)
    if not requests_are_left:
        estate = without_cell2(estate, schema.request_specs)
        estate.rows[schema.request_specs] = estate.rows[schema.request_specs][:5]
    report = auditor.report(estate)
    holds_back(report, "no cell remembers host-0 of cell2, host-1 of cell2, host-2 of cell2 and 2 more")
    assert ("a cell is missing" in report.gaps[0]) == requests_are_left


def test_a_second_nova_in_the_same_placement_condemns_nothing(auditor: Auditor) -> None:
    estate = two_hosts("here")
    for number in range(2):
        stranger = estate.provider(f"stranger-{number}")
        estate.inventory(stranger, "VCPU", 48)
        estate.trait(stranger, "COMPUTE_NODE")
        for each in range(3):
            estate.claim(uuid_of(f"theirs {number} {each}"), stranger, {"VCPU": 2}, project="theirs")
    holds_back(auditor.report(estate), "no cell remembers stranger-0, stranger-1, where 6 consumers hold something")


def test_one_host_that_nobody_remembers_is_a_finding_without_a_delete(auditor: Auditor) -> None:
    estate = two_hosts("here")
    stranger = estate.provider("stranger")
    estate.inventory(stranger, "VCPU", 48)
    estate.trait(stranger, "COMPUTE_NODE")
    for each in range(6):
        estate.claim(uuid_of(f"theirs {each}"), stranger, {"VCPU": 2})
    report = auditor.report(estate, "X03", "X11")
    assert report.gaps == []
    assert {finding.code for finding in report.findings} == {"X03", "X11"}
    assert {finding.severity for finding in report.findings} == {Severity.WARNING}
    assert not any(removes_something(line) for finding in report.findings for line in finding.remedy)


@pytest.mark.parametrize("conductor", [True, False])
def test_a_cell_whose_database_is_empty_condemns_nothing(auditor: Auditor, conductor: bool) -> None:
    estate = without_cell2(two_cells(), *CELL_TABLES)
    if conductor:
        estate.service("controller", "nova-conductor", cell="cell2")
    report = auditor.report(estate)
    holds_back(report, "the database of cell2 is empty, although nova maps 5 hosts and 5 servers to it")


def test_a_cell_that_has_no_host_yet_is_no_gap(auditor: Auditor) -> None:
    estate = two_hosts("here")
    estate.cells = ("cell0", "cell1", "cell2")
    assert auditor.report(estate, *ON_ABSENCE).gaps == []


def test_a_cell_that_lacks_its_servers_condemns_nothing(auditor: Auditor) -> None:
    report = auditor.report(without_cell2(two_cells(), schema.instances))
    holds_back(report, "the database of cell2 lacks servers that hold something: nova maps 5 servers to it")


def test_a_cell_that_lacks_its_newest_servers_condemns_nothing(auditor: Auditor) -> None:
    estate = two_cells(90)
    newest = [row for row in estate.rows[schema.instances] if row["cell"] == "cell2"][-4:]
    for row in newest:
        estate.remove(schema.instances, row)
        for mapping in estate.rows[schema.instance_mappings]:
            if mapping["instance_uuid"] == row["uuid"]:
                mapping["updated_at"] = estate.ago(hours=5)
    holds_back(auditor.report(estate, *ON_ABSENCE), "lacks servers that hold something: nova maps 4 servers to it")


def test_a_few_of_many_servers_that_are_missing_are_findings(auditor: Auditor) -> None:
    estate = two_cells(3)
    estate.remove(schema.instances, estate.rows[schema.instances][-1])
    report = auditor.report(estate, *ON_ABSENCE)
    assert report.gaps == []
    [finding] = report.findings
    assert (finding.code, finding.severity) == ("X11", Severity.WARNING)
    assert not any(map(removes_something, finding.remedy))


def test_an_api_database_that_is_older_than_the_cells_condemns_nothing(auditor: Auditor) -> None:
    estate = two_cells(30)
    for row in estate.rows[schema.instances][-4:]:
        row["created_at"] = estate.ago(hours=3)
        estate.rows[schema.instance_mappings] = [
            one for one in estate.rows[schema.instance_mappings] if one["instance_uuid"] != row["uuid"]
        ]
    holds_back(auditor.report(estate, *ON_ABSENCE), "4 servers have no mapping, and all of them are newer")


def test_containers_of_projects_without_servers_are_no_gap(auditor: Auditor) -> None:
    estate = two_hosts("here")
    for number in range(6):
        uuid = uuid_of(f"container-{number}")
        estate.claim(
            uuid, estate.rows[schema.resource_providers][0], {"VCPU": 1}, project="zun", at=estate.ago(hours=3)
        )
    report = auditor.report(estate, "X11")
    assert report.gaps == []
    assert {finding.severity for finding in report.findings} == {Severity.INFO}


@pytest.mark.parametrize("known", [0, 3])
def test_a_nova_that_is_older_than_placement_condemns_nothing(auditor: Auditor, known: int) -> None:
    estate = Estate()
    host = estate.compute("host")
    for number in range(known):
        estate.server(f"old-{number}", host)
    for number in range(4):
        estate.claim(uuid_of(f"new-{number}"), host.provider, {"VCPU": 2}, at=estate.ago(hours=number + 1))
    holds_back(auditor.report(estate, *ON_ABSENCE), "4 consumers are unknown, and all of them are newer")


def test_leaks_among_the_servers_of_their_days_are_findings(auditor: Auditor) -> None:
    estate = Estate()
    host = estate.compute("host")
    for days in range(1, 6):
        estate.server(f"old-{days}", host, at=estate.ago(days=days))
        estate.claim(uuid_of(f"leak-{days}"), host.provider, {"VCPU": 2}, at=estate.ago(days=days, hours=1))
    report = auditor.report(estate, "X11")
    assert report.gaps == []
    assert len(report.findings) == 5


def test_a_placement_that_is_older_than_nova_condemns_nothing(auditor: Auditor) -> None:
    estate = Estate()
    host = estate.compute("host")
    estate.server("old", host, at=estate.ago(days=3))
    for number in range(4):
        estate.server(f"new-{number}", host, holds=False)
    holds_back(auditor.report(estate, *ON_ABSENCE), "4 servers run and hold nothing, and all of them are newer")


def test_without_cell0_nothing_is_left_over(auditor: Auditor) -> None:
    report = live(auditor, two_hosts("here"), "DELETE FROM cell_mappings WHERE name = 'cell0'")
    holds_back(report, "cell0 is not among the cells")


def test_a_hole_takes_deletions_from_other_checks_too(auditor: Auditor, snapshot: Path) -> None:
    """X02 judges hosts that are there, and N10 builds that are nowhere."""
    lines = ("openstack resource provider delete {provider}", "openstack resource provider show {provider}")
    asks = check("Z1", remedy=lines).query.add_columns(
        select(func.count()).select_from(schema.instances).scalar_subquery().label("servers")
    )
    whole = check("Z2", whole_cloud=True)
    assert any(
        map(removes_something, judged(snapshot, check("Z1", remedy=lines, query=asks), whole).findings[0].remedy)
    )
    with local_file(snapshot, write=True).begin() as connection:
        connection.execute(insert(schema.host_mappings).values(host="elsewhere", cell_id=4711))
    report = judged(snapshot, check("Z1", remedy=lines, query=asks), whole)
    finding = report.findings[0]
    assert [line.split()[3] for line in finding.remedy] == ["show"]
    assert "a cell is missing" in str(finding.withheld)


# --- as of when the rows are ---


def late(auditor: Auditor, now: datetime, *codes: str, change: Callable[[Estate], object] = lambda _: None) -> Report:
    """A cloud as it was at that moment, in which a server is being deleted."""
    estate = Estate(now=now)
    host = estate.compute("host")
    at = estate.ago(seconds=2)
    estate.server("gone", host, vm_state="deleted", deleted=3, deleted_at=at, updated_at=at)
    change(estate)
    estate.is_past = auditor.servers_clock = True
    return auditor.report(estate, *(codes or ("X07",)))


def now(**shift: float) -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(**shift)


@pytest.mark.parametrize("shift", [{"minutes": -15}, {"hours": -20}, {"days": -9}])
def test_on_a_replica_that_lags_nothing_settles(auditor: Auditor, shift: dict[str, float]) -> None:
    report = late(auditor, now(**shift))
    [finding] = report.findings
    assert not finding.settled
    [note] = report.warnings
    assert "before the clock of placement's server" in note


def test_a_lag_of_seconds_is_no_word_worth(auditor: Auditor) -> None:
    report = late(auditor, now(seconds=-20))
    assert not report.findings[0].settled
    assert report.warnings == []


def test_clocks_of_hosts_that_run_ahead_settle_nothing(auditor: Auditor) -> None:
    assert not late(auditor, now(minutes=15)).findings[0].settled


def test_the_cell_that_lags_most_tells(auditor: Auditor) -> None:
    def other_cell(estate: Estate) -> None:
        estate.cells = ("cell0", "cell1", "cell2")
        fresh = estate.compute("fresh", cell="cell2")
        fresh.service["last_seen_up"] = fresh.node["updated_at"] = now().strftime("%Y-%m-%d %H:%M:%S")

    assert not late(auditor, now(minutes=-15), change=other_cell).findings[0].settled


def test_a_cell_that_is_dead_mutes_no_other(auditor: Auditor) -> None:
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    estate.server("gone", estate.compute("host"), deleted=3, deleted_at=estate.ago(hours=20))
    dead = estate.compute("dead", cell="cell2")
    dead.service["last_seen_up"] = dead.node["updated_at"] = estate.ago(days=7)
    report = auditor.report(estate, "X07")
    assert [finding.settled for finding in report.findings] == [True]
    assert report.warnings == []


@pytest.mark.parametrize("days", [0.5, 7])
def test_a_cloud_whose_hosts_are_all_down_still_settles(auditor: Auditor, days: float) -> None:
    estate = Estate()
    host = estate.compute("host")
    host.service["last_seen_up"] = host.node["updated_at"] = estate.ago(days=days)
    estate.server("gone", host, deleted=3, deleted_at=estate.ago(hours=3), updated_at=estate.ago(hours=3))
    assert [finding.settled for finding in auditor.report(estate, "X07").findings] == [True]


def test_without_services_the_clock_is_right(auditor: Auditor) -> None:
    estate = Estate(cells=())
    estate.provider("host")["generation"] = None
    assert [finding.settled for finding in auditor.report(estate, "P04", nova=False).findings] == [True]
