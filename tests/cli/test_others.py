"""checks, demo, doctor and snapshot."""

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from placement_audit.checks import catalogue
from placement_audit.demo.estate import Urls
from placement_audit.finding import Check
from placement_audit.render import checks
from tests.cli.conftest import Run, live
from tests.conftest import CloudUrls, RealSchemas


def test_the_catalogue_lists_every_check(run: Run) -> None:
    done = run("checks")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()[2:]
    assert [line.split()[0] for line in lines if line[0] != " "] == [check.code for check in catalogue()]


def test_the_catalogue_lists_below_each_check_what_it_leaves_alone() -> None:
    expected = [
        part
        for check in catalogue()
        for part in (check.title, *(f"        - {exception}" for exception in check.exceptions))
    ]
    lines = checks.table(catalogue()).splitlines()[2:]
    assert len(lines) == len(expected)
    assert all(line.endswith(part) for line, part in zip(lines, expected, strict=True))
    narrow = [line for line in checks.table(catalogue(), 60).splitlines()[2:] if line[0] == " "]
    assert max(map(len, narrow)) <= 60
    assert "".join("".join(narrow).split()) == "".join("".join(line for line in lines if line[0] == " ").split())


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.code)
def test_one_check_in_full(check: Check) -> None:
    text = checks.one(check)
    for part in (check.code, check.name, "Why", "What to do", "SELECT", *check.remedy, *check.references):
        assert part in text
    assert ("Left alone" in text) == bool(check.exceptions)


def test_every_printed_query_runs_on_a_kept_snapshot(run: Run, faulty: Urls, tmp_path: Path) -> None:
    kept = tmp_path / "kept.sqlite"
    run("snapshot", "-o", str(kept), *live(faulty))
    with sqlite3.connect(kept) as connection:
        for check in catalogue():
            connection.execute(checks.one(check).partition("Query on a kept snapshot\n")[2]).fetchall()


def test_a_check_is_found_by_name_and_a_typo_is_helped(run: Run) -> None:
    assert "X34 flavor-fits-nowhere" in run("checks", "Flavor-Fits-Nowhere").stdout
    done = run("checks", "flavor-fits-nowere")
    assert done.returncode == 2
    assert "did you mean flavor-fits-nowhere?" in done.stderr


def test_the_demo_ends_0_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "VCPU 64: max_unit is at most 48" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_can_be_kept_and_audited_again_but_not_overwritten(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert run("demo", "--keep", str(kept)).returncode == 0
    urls = Urls(f"sqlite:///{kept}/placement.sqlite", f"sqlite:///{kept}/nova_api.sqlite", {})
    assert run("audit", *live(urls)).returncode == 1
    again = run("demo", "--keep", str(kept))
    assert (again.returncode, again.stdout) == (2, "")
    assert "has rows in it" in again.stderr


def test_the_demo_on_the_real_schemas(run: Run, empty_cloud: RealSchemas, auditor_urls: CloudUrls) -> None:
    """Written as root into what placement's and nova's migrations made, audited by an account with SELECT alone."""
    url = make_url(empty_cloud.placement)
    prefix = url.set(database=str(url.database).removesuffix("placement")).render_as_string(hide_password=False)
    done = run("demo", "--load", prefix)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(url.password) not in done.stdout
    environment = {"PLACEMENT_AUDIT_PLACEMENT_DB": auditor_urls.placement, "PLACEMENT_AUDIT_API_DB": auditor_urls.api}
    audit = run("audit", **environment)
    assert (audit.returncode, audit.stderr) == (1, "")
    assert "VCPU 64: max_unit is at most 48" in audit.stdout
    assert "may do more than read" not in audit.stdout
    doctor = run("doctor", **environment)
    assert (doctor.returncode, doctor.stderr) == (0, "")
    assert doctor.stdout.count("account      SELECT only") == 5
    assert doctor.stdout.count("MariaDB") == 5
    assert str(make_url(auditor_urls.api).password) not in doctor.stdout + audit.stdout
    refused = run("demo", "--load", prefix)
    assert refused.returncode == 2
    assert "has rows in it" in refused.stderr


def test_the_doctor_says_what_is_wrong_everywhere(run: Run, faulty: Urls, tmp_path: Path) -> None:
    assert run("doctor", *live(faulty)).returncode == 0
    (tmp_path / "nova_cell1.sqlite").unlink()
    (tmp_path / "placement.sqlite").write_bytes(b"")
    done = run("doctor", *live(faulty))
    assert (done.returncode, done.stderr) == (2, "")
    assert "no tables that this account can see" in done.stdout
    assert "no such file" in done.stdout
    assert "2 of 4 databases cannot be read." in done.stdout


def test_a_snapshot_of_an_incomplete_cloud_says_so(run: Run, faulty: Urls, tmp_path: Path) -> None:
    (tmp_path / "nova_cell1.sqlite").unlink()
    kept = tmp_path / "kept.sqlite"
    done = run("snapshot", "-o", str(kept), *live(faulty))
    assert done.returncode == 2
    assert "incomplete: cell cell1" in done.stderr
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert run("audit", "--snapshot", str(kept)).returncode == 2


def test_a_database_with_every_value_null_ends_in_findings_or_a_word(run: Run, faulty: Urls, tmp_path: Path) -> None:
    """No value of any row is there, and still no traceback."""
    for name in ("placement", "nova_cell1"):
        with sqlite3.connect(tmp_path / f"{name}.sqlite") as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                if table == "alembic_version":
                    continue
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if not row[5]]
                connection.execute(f"UPDATE {table} SET " + ", ".join(f"{column} = NULL" for column in columns))
    done = run("audit", *live(faulty))
    assert done.returncode in {1, 2}
    assert done.stderr == ""
    assert "FAILED" not in done.stdout
