"""Why a request gets no candidates: for people, and as JSON, format placement-audit-explain/1."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from placement_audit import __version__
from placement_audit.candidates.explanation import Explanation
from placement_audit.candidates.flavor import Applied
from placement_audit.candidates.request import Refused, Request
from placement_audit.candidates.sieve import Row
from placement_audit.render.escape import plain

FORMAT = "placement-audit-explain/1"
_NARROWEST = 40
_HOSTS = 5
_HEADLINES = {"candidates": "CANDIDATES", "none": "NO CANDIDATES", "invalid": "REFUSED"}


@dataclass(frozen=True)
class Asked:
    """One request with its answer: ``title`` says which of several, ``after`` is the answer to the altered rows."""

    explanation: Explanation
    title: str = ""
    after: Explanation | None = None


@dataclass(frozen=True)
class Circumstances:
    """What is told beside the answers: where the rows are, what they were altered to, how the request came about."""

    source: str
    changes: Sequence[str] = ()
    filters: Sequence[Applied] = ()
    notes: Sequence[str] = ()


def rendered(asked: Sequence[Asked], told: Circumstances, width: int | None = None) -> str:
    """The answers for people. ``width`` None leaves lines as long as they are."""
    width = max(width, _NARROWEST) if width else None
    parts = []
    for one in asked:
        parts += list(_parts(one, told, width))
    parts += [_list("How nova makes this request", _filters(told.filters), width), _list("Notes", told.notes, width)]
    return "\n\n".join(part for part in parts if part) + "\n"


def refused(refusal: Refused, width: int | None = None) -> str:
    """A request that placement refuses before it looks at any row."""
    lines = [f"placement-audit {__version__}: REFUSED: placement answers 400", refusal.message]
    return "\n".join(_wrapped(line, width, "", "  ") for line in lines) + "\n"


def _parts(one: Asked, told: Circumstances, width: int | None) -> Iterator[str]:
    first = one.explanation
    title = f"{one.title}: " if one.title else ""
    version = "{}.{}".format(*first.request.microversion)
    head = [
        f"placement-audit {__version__}: {title}{headline(first)}",
        f"request at microversion {version}: {first.request.query}",
        f"asked of {told.source}",
    ]
    yield "\n".join(_wrapped(line, width, "", "  ") for line in head)
    yield _list("Why", first.why, width)
    yield from (_table(first) if one.after is None else _compared(first, one.after))
    if one.after is None:
        yield _list("Nearest", _nearest(first), width)
        yield _list("What would help", first.what_helps, width)
    else:
        yield _list("What if", told.changes, width)
        yield _wrapped(f"Then: {headline(one.after)}", width, "", "  ")
        yield _list("Why then", one.after.why, width)
        yield _list("Nearest then", _nearest(one.after), width)
        yield _list("What would help then", one.after.what_helps, width)
    yield from _about(one.after or first, width)


def headline(explanation: Explanation) -> str:
    """The verdict in one line."""
    told = _HEADLINES[explanation.status]
    if explanation.status != "candidates":
        return told
    more = "more than " if explanation.full else ""
    hosts = sorted(
        {explanation.names[uuid] for request in explanation.requests[:_HOSTS] for uuid in request["allocations"]}
    )
    such = f", such as on {', '.join(hosts[:_HOSTS])}" if hosts else ""
    return f"{more}{explanation.count:,} {told}{such}"


def _filters(filters: Sequence[Applied]) -> list[str]:
    """A line for each request filter that adds something, and one for all the others."""
    idle = [f"{one.name} ({one.switch}: {one.says})" for one in filters if not one.applies]
    found = [one.line for one in filters if one.applies]
    return [*found, f"nothing comes of {', '.join(idle)}"] if idle else found


def _rows(explanation: Explanation) -> list[tuple[str, str, Row]]:
    found = [(one.suffix, one.unit, row) for one in explanation.evidence for row in one.rows]
    return [*found, *(("", "tree", row) for row in explanation.combination)]


def _number(value: int) -> str:
    return f"{value:,}" if value else ""


def _table(explanation: Explanation) -> Iterator[str]:
    from tabulate import tabulate

    for one in explanation.evidence:
        title = f"Group {one.suffix}, by {one.unit}" if one.suffix else f"By {one.unit}"
        yield _tabulated(tabulate, title, one.rows)
    if explanation.combination:
        yield _tabulated(tabulate, "All groups together, by tree", explanation.combination)


def _tabulated(tabulate: Any, title: str, rows: Sequence[Row]) -> str:
    lines = [(plain(row.name), f"{row.passed:,}", _number(row.failed), _number(row.only_failed)) for row in rows]
    headers = (title, "pass", "fail", "only this fails")
    return str(
        tabulate(lines, headers, tablefmt="simple", colalign=("left", "right", "right", "right"), disable_numparse=True)
    )


def _compared(before: Explanation, after: Explanation) -> Iterator[str]:
    from tabulate import tabulate

    lines = [("candidates", _number(before.count), "", "", _number(after.count), "", "")]
    for (suffix, _, old), (_, _, new) in zip(_rows(before), _rows(after), strict=False):
        name = f"{suffix}: {old.name}" if suffix else old.name
        lines.append(
            (
                plain(name),
                f"{old.passed:,}",
                _number(old.failed),
                _number(old.only_failed),
                f"{new.passed:,}",
                _number(new.failed),
                _number(new.only_failed),
            )
        )
    headers = ("", "pass", "fail", "only", "then: pass", "fail", "only")
    yield str(tabulate(lines, headers, tablefmt="simple", colalign=("left", *["right"] * 6), disable_numparse=True))


def _nearest(explanation: Explanation) -> list[str]:
    found = []
    for one in explanation.nearest:
        group = f" (group {one.suffix})" if one.suffix else ""
        found.append(f"{one.name} ({one.provider}){group}: {'; '.join(one.lacks)}")
    return found


def _about(explanation: Explanation, width: int | None) -> Iterator[str]:
    from tabulate import tabulate

    told = explanation.about
    if told is None:
        return
    title = f"Provider {told.name} ({told.provider})"
    if told.tree:
        title += f", judged with the tree of {told.tree}"
    several = len({one.suffix for one in told.verdicts}) > 1
    lines = [
        (
            plain(f"{one.suffix or 'unsuffixed'}: {one.constraint}" if several else one.constraint),
            one.verdict,
            plain(one.numbers),
        )
        for one in told.verdicts
    ]
    widths = [None, None, max(width - 45, 30)] if width else None
    yield (
        _wrapped(title, width, "", "  ")
        + "\n"
        + str(
            tabulate(
                lines,
                ("constraint", "verdict", "numbers"),
                tablefmt="simple",
                disable_numparse=True,
                maxcolwidths=widths,
            )
        )
    )


def _list(title: str, lines: Sequence[str], width: int | None) -> str:
    if not lines:
        return ""
    return "\n".join([title, *(_wrapped(line, width, "  - ", "    ") for line in lines)])


def _wrapped(text: str, width: int | None, first: str, later: str) -> str:
    safe = plain(text)
    if width is None:
        return first + safe
    return textwrap.fill(
        safe, width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


# --- for programs ---


def document(asked: Sequence[Asked], told: Circumstances) -> str:
    """The answers as JSON; a second request that nova would make is under "fallback"."""
    whole = _document(asked[0], told)
    if len(asked) > 1:
        whole["fallback"] = _document(asked[1], told)
    if told.filters:
        whole["filters"] = [asdict(one) for one in told.filters]
    if told.notes:
        whole["notes"] = list(told.notes)
    return _text(whole)


def refused_document(refusal: Refused, query: str) -> str:
    """JSON of a request that placement refuses before it looks at any row."""
    return _text(
        {
            "format": FORMAT,
            "request": {"query": query},
            "status": "invalid",
            "error": {"parameter": refusal.parameter, "message": refusal.message},
            "groups": [],
            "candidates": {"count": 0, "allocation_requests": []},
            "why": [refusal.message],
            "nearest": [],
            "what_helps": [],
        }
    )


def _text(whole: dict[str, Any]) -> str:
    # Non-ASCII text is escaped, so that nothing in it reaches a terminal raw.
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"


def _document(one: Asked, told: Circumstances) -> dict[str, Any]:
    found = {"format": FORMAT, "source": told.source, **_answer(one.explanation)}
    if one.after is not None:
        found["what_if"] = {"changes": list(told.changes), **_answer(one.after)}
    return found


def _answer(explanation: Explanation) -> dict[str, Any]:
    error = explanation.error
    return {
        "request": _request(explanation.request),
        "status": explanation.status,
        "error": {"parameter": error.parameter, "message": error.message} if error else None,
        "groups": [
            {"suffix": one.suffix, "unit": one.unit, "constraints": [_constraint(row) for row in one.rows]}
            for one in explanation.evidence
        ],
        "combination": [_constraint(row) for row in explanation.combination],
        "candidates": {
            "count": explanation.count,
            "complete": not explanation.full,
            "allocation_requests": list(explanation.requests),
        },
        "why": list(explanation.why),
        "nearest": [asdict(one) for one in explanation.nearest],
        "what_helps": list(explanation.what_helps),
        **({"provider": asdict(explanation.about)} if explanation.about else {}),
    }


def _constraint(row: Row) -> dict[str, Any]:
    return {"name": row.name, "passed": row.passed, "failed": row.failed, "only_failed": row.only_failed}


def _request(request: Request) -> dict[str, Any]:
    return {
        "query": request.query,
        "microversion": "{}.{}".format(*request.microversion),
        "groups": [
            {
                "suffix": group.suffix,
                "resources": dict(group.resources),
                "required": [sorted(traits) for traits in group.required],
                "forbidden": sorted(group.forbidden),
                "member_of": [sorted(uuids) for uuids in group.member_of],
                "forbidden_aggregates": sorted(group.forbidden_aggregates),
                "in_tree": group.in_tree,
            }
            for group in request.groups
        ],
        "group_policy": request.group_policy,
        "root_required": sorted(request.root_required),
        "root_forbidden": sorted(request.root_forbidden),
        "same_subtree": [sorted(suffixes) for suffixes in request.same_subtree],
        "limit": request.limit,
    }
