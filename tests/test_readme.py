"""The README's output is what the demo cloud gives."""

import re
from datetime import date
from pathlib import Path
from textwrap import dedent

from placement_audit.allow import read
from placement_audit.candidates.explanation import explained
from placement_audit.candidates.grammar import parsed
from placement_audit.candidates.supply import Supply
from placement_audit.checks import catalogue
from placement_audit.demo.story import told
from placement_audit.render import explanation, table
from placement_audit.render.explanation import Asked, Circumstances
from placement_audit.source.config import url_of
from placement_audit.source.connect import Limits, reading_schema
from tests.readme import README, with_fresh_tables
from tests.support import Auditor, sqlite_urls


def masked(text: str) -> str:
    """Without what differs from run to run: the time, the seconds, and the width of the column with the folder."""
    text = re.sub(r"state of \S+ \S+ UTC", "state of DAY TIME UTC", text)
    return re.sub(r"in \d+\.\d s", "in N s", text)


def test_the_output_in_the_readme_is_real(tmp_path: Path) -> None:
    auditor = Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)
    report = auditor.report(told(), "X34", "X09", "X11")
    real = table.rendered(report, width=100).replace(str(tmp_path), "/tmp/demo")
    assert masked(outputs()[0]) == masked(real)


def test_the_explanation_in_the_readme_is_real(tmp_path: Path) -> None:
    estate = told()
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    with reading_schema(url_of(urls.placement, "the demo"), Limits()) as connection:
        answer = Asked(explained(Supply(connection), parsed("resources=VCPU:64")))
    real = explanation.rendered([answer], Circumstances("sqlite:////tmp/demo/placement.sqlite"), width=100)
    assert outputs()[1] == real


def test_the_tables_in_the_readme_are_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_fresh_tables(text) == text, "run: make readme"
    assert all(f"\n| {check.code} | " in text for check in catalogue())


def test_the_allow_list_in_the_readme_is_read(tmp_path: Path) -> None:
    example = README.read_text().partition("takes what is known and accepted, in TOML:\n")[2].partition("\n- ")[0]
    (tmp_path / "allow.toml").write_text(dedent(example))
    fair, zun, licences = read(str(tmp_path / "allow.toml"), catalogue()).entries
    assert (fair.until, zun.codes, set(licences.patterns)) == (date(2027, 1, 31), {"X11", "P30"}, {"resource_class"})


def outputs() -> list[str]:
    return README.read_text().split("```\n")[1::2]
