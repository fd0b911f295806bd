"""The README's tables, written from the catalogue and from tests/peers.py: python -m tests.readme"""

from pathlib import Path

from placement_audit.checks import catalogue
from placement_audit.render import checks
from tests import peers

README = Path(__file__).parent.parent / "README.md"
CHECKS, PEERS = "checks", "peers"


def with_fresh_tables(text: str) -> str:
    """The README with the catalogue of today, and today's comparison, between their markers."""
    for name, table in ((CHECKS, checks.markdown(catalogue())), (PEERS, peers.markdown())):
        begin, end = f"<!-- {name}: written by make readme -->\n", f"<!-- /{name} -->\n"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"{README.name} has lost its markers {begin.strip()} and {end.strip()}")
        text = f"{before}{begin}{table}{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(with_fresh_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
