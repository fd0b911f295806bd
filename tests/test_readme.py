"""The README's output is what the demo cloud gives."""

import re
from pathlib import Path

from placement_audit.demo.story import told
from placement_audit.render import table
from tests.support import Auditor, sqlite_urls

README = Path(__file__).parent.parent / "README.md"


def masked(text: str) -> str:
    """Without what differs from run to run: the time, the seconds, and the width of the column with the folder."""
    text = re.sub(r"state of \S+ \S+ UTC", "state of DAY TIME UTC", text)
    return re.sub(r"in \d+\.\d s", "in N s", text)


def test_the_output_in_the_readme_is_real(tmp_path: Path) -> None:
    auditor = Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)
    report = auditor.report(told(), "X34", "X09", "X11")
    real = table.rendered(report, width=100).replace(str(tmp_path), "/tmp/demo")
    shown = README.read_text().partition("```\n")[2].partition("```")[0]
    assert masked(shown) == masked(real)
