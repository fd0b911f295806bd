"""sql/ as it is in the repository, and what makes it."""

import re
from pathlib import Path

import pytest

from placement_audit import derived
from placement_audit.checks import catalogue, named
from placement_audit.finding import Check
from placement_audit.sqlfile.checks import file_name, file_of, selects_candidates
from placement_audit.sqlfile.folder import files
from placement_audit.sqlfile.prelude import STAND_INS, Homes
from placement_audit.sqlfile.questions import QUESTIONS
from placement_audit.sqlfile.text import as_text, laid_out

FOLDER = Path(__file__).parent.parent.parent / "sql"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return files(catalogue(), QUESTIONS, Homes())


def test_the_folder_is_fresh(generated: dict[str, str]) -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == generated, "run: make sql"


@pytest.mark.parametrize("check", catalogue(), ids=lambda check: check.code)
def test_the_layout_changes_white_space_alone(check: Check) -> None:
    text = as_text(check.query)
    assert laid_out(text) != text
    assert _without_spaces(laid_out(text)) == _without_spaces(text)
    assert ":" not in re.sub(r"'(?:[^'\\]|''|\\.)*'", "", text)


def test_the_layout_leaves_texts_alone() -> None:
    text = "SELECT 'FROM  a  (SELECT', `two  words` FROM b WHERE c = 'it''s  AND'"
    assert [part in laid_out(text) for part in ("'FROM  a  (SELECT'", "`two  words`", "'it''s  AND'")] == [True] * 3
    assert laid_out(text).count("\n") == 2


def test_what_python_computes_has_a_stand_in(generated: dict[str, str]) -> None:
    assert set(STAND_INS) == set(derived.COMPUTED)
    codes = {"N24", "X06", "X10", "X31", "X32", "X34", "X37"}
    assert {check.code for check in catalogue() if selects_candidates(check)} == codes
    for check in catalogue():
        assert ("CANDIDATES" in generated[file_name(check)]) == selects_candidates(check)


def test_names_are_quoted_where_they_must_be() -> None:
    text = file_of(named("X01"), Homes("place-ment", "nova'api", (("it's", "1"),)))
    assert "FROM `place-ment`.resource_providers" in text
    assert "FROM `1`.compute_nodes" in text
    assert "'it''s' AS cell" in text
    assert "`nova'api`.cell_mappings" in text


def test_a_cell_is_one_more_part_of_each_of_its_tables() -> None:
    cells = [("cell0", "nova_cell0"), ("cell1", "nova"), ("cell2", "nova_2")]
    for number in (1, 2, 3):
        text = file_of(named("X01"), Homes(cells=tuple(cells[:number])))
        assert text.count(".compute_nodes\n") == number


def _without_spaces(text: str) -> str:
    return re.sub(r"\s+", "", text)
