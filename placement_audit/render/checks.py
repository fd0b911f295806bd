"""The catalogue as a table, for a terminal and for the README, and one check in full."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from placement_audit.finding import SEVERITY, Check

WIDTH = 100
_NARROWEST = 40
_HEADERS = ("code", "severity", "check", "what it finds")


def table(checks: Iterable[Check], width: int | None = None) -> str:
    """All checks, a line each that begins with the code, and indented below it what the check leaves alone.

    ``width`` None leaves lines as long as they are, for pipes and files.
    """
    from tabulate import tabulate

    checks = list(checks)
    head, rule, *lines = tabulate(map(_row, checks), headers=_HEADERS, tablefmt="simple").splitlines()
    parts = [f"{head}, and below it what it leaves alone", rule]
    for check, line in zip(checks, lines, strict=True):
        parts.append(line)
        parts += (_item(text, width) for text in check.exceptions)
    return "\n".join(parts) + "\n"


def markdown(checks: Iterable[Check]) -> str:
    """All checks as a table of a Markdown page."""
    rows = [_HEADERS, ("---",) * len(_HEADERS), *map(_row, checks)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)


def _row(check: Check) -> tuple[str, ...]:
    return check.code, SEVERITY[check.impact].value, check.name, check.title


def _item(text: str, width: int | None) -> str:
    first, later = "        - ", "          "
    if width is None:
        return first + text
    return textwrap.fill(text, max(width, _NARROWEST), initial_indent=first, subsequent_indent=later)


def one(check: Check) -> str:
    """What a check finds, why it matters, what it leaves alone, what to do, and the query itself."""
    parts = [
        f"{check.code} {check.name}",
        _paragraph(f"{check.title} ({SEVERITY[check.impact].value}, impact {check.impact.value})"),
        _section("Why", [check.why]),
        _section("Says", [check.message]),
        _section("Left alone", check.exceptions),
        _section("What to do", check.remedy, wrap=False),
        _section("Stands for", (f"{code}, when the same {' and '.join(same)}" for code, same in check.absorbs.items())),
        _section("See", check.references, wrap=False),
        "Query on a kept snapshot\n" + textwrap.indent(_sql(check), "  "),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(heading: str, lines: Iterable[str], *, wrap: bool = True) -> str:
    body = list(_bodies(lines, wrap))
    return "\n".join([heading, *body]) if body else ""


def _bodies(lines: Iterable[str], wrap: bool) -> Iterator[str]:
    for line in lines:
        yield _paragraph(line, "  ") if wrap else f"  {line}"


def _paragraph(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _sql(check: Check) -> str:
    from sqlalchemy.dialects import sqlite

    from placement_audit.sqlfile.text import as_text

    return as_text(check.query, sqlite.dialect(paramstyle="named"))
