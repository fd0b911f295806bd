"""docs/semantics.md has what the code cites, no reference into nothing, and the catalogue's checks."""

import re
from collections.abc import Iterator
from pathlib import Path

from placement_audit.checks import catalogue

ROOT = Path(__file__).parent.parent
SEMANTICS = ROOT / "docs" / "semantics.md"
TEXT = SEMANTICS.read_text(encoding="utf-8")
CODES = {check.code: check.name for check in catalogue()}
# A section such as D.4, 0.2, H or J.11; behind it a point of it, such as (b), or a check, such as N08. A letter alone
# is a part only where a mark follows it: "semantics A reader needs" cites nothing.
_SECTION = r"(?:[A-J]\.\d+[a-z]?|0\.\d|[A-J0](?=[,;:)]|\.(?!\d)|$))"
_POINT = r"(?: \([a-z]\)| [NPX]\d{2}b?)?"
_JOINT = r"(?:,? and |,? to |, |[-–])"  # noqa: RUF001
_CITED = re.compile(rf"(?i:\bsemantics(?:\.md)?) ((?:{_SECTION}{_POINT}{_JOINT})*{_SECTION}{_POINT})")
_ONE = re.compile(rf"({_SECTION})({_POINT})")
_INNER = re.compile(r"(?<![\w.])([A-J])\.(\d+[a-z]?)\b")


def anchors(text: str) -> set[str]:
    """Headings (D, D.4), numbered items that stand right below a part's (J.11), points (D.3 (b)) and rows (H.2 N08)."""
    found: set[str] = set()
    section, in_part = "", False
    for line in text.splitlines():
        if heading := re.match(r"(##|###) ((?:[A-J]|0)(?:\.\d+)?)\.? ", line):
            section, in_part = heading[2], heading[1] == "##"
            found.add(section)
        elif line.startswith("###"):
            in_part = False
        elif bold := re.match(r"\*\*([A-J]\.\d+[a-z]) ", line):
            found.add(bold[1])
        elif row := re.match(r"\| ([NPX]\d{2}b?) ", line):
            found.add(f"{section} {row[1]}")
        elif in_part and (item := re.match(r"(\d+)\. ", line)):
            found.add(f"{section}.{item[1]}")
        found |= {f"{section} ({point})" for point in re.findall(r"(?<!\w)\(([a-z])\) ", line)}
    return found


ANCHORS = anchors(TEXT)


def cited(text: str) -> Iterator[str]:
    """Every section that a text cites, whatever stands before it and in either spelling."""
    # A citation may go on behind a line's end, and behind the mark of a comment.
    flat = re.sub(r"\s*\n\s*(?:#|--)?\s*", " ", text)
    for citation in _CITED.finditer(flat):
        for section, point in _ONE.findall(citation[1]):
            yield section
            if point:
                yield section + point


def sources() -> list[Path]:
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("sql/*")]
    for folder in ("placement_audit", "tests", "bench", "docker"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".sql", ".md", ".yaml"}]
    return sorted(path for path in files if path.is_file() and path != SEMANTICS and path.name != "test_semantics.py")


def test_every_section_that_is_cited_exists() -> None:
    missing = {
        str(path.relative_to(ROOT)): sorted(set(cited(path.read_text(encoding="utf-8"))) - ANCHORS)
        for path in sources()
    }
    assert {path: sections for path, sections in missing.items() if sections} == {}


def test_citations_are_found_in_every_form() -> None:
    text = """
    (SEMANTICS D.4). SEMANTICS 0.1, A.3, C.6: what. semantics D.3-D.9, D.17). SEMANTICS B.5 and B.9).
    # semantics D.3 (b)
    # (SEMANTICS H, INST). semantics H.2 N08 says. The letters of SEMANTICS H. (SEMANTICS
    # J.11) What semantics A reader needs. docs/semantics.md has (SEMANTICS E.1 to E.3) see docs/semantics.md A.1
    """
    assert list(cited(text)) == [
        *("D.4", "0.1", "A.3", "C.6", "D.3", "D.9", "D.17", "B.5", "B.9", "D.3", "D.3 (b)"),
        *("H", "H.2", "H.2 N08", "H", "J.11", "E.1", "E.3", "A.1"),
    ]


def test_the_code_does_cite_it() -> None:
    found = {section for path in sources() for section in cited(path.read_text(encoding="utf-8"))}
    assert len(found) > 30
    assert {"0", "B.3", "D.4", "H", "J.11"} <= found


def test_the_document_has_no_broken_references() -> None:
    references = {f"{part}.{number}" for part, number in _INNER.findall(TEXT)}
    assert sorted(reference for reference in references if reference not in ANCHORS) == []
    codes = set(re.findall(r"(?<!\w)[NPX]\d{2}b?(?!\w)", TEXT))
    assert sorted(codes - rows().keys()) == []


def rows() -> dict[str, str]:
    """The checks of part H, by code, with their names."""
    return dict(re.findall(r"(?m)^\| ([NPX]\d{2}b?) ([a-z0-9-]+) \|", TEXT))


def test_part_h_has_the_catalogue() -> None:
    assert {code: rows().get(code) for code in CODES} == CODES
    assert sorted(rows().keys() - CODES.keys()) == []


def test_part_h_has_every_check_once_and_in_order() -> None:
    codes = re.findall(r"(?m)^\| ([NPX]\d{2}b?) ", TEXT)
    assert codes == sorted(codes, key=lambda code: ("PNX".index(code[0]), code[1:]))
    assert len(codes) == len(set(codes))


def test_the_document_speaks_of_the_project_alone() -> None:
    """No path of anybody's machine, and no file that the repository lacks."""
    assert not re.search(r"(?<!`)/(?:work|tmp|home|root)/", TEXT)
    assert all((ROOT / name).exists() for name in re.findall(r"\b(?:tests|placement_audit|sql)/[\w/]+\.\w+", TEXT))
