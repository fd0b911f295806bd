"""Checks times snapshot makes a Report: findings settled or in flight, coverage, failures, timings."""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Table, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import visitors

from placement_audit import __version__, coverage, derived
from placement_audit import schema as t
from placement_audit.again import Doubts, by_key_alone, read_again
from placement_audit.allow import AllowList, Entry
from placement_audit.clock import behind
from placement_audit.errors import CannotTell
from placement_audit.finding import (
    INCOMPLETE_ROW,
    SEVERITY,
    SUBJECTS,
    Check,
    Finding,
    Impact,
    Severity,
    changes_something,
    removes_something,
)
from placement_audit.schema import Role
from placement_audit.snapshot import Estate, Progress, Source, kept, opened, sources_in, taken
from placement_audit.source.config import Sources
from placement_audit.source.connect import Limits, reason_of

CLOCK = "%Y-%m-%d %H:%M:%S"
_RANK = (Severity.INFO, Severity.WARNING, Severity.ERROR)
# How remedies in SQL begin.
_CLIENT = "mariadb placement"
# Checks that are judged at a time: each has a cache of its own, and more would wait for the disk.
_WORKERS = min(os.cpu_count() or 1, 4)


@dataclass(frozen=True)
class Result:
    """How one check went. ``findings`` counts the settled ones, ``in_flight`` the others, ``allowed`` neither."""

    check: Check
    status: str  # clean, findings, allowed (all that was found), skipped, failed
    reason: str | None = None
    findings: int = 0
    in_flight: int = 0
    allowed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Allowed:
    """A finding that an entry of the operator's list accepts: neither counted nor listed, and never passed over."""

    finding: Finding
    place: str
    comment: str


@dataclass(frozen=True)
class SecondLook:
    """What became of the findings in doubt after so many seconds.

    ``moving`` changed in between, ``unread`` cannot be read again by key: both are as they were, or in flight.
    ``reason``: why there was no second look after all.
    """

    seconds: int
    confirmed: int = 0
    vanished: int = 0
    moving: int = 0
    unread: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Report:
    """A whole run. ``gaps``: why the answer is incomplete; ``warnings``: what else people should know.

    ``allowed`` are the findings that the list in the file ``allowed_by`` accepts; they are not among ``findings``.
    """

    taken_at: str
    grace: timedelta
    seconds: float
    sources: Sequence[Source]
    results: Sequence[Result]
    findings: Sequence[Finding]
    gaps: Sequence[str] = ()
    warnings: Sequence[str] = ()
    version: str = __version__
    kept_in: str | None = None
    allowed: Sequence[Allowed] = ()
    allowed_by: str | None = None
    second_look: SecondLook | None = None

    def counted(self, fail_on: Severity) -> list[Finding]:
        """Settled findings at or above a severity."""
        return [one for one in self.findings if one.settled and _RANK.index(one.severity) >= _RANK.index(fail_on)]

    def exit_code(self, fail_on: Severity) -> int:
        """0 clean, 1 findings, 2 could not tell."""
        if self.gaps or any(result.status == "failed" for result in self.results):
            return 2
        return 1 if self.counted(fail_on) else 0


@dataclass(frozen=True)
class Pause:
    """How long to wait before a second look, and what does the waiting."""

    seconds: int
    wait: Callable[[int], None] = time.sleep


@dataclass
class _Judged:
    """A finding on its way, with the row it came from."""

    finding: Finding
    row: Mapping[str, Any]
    # Where it sums up many: a row each, by which it absorbs.
    members: Sequence[Mapping[str, Any]] = ()
    allowed: Entry | None = None
    cause: _Judged | None = None  # what stands for it
    vanished: bool = False
    effects: list[Finding] = field(default_factory=list)

    def whole(self) -> Finding:
        """The finding, with what it stands for."""
        also = dict(Counter(effect.code for effect in self.effects))
        return replace(self.finding, also=also, absorbed=tuple(effect.identity for effect in self.effects))


def live_report(
    sources: Sources,
    limits: Limits,
    checks: Sequence[Check],
    grace: timedelta,
    progress: Progress,
    *,
    own_credentials: bool = True,
    allow: AllowList | None = None,
    confirm: Pause | None = None,
) -> Report:
    """Read what the checks need into a snapshot of their own, and judge it. Raises CannotTell.

    ``confirm``: what is in flight, or rests on several servers, is read and judged once more after that pause.
    """
    started = time.perf_counter()
    wanted = tables_to_read(checks) | (allow.tables() if allow else set())

    def opening() -> AbstractContextManager[Estate]:
        return opened(sources, limits, own_credentials=own_credentials)

    with TemporaryDirectory(prefix="placement-audit-") as folder:
        path = Path(folder) / "snapshot.sqlite"
        estate = taken(sources, limits, path, wanted, progress, own_credentials=own_credentials)
        servers = _servers(estate)
        with kept(path) as connection:
            verdict = _Verdict.of(connection, checks, grace, allow)
            doubts = verdict.doubts(connection, servers) if confirm else None
        if confirm and doubts:
            verdict.look_again(path, doubts, confirm, opening, progress)
        report = verdict.report()
    seconds = time.perf_counter() - started - verdict.waited
    disabled = [
        f"cell {name} is disabled: it gets no new servers, and is judged as all others" for name in estate.disabled
    ]
    return replace(report, warnings=(*estate.warnings, *disabled, *report.warnings), seconds=seconds)


def _servers(estate: Estate) -> Mapping[Role, set[int]]:
    """The connections over which the databases of each role are read."""
    found: dict[Role, set[int]] = {}
    for database in estate.databases:
        found.setdefault(database.role, set()).add(id(database.connection))
    return found


def _named(check: Check) -> set[Table]:
    return {item for item in visitors.iterate(check.query) if isinstance(item, Table)} | set(check.optional)


@cache
def tables_of(check: Check) -> frozenset[Table]:
    """The tables that a check's query names, derived ones and what they are made of included."""
    return frozenset(derived.with_parts(_named(check) | (coverage.TABLES if check.whole_cloud else set())))


@cache
def _rests_on_absence(check: Check) -> bool:
    """Whether a check asks nova, and has a command that removes what nothing is known to depend on."""
    return _asks_nova(check) and any(map(removes_something, check.remedy))


def tables_to_read(checks: Iterable[Check]) -> set[Table]:
    """What these checks name, and what tells whether our knowledge has a hole where one of them needs to know."""
    chosen = list(checks)
    found = {table for check in chosen for table in tables_of(check)}
    return found | (derived.with_parts(coverage.TABLES) if any(map(_rests_on_absence, chosen)) else set())


def judge(connection: Connection, checks: Iterable[Check], grace: timedelta, allow: AllowList | None = None) -> Report:
    """Run checks on a snapshot. A check that fails is reported as failed; the others go on."""
    return _Verdict.of(connection, checks, grace, allow).report()


@dataclass
class _Doubts:
    """The findings to be judged once more, by code, and what they are about."""

    findings: Mapping[str, Sequence[_Judged]]
    about: Doubts
    unread: int


@dataclass(frozen=True)
class _Terms:
    """By what rows become findings: when they are settled, how to reach placement, and what makes absence no proof."""

    settled_before: str
    client: str
    doubt: str | None


@dataclass
class _Verdict:
    """What the checks find, before one finding is let stand for the others of its cause."""

    taken_at: str
    grace: timedelta
    sources: Sequence[Source]
    gaps: list[str]
    notes: Sequence[str]
    results: dict[str, Result]
    judged: dict[str, list[_Judged]]
    allow: AllowList | None
    seconds: float
    terms: _Terms
    waited: float = 0.0
    second_look: SecondLook | None = None

    @classmethod
    def of(cls, connection: Connection, checks: Iterable[Check], grace: timedelta, allow: AllowList | None) -> _Verdict:
        """Judge a snapshot."""
        started = time.perf_counter()
        moment = connection.execute(select(t.snapshot.c.taken_at, t.snapshot.c.as_of)).one()
        taken_at, as_of = str(moment.taken_at), str(moment.as_of)
        sources = sources_in(connection)
        checks = list(checks)
        gaps = [f"{one.role} {one.name} could not be read: {one.reason}" for one in sources if one.status != "read"]
        # With a database missing nothing can be told by what the others know, and what would be misled is not judged.
        comparable = not gaps and any(one.role == Role.CELL.value for one in sources)
        wholes = any(check.whole_cloud or _rests_on_absence(check) for check in checks)
        hole = coverage.gap_in(connection) if comparable and wholes else None
        reasons = {check.code: _not_to_be_judged(check, sources) for check in checks}
        if hole:
            gaps.append(hole.told)
            for check in checks:
                if check.whole_cloud and not reasons[check.code]:
                    reasons[check.code] = f"cannot be judged while {hole.doubt}"
        terms = _Terms(_settled_before(as_of, grace), _client(sources), hole.doubt if hole else _not_known(sources))
        answers = _asked(connection, [check for check in checks if not reasons[check.code]])
        results: dict[str, Result] = {}
        judged: dict[str, list[_Judged]] = {}
        for check in checks:
            if reason := reasons[check.code]:
                results[check.code] = Result(check, "skipped", reason)
                continue
            answer = answers[check.code]
            status, why = "clean", None
            try:
                judged[check.code] = answer.judged(check, terms)
            except (SQLAlchemyError, LookupError, ValueError) as error:
                status, why = "failed", reason_of(error)
            results[check.code] = Result(check, status, why, seconds=answer.seconds)
        notes = _late(taken_at, as_of) + (_accept(connection, allow, taken_at, judged) if allow else [])
        seconds = time.perf_counter() - started
        return cls(taken_at, grace, sources, gaps, notes, results, judged, allow, seconds, terms)

    def doubts(self, connection: Connection, servers: Mapping[Role, set[int]]) -> _Doubts | None:
        """What is in flight, or rests on databases of several servers; None when none of it would be listed."""
        self._let_causes_stand()
        chosen: dict[str, Sequence[_Judged]] = {}
        about, unread, listed = Doubts(), 0, False
        for code, found in self.judged.items():
            check = self.results[code].check
            roles = {table.info["home"] for table in derived.with_parts(_named(check))} - {None}
            several = len(set().union(*(servers.get(role, set()) for role in roles))) > 1
            doubtful = [one for one in found if not one.allowed and (several or not one.finding.settled)]
            readable = _readable(connection, check, doubtful, about)
            unread += sum(not one.cause for one in doubtful) - sum(not one.cause for one in readable)
            listed = listed or any(not one.cause for one in readable)
            if readable:
                chosen[code] = readable
        return _Doubts(chosen, about, unread) if listed else None

    def look_again(
        self,
        path: Path,
        doubts: _Doubts,
        pause: Pause,
        opening: Callable[[], AbstractContextManager[Estate]],
        progress: Progress,
    ) -> None:
        """After the pause: what is still there and has not changed is settled, what has changed is in flight."""
        begun = time.perf_counter()
        pause.wait(pause.seconds)
        self.waited = time.perf_counter() - begun
        checks = {code: self.results[code].check for code in doubts.findings}
        wanted = {table for check in checks.values() for table in _named(check)}
        now: dict[str, list[_Judged]] = {}
        try:
            with opening() as estate:
                read_again(estate, path, wanted, doubts.about, progress)
            with kept(path) as connection:
                answers = _asked(connection, list(checks.values()))
                for code, check in checks.items():
                    try:
                        now[code] = answers[code].judged(check, self.terms)
                    except (SQLAlchemyError, LookupError, ValueError) as error:
                        self.gaps.append(f"{code} {check.name} could not be judged again: {reason_of(error)}")
        except CannotTell as error:
            self.second_look = SecondLook(pause.seconds, unread=doubts.unread, reason=str(error))
            self.gaps.append(f"what is in doubt could not be read again: {error}")
            return
        counts: Counter[str] = Counter()
        for code, before in doubts.findings.items():
            after: dict[str, list[_Judged]] = {}
            if code not in now:
                continue
            for one in now[code]:
                after.setdefault(one.finding.identity, []).append(one)
            for one in before:
                twins = after.get(one.finding.identity)
                outcome = _renewed(one, twins.pop(0) if twins else None)
                if not one.cause:
                    counts[outcome] += 1
                one.vanished = outcome == "vanished"
            self.judged[code] = [one for one in self.judged[code] if not one.vanished]
        self.second_look = SecondLook(
            pause.seconds, counts["confirmed"], counts["vanished"], counts["moving"], doubts.unread
        )

    def report(self) -> Report:
        """The findings with their causes, in order."""
        self._let_causes_stand()
        for code, found in self.judged.items():
            self.results[code] = _counted(self.results[code], found)
        return Report(
            taken_at=self.taken_at,
            grace=self.grace,
            seconds=self.seconds,
            sources=self.sources,
            results=list(self.results.values()),
            findings=_ordered(one for found in self.judged.values() for one in found if not one.allowed),
            gaps=self.gaps,
            warnings=self.notes,
            allowed=_allowed(self.judged),
            allowed_by=self.allow.file if self.allow else None,
            second_look=self.second_look,
        )

    def _let_causes_stand(self) -> None:
        for found in self.judged.values():
            for one in found:
                one.cause = None
                one.effects.clear()
        _absorb([self.results[code].check for code in self.judged], self.judged)


def _readable(connection: Connection, check: Check, doubtful: Sequence[_Judged], about: Doubts) -> Sequence[_Judged]:
    """Those of the findings that a second look can judge; what they are about is added to ``about``."""
    if not doubtful or not by_key_alone(derived.with_parts(_named(check))):
        return doubtful
    if check.members is None:
        return [one for one in doubtful if about.add(one.row)]
    wanted = {tuple(one.row[column] for column in check.identity) for one in doubtful}
    for row in connection.execute(check.members).mappings():
        if tuple(row[column] for column in check.identity) in wanted:
            about.add(row)
    return doubtful


def _renewed(one: _Judged, after: _Judged | None) -> str:
    """Take over what the second look found of a finding, and tell what that means."""
    if after is None:
        return "vanished"
    then, now = one.finding.newest_change, after.finding.newest_change
    # Settled by the clock of the first look: what was younger has left a finding that sums up many.
    still = after.finding.settled or (then is not None and now is not None and now <= then)
    one.row, one.members = after.row, after.members
    one.finding = replace(after.finding, settled=still, confirmed=still)
    return "confirmed" if still else "moving"


@dataclass(frozen=True)
class _Answer:
    """The rows of one check's query, or why there are none."""

    rows: list[dict[str, Any]] | Exception
    seconds: float
    members: Sequence[Mapping[str, Any]] = ()

    def judged(self, check: Check, terms: _Terms) -> list[_Judged]:
        """The rows as findings. Raises what kept the query from its answer, and what is wrong with a row."""
        if isinstance(self.rows, Exception):
            raise self.rows
        whose: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for member in self.members:
            whose.setdefault(tuple(member[column] for column in check.identity), []).append(member)
        return [
            _Judged(
                _finding(check, row, terms),
                row,
                whose.get(tuple(row[column] for column in check.identity), ()),
            )
            for row in self.rows
        ]


def _asked(connection: Connection, checks: Sequence[Check]) -> dict[str, _Answer]:
    """Ask every check's query, some at a time: SQLite lets go of Python's lock while it works."""
    waiting: SimpleQueue[Check] = SimpleQueue()
    for check in checks:
        waiting.put(check)
    answers: dict[str, _Answer] = {}

    def work(own: Connection) -> None:
        with suppress(Empty):
            while True:
                check = waiting.get_nowait()
                begun = time.perf_counter()
                rows: list[dict[str, Any]] | Exception
                members: list[dict[str, Any]] = []
                try:
                    rows = [dict(row) for row in own.execute(check.query).mappings()]
                    if rows and check.absorbs and check.members is not None:
                        members = [dict(row) for row in own.execute(check.members).mappings()]
                except (SQLAlchemyError, LookupError, ValueError) as error:
                    rows = error
                answers[check.code] = _Answer(rows, time.perf_counter() - begun, members)

    def help_out() -> None:
        with connection.engine.connect() as own:
            work(own)

    with ThreadPoolExecutor(_WORKERS) as pool:
        helpers = [pool.submit(help_out) for _ in range(min(_WORKERS, len(checks)) - 1)]
        try:
            work(connection)
        finally:
            with suppress(Empty):  # an interruption is not to wait for what nobody will read
                while True:
                    waiting.get_nowait()
    for helper in helpers:
        helper.result()
    return answers


def _not_known(sources: Sequence[Source]) -> str | None:
    """Why absence proves nothing: a database was not read. Placement alone knows nothing of servers at all."""
    unread = [source.name for source in sources if source.status != "read"]
    if unread:
        return f"{', '.join(unread)} cannot be read"
    roles = {source.role for source in sources}
    if Role.CELL.value in roles and Role.API.value not in roles:
        return "nova's API database, which lists all cells, is not read"
    return None


@cache
def _asks_nova(check: Check) -> bool:
    return any(table.info["home"] in {Role.API, Role.CELL} for table in derived.with_parts(_named(check)))


def _late(taken_at: str, as_of: str) -> list[str]:
    late = behind(taken_at, as_of)
    if late <= timedelta():
        return []
    return [
        f"a cell's last sign of life (a heartbeat or an update) is of {as_of} UTC, {late} before the clock of "
        "placement's server: a replica lags, a clock runs ahead, or every service there is down; ages are counted "
        "from that moment"
    ]


def _settled_before(as_of: str, grace: timedelta) -> str:
    moment = datetime.strptime(as_of, CLOCK).replace(tzinfo=timezone.utc) - grace
    return moment.strftime(CLOCK)


def _not_to_be_judged(check: Check, sources: Sequence[Source]) -> str | None:
    read = {source.role for source in sources if source.status == "read"}
    unread = [source.name for source in sources if source.status != "read"]
    needed = {table.info["home"] for table in tables_of(check) - derived.with_parts(check.optional)} - {None}
    if check.whole_cloud:
        needed |= {Role.API, Role.CELL}  # only the API database knows whether all cells are here
    if check.whole_cloud and unread:
        return f"cannot be judged while {', '.join(unread)} cannot be read"
    if Role.API in needed and Role.API.value not in read:
        return "needs nova's API database; give --api-db"
    if Role.CELL in needed and Role.CELL.value not in read:
        return "needs a nova cell database; give --api-db or --cell-db"
    return None


def _client(sources: Sequence[Source]) -> str:
    """How to reach the placement database that was read, for remedies in SQL: ``mariadb -h db placement``."""
    url = next((make_url(one.url) for one in sources if one.role == Role.PLACEMENT.value and one.url), None)
    if url is None or url.get_backend_name() != "mysql":
        return _CLIENT
    given = (("-h", url.host), ("-P", url.port), ("-S", url.query.get("unix_socket")))
    words = [word for option, value in given if value for word in (option, shlex.quote(str(value)))]
    return " ".join(["mariadb", *words, shlex.quote(url.database or "placement")])


def _finding(check: Check, row: Mapping[str, Any], terms: _Terms) -> Finding:
    clock = row.get("newest_change")
    impact = Impact(row.get("impact") or check.impact)
    told = {key: "none" if value is None else value for key, value in row.items()}
    quoted = {key: _quoted(key, str(value)) for key, value in row.items() if value is not None}
    values = [quote("" if row[key] is None else str(row[key]), safe="") for key in check.identity]
    evidence = {key: value for key, value in row.items() if key not in SUBJECTS}
    for special in ("newest_change", "impact", "withheld"):
        evidence.pop(special, None)
    remedy = tuple(
        terms.client + line.removeprefix(_CLIENT) if line.startswith(f"{_CLIENT} ") else line
        for line in (_filled(command, quoted) for command in check.remedy)
        if line is not None
    )
    withheld = row.get("withheld")
    if not withheld and any(map(changes_something, check.remedy)) and not any(map(changes_something, remedy)):
        withheld = INCOMPLETE_ROW
    if terms.doubt and _asks_nova(check) and any(map(removes_something, remedy)):
        remedy = tuple(line for line in remedy if not changes_something(line))
        withheld = f"nothing can be called left over while {terms.doubt}"
    return Finding(
        code=check.code,
        name=check.name,
        severity=SEVERITY[impact],
        impact=impact,
        settled=clock is None or str(clock) < terms.settled_before,
        newest_change=clock,
        message=check.message.format_map(told),
        subject={key: row[key] for key in SUBJECTS if row.get(key) is not None},
        evidence=evidence,
        remedy=remedy,
        identity=":".join([check.code, *values]),
        withheld=withheld,
    )


def _quoted(name: str, value: str) -> str:
    """A value for bash: one word, or several, as the column's name says."""
    return " ".join(map(_word, value.split())) if name.endswith("_words") else _word(value)


def _word(value: str) -> str:
    """One word of a command for bash, on one line."""
    if value.isprintable():
        return shlex.quote(value)
    return "$'" + value.encode("unicode_escape").decode().replace("'", "\\'") + "'"


def _filled(command: str, quoted: Mapping[str, str]) -> str | None:
    try:
        return command.format_map(quoted)
    except KeyError:
        return None


def _accept(
    connection: Connection, allow: AllowList, taken_at: str, judged: Mapping[str, Sequence[_Judged]]
) -> list[str]:
    """Mark what the operator's list accepts; what comes back are notes on its entries."""
    rows = {code: [one.row for one in found] for code, found in judged.items()}
    entries, notes = allow.accepted(connection, date.fromisoformat(taken_at[:10]), rows)
    for code, found in judged.items():
        for one, entry in zip(found, entries[code], strict=True):
            one.allowed = entry
    return notes


def _absorb(checks: Sequence[Check], judged: Mapping[str, list[_Judged]]) -> None:
    """Let the specific finding stand for the others of its cause (SEMANTICS J.11), and for what those stand for.

    One that is in flight takes no settled finding with it, and one that is allowed takes only what is allowed, too.
    """
    by_code = {check.code: check for check in checks}
    order = TopologicalSorter({code: set() for code in by_code})
    for check in checks:
        for code in check.absorbs.keys() & by_code.keys():
            order.add(code, check.code)
    for check in (by_code[code] for code in order.static_order()):
        for code, columns in check.absorbs.items():
            causes: dict[tuple[Any, ...], _Judged] = {}
            # Of several, one that is not allowed stands for the effect.
            for one in sorted(judged[check.code], key=lambda one: one.allowed is None):
                for row in one.members or [one.row]:
                    causes[_key(row, columns)] = one.cause or one
            for other in judged.get(code, ()):
                key = _key(other.row, columns)
                cause = causes.get(key) if None not in key else None
                if (
                    cause
                    and not other.cause
                    and (cause.finding.settled or not other.finding.settled)
                    and (other.allowed or not cause.allowed)
                ):
                    other.cause = cause
                    cause.effects.append(other.finding)


def _key(row: Mapping[str, Any], columns: Iterable[str]) -> tuple[Any, ...]:
    """What two findings of one cause agree in. A uuid may be in capitals in one table and not in the other."""
    values = (row[column] for column in columns)
    return tuple(value.lower() if isinstance(value, str) else value for value in values)


def _counted(result: Result, found: Sequence[_Judged]) -> Result:
    left = [one for one in found if not one.cause]
    hidden = len(found) - len(left)
    listed = [one.finding for one in left if not one.allowed]
    settled = sum(finding.settled for finding in listed)
    reason = f"{hidden} more named by the finding of their cause" if hidden else None
    status = "findings" if listed else "allowed" if left else "clean"
    return replace(
        result,
        status=status,
        reason=reason,
        findings=settled,
        in_flight=len(listed) - settled,
        allowed=len(left) - len(listed),
    )


def _ordered(judged: Iterable[_Judged]) -> list[Finding]:
    listed = [one.whole() for one in judged if not one.cause]
    return sorted(listed, key=lambda one: (not one.settled, -_RANK.index(one.severity), one.code))


def _allowed(judged: Mapping[str, Sequence[_Judged]]) -> list[Allowed]:
    """By code, as the checks ran."""
    return [
        Allowed(one.whole(), one.allowed.place, one.allowed.comment)
        for found in judged.values()
        for one in found
        if one.allowed and not one.cause
    ]
