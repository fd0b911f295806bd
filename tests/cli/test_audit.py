"""placement-audit audit: what is printed, where, and the exit code."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls
from tests.cli.conftest import Run, live
from tests.conftest import RealSchemas
from tests.mariadb import Server
from tests.support import sqlite_urls

ONLY = ("--select", "over-capacity")


def test_clean_is_0_and_quiet_is_silent(run: Run, clean: Urls) -> None:
    done = run("audit", *live(clean))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no findings" in done.stdout.splitlines()[0]
    done = run("audit", *live(clean), "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_findings_are_1_and_the_first_ten_are_listed(run: Run, faulty: Urls) -> None:
    done = run("audit", *live(faulty), *ONLY)
    assert (done.returncode, done.stderr) == (1, "")
    assert "12 warnings" in done.stdout.splitlines()[0]
    assert done.stdout.count("more than its capacity of 192") == 10
    assert "… and 2 more; --all lists them" in done.stdout
    assert run("audit", *live(faulty), *ONLY, "--all").stdout.count("more than its capacity of 192") == 12


@pytest.mark.parametrize(
    ("options", "code"), [(["--fail-on", "error"], 0), (["--fail-on", "info"], 1), (["--exit-zero"], 0)]
)
def test_the_threshold(run: Run, faulty: Urls, options: list[str], code: int) -> None:
    done = run("audit", *live(faulty), *ONLY, *options)
    assert done.returncode == code
    assert "WARNING P19" in done.stdout


def test_json_is_what_the_readme_promises(run: Run, faulty: Urls) -> None:
    done = run("audit", *live(faulty), "--format", "json", "--ignore", "P35")
    document = json.loads(done.stdout)
    assert document["format"] == "placement-audit/1"
    assert document["run"]["exit_code"] == done.returncode == 1
    assert [source["role"] for source in document["sources"]] == ["placement", "api", "cell", "cell"]
    assert set(document["sources"][0]) >= {"role", "name", "url", "release", "revision", "status"}
    p19 = next(check for check in document["checks"] if check["code"] == "P19")
    assert {key: p19[key] for key in ("name", "severity", "status", "findings")} == {
        "name": "over-capacity",
        "severity": "warning",
        "status": "findings",
        "findings": 12,
    }
    assert "P35" not in {check["code"] for check in document["checks"]}
    finding = next(one for one in document["findings"] if one["code"] == "P19")
    assert set(finding) >= {
        *("code", "name", "severity", "impact", "settled", "newest_change", "message", "subject"),
        *("evidence", "remedy", "identity"),
    }
    assert finding["subject"]["resource_class"] == "VCPU"
    assert finding["evidence"]["excess"] == 1
    assert finding["remedy"][0].startswith("openstack resource provider inventory show ")


def test_output_goes_to_a_file(run: Run, faulty: Urls, tmp_path: Path) -> None:
    done = run("audit", *live(faulty), *ONLY, "--output", str(tmp_path / "report.txt"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "WARNING P19" in (tmp_path / "report.txt").read_text()
    done = run("audit", *live(faulty), *ONLY, "--output", "/nowhere/report.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "placement-audit: cannot write the report to /nowhere/report.txt: No such file or directory\n"


def test_databases_come_from_the_environment_or_the_services_files(run: Run, faulty: Urls, tmp_path: Path) -> None:
    by_environment = run(
        "audit", *ONLY, PLACEMENT_AUDIT_PLACEMENT_DB=faulty.placement, PLACEMENT_AUDIT_API_DB=faulty.api
    )
    (tmp_path / "placement.conf").write_text(f"[placement_database]\nconnection = {faulty.placement}\n")
    (tmp_path / "nova.conf").write_text(f"[api_database]\nconnection = {faulty.api}\n")
    by_files = run(
        "audit", *ONLY, "--config-file", str(tmp_path / "placement.conf"), "--config-file", str(tmp_path / "nova.conf")
    )
    for done in (by_environment, by_files):
        assert done.returncode == 1
        assert "cell0" in done.stdout
        assert "cell1" in done.stdout


def test_a_kept_snapshot_gives_the_same_findings(run: Run, faulty: Urls, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.sqlite")
    done = run("snapshot", "-o", kept, *live(faulty))
    assert (done.returncode, done.stderr) == (0, "")
    directly = json.loads(run("audit", *live(faulty), "--format", "json").stdout)
    later = json.loads(run("audit", "--snapshot", kept, "--format", "json").stdout)
    assert later["findings"] == directly["findings"]
    assert run("audit", "--snapshot", kept, *live(faulty)).returncode == 2


def test_a_cell_that_is_down_makes_it_2_in_every_format(run: Run, faulty: Urls, tmp_path: Path) -> None:
    (tmp_path / "nova_cell1.sqlite").unlink()
    table = run("audit", *live(faulty))
    assert table.returncode == 2
    assert table.stdout.splitlines()[0].startswith("placement-audit 0.1.0: INCOMPLETE")
    assert "INCOMPLETE: cell cell1 could not be read" in table.stdout
    assert "Not judged" in table.stdout
    document = json.loads(run("audit", *live(faulty), "--format", "json", "--quiet").stdout)
    assert document["run"]["complete"] is False
    assert document["run"]["exit_code"] == 2
    assert run("audit", *live(faulty), "--exit-zero").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no placement database given"),
        (["--placement-db", "sqlite:////nowhere.sqlite"], "no such file"),
        (["--placement-db", "what?"], "not a database URL"),
        (["--placement-db", "mysql+pymysql://u:s3cret@127.0.0.1:1/placement"], "Connection refused"),
        (["--snapshot", "/nowhere"], "no such file"),
        (["--snapshot", "/etc/passwd"], "not a database"),
        (["--cell-db", "x", "--placement-db", "sqlite:///x"], "NAME=URL"),
        (["--config-file", "/nowhere.conf"], "/nowhere.conf"),
        (["--select", "X99", "--snapshot", "/nowhere"], "no check has the code or name 'X99'"),
        (["--select", "X09", "--ignore", "X09", "--snapshot", "/nowhere"], "leave no check"),
        (["--grace", "soon"], "--grace"),
        (["--smtp", "localhost:25", "--snapshot", "/nowhere"], "no --mail-to"),
    ],
)
def test_what_a_user_can_cause_is_one_line_and_2(run: Run, arguments: list[str], expected: str) -> None:
    done = run("audit", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr


def test_errors_of_the_real_server_are_one_line(run: Run, mariadb: Server, real_schemas: RealSchemas) -> None:
    for url in (mariadb.url("absent"), mariadb.url("placement", "root", "wr0ng"), real_schemas.api):
        done = run("audit", PLACEMENT_AUDIT_PLACEMENT_DB=url)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert "wr0ng" not in done.stderr


def test_a_closed_pipe_is_no_traceback(faulty: Urls) -> None:
    """As in: placement-audit audit | head -1"""
    command = [sys.executable, "-m", "placement_audit", "audit", *live(faulty), "--all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 1  # the verdict, whoever reads it


def test_a_full_disk_is_said(faulty: Urls) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "placement_audit", "audit", *live(faulty)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hostile_name_cannot_speak_to_the_terminal(run: Run, tmp_path: Path) -> None:
    estate = Estate()
    host = estate.compute("ok")
    hostile = "\x1b[2J\x1b]0;owned\x07 <script>\r\n\u202e evil\x00"
    host.provider["name"] = hostile
    estate.claim("11111111-1111-4111-8111-111111111111", host.provider, {"VCPU": 300})
    folder = tmp_path / "hostile"
    folder.mkdir()
    urls = sqlite_urls(folder, estate.cells)
    estate.write(urls)
    for layout in ("table", "json"):
        done = run("audit", *live(urls), "--format", layout)
        assert "evil" in done.stdout
        assert all(character.isprintable() or character == "\n" for character in done.stdout)
    found = json.loads(done.stdout)["findings"]
    assert any(finding["subject"].get("provider_name") == hostile for finding in found)


def test_help_imports_nothing_heavy() -> None:
    """--help and --version answer at once: SQLAlchemy and the rest come when they are needed."""
    script = (
        "import sys; sys.argv = ['placement-audit', '--help']\n"
        "from placement_audit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'sqlalchemy', 'alembic', 'oslo_config', 'tabulate', 'tqdm', 'pymysql'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "audit" in done.stdout


def test_files_on_the_command_line_beat_the_environment(run: Run, faulty: Urls, clean: Urls, tmp_path: Path) -> None:
    """Otherwise placement of one cloud would be held against the nova of another."""
    (tmp_path / "all.conf").write_text(
        f"[placement_database]\nconnection = {clean.placement}\n[api_database]\nconnection = {clean.api}\n"
    )
    environment = {"PLACEMENT_AUDIT_PLACEMENT_DB": faulty.placement, "PLACEMENT_AUDIT_API_DB": faulty.api}
    done = run("audit", "--config-file", str(tmp_path / "all.conf"), **environment)
    assert done.returncode == 0
    assert f"{tmp_path}/clean/placement.sqlite" in done.stdout
    assert f"{tmp_path}/clean/nova_api.sqlite" in done.stdout


def test_an_audited_database_is_not_overwritten(run: Run, faulty: Urls, tmp_path: Path) -> None:
    database = tmp_path / "placement.sqlite"
    before = database.read_bytes()
    report = run("audit", *live(faulty), "--output", str(database))
    snapshot = run("snapshot", *live(faulty), "-o", str(database))
    (tmp_path / "some.conf").write_text("precious")
    config = run("snapshot", *live(faulty), "-o", str(tmp_path / "some.conf"))
    assert [report.returncode, snapshot.returncode, config.returncode] == [2, 2, 2]
    assert database.read_bytes() == before
    assert (tmp_path / "some.conf").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--placement-db", "mysql+pymysql://aud:p@ss3cret@127.0.0.1/placement"], "%40"),
        (["--placement-db", "mysql+pymysql://aud:s3cret"], "not a database URL"),
        (["--placement-db", "mysql+pymysql://aud:12345678"], "names no database"),
        (["mysql+pymysql://aud:s3cret@h/placement"], "unexpected extra argument"),
        (["--select", ""], "--select names no check"),
        (["--grace", "1500000000"], "--grace"),
    ],
)
def test_mistakes_show_no_password(run: Run, arguments: list[str], expected: str) -> None:
    done = run("audit", *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("query", ["foo=1", "charset=klingon", "plugin=dbcounter", "ssl_ca=/nowhere", "conv=x"])
def test_odd_options_in_a_url_are_no_traceback(
    run: Run, mariadb: Server, real_schemas: RealSchemas, query: str
) -> None:
    done = run("audit", "--select", "P04", PLACEMENT_AUDIT_PLACEMENT_DB=f"{real_schemas.placement}?{query}")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 2}
    assert (done.returncode == 0) == (query in {"foo=1", "plugin=dbcounter", "conv=x"})


def test_a_terminal_that_knows_no_ellipsis(run: Run, faulty: Urls) -> None:
    done = run("audit", *live(faulty), *ONLY, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (1, "")
    assert "and 2 more" in done.stdout


def test_a_server_that_says_nothing_is_given_up(run: Run, faulty: Urls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = run(
            *("audit", *live(faulty), "--statement-timeout", "1"),
            *("--cell-db", f"cell1=mysql+pymysql://u:p@127.0.0.1:{port}/nova"),
        )
    assert done.returncode == 2
    assert "INCOMPLETE: cell cell1 could not be read" in done.stdout
