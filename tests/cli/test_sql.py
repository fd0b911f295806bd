"""sql."""

import re
from pathlib import Path

import pytest

from placement_audit.checks import catalogue
from tests.cli.conftest import Run

SQL = Path(__file__).parent.parent.parent / "sql"


def test_a_check_and_a_question_are_printed(run: Run) -> None:
    done = run("sql", "p13", "held-by-consumer", "Several-Roots")
    assert (done.returncode, done.stderr) == (0, "")
    names = ("p13_allocation_without_consumer", "p30_several_roots", "explain_held_by_consumer")
    assert done.stdout == "\n".join((SQL / f"{name}.sql").read_text() for name in names)


def test_the_folder_is_what_the_command_writes(run: Run, tmp_path: Path) -> None:
    done = run("sql", "--out", str(tmp_path / "new" / "sql"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = {path.name: path.read_text() for path in (tmp_path / "new" / "sql").iterdir()}
    assert written == {path.name: path.read_text() for path in SQL.iterdir()}


def test_names_of_schemas_and_cells(run: Run) -> None:
    done = run("sql", "X01", "--placement", "p", "--api", "a", "--cell", "left=l", "--cell", "right=r")
    for part in (
        "FROM p.resource_providers",
        "FROM a.cell_mappings",
        "'left' AS cell",
        "FROM l.compute_nodes",
        "'right'",
    ):
        assert part in done.stdout
    after = done.stdout.partition("SET NAMES")[2]
    assert not any(f"{schema}." in after for schema in ("placement", "nova_api", "nova_cell0", "nova_cell1", "nova"))


def test_without_nova_the_checks_that_need_it_are_left_out(run: Run) -> None:
    done = run("sql", "--api", "")
    left_out = re.fullmatch(r"placement-audit: (\d+) checks left out: they need nova's schemas\n", done.stderr)
    assert done.returncode == 0
    assert left_out
    questions = 3
    printed = len(catalogue()) - int(left_out[1]) + questions
    assert done.stdout.count("\nSET SESSION TRANSACTION READ ONLY;\n") == printed > 30
    assert "-- P30 " in done.stdout
    assert "-- X01 " not in done.stdout
    assert "GRANT" not in done.stdout
    done = run("sql", "X01", "--api", "")
    words = "placement-audit: X01: needs a nova cell's schema; give --api or --cell\n"
    assert (done.returncode, done.stderr) == (2, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["X99"], "no check has the code or name 'X99'"),
        (["--cell", "cell1"], "--cell takes NAME=SCHEMA"),
        (["--placement", "a`b"], "is no name of a schema"),
        (["P13", "--out", "/dev/null/sql"], "cannot write to /dev/null/sql: Not a directory"),
    ],
)
def test_mistakes_end_in_a_line(run: Run, arguments: list[str], words: str) -> None:
    done = run("sql", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
