"""The README's table of all checks, written from the catalogue: python -m tests.readme"""

from pathlib import Path

from placement_audit.checks import catalogue
from placement_audit.render import checks

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- checks: written by make readme -->\n", "<!-- /checks -->\n"


def with_fresh_table(text: str) -> str:
    """The README with the table of today's catalogue between the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} has lost its markers {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{checks.markdown(catalogue())}{END}{after}"


if __name__ == "__main__":
    README.write_text(with_fresh_table(README.read_text(encoding="utf-8")), encoding="utf-8")
