"""A check as a file: what it means, the session's settings, the prelude, and the check's own query."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import ColumnElement, Table, and_, exists, func, literal, or_, select

from placement_audit import derived
from placement_audit import schema as t
from placement_audit.finding import SEVERITY, Check
from placement_audit.schema import Role
from placement_audit.sqlfile.prelude import PINNED, SETTINGS, STAND_INS, Homes, Used, cells_left_out, entries, used_by
from placement_audit.sqlfile.text import Query, as_text, comment, filled, laid_out

_CANDIDATES = (
    "CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at; "
    "placement-audit audit --select {code} tells which of them are faults."
)
_TWO_CLOUDS = "placement and nova may belong to different clouds: check the names of the schemas"
# With fewer nodes or holders than these nobody can tell.
_FEW = 4
_FIRST_RELEASE = {t.XENA["since"]: "Xena", t.COMPUTE_ID["since"]: "2023.2"}


def file_name(check: Check) -> str:
    """The name of a check's file; its module and its test share the stem."""
    return f"{check.code.lower()}_{check.name.replace('-', '_')}.sql"


def selects_candidates(check: Check) -> bool:
    """Whether the file can only select what would have to be looked at."""
    return bool(STAND_INS.keys() & used_by(check.query, {}).keys())


def file_of(check: Check, homes: Homes) -> str:
    """The text of a check's file."""
    query, warnings = check.query, ""
    # The servers with pinned CPUs and the others are for two checks.
    selects = {**derived.SELECTS, **STAND_INS, **(PINNED if check.code == "X31" else {})}
    if check.whole_cloud:
        # What an audit leaves unjudged.
        query = query.where(~exists().where(t.sources.c.status != "read"), ~_two_clouds())
        warnings = "\n" + _statement(select(literal(_TWO_CLOUDS).label("warning")).where(_two_clouds()), selects, homes)
    used = used_by(query, selects)
    told = comment(_header(check, homes, used)) + SETTINGS + cells_left_out(used, homes) + warnings
    return f"{told}\n{_statement(query, selects, homes)}"


def _statement(query: Query, selects: Mapping[Table, Query], homes: Homes) -> str:
    prelude = entries(used_by(query, selects), selects, homes)
    body = as_text(query)
    # The query's own entries follow those of the prelude.
    own = re.match(r"WITH (RECURSIVE )?", body)
    lead = f"WITH {own[1] or '' if own else ''}" + ",\n".join(prelude) + (",\n" if own else "\n")
    return f"{lead}{laid_out(body[own.end() :] if own else body)};\n"


def _two_clouds() -> ColumnElement[bool]:
    """Whether placement and nova do not seem to know each other, as an audit judges it."""
    node, claim = t.compute_nodes.alias("any_node"), t.claims.alias("any_claim")
    live = select(func.count()).select_from(node).where(node.c.deleted == 0)
    known = live.where(node.c.uuid.in_(select(t.resource_providers.alias("any_provider").c.uuid)))
    holders = select(func.count()).select_from(claim).scalar_subquery()
    nodes = live.scalar_subquery()
    return or_(
        and_(nodes >= _FEW, known.scalar_subquery() * 2 < nodes),
        and_(nodes == 0, holders >= _FEW),
    )


def _header(check: Check, homes: Homes, used: Used) -> Iterator[str]:
    yield f"{check.code} {check.name}: {check.title}"
    yield f"Severity: {SEVERITY[check.impact].value}, impact {check.impact.value}"
    if selects_candidates(check):
        yield from ("", *filled(_CANDIDATES.format(code=check.code)))
    yield from ("", *filled(f"Says: {check.message}"), "", *filled(f"Why: {check.why}"))
    if check.exceptions:
        yield from ("", "Left alone:", *(line for text in check.exceptions for line in filled(text, "- ")))
    if check.remedy:
        yield from ("", "What to do, with a row's columns for the names in braces:")
        yield from (f"  {line}" for line in check.remedy)
    yield from ("", *filled(f"Names to change: {', '.join(_names(used, homes))}"))
    for note in sorted(_later(used)):
        yield from filled(note)
    if check.whole_cloud:
        yield from filled(
            "No rows as long as cell_mappings has a cell that is not named here, or fewer than half of the compute "
            "nodes have a provider: then a table of warnings stands in their place."
        )
    yield from ("", "Written by: placement-audit sql")


def _names(used: Used, homes: Homes) -> Iterator[str]:
    roles = {one.info["home"] for one in used}
    if used.keys() & {t.sources, t.deviations, t.respelled} or Role.PLACEMENT in roles:
        yield homes.placement
    if homes.api and (used.keys() & {t.sources, t.stale_copies} or roles & {Role.API, Role.CELL}):
        yield homes.api
    if used.keys() & {t.sources} or Role.CELL in roles:
        yield from (f"{schema} ({cell})" for cell, schema in homes.cells)


def _later(used: Used) -> Iterator[str]:
    """What older releases do not have."""
    for one, names in used.items():
        if since := one.info.get("since"):
            yield f"Before {_FIRST_RELEASE[since]} there is no {one.name}."
        for column in one.columns:
            if column.name in names and (since := column.info.get("since")):
                yield f"Before {_FIRST_RELEASE[since]} there is no {one.name}.{column.name}: write NULL in its place."
