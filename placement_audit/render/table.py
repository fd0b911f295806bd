"""The report for people: a verdict, what was read, a summary, and the findings with what to do."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from placement_audit.audit import Report, Result
from placement_audit.finding import Finding, Severity
from placement_audit.render.escape import plain, wrapped

FIRST = 10
_NARROWEST = 40


def terminal_width() -> int:
    """Columns of the terminal, 80 if it does not tell."""
    return shutil.get_terminal_size((80, 24)).columns


def headline(report: Report) -> str:
    """The verdict in one line, also a mail's subject."""
    settled = [finding for finding in report.findings if finding.settled]
    counts = [
        _counted(sum(one.severity is severity for one in settled), word)
        for severity, word in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "info"))
    ]
    told = ", ".join(count for count in counts if count) or "no findings"
    flying = len(report.findings) - len(settled)
    told += f"; {flying} in flight" if flying else ""
    told += f"; {len(report.allowed):,} allowed" if report.allowed else ""
    if report.gaps or any(result.status == "failed" for result in report.results):
        told = f"INCOMPLETE: {told}"
    return told


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' if number > 1 and word != 'info' else ''}" if number else ""


def rendered(report: Report, *, everything: bool = False, width: int | None = None) -> str:
    """The whole report. ``width`` None leaves lines as long as they are, for pipes and files."""
    width = max(width, _NARROWEST) if width else None
    parts = [
        _header(report, width),
        *_remarks(report, width),
        _summary(report, width),
        *_sections(report, everything, width),
        *_in_flight(report, everything, width),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(report: Report, width: int | None) -> str:
    from tabulate import tabulate

    read = [source for source in report.sources if source.status == "read"]
    rows = sum(source.rows for source in read)
    databases = _counted(len(read), "database")
    kept = f", kept in {report.kept_in}" if report.kept_in else ""
    lines = [
        f"placement-audit {report.version}: {headline(report)}",
        f"state of {report.taken_at} UTC{kept}; {rows:,} rows of {databases} read and judged in {report.seconds:.1f} s",
        *_second_look(report),
    ]
    table = tabulate(
        [
            (
                source.role,
                plain(source.name),
                plain(source.release or source.status),
                f"{source.rows:,}",
                plain(source.url or "unknown"),
            )
            for source in report.sources
        ],
        headers=("role", "name", "release", "rows", "database"),
        tablefmt="plain",
        colalign=("left", "left", "left", "right", "left"),
        disable_numparse=True,
    )
    return "\n".join(wrapped(line, width, "", "  ") for line in lines) + "\n\n" + table


def _second_look(report: Report) -> Iterator[str]:
    look = report.second_look
    if look and not look.reason:
        told = [f"{look.confirmed:,} confirmed", f"{look.vanished:,} vanished"]
        told += [f"{look.moving:,} changed in between and stay in flight"] if look.moving else []
        told += [f"{look.unread:,} cannot be read again by key and stay as they were"] if look.unread else []
        yield f"second look after {look.seconds:,} s: {', '.join(told)}"


def _remarks(report: Report, width: int | None) -> Iterator[str]:
    lines = [f"INCOMPLETE: {gap}" for gap in report.gaps]
    lines += [
        f"FAILED: {result.check.code} {result.check.name}: {result.reason}"
        for result in report.results
        if result.status == "failed"
    ]
    lines += [f"note: {warning}" for warning in report.warnings]
    if lines:
        yield "\n".join(wrapped(line, width, "", "  ") for line in lines)


def _summary(report: Report, width: int | None) -> str:
    from tabulate import tabulate

    rank = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    settled = Counter((one.severity, one.code, one.name) for one in report.findings if one.settled)
    flying = Counter((one.severity, one.code, one.name) for one in report.findings if not one.settled)
    parts = []
    if report.findings:
        lines = sorted(settled | flying, key=lambda line: (rank.index(line[0]), line[1]))
        parts.append(
            tabulate(
                [(line[0].value, *line[1:], settled[line] or "", flying[line] or "") for line in lines],
                headers=("severity", "code", "check", "findings", "in flight"),
                tablefmt="simple",
                colalign=("left", "left", "left", "right", "right"),
            )
        )
    clean = sum(result.status == "clean" for result in report.results)
    told = [
        f"Clean: {clean} of {_counted(len(report.results), 'check')}.",
        *_allowed(report),
        *_skipped(report.results),
    ]
    parts.append("\n".join(wrapped(line, width, "", "  ") for line in told))
    return "\n\n".join(parts)


def _allowed(report: Report) -> Iterator[str]:
    if report.allowed:
        codes = Counter(one.finding.code for one in report.allowed)
        named = ", ".join(f"{code} ({count:,})" for code, count in sorted(codes.items()))
        yield f"{_counted(len(report.allowed), 'finding')} allowed by {report.allowed_by}: {named}"


def _skipped(results: Sequence[Result]) -> Iterator[str]:
    skipped = sorted((result for result in results if result.status == "skipped"), key=lambda one: one.reason or "")
    for reason, group in groupby(skipped, key=lambda result: result.reason):
        codes = " ".join(result.check.code for result in group)
        yield f"Not judged: {codes}: {plain(reason)}"


def _sections(report: Report, everything: bool, width: int | None) -> Iterator[str]:
    checks = {result.check.code: result.check for result in report.results}
    settled = [finding for finding in report.findings if finding.settled]
    for (severity, code), group in groupby(settled, key=lambda finding: (finding.severity, finding.code)):
        findings = list(group)
        check = checks[code]
        title = f"{severity.value.upper()} {code} {check.name}: {check.title}"
        lines = [wrapped(title, width, "", "  "), wrapped(check.why, width, "  ", "  "), ""]
        shown = findings if everything else findings[:FIRST]
        for finding in shown:
            lines += _finding(finding, width)
        if len(findings) > len(shown):
            lines.append(f"  … and {len(findings) - len(shown):,} more; --all lists them")
        yield "\n".join(lines)


def _finding(finding: Finding, width: int | None) -> Iterator[str]:
    yield wrapped(finding.message, width, "  - ", "    ")
    if finding.also:
        named = ", ".join(f"{code} ({count})" for code, count in finding.also.items())
        yield wrapped(f"the same cause: {named}", width, "    ", "    ")
    for line in finding.remedy:
        # A command is never wrapped: it is there to be copied.
        yield f"      {plain(line)}"
    if finding.withheld:
        yield wrapped(f"No fix is offered. {_sentence(finding.withheld)}", width, "      ", "      ")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _in_flight(report: Report, everything: bool, width: int | None) -> Iterator[str]:
    flying = [finding for finding in report.findings if not finding.settled]
    if not flying:
        return
    minutes = int(report.grace.total_seconds() // 60)
    lines = [
        wrapped(f"IN FLIGHT: changed less than {minutes} minutes ago, not counted; look again later", width, "", "  ")
    ]
    shown = flying if everything else flying[:FIRST]
    lines += [wrapped(f"{one.code} {one.message}", width, "  - ", "    ") for one in shown]
    if len(flying) > len(shown):
        lines.append(f"  … and {len(flying) - len(shown):,} more; --all lists them")
    yield "\n".join(lines)
