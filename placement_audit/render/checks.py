"""The catalogue as a table, and one check in full."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from placement_audit.finding import SEVERITY, Check

WIDTH = 100


def table(checks: Iterable[Check]) -> str:
    """All checks, a line each."""
    from tabulate import tabulate

    rows = [(check.code, SEVERITY[check.impact].value, check.name, check.title) for check in checks]
    return tabulate(rows, headers=("code", "severity", "check", "what it finds"), tablefmt="simple") + "\n"


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

    compiled = check.query.compile(dialect=sqlite.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True})

    def literal(match: re.Match[str]) -> str:
        return f"'{compiled.params[match[1]]}'" if match[1] in compiled.params else match[0]

    # SQLAlchemy renders no literals inside aggregate_strings: they are separators and words of ours.
    return re.sub(r":(\w+)", literal, str(compiled))
