"""Why a request gets no candidates: for people, and as JSON, format placement-audit-explain/1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from placement_audit import __version__
from placement_audit.candidates.about import FAIL, PASS
from placement_audit.candidates.explanation import Explanation
from placement_audit.candidates.flavor import Applied
from placement_audit.candidates.nearest import Nearest
from placement_audit.candidates.request import Refused, Request
from placement_audit.candidates.sieve import Row
from placement_audit.render.escape import plain, wrapped

FORMAT = "placement-audit-explain/1"
_NARROWEST = 40


@dataclass(frozen=True)
class Asked:
    """One request with its answer: ``title`` says which of several, ``after`` is the answer to the altered rows."""

    explanation: Explanation
    title: str = ""
    after: Explanation | None = None


@dataclass(frozen=True)
class Circumstances:
    """What is told beside the answers: where the rows are, what they were altered to, how the request came about.

    ``assumed`` is said behind the microversion.
    """

    source: str
    changes: Sequence[str] = ()
    filters: Sequence[Applied] = ()
    notes: Sequence[str] = ()
    assumed: str = ""


def rendered(asked: Sequence[Asked], told: Circumstances, width: int | None = None) -> str:
    """The answers for people. ``width`` None leaves lines as long as they are."""
    width = max(width, _NARROWEST) if width else None
    parts = []
    for one in asked:
        parts += list(_parts(one, told, width))
    parts += [_list("Notes", told.notes, width), _list("How nova makes this request", _filters(told.filters), width)]
    return "\n\n".join(part for part in parts if part) + "\n"


def refused(refusal: Refused, width: int | None = None) -> str:
    """A request that placement refuses before it looks at any row."""
    lines = [f"placement-audit {__version__}: REFUSED, placement answers 400", refusal.message]
    return "\n".join(wrapped(line, width, "", "  ") for line in lines) + "\n"


def _parts(one: Asked, told: Circumstances, width: int | None) -> Iterator[str]:
    first, after = one.explanation, one.after
    title = f"{one.title}: " if one.title else ""
    then = f"; with the change: {headline(after)}" if after else ""
    version = "{}.{}".format(*first.request.microversion)
    head = [
        f"placement-audit {__version__}: {title}{headline(first)}{then}",
        f"request at microversion {version}{told.assumed}: {first.request.query}",
        f"asked of {told.source}",
    ]
    yield "\n".join(wrapped(line, width, "", "  ") for line in head)
    yield _list("Why", first.why, width)
    if after is None:
        yield from _tables(first)
    else:
        yield _list("What if", told.changes, width)
        yield _compared(first, after)
        yield _list("Why then", after.why, width)
    end = " then" if after else ""
    answer = after or first
    yield _list(f"Nearest{end}", _nearest(answer), width)
    yield _list(f"What would help{end}", answer.what_helps, width)
    yield from _about(answer, end, width)


def headline(explanation: Explanation) -> str:
    """The verdict in one line."""
    if explanation.status == "invalid":
        error = explanation.error.message if explanation.error else ""
        if "answers 500" in error:
            return "PLACEMENT BREAKS, it answers 500"
        return "COULD NOT TELL" if "too many to look at" in error else "REFUSED, placement answers 400"
    if explanation.status == "none":
        return "NO CANDIDATES"
    count = explanation.count
    shown = min(count, explanation.request.limit or count)
    told = f"{'more than ' if explanation.full else ''}{count:,} {'CANDIDATE' if count == 1 else 'CANDIDATES'}"
    limited = f", {shown:,} within the limit" if shown < count else ""
    return f"{told}{limited}, such as on {', '.join(explanation.hosts)}"


def _filters(filters: Sequence[Applied]) -> list[str]:
    """A line for each request filter that adds something, and one for all the others."""
    found = [one.line for one in filters if one.applies]
    off = [f"{one.name} ([scheduler] {one.option})" for one in filters if one.option and not one.value]
    idle = [one.name for one in filters if not one.applies and (one.value or not one.option)]
    found += [f"off: {', '.join(off)}"] if off else []
    return [*found, f"on, with nothing to add here: {', '.join(idle)}"] if idle else found


def _noun(suffix: str) -> str:
    return "provider" if suffix else "host"


def _tables(explanation: Explanation) -> Iterator[str]:
    for one in explanation.evidence:
        group = f"Group {one.suffix}: " if one.suffix else ""
        yield _table(f"{group}{_noun(one.suffix)}s, by what is asked", one.rows)
    if explanation.combination:
        yield _table("all groups together: hosts", explanation.combination)


def _table(title: str, rows: Sequence[Row]) -> str:
    """The constraints that fail somewhere, and the names of the others."""
    from tabulate import tabulate

    lines = [
        (plain(row.name), f"{row.passed:,}", f"{row.failed:,}", f"{row.only_failed:,}") for row in rows if row.failed
    ]
    hold = len(rows) - len(lines)
    others = f"{hold} {'others hold' if lines else 'constraints hold'} on all" if hold else ""
    table = _tabulated(tabulate, lines, (title, "pass", "fail", "only this fails")) if lines else ""
    return "\n".join(part for part in (table, others) if part)


def _tabulated(tabulate: Any, lines: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    align = ("left", *["right"] * (len(headers) - 1))
    return str(tabulate(lines, headers, tablefmt="simple", colalign=align, disable_numparse=True))


def _compared(before: Explanation, after: Explanation) -> str:
    """The rows that fail before or after, side by side."""
    from tabulate import tabulate

    lines: list[tuple[str, ...]] = [("candidates", f"{before.count:,}", "", "", f"{after.count:,}", "", "")]
    for (suffix, old), (_, new) in zip(_rows(before), _rows(after), strict=False):
        if old.failed or new.failed or old.passed != new.passed:
            numbers = [f"{value:,}" for row in (old, new) for value in (row.passed, row.failed, row.only_failed)]
            lines.append((plain(f"{suffix}: {old.name}" if suffix else old.name), *numbers))
    return _tabulated(tabulate, lines, ("", "pass", "fail", "only", "then: pass", "fail", "only"))


def _rows(explanation: Explanation) -> list[tuple[str, Row]]:
    found = [(one.suffix, row) for one in explanation.evidence for row in one.rows]
    return [*found, *(("", row) for row in explanation.combination)]


def _nearest(explanation: Explanation) -> list[str]:
    """Providers that lack the same are told of once."""
    found: dict[tuple[str, tuple[str, ...]], list[Nearest]] = {}
    for one in explanation.nearest:
        found.setdefault((one.suffix, tuple(one.lacks)), []).append(one)
    lines = []
    for (suffix, lacks), alike in found.items():
        group = f" (group {suffix})" if suffix else ""
        names = ", ".join(one.name for one in alike)
        who = f"{names} ({alike[0].provider})" if len(alike) == 1 else names
        lines.append(f"{who}{group}: {'; '.join(lacks)}")
    return lines


def _about(explanation: Explanation, end: str, width: int | None) -> Iterator[str]:
    from tabulate import tabulate

    told = explanation.about
    if told is None:
        return
    title = f"Provider {told.name} ({told.provider}){end}"
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
        if one.verdict == FAIL or one.numbers
    ]
    first = max(len(line[0]) for line in lines) if lines else 0
    widths = [None, None, max(width - first - 14, 24)] if width else None
    table = tabulate(
        lines, ("constraint", "verdict", "numbers"), tablefmt="simple", disable_numparse=True, maxcolwidths=widths
    )
    hold = [one.constraint for one in told.verdicts if one.verdict == PASS and not one.numbers]
    parts = [wrapped(title, width, "", "  "), str(table) if lines else ""]
    parts.append(wrapped(f"hold: {', '.join(hold)}", width, "", "  ") if hold else "")
    yield "\n".join(part for part in parts if part)


def _list(title: str, lines: Sequence[str], width: int | None) -> str:
    if not lines:
        return ""
    return "\n".join([title, *(wrapped(line, width, "  - ", "    ") for line in lines)])


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
