"""What is known and accepted: the file, what its entries match, and what they never hide."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from sqlalchemy import literal_column, select

from placement_audit import schema as t
from placement_audit.allow import AllowList, read
from placement_audit.audit import Report, judge
from placement_audit.checks import catalogue, chosen
from placement_audit.demo.estate import Compute, Estate, uuid_of
from placement_audit.errors import CannotTell
from placement_audit.finding import Severity
from placement_audit.snapshot import kept
from tests.support import Auditor, sqlite_urls

GHOST = uuid_of("ghost")
CORE = {"VCPU": 2, "MEMORY_MB": 4096}
KEYSTONE = "777391df22795eab8860eed878c318dd"

Listed = Callable[[str], AllowList]


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    """One that can audit several times: each into databases of their own."""
    return Auditor(lambda estate: sqlite_urls(Path(mkdtemp(dir=tmp_path)), estate.cells), tmp_path)


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def host(estate: Estate) -> Compute:
    host = estate.compute("compute-07")
    estate.server("web", host)
    return host


@pytest.fixture
def listed(tmp_path: Path) -> Listed:
    """An allow-list of one entry, with a comment, from the lines that say what it is about."""
    return lambda lines: written(tmp_path, f'[[allow]]\ncomment = "ask Anna"\n{lines}\n')


def written(folder: Path, text: str) -> AllowList:
    file = folder / "allow.toml"
    file.write_text(text)
    return read(str(file), catalogue())


def allowed(report: Report) -> list[str]:
    return [one.finding.code for one in report.allowed]


# --- what an entry matches ---


@pytest.mark.parametrize(
    "lines",
    [
        f'uuid = "{GHOST}"',
        f'uuid = "{GHOST.upper()}"',
        f'uuid = "{GHOST.replace("-", "")}"',
        f'uuid = ["{uuid_of("another")}", "{GHOST}"]',
        f'uuid = "{uuid_of("compute-07")}"',
        f'project = "{KEYSTONE}"',
        f'project = "{KEYSTONE[:8]}-{KEYSTONE[8:12]}-{KEYSTONE[12:16]}-{KEYSTONE[16:20]}-{KEYSTONE[20:].upper()}"',
        'name = "compute-07"',
        'name = ["blazar_*", "COMPUTE-0?"]',
        'resource_class = ["VCPU", "MEMORY_*"]',
        'consumer_type = "CONTAINER"',
        f'uuid = "{GHOST}"\nproject = "{KEYSTONE}"\nname = "*"\nresource_class = "*"\nconsumer_type = "C*"',
        f'uuid = "{GHOST}"\nchecks = "X11"',
        f'uuid = "{GHOST}"\nchecks = ["P30", "Unknown-Consumer"]',
        f'uuid = "{GHOST}"\nuntil = 2999-01-01',
    ],
)
def test_an_entry_accepts_what_it_names(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed, lines: str
) -> None:
    estate.claim(GHOST, host.provider, CORE, project=KEYSTONE, kind="CONTAINER")
    report = auditor.report(estate, "X11", allow=listed(lines))
    assert report.findings == []
    assert [(one.finding.subject["consumer"], one.comment) for one in report.allowed] == [(GHOST, "ask Anna")]
    assert report.exit_code(Severity.INFO) == 0
    (result,) = report.results
    assert (result.status, result.findings, result.allowed) == ("allowed", 0, 1)
    assert report.warnings == []


@pytest.mark.parametrize(
    "lines",
    [
        f'uuid = "{uuid_of("another")}"',
        'project = "project-a"',
        f'project = "{KEYSTONE[:-1]}*"',
        'name = "compute-0"',
        'name = "web"',
        'resource_class = "VCPU"',
        'resource_class = "CUSTOM_*"',
        'consumer_type = "INSTANCE"',
        f'uuid = "{GHOST}"\nname = "compute-08"',
        f'uuid = "{GHOST}"\nproject = "project-a"',
        f'uuid = "{GHOST}"\nchecks = "P30"',
        f'uuid = "{GHOST}"\nuntil = 2020-01-31',
    ],
)
def test_an_entry_accepts_nothing_else(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed, lines: str
) -> None:
    estate.claim(GHOST, host.provider, CORE, project=KEYSTONE, kind="CONTAINER")
    report = auditor.report(estate, "X11", allow=listed(lines))
    assert [finding.code for finding in report.findings] == ["X11"]
    assert report.allowed == []


def test_a_consumer_is_looked_up_where_the_row_does_not_tell(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    """P30 tells of neither project nor class, and reads none of their tables for itself."""
    for name in ("compute-07", "compute-08"):
        provider = host.provider if name == "compute-07" else estate.compute(name).provider
        estate.claim(GHOST, provider, CORE, project=KEYSTONE)
    for lines in (f'project = "{KEYSTONE}"', 'resource_class = ["VCPU", "MEMORY_MB"]', 'name = "compute-0[78]"'):
        assert allowed(auditor.report(estate, "P30", allow=listed(lines), nova=False)) == ["P30"]
    for lines in ('project = "project-a"', 'resource_class = "VCPU"', 'consumer_type = "*"', 'name = "compute-07"'):
        assert allowed(auditor.report(estate, "P30", allow=listed(lines), nova=False)) == []


def test_all_that_a_consumer_holds_anywhere_must_be_allowed(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    card = estate.provider("card")
    estate.claim(GHOST, card, {"CUSTOM_CARD": 1})
    cards = listed('resource_class = "CUSTOM_*"')
    assert allowed(auditor.report(estate, "X11", allow=cards)) == ["X11"]
    estate.allocate(GHOST, host.provider, CORE)
    assert allowed(auditor.report(estate, "X11", allow=cards)) == []


def test_a_class_without_a_name_and_a_consumer_without_a_record_match_nothing(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    estate.allocate(GHOST, host.provider, CORE)
    for key in ("project", "consumer_type"):
        assert allowed(auditor.report(estate, "X11", allow=listed(f'{key} = "*"'))) == []
    assert allowed(auditor.report(estate, "X11", allow=listed('resource_class = "*"'))) == ["X11"]
    estate.allocate(GHOST, host.provider, {"CUSTOM_LOST": 1})
    estate.rows[t.resource_classes].pop()
    assert allowed(auditor.report(estate, "X11", allow=listed('resource_class = "*"'))) == []


def test_a_child_provider_counts_as_its_host(auditor: Auditor, estate: Estate, host: Compute, listed: Listed) -> None:
    for compute in (host, estate.compute("compute-08")):
        card = estate.provider(f"{compute.name}_pci_0000:81:00.0", parent=compute.provider)
        estate.claim(GHOST, compute.provider, CORE)
        estate.allocate(GHOST, card, {"CUSTOM_CARD": 1})
    assert allowed(auditor.report(estate, "P30", allow=listed('name = "compute-0?"'), nova=False)) == ["P30"]
    estate.allocate(GHOST, {**host.provider, "id": 4711}, {"CUSTOM_CARD": 1})
    assert allowed(auditor.report(estate, "P30", allow=listed('name = "*"'), nova=False)) == []


def test_a_server_that_holds_nothing_is_known_by_nova_alone(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    estate.server("bare", host, holds=False, project=KEYSTONE)
    assert allowed(auditor.report(estate, "X06", allow=listed(f'project = "{KEYSTONE}"'))) == ["X06"]
    assert allowed(auditor.report(estate, "X06", allow=listed('resource_class = "*"'))) == []


def test_a_class_in_the_row_is_the_class_that_the_finding_is_about(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    estate.claim(GHOST, host.provider, {"VCPU": 10_000, "DISK_GB": 1})
    assert allowed(auditor.report(estate, "P19", allow=listed('resource_class = "VCPU"'))) == ["P19"]
    assert allowed(auditor.report(estate, "P19", allow=listed('resource_class = "DISK_GB"'))) == []
    # a provider has no project
    assert allowed(auditor.report(estate, "P19", allow=listed('project = "project-a"'))) == []


def test_a_flavor_and_an_aggregate_have_names_too(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    estate.flavor("m1.huge", 4711, 1024, 1)
    estate.nova_aggregate("gpu-hosts", replace(host, name="scrapped"))
    report = auditor.report(estate, "X34", "N13", allow=listed('name = ["m1.huge", "gpu-*"]'))
    assert (report.findings, allowed(report)) == ([], ["N13", "X34"])
    assert allowed(auditor.report(estate, "X34", "N13", allow=listed(f'name = "{host.name}"'))) == []


def test_what_is_in_flight_is_accepted_too(auditor: Auditor, estate: Estate, host: Compute, listed: Listed) -> None:
    estate.claim(GHOST, host.provider, CORE, at=estate.ago(minutes=1))
    report = auditor.report(estate, "X11", allow=listed(f'uuid = "{GHOST}"'))
    assert (report.findings, allowed(report), report.results[0].in_flight) == ([], ["X11"], 0)


def test_many_consumers_are_looked_up(auditor: Auditor, estate: Estate, host: Compute, listed: Listed) -> None:
    for number in range(1200):
        estate.claim(uuid_of(f"ghost {number}"), host.provider, {"CUSTOM_X": 1}, project=KEYSTONE)
    report = auditor.report(estate, "X11", allow=listed(f'project = "{KEYSTONE}"'))
    assert (report.findings, len(report.allowed)) == ([], 1200)


# --- one cause, one finding ---


@pytest.fixture
def doubled(estate: Estate, host: Compute) -> Estate:
    """A consumer on two hosts that nova does not know: X11 on each, which stands for P30."""
    estate.claim(GHOST, host.provider, CORE)
    estate.claim(GHOST, estate.compute("compute-08").provider, CORE)
    return estate


def test_an_accepted_cause_stands_for_effects_that_are_accepted(
    auditor: Auditor, doubled: Estate, listed: Listed
) -> None:
    report = auditor.report(doubled, "X11", "P30", allow=listed(f'uuid = "{GHOST}"'))
    assert report.findings == []
    assert allowed(report) == ["X11", "X11"]
    assert sum(one.finding.also.get("P30", 0) for one in report.allowed) == 1


def test_an_accepted_cause_hides_no_effect_that_is_not_accepted(
    auditor: Auditor, doubled: Estate, listed: Listed
) -> None:
    report = auditor.report(doubled, "X11", "P30", allow=listed(f'uuid = "{GHOST}"\nchecks = "X11"'))
    assert [finding.code for finding in report.findings] == ["P30"]
    assert allowed(report) == ["X11", "X11"]


@pytest.mark.parametrize("name", ["compute-07", "compute-08"])
def test_a_cause_that_is_not_accepted_stands_for_the_effect(
    auditor: Auditor, doubled: Estate, listed: Listed, name: str
) -> None:
    report = auditor.report(doubled, "X11", "P30", allow=listed(f'name = "{name}"'))
    assert [(finding.code, dict(finding.also)) for finding in report.findings] == [("X11", {"P30": 1})]
    assert allowed(report) == ["X11"]


def test_an_entry_that_matches_only_what_its_cause_stands_for_is_of_use(
    auditor: Auditor, doubled: Estate, listed: Listed
) -> None:
    report = auditor.report(doubled, "X11", "P30", allow=listed(f'uuid = "{GHOST}"\nchecks = "P30"'))
    assert [finding.code for finding in report.findings] == ["X11", "X11"]
    assert (report.allowed, report.warnings) == ([], [])


# --- what is told of entries ---


def test_an_entry_that_matches_nothing_is_noted(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    report = auditor.report(estate, allow=listed('name = "compute-99"'))
    (note,) = report.warnings
    assert note.endswith("allow.toml:1: matches nothing: ask Anna")
    assert report.exit_code(Severity.WARNING) == 0


def test_an_entry_whose_checks_did_not_all_run_is_not_called_useless(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    everywhere, checked = 'name = "compute-99"', 'name = "compute-99"\nchecks = ["P19", "X11"]'
    for lines in (everywhere, checked):
        assert auditor.report(estate, "P19", allow=listed(lines)).warnings == []
        assert auditor.report(estate, allow=listed(lines), nova=False).warnings == []
    assert len(auditor.report(estate, "P19", "X11", "X09", allow=listed(checked)).warnings) == 1


def test_what_is_ignored_need_not_run(auditor: Auditor, estate: Estate, host: Compute, tmp_path: Path) -> None:
    file = tmp_path / "allow.toml"
    file.write_text('[[allow]]\nname = "compute-99"\ncomment = "gone"\n')
    meant = [check for check in catalogue() if check.code in {"P19", "X11"}]
    assert len(auditor.report(estate, "P19", "X11", allow=read(str(file), meant)).warnings) == 1


def test_an_expired_entry_is_noted_whatever_it_would_match(
    auditor: Auditor, estate: Estate, host: Compute, listed: Listed
) -> None:
    estate.claim(GHOST, host.provider, CORE)
    report = auditor.report(estate, "X11", allow=listed(f'uuid = "{GHOST}"\nuntil = 2026-01-31'))
    (note,) = report.warnings
    assert note.endswith("allow.toml:1: expired on 2026-01-31, accepts nothing any more: ask Anna")
    assert len(report.findings) == 1


@pytest.mark.parametrize(("day", "accepted"), [("2026-01-31", True), ("2026-02-01", False)])
def test_the_last_day_counts(tmp_path: Path, auditor: Auditor, estate: Estate, day: str, accepted: bool) -> None:
    auditor.report(estate, "P04")
    entries = written(tmp_path, '[[allow]]\nname = "a"\ncomment = "c"\nuntil = 2026-01-31\n')
    with kept(tmp_path / "snapshot.sqlite") as connection:
        found, notes = entries.accepted(connection, date.fromisoformat(day), {"P04": [{"provider_name": "a"}]})
    assert ([entry is not None for entry in found["P04"]], notes == []) == ([accepted], accepted)


def test_allowing_hides_no_gap(auditor: Auditor, estate: Estate, host: Compute, listed: Listed) -> None:
    estate.claim(GHOST, host.provider, {"VCPU": 10_000})
    auditor.unreadable = "cell1"
    report = auditor.report(estate, "P19", "X11", allow=listed('name = "*"'))
    assert [result.status for result in report.results] == ["allowed", "skipped"]
    assert report.gaps
    assert report.exit_code(Severity.WARNING) == 2


def test_allowing_hides_no_failed_check(
    auditor: Auditor, estate: Estate, host: Compute, tmp_path: Path, listed: Listed
) -> None:
    estate.claim(GHOST, host.provider, {"VCPU": 10_000})
    auditor.report(estate, "P19")
    (p19,) = chosen(["P19"])
    broken = replace(p19, code="Z1", query=select(literal_column("no_such_column").label("provider")))
    with kept(tmp_path / "snapshot.sqlite") as connection:
        report = judge(connection, [broken, p19], timedelta(0), listed('name = "*"'))
    assert [result.status for result in report.results] == ["failed", "allowed"]
    assert report.exit_code(Severity.WARNING) == 2


# --- the file ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[allow]]\nuuid = "1\n', ":2: "),
        ('# one\n\n[[allow]]\nuuid = ["\n', ":4: "),
        ("[[allow]]\nuuid = [\n\n", ":2: "),
        ('[[allow]]\nuuid = "1"\nuuid = "2"\n', ":3: "),
        ("x = 1\n", ":1: unknown 'x'; the file is a list of [[allow]]"),
        ("\n[[alow]]\nname = 'x'\n", ":2: unknown 'alow'"),
        ('\n[allow]\nname = "x"\n', ":2: [[allow]] is expected, in two brackets"),
        ("allow = 1\n", ":1: [[allow]] is expected, in two brackets"),
        ("allow = [1]\n", ":1: [[allow]] is expected, in two brackets"),
        ('allow = [{name = "x"}]\n', ": entry 1: a comment is missing"),
        ('[[allow]]\nname = "x"\ncomment = "c"\n[[ "allow" ]] # 2\nname = "x"\n', ":4: a comment is missing"),
        ('[[allow]]\nname = "x"\ncomment = " "\n', ":1: a comment is missing"),
        ('[[allow]]\ncomment = "c"\n', ":1: says not what is allowed: one of uuid, project, name, "),
        ('[[allow]]\ncomment = "c"\nchecks = ["X11"]\n', ":1: says not what is allowed"),
        ('[[allow]]\ncomment = "c"\nuid = "x"\n', ":1: unknown key 'uid'; known are uuid, "),
        ('[[allow]]\ncomment = "c"\nuuid = "compute-07"\n', ":1: not a uuid: 'compute-07'"),
        ('[[allow]]\ncomment = "c"\nname = ""\n', ":1: name takes a text, or a list of texts"),
        ('[[allow]]\ncomment = "c"\nname = []\n', ":1: name takes a text, or a list of texts"),
        ('[[allow]]\ncomment = "c"\nproject = 12\n', ":1: project takes a text, or a list of texts"),
        ('[[allow]]\ncomment = "c"\nname = "x"\nchecks = "X99"\n', ":1: no check has the code or name 'X99'"),
        ('[[allow]]\ncomment = "c"\nname = "x"\nchecks = []\n', ":1: checks takes a text, or a list of texts"),
        ('[[allow]]\ncomment = "c"\nname = "x"\nuntil = "2027-01-31"\n', ":1: until takes a day, without quotes"),
        ('[[allow]]\ncomment = "c"\nname = "x"\nuntil = 2027-01-31T00:00:00\n', ":1: until takes a day"),
        ('[[allow]]\ncomment = "c"\nname = "x"\nuntil = 2027-02-30\n', ":4: "),
        ("x = " + "[" * 100_000, "allow.toml: nested too deeply"),
    ],
)
def test_a_malformed_file_is_named_with_the_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(CannotTell) as error:
        written(tmp_path, text)
    assert str(error.value).startswith((f"{tmp_path}/allow.toml{expected}", f"{tmp_path}/{expected}"))
    assert "at line" not in str(error.value)


def test_a_file_that_is_no_text_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "allow.toml").write_bytes(b'[[allow]]\nname = "\xff"\n')
    with pytest.raises(CannotTell, match=r"allow\.toml:2: not UTF-8 text"):
        read(str(tmp_path / "allow.toml"), catalogue())
    with pytest.raises(CannotTell, match="Is a directory"):
        read(str(tmp_path), catalogue())
    with pytest.raises(CannotTell, match="No such file"):
        read(str(tmp_path / "absent"), catalogue())


def test_a_list_may_be_empty_and_written_by_any_editor(tmp_path: Path) -> None:
    assert written(tmp_path, "# nothing yet\n").entries == []
    (tmp_path / "allow.toml").write_bytes(b'\xef\xbb\xbf[[allow]]\r\nname = "[z-a]*"\r\ncomment = "a\\nb"\r\n')
    (entry,) = read(str(tmp_path / "allow.toml"), catalogue()).entries
    assert entry.place.endswith("allow.toml:1")
    assert entry.comment == "a b"


def test_tables_are_read_only_for_what_has_to_be_looked_up(listed: Listed) -> None:
    assert listed(f'uuid = "{GHOST}"').tables() == set()
    for key in ("project", "name", "resource_class", "consumer_type"):
        assert t.consumers in listed(f'{key} = "x"').tables()
