"""Queries to text that people can read, for MariaDB 10.11 and MySQL 8."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import MetaData, Select, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import CompoundSelect

WIDTH = 120
Query = Select[Any] | CompoundSelect[Any]


def _mysql() -> Dialect:
    # Any other style of parameters doubles each %.
    dialect = mysql.dialect(paramstyle="named")
    dialect.identifier_preparer.reserved_words = RESERVED_WORDS_MYSQL | RESERVED_WORDS_MARIADB
    return dialect


MYSQL = _mysql()


def as_text(query: Query, dialect: Dialect = MYSQL) -> str:
    """A query with its values in it. ``dialect`` has named parameters."""
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})

    def value(match: re.Match[str]) -> str:
        return f"'{compiled.params[match[1]]}'" if match[1] in compiled.params else match[0]

    # SQLAlchemy renders no literals inside aggregate_strings: they are separators and words of ours.
    return re.sub(r":(\w+)", value, str(compiled))


def quoted(name: str) -> str:
    """A name, in backticks where it needs them."""
    return str(MYSQL.identifier_preparer.quote(name))


def at(table: Table, schema: str) -> Table:
    """A table of the vocabulary in the schema of that name."""
    return table.to_metadata(MetaData(), schema=schema, name=table.info.get("of", table.name))


def comment(lines: Iterable[str]) -> str:
    """Lines as a comment of SQL."""
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def filled(text: str, lead: str = "") -> list[str]:
    """A paragraph as lines for a comment."""
    return textwrap.wrap(
        text,
        WIDTH - 3,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )


_PART = re.compile(r"'(?:[^'\\]|''|\\.)*'|`[^`]*`|\s+|[\w.@]+|[^\w\s]", re.DOTALL)
_CLAUSES = {"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "UNION", "LIMIT", "INNER", "LEFT", "JOIN", "AND"}


def laid_out(sql: str) -> str:
    """The same statement on several lines: nothing but white space differs."""
    lines: list[str] = []
    line: list[str] = []
    # One a bracket: whether a query stands in it, how many CASE are open there, how far its lines are indented.
    brackets: list[tuple[bool, int, int]] = [(True, 0, 0)]
    depth, last, after_query, glued = 0, "", False, False

    def end() -> None:
        lines.extend(_wrapped(line, "  " * depth))
        line.clear()

    parts = _PART.findall(sql)
    for number, part in enumerate(parts):
        if part.isspace():
            glued = False
            continue
        in_query, cases, inside = brackets[-1]
        clause = part in _CLAUSES and last not in {"INNER", "LEFT", "OUTER"}
        main = part == "SELECT" and (after_query or last in {"ALL", "UNION"})
        next_entry = len(brackets) == 1 and after_query and last == ","
        closes_query = part == ")" and in_query
        if (in_query and not cases and (clause or main)) or next_entry or closes_query:
            end()
        if not line:
            depth = inside - 1 if closes_query else inside + (part == "AND")
        if glued and line:
            line[-1] += part
        else:
            line.append(part)
        if part in {"CASE", "END"}:
            brackets[-1] = in_query, cases + (1 if part == "CASE" else -1), inside
        elif part == ")":
            brackets.pop()
        elif part == "(":
            opens_query = parts[number + 1] in {"SELECT", "WITH"}
            brackets.append((opens_query, 0, depth + opens_query))
            if opens_query:
                end()
        after_query = closes_query or (after_query and part == ",")
        last, glued = part, True
    end()
    return "\n".join(lines)


def _wrapped(words: Iterable[str], indent: str) -> Iterator[str]:
    line: list[str] = []
    lead = indent
    for word in words:
        if line and len(" ".join([*line, word])) > WIDTH - len(lead):
            # After the last comma, unless that is far back.
            commas = [number for number, one in enumerate(line, 1) if one.endswith(",")]
            end = commas[-1] if commas and len(" ".join(line[: commas[-1]])) > WIDTH // 2 else len(line)
            yield lead + " ".join(line[:end])
            line, lead = line[end:], indent + "    "
        line.append(word)
    if line:
        yield lead + " ".join(line)
