"""Checks times snapshot makes a Report: findings settled or in flight, coverage, failures, timings."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Table, and_, case, exists, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import visitors

from placement_audit import __version__, derived
from placement_audit import schema as t
from placement_audit.allow import AllowList, Entry
from placement_audit.finding import SEVERITY, SUBJECTS, Check, Finding, Impact, Severity
from placement_audit.schema import Role
from placement_audit.snapshot import Progress, Source, kept, sources_in, taken
from placement_audit.source.config import Sources
from placement_audit.source.connect import Limits, reason_of

CLOCK = "%Y-%m-%d %H:%M:%S"
_RANK = (Severity.INFO, Severity.WARNING, Severity.ERROR)
# What tells whether placement and nova belong to one cloud; with fewer of them than these it says nothing.
_KINSHIP = {t.compute_nodes, t.resource_providers, t.claims}
_FEW = 4
# As many servers tell as surely as all of them.
_SAMPLE = 5000


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

    def counted(self, fail_on: Severity) -> list[Finding]:
        """Settled findings at or above a severity."""
        return [one for one in self.findings if one.settled and _RANK.index(one.severity) >= _RANK.index(fail_on)]

    def exit_code(self, fail_on: Severity) -> int:
        """0 clean, 1 findings, 2 could not tell."""
        if self.gaps or any(result.status == "failed" for result in self.results):
            return 2
        return 1 if self.counted(fail_on) else 0


@dataclass
class _Judged:
    """A finding on its way, with the row it came from."""

    finding: Finding
    row: Mapping[str, Any]
    allowed: Entry | None = None
    absorbed: bool = False
    also: Counter[str] = field(default_factory=Counter)


def live_report(
    sources: Sources,
    limits: Limits,
    checks: Sequence[Check],
    grace: timedelta,
    progress: Progress,
    *,
    own_credentials: bool = True,
    allow: AllowList | None = None,
) -> Report:
    """Read what the checks need into a snapshot of their own, and judge it. Raises CannotTell."""
    started = time.perf_counter()
    wanted = {table for check in checks for table in tables_of(check)} | (allow.tables() if allow else set())
    with TemporaryDirectory(prefix="placement-audit-") as folder:
        path = Path(folder) / "snapshot.sqlite"
        estate = taken(sources, limits, path, wanted, progress, own_credentials=own_credentials)
        with kept(path) as connection:
            report = judge(connection, checks, grace, allow)
    return replace(report, warnings=(*estate.warnings, *report.warnings), seconds=time.perf_counter() - started)


@cache
def tables_of(check: Check) -> frozenset[Table]:
    """The tables that a check's query names, derived ones and what they are made of included."""
    named = {item for item in visitors.iterate(check.query) if isinstance(item, Table)}
    return frozenset(derived.with_parts(named | set(check.optional) | (_KINSHIP if check.whole_cloud else set())))


def _two_clouds(connection: Connection) -> str | None:
    """Why nothing should be called left over: these databases do not seem to know each other."""
    live = select(func.count()).select_from(t.compute_nodes).where(t.compute_nodes.c.deleted == 0)
    nodes = connection.scalar(live) or 0
    known = connection.scalar(live.where(t.compute_nodes.c.uuid.in_(select(t.resource_providers.c.uuid)))) or 0
    if nodes >= _FEW and known * 2 < nodes:
        return f"only {known} of {nodes} compute nodes have a provider"
    holders = connection.scalar(select(func.count()).select_from(t.claims)) or 0
    if not nodes and holders >= _FEW:
        return f"no cell has a compute node, yet {holders} consumers hold something"
    return None


def _cells_mistaken(connection: Connection) -> str | None:
    """Why no server should be called misplaced: the cells do not seem to be the ones that the API database means."""
    server, mapping, twin = t.instances, t.instance_mappings, t.instances.alias("twin")
    # In the order of their uuids, which is no order at all: a fair sample of every cell.
    some = (
        select(server.c.uuid, server.c.cell)
        .where(server.c.deleted == 0, func.coalesce(server.c.hidden, 0) == 0)
        .order_by(server.c.uuid)
        .limit(_SAMPLE)
        .subquery("some")
    )
    mapped = exists().where(mapping.c.instance_uuid == some.c.uuid, mapping.c.cell_id == t.sources.c.cell_id)
    doubled = exists().where(twin.c.uuid == some.c.uuid, twin.c.cell != some.c.cell, twin.c.deleted == 0)
    counted = (
        select(
            some.c.cell,
            func.count().label("servers"),
            func.sum(case((mapped, 1), else_=0)).label("mapped"),
            func.sum(case((doubled, 1), else_=0)).label("doubled"),
        )
        .join(t.sources, and_(t.sources.c.name == some.c.cell, t.sources.c.role == Role.CELL.value))
        .where(t.sources.c.cell_id.is_not(None))
        .group_by(some.c.cell)
        .order_by(some.c.cell)
    )
    for row in connection.execute(counted):
        if row.servers >= _FEW and row.doubled * 2 > row.servers:
            return f"{row.doubled} of {row.servers} servers of {row.cell} are in another cell, too"
        if row.servers >= _FEW and row.mapped * 2 < row.servers:
            return f"only {row.mapped} of {row.servers} servers of {row.cell} are mapped to it"
    return None


def judge(connection: Connection, checks: Iterable[Check], grace: timedelta, allow: AllowList | None = None) -> Report:
    """Run checks on a snapshot. A check that fails is reported as failed; the others go on."""
    started = time.perf_counter()
    taken_at = str(connection.scalar(select(t.snapshot.c.taken_at)))
    sources = sources_in(connection)
    settled_before = _settled_before(taken_at, grace)
    checks = list(checks)
    gaps = [f"{one.role} {one.name} could not be read: {one.reason}" for one in sources if one.status != "read"]
    nova_is_read = any(one.role == Role.CELL.value and one.status == "read" for one in sources)
    strangers = _two_clouds(connection) if nova_is_read and any(check.whole_cloud for check in checks) else None
    if strangers:
        gaps.append(f"placement and nova may belong to different clouds: {strangers}; check the addresses")
    # Only what reads all mappings can tell, and only that would be misled.
    asks_mappings = any(check.whole_cloud and t.instance_mappings in tables_of(check) for check in checks)
    mistaken = _cells_mistaken(connection) if nova_is_read and asks_mappings else None
    if mistaken:
        gaps.append(f"the cells' databases may not be those of this API database: {mistaken}; check the addresses")
    results: dict[str, Result] = {}
    judged: dict[str, list[_Judged]] = {}
    for check in checks:
        begun = time.perf_counter()
        reason = _not_to_be_judged(check, sources)
        if strangers and check.whole_cloud and not reason:
            reason = "cannot be judged while placement and nova may belong to different clouds"
        if mistaken and check.whole_cloud and not reason:
            reason = "cannot be judged while the cells' databases may not be those of this API database"
        if reason:
            results[check.code] = Result(check, "skipped", reason)
            continue
        try:
            rows = [dict(row) for row in connection.execute(check.query).mappings()]
            judged[check.code] = [_Judged(_finding(check, row, settled_before), row) for row in rows]
            status, why = "clean", None
        except (SQLAlchemyError, LookupError, ValueError) as error:
            status, why = "failed", reason_of(error)
        results[check.code] = Result(check, status, why, seconds=time.perf_counter() - begun)
    notes = _accept(connection, allow, taken_at, judged) if allow else []
    _absorb([results[code].check for code in judged], judged)
    for code, found in judged.items():
        results[code] = _counted(results[code], found)
    return Report(
        taken_at=taken_at,
        grace=grace,
        seconds=time.perf_counter() - started,
        sources=sources,
        results=list(results.values()),
        findings=_ordered(one for found in judged.values() for one in found if not one.allowed),
        gaps=gaps,
        warnings=notes,
        allowed=_allowed(judged),
        allowed_by=allow.file if allow else None,
    )


def _settled_before(taken_at: str, grace: timedelta) -> str:
    moment = datetime.strptime(taken_at, CLOCK).replace(tzinfo=timezone.utc) - grace
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


def _finding(check: Check, row: Mapping[str, Any], settled_before: str) -> Finding:
    clock = row.get("newest_change")
    impact = Impact(row.get("impact") or check.impact)
    told = {key: "none" if value is None else value for key, value in row.items()}
    quoted = {key: shlex.quote(str(value)) for key, value in row.items() if value is not None}
    values = [quote("" if row[key] is None else str(row[key]), safe="") for key in check.identity]
    evidence = {key: value for key, value in row.items() if key not in SUBJECTS}
    evidence.pop("newest_change", None)
    evidence.pop("impact", None)
    return Finding(
        code=check.code,
        name=check.name,
        severity=SEVERITY[impact],
        impact=impact,
        settled=clock is None or str(clock) < settled_before,
        newest_change=clock,
        message=check.message.format_map(told),
        subject={key: row[key] for key in SUBJECTS if row.get(key) is not None},
        evidence=evidence,
        remedy=tuple(line for line in (_filled(command, quoted) for command in check.remedy) if line is not None),
        identity=":".join([check.code, *values]),
    )


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
    """Let the specific finding stand for the others of its cause (SEMANTICS J.11).

    One that is in flight takes no settled finding with it, one that is allowed takes only what is allowed, too, and
    one that is itself absorbed takes nothing.
    """
    effects = {code for check in checks for code in check.absorbs}
    for check in sorted(checks, key=lambda one: one.code in effects):
        for code, columns in check.absorbs.items():
            causes = {
                tuple(cause.row[column] for column in columns): cause
                # Of several, one that is not allowed stands for the effect.
                for cause in sorted(judged[check.code], key=lambda one: one.allowed is None)
                if not cause.absorbed
            }
            for other in judged.get(code, ()):
                cause = causes.get(tuple(other.row[column] for column in columns))
                if (
                    cause
                    and not other.absorbed
                    and (cause.finding.settled or not other.finding.settled)
                    and (other.allowed or not cause.allowed)
                ):
                    other.absorbed = True
                    cause.also[code] += 1


def _counted(result: Result, found: Sequence[_Judged]) -> Result:
    left = [one for one in found if not one.absorbed]
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
    listed = [replace(one.finding, also=dict(one.also)) for one in judged if not one.absorbed]
    return sorted(listed, key=lambda one: (not one.settled, -_RANK.index(one.severity), one.code))


def _allowed(judged: Mapping[str, Sequence[_Judged]]) -> list[Allowed]:
    """By code, as the checks ran."""
    return [
        Allowed(replace(one.finding, also=dict(one.also)), one.allowed.place, one.allowed.comment)
        for found in judged.values()
        for one in found
        if one.allowed and not one.absorbed
    ]
