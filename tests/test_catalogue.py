"""Promises that every check keeps."""

import ast
import importlib
import re
import string
from pathlib import Path

import pytest

from placement_audit.audit import tables_of
from placement_audit.checks import catalogue
from placement_audit.demo.estate import Estate
from placement_audit.finding import SUBJECTS, Check
from placement_audit.schema import start_hazards
from tests.support import Auditor, sqlite_urls

ROOT = Path(__file__).parent.parent
CHECKS = catalogue()
# What the catalogue has so far: all that placement's own tables tell, and part of what nova's tell with them.
EXPECTED = {
    *(f"P{number:02}" for number in range(1, 38)),
    *(f"X{number:02}" for number in (*range(1, 33), *range(34, 38))),
    "X14b",
    "N02b",
    "N11b",
    *(f"N{number:02}" for number in range(1, 25)),
}

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)


def columns(check: Check) -> list[str]:
    return list(check.query.selected_columns.keys())


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def modules() -> list[Path]:
    return sorted(path for path in (ROOT / "placement_audit/checks").glob("*/*.py") if path.name != "__init__.py")


def test_the_catalogue_is_whole() -> None:
    assert [check.code for check in CHECKS] == sorted(EXPECTED)


@every_check
def test_placeholders_are_selected_columns(check: Check) -> None:
    wanted = set().union(*(placeholders(text) for text in (check.message, *check.remedy)))
    assert wanted <= set(columns(check))


@every_check
def test_identity_is_selected_and_ordered(check: Check) -> None:
    assert check.identity
    assert set(check.identity) <= set(columns(check))
    ordered = {str(getattr(clause, "element", clause)).rpartition(".")[2] for clause in check.query._order_by_clauses}
    assert set(check.identity) <= ordered


@every_check
def test_a_row_has_a_subject_a_clock_and_a_why(check: Check) -> None:
    assert set(columns(check)) & set(SUBJECTS)
    assert "newest_change" in columns(check)
    assert check.why.endswith(".")
    assert not check.title.endswith(".")


@every_check
def test_every_start_of_nova_compute_is_asked_for(check: Check) -> None:
    """A start may remove, break off or delete something: checks/restarts.py tells where, and the finding says what."""
    # Whatever form the hint has: a command, a comment, a signal.
    starts = [
        line
        for line in check.remedy
        if re.search(r"\b(re)?(start|load)(s|ed|ing)?\b|\bSIGHUP\b", line, re.IGNORECASE)
        and not re.search(r"placement-api|placement's API|nova-scheduler", line)
    ]
    assert all(placeholders(line) & {"restartable", "startable", "undeletable"} for line in starts), starts
    assert not starts or (start_hazards in tables_of(check) and "withheld" in columns(check))


@every_check
def test_what_it_absorbs_has_the_same_columns(check: Check) -> None:
    by_code = {other.code: other for other in CHECKS}
    for code, shared in check.absorbs.items():
        assert set(shared) <= set(columns(check)), code
        assert set(shared) <= set(columns(by_code[code])), code


@every_check
def test_family_matches_what_it_needs(check: Check) -> None:
    homes = {table.info["home"] for table in tables_of(check) - set(check.optional)} - {None}
    family = next(path.parent.name for path in modules() if path.name.startswith(check.code.lower() + "_"))
    assert (family == "placement") == (homes <= {"placement"})


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_module_and_test_share_the_checks_name(path: Path) -> None:
    module = importlib.import_module(f"placement_audit.checks.{path.parent.name}.{path.stem}")
    assert path.stem == f"{module.CHECK.code.lower()}_{module.CHECK.name.replace('-', '_')}"
    tests = ROOT / "tests/checks" / path.parent.name / f"test_{path.name}"
    names = [node.name for node in ast.walk(ast.parse(tests.read_text())) if isinstance(node, ast.FunctionDef)]
    assert any(name.startswith("test_fires") for name in names)
    assert any(name.startswith("test_quiet") for name in names)


def test_silent_on_an_empty_cloud(tmp_path: Path) -> None:
    auditor = Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)
    report = auditor.report(Estate())
    assert [finding.message for finding in report.findings] == []
    assert {result.status for result in report.results} == {"clean"}
