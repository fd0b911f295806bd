"""placement-audit audit --allow FILE: what is accepted is told of, and what is not is found."""

import json
from pathlib import Path

import pytest

from placement_audit.demo.estate import Urls
from tests.cli.conftest import Run, live

ONLY = ("--select", "P19,P18")


def file(folder: Path, *entries: str) -> str:
    path = folder / "allow.toml"
    path.write_text("".join(f"[[allow]]\n{entry}\n" for entry in entries))
    return str(path)


FIVE = 'name = "host-0[0-4]"\nchecks = ["over-capacity"]\ncomment = "too fat, ask Anna"'
ALL = 'project = "project-a"\ncomment = "no provider has a project"', 'resource_class = "VCPU"\ncomment = "all of it"'


def test_what_is_allowed_is_told_of_in_one_line(run: Run, faulty: Urls, tmp_path: Path) -> None:
    allow = file(tmp_path, FIVE)
    done = run("audit", *live(faulty), *ONLY, "--all", "--allow", allow)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[0] == "placement-audit 0.1.0: 7 warnings; 5 allowed"
    assert done.stdout.count("more than its capacity of 192") == 7
    assert "host-04" not in done.stdout
    assert f"Clean: 1 of 2 checks.\n5 findings allowed by {allow}: P19 (5)\n" in done.stdout


def test_nothing_but_what_is_allowed_is_0_and_still_told_of(run: Run, faulty: Urls, tmp_path: Path) -> None:
    allow = file(tmp_path, *ALL)
    done = run("audit", *live(faulty), *ONLY, "--allow", allow)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "placement-audit 0.1.0: no findings; 12 allowed"
    assert f"Clean: 1 of 2 checks.\n12 findings allowed by {allow}: P19 (12)\n" in done.stdout
    quiet = run("audit", *live(faulty), *ONLY, "--allow", allow, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_the_json_says_what_was_allowed_and_why(run: Run, faulty: Urls, tmp_path: Path) -> None:
    allow = file(tmp_path, FIVE)
    document = json.loads(run("audit", *live(faulty), *ONLY, "--format", "json", "--allow", allow).stdout)
    plain = json.loads(run("audit", *live(faulty), *ONLY, "--format", "json").stdout)
    assert (plain["allowed_by"], plain["allowed"]) == (None, [])
    assert document["allowed_by"] == allow
    assert [one["identity"] for one in document["allowed"]] == [one["identity"] for one in plain["findings"][:5]]
    assert document["allowed"][0] == {
        "identity": plain["findings"][0]["identity"],
        "code": "P19",
        "message": plain["findings"][0]["message"],
        "also": {},
        "absorbed": [],
        "comment": "too fat, ask Anna",
        "entry": f"{allow}:1",
    }
    assert document["findings"] == plain["findings"][5:]
    p19 = next(check for check in document["checks"] if check["code"] == "P19")
    assert (p19["status"], p19["findings"], p19["allowed"]) == ("findings", 7, 5)


def test_entries_of_no_use_are_notes(run: Run, faulty: Urls, tmp_path: Path) -> None:
    allow = file(
        tmp_path,
        'name = "host-99"\nchecks = "P19"\ncomment = "was \\u001b[31m scrapped"',
        'name = "*"\ncomment = "until it was mended"\nuntil = 2020-02-29',
    )
    done = run("audit", *live(faulty), *ONLY, "--allow", allow)
    assert done.returncode == 1
    assert "12 warnings" in done.stdout.splitlines()[0]
    assert f"note: {allow}:1: matches nothing: was \\x1b[31m scrapped\n" in done.stdout
    assert f"note: {allow}:5: expired on 2020-02-29, accepts nothing any more: until it was mended\n" in done.stdout
    document = json.loads(run("audit", *live(faulty), *ONLY, "--format", "json", "--allow", allow).stdout)
    assert len(document["run"]["warnings"]) == 2


def test_an_entry_for_every_check_is_tried_when_all_run_that_are_not_ignored(
    run: Run, faulty: Urls, tmp_path: Path
) -> None:
    allow = file(tmp_path, 'name = "host-99"\ncomment = "was scrapped"')
    assert "matches nothing" not in run("audit", *live(faulty), "--select", "P19", "--allow", allow).stdout
    assert "matches nothing" in run("audit", *live(faulty), "--ignore", "P35", "--allow", allow).stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[allow]]\nname = host\n", "allow.toml:2: Invalid value"),
        ('[[allow]]\nname = "host"\n', "allow.toml:1: a comment is missing: why is this allowed, and who knows of it?"),
        (
            '[[allow]]\nname = "h"\ncomment = "c"\nchecks = "X999"\n',
            "allow.toml:1: no check has the code or name 'X999'",
        ),
    ],
)
def test_a_malformed_file_is_one_line_and_2(run: Run, faulty: Urls, tmp_path: Path, text: str, expected: str) -> None:
    allow = tmp_path / "allow.toml"
    allow.write_text(text)
    done = run("audit", *live(faulty), "--exit-zero", "--allow", str(allow))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert expected in done.stderr
    assert run("audit", *live(faulty), "--allow", str(tmp_path / "absent")).stderr == (
        f"placement-audit: cannot read {tmp_path}/absent: No such file or directory\n"
    )


def test_what_could_not_be_read_is_not_allowed_away(run: Run, faulty: Urls, tmp_path: Path) -> None:
    allow = file(tmp_path, 'name = "*"\ncomment = "everything"')
    (tmp_path / "nova_cell1.sqlite").unlink()
    done = run("audit", *live(faulty), *ONLY, "--allow", allow)
    assert done.returncode == 2
    assert done.stdout.splitlines()[0] == "placement-audit 0.1.0: INCOMPLETE: no findings; 12 allowed"
    assert "INCOMPLETE: cell cell1 could not be read" in done.stdout


def test_consumers_are_looked_up_in_what_is_read_for_that(run: Run, faulty: Urls, tmp_path: Path) -> None:
    """P20 reads neither consumers nor projects for itself."""
    allow = file(tmp_path, 'project = "project-a"\ncomment = "theirs"')
    select = ("--select", "P20", "--fail-on", "info")
    live_one = run("audit", *live(faulty), *select, "--allow", allow)
    kept = str(tmp_path / "kept.sqlite")
    assert run("snapshot", "-o", kept, *live(faulty)).returncode == 0
    later = run("audit", "--snapshot", kept, *select, "--allow", allow)
    assert run("audit", *live(faulty), *select).returncode == 1
    for done in (live_one, later):
        assert done.returncode == 0
        assert "12 findings allowed by" in done.stdout
