"""A check, or a question of an engineer, as the text of a file for a plain ``mariadb`` client: sql/.

MariaDB 10.11 and MySQL 8. What a snapshot does when it reads (derived tables, one spelling of uuids, times as text,
ratios with the digits that the server shows) stands in a WITH prelude; after it comes the check's own query.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Float, Integer, Select, String, Table, cast, exists, func, literal, null, or_, select, union_all
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import Alias, ColumnClause, CompoundSelect

from placement_audit import derived
from placement_audit import schema as t
from placement_audit.finding import SEVERITY, Check
from placement_audit.schema import Role
from placement_audit.snapshot import UUIDS
from placement_audit.source.recognise import REVISIONS

WIDTH = 120
Query = Select[Any] | CompoundSelect[Any]


@dataclass(frozen=True)
class Homes:
    """The schemas of a deployment, all on one server: ``api`` None and no ``cells`` where nova's are not."""

    placement: str = "placement"
    api: str | None = "nova_api"
    cells: tuple[tuple[str, str], ...] = (("cell0", "nova_cell0"), ("cell1", "nova"))


def file_name(check: Check) -> str:
    """The name of a check's file; its module and its test share the stem."""
    return f"{check.code.lower()}_{check.name.replace('-', '_')}.sql"


def file_of(check: Check, homes: Homes) -> str:
    """The text of a check's file."""
    query = check.query
    if check.whole_cloud:
        # What an audit leaves unjudged as long as a cell is missing.
        query = query.where(~exists().where(t.sources.c.status != "read"))
    selects = derived.SELECTS | STAND_INS | _STAND_INS_OF.get(check.code, {})
    used = _used(query, selects)
    entries = [
        f"{_quoted(table.name)} AS (\n{textwrap.indent(_entry(table, used[table], selects, homes), '  ')}\n)"
        for table in t.metadata.tables.values()
        if table in used
    ]
    body = as_text(query, _DIALECT)
    # Entries of the query's own follow those of the prelude.
    own = re.match(r"WITH (RECURSIVE )?", body)
    if own:
        body = body[own.end() :]
    lead = f"WITH {own[1] or '' if own else ''}" + ",\n".join(entries) + (",\n" if own else "\n")
    told = _header(check, homes, used) + SETTINGS + _cells_left_out(used, homes)
    return f"{told}\n{lead}{laid_out(body)};\n"


# --- text of queries -------------------------------------------------------------------------------------------------


def _dialect() -> Dialect:
    # Any other style of parameters doubles each %.
    dialect = mysql.dialect(paramstyle="named")
    dialect.identifier_preparer.reserved_words = RESERVED_WORDS_MYSQL | RESERVED_WORDS_MARIADB
    return dialect


_DIALECT = _dialect()


def as_text(query: Query, dialect: Dialect) -> str:
    """A query with its values in it. ``dialect`` has named parameters."""
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})

    def value(match: re.Match[str]) -> str:
        return f"'{compiled.params[match[1]]}'" if match[1] in compiled.params else match[0]

    # SQLAlchemy renders no literals inside aggregate_strings: they are separators and words of ours.
    return re.sub(r":(\w+)", value, str(compiled))


def _quoted(name: str) -> str:
    return str(_DIALECT.identifier_preparer.quote(name))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


_TOKEN = re.compile(r"'(?:[^'\\]|''|\\.)*'|`[^`]*`|\s+|[\w.@]+|[^\w\s]", re.DOTALL)
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

    tokens = _TOKEN.findall(sql)
    for number, token in enumerate(tokens):
        if token.isspace():
            glued = False
            continue
        in_query, cases, inside = brackets[-1]
        clause = token in _CLAUSES and last not in {"INNER", "LEFT", "OUTER"}
        main = token == "SELECT" and (after_query or last in {"ALL", "UNION"})
        next_entry = len(brackets) == 1 and after_query and last == ","
        closes_query = token == ")" and in_query
        if (in_query and not cases and (clause or main)) or next_entry or closes_query:
            end()
        if not line:
            depth = inside - 1 if closes_query else inside + (token == "AND")
        if glued and line:
            line[-1] += token
        else:
            line.append(token)
        if token in {"CASE", "END"}:
            brackets[-1] = in_query, cases + (1 if token == "CASE" else -1), inside
        elif token == ")":
            brackets.pop()
        elif token == "(":
            opens_query = tokens[number + 1] in {"SELECT", "WITH"}
            brackets.append((opens_query, 0, depth + opens_query))
            if opens_query:
                end()
        after_query = closes_query or (after_query and token == ",")
        last, glued = token, True
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


# --- the prelude -----------------------------------------------------------------------------------------------------


def _used(query: Query, selects: Mapping[Table, Query]) -> dict[Table, set[str]]:
    """The columns of the vocabulary that a query needs, and those that derived tables are made of."""
    found: dict[Table, set[str]] = {}
    waiting = [query]
    while waiting:
        for item in visitors.iterate(waiting.pop()):
            # A select of a whole table names none of its columns.
            for part in (item, *(item.selected_columns if isinstance(item, Select) else ())):
                table: Any = part.table if isinstance(part, ColumnClause) else part
                while isinstance(table, Alias):
                    table = table.element
                if not isinstance(table, Table):
                    continue
                if table not in found:
                    found[table] = set()
                    if table in selects:
                        waiting.append(selects[table])
                if isinstance(part, ColumnClause):
                    found[table].add(part.name)
    return found


def _entry(table: Table, used: set[str], selects: Mapping[Table, Query], homes: Homes) -> str:
    if table in selects:
        return laid_out(as_text(selects[table], _DIALECT))
    columns = [column for column in table.columns if column.name in used]
    if table in _TOLD:
        parts = _TOLD[table](homes)
        listed = [[(column.name, part.get(column.name, "NULL")) for column in columns] for part, _ in parts]
        return _all(listed, [source for _, source in parts], columns)
    databases: list[tuple[str | None, str | None]]
    databases = [*homes.cells] if table.info["home"] is Role.CELL else [(None, _schema(table, homes))]
    databases = [(cell, schema) for cell, schema in databases if schema]
    listed = [[(column.name, _as_kept(column, cell)) for column in columns] for cell, _ in databases]
    return _all(listed, [f"FROM {_quoted(schema or '')}.{table.name}{_only(table)}" for _, schema in databases], columns)


def _schema(table: Table, homes: Homes) -> str | None:
    return homes.placement if table.info["home"] is Role.PLACEMENT else homes.api


def _all(listed: list[list[tuple[str, str]]], sources: list[str], columns: list[Column[Any]]) -> str:
    if not sources:
        # as if that database had no rows
        listed, sources = [[(column.name, "NULL") for column in columns]], ["FROM DUAL WHERE 1 = 0"]
    selects = []
    for values, source in zip(listed, sources, strict=True):
        words = [value if value == _quoted(name) else f"{value} AS {_quoted(name)}" for name, value in values]
        selects.append(f"SELECT {', '.join(words) or '1 AS found'} {source}")
    return laid_out(" UNION ALL ".join(selects))


def _is_uuid(column: Column[Any]) -> bool:
    return column.type is t.Folded and (column.name.endswith("uuid") or column.name == "consumer_id")


def _as_kept(column: Column[Any], cell: str | None) -> str:
    """A live column as the snapshot has it, compared as the snapshot compares it."""
    name = _quoted(column.name)
    if column.name == "cell" and cell is not None:
        return _text(cell)
    if column.type is t.Clock:
        return f"CONVERT({name} USING ascii)"
    if isinstance(column.type, Float):
        # by the digits that the server shows: a FLOAT of 1.1 is 1.10000002 in arithmetic
        return f"CONVERT({name} USING ascii) + 0e0"
    if _is_uuid(column):
        return _dashed(name) if column.name in UUIDS.get(column.table, ()) else f"CONVERT({name} USING ascii)"
    if isinstance(column.type, Integer):
        return name
    # No COLLATE: one of two columns with different ones could not be compared. The first has its character set's own,
    # which knows no case, the second that of the connection, which does.
    return f"CONVERT({name} USING utf8mb4)" if column.type is t.Folded else f"CAST({name} AS CHAR)"


def _dashed(name: str) -> str:
    inserted = name
    for place in (21, 17, 13, 9):
        inserted = f"INSERT({inserted}, {place}, 0, '-')"
    return f"CONVERT(IF({_is_bare(name)}, {inserted}, {name}) USING ascii)"


def _is_bare(name: str) -> str:
    return f"CHAR_LENGTH({name}) = 32 AND INSTR({name}, '-') = 0"


def _only(table: Table) -> str:
    """Of the tables of which an audit reads some rows only: the rows of a kind."""
    if table is t.pci_devices:
        return " WHERE status IN ('claimed', 'allocated')"
    if table in derived.ONLY:
        wanted = derived.ONLY[table].items()
        conditions = (f"{_quoted(name)} IN ({', '.join(map(repr, values))})" for name, values in wanted)
        return " WHERE " + " AND ".join(conditions)
    return ""


# A part of a UNION: its columns that are not NULL, and where they come from.
_Part = tuple[dict[str, str], str]


def _is_cell(name: str, schema: str) -> str:
    """Whether a row of cell_mappings is this cell; one without a name goes by its database."""
    database = "SUBSTRING_INDEX(SUBSTRING_INDEX(database_connection, '?', 1), '/', -1)"
    return f"COALESCE(name = {_text(name)}, 0) OR (COALESCE(name, '') = '' AND {database} = {_text(schema)})"


def _left_out(homes: Homes) -> str:
    conditions = " AND ".join(f"NOT ({_is_cell(*cell)})" for cell in homes.cells)
    return f"FROM {_quoted(homes.api or '')}.cell_mappings" + (f" WHERE {conditions}" if conditions else "")


def _told_sources(homes: Homes) -> list[_Part]:
    revision = (
        f"(SELECT GROUP_CONCAT(version_num ORDER BY version_num SEPARATOR ', ')"
        f" FROM {_quoted(homes.placement)}.alembic_version)"
    )
    read = {"status": "'read'", "cell0": "0"}
    parts: list[_Part] = [({"role": "'placement'", "name": "'placement'", "revision": revision, **read}, "")]
    if homes.api:
        parts.append(({"role": "'api'", "name": "'nova_api'", **read}, ""))
    for name, schema in homes.cells:
        cell = {"role": "'cell'", "name": _text(name), **read}
        if not homes.api:
            parts.append((cell | {"cell0": str(int(name == "cell0"))}, ""))
            continue
        mapped = f"FROM (SELECT 1 AS one) AS this LEFT JOIN {_quoted(homes.api)}.cell_mappings ON {_is_cell(name, schema)}"
        parts.append((cell | _MAPPED, mapped))
    if homes.api:
        name = "COALESCE(name, uuid)"
        parts.append(({"role": "'cell'", "name": name, "status": "'missing'", **_MAPPED}, _left_out(homes)))
    return parts


_MAPPED = {
    "cell0": f"COALESCE(uuid = '{t.CELL0_UUID}', 0)",
    "cell_id": "id",
    "cell_uuid": "CONVERT(uuid USING ascii)",
}


def _told_deviations(homes: Homes) -> list[_Part]:
    """What a look at the tables of placement's database tells of its revision (SEMANTICS A.3)."""
    schema, order = _quoted(homes.placement), list(REVISIONS[Role.PLACEMENT])
    revisions = f"(SELECT GROUP_CONCAT(version_num ORDER BY version_num SEPARATOR ', ') FROM {schema}.alembic_version)"
    lead = {"role": "'placement'", "name": "'placement'", "revision": revisions}
    heads = f"(SELECT COUNT(*) FROM {schema}.alembic_version)"
    counted = f"CONCAT('holds ', {heads}, ' revisions where one is expected')"
    parts: list[_Part] = [(lead | {"table": "'alembic_version'", "detail": counted}, f"FROM DUAL WHERE {heads} <> 1")]
    for table in t.live_tables(Role.PLACEMENT):
        items: list[tuple[str, str | None, str]] = [
            (f"table {table.name}", table.info.get("since"), f"tables WHERE table_name = {_text(table.name)}")
        ]
        for column in table.columns:
            where = f"columns WHERE table_name = {_text(table.name)} AND column_name = {_text(column.name)}"
            items.append((f"column {table.name}.{column.name}", column.info.get("since"), where))
        for what, since, where in items:
            if since is None:
                continue
            older = ", ".join(map(_text, order[: order.index(since)]))
            due = f"EXISTS (SELECT 1 FROM {schema}.alembic_version WHERE version_num NOT IN ({older}))"
            there = f"EXISTS (SELECT 1 FROM information_schema.{where} AND table_schema = {_text(homes.placement)})"
            missing = _text(f"{what} is missing or not granted, and revision {since} brings it")
            early = _text(f"{what} exists, and revision {since} comes only after this one")
            detail = f"IF({due}, {missing}, {early})"
            found = f"FROM DUAL WHERE {there} <> {due}"
            parts.append((lead | {"table": _text(table.name), "detail": detail}, found))
    return parts


def _told_respelled(homes: Homes) -> list[_Part]:
    return [
        ({"table": _text(table.name), "uuid": _dashed("uuid")}, f"FROM {_quoted(homes.placement)}.{table.name} WHERE {_is_bare('uuid')}")
        for table in (t.resource_providers, t.consumers)
    ]


def _told_left_behind(homes: Homes) -> list[_Part]:
    return [
        ({"table": _text(table.name), "rows": "COUNT(*)"}, f"FROM {_quoted(homes.api)}.{table.name}")
        for table in t.left_behind
        if homes.api
    ]


# What only a snapshot has, out of the server itself.
_TOLD: Mapping[Table, Callable[[Homes], list[_Part]]] = {
    t.snapshot: lambda _: [({"taken_at": "CONVERT(@taken_at USING ascii)"}, "")],
    t.sources: _told_sources,
    t.deviations: _told_deviations,
    t.respelled: _told_respelled,
    t.stale_copies: _told_left_behind,
}


# --- what Python computes --------------------------------------------------------------------------------------------


def _every_bare_server() -> Query:
    holders = select(t.claims.c.consumer_id).where(t.claims.c.shared == 0)
    return select(
        t.instances.c.uuid.label("instance_uuid"), t.resource_classes.c.name.label("resource_class"), literal(1).label("amount")
    ).where(t.instances.c.deleted == 0, t.instances.c.uuid.not_in(holders), t.resource_classes.c.id.is_not(None))


def _every_doubtful_server(*, pinned: bool) -> Query:
    return select(
        t.doubtful.c.cell,
        t.doubtful.c.uuid.label("instance_uuid"),
        t.doubtful.c.root_id,
        cast(literal("PCPU") if pinned else null(), String).label("resource_class"),
        t.doubtful.c.pcpu.label("held"),
        null().label("amount"),
        literal(int(pinned)).label("pinned"),
        literal(0).label("sure"),
    )


def _every_odd_flavor() -> Query:
    """Plain flavors as they are, and those with extra specs of weight as what no provider has."""
    flavor, spec = t.flavors, t.flavor_extra_specs
    swap = (func.coalesce(flavor.c.swap, 0) + 1023) // 1024
    disk = func.coalesce(flavor.c.root_gb, 0) + func.coalesce(flavor.c.ephemeral_gb, 0) + swap
    plain = {"VCPU": flavor.c.vcpus, "MEMORY_MB": flavor.c.memory_mb, "DISK_GB": disk}
    weighty = exists().where(spec.c.flavor_id == flavor.c.id, or_(spec.c.key.like("resources%"), spec.c.key.like("hw:%")))

    def asked(name: str, amount: Any) -> Select[Any]:
        return select(
            flavor.c.id.label("flavor_id"),
            literal(0).label("variant"),
            literal("").label("suffix"),
            literal(name).label("resource_class"),
            amount.label("amount"),
        )

    return union_all(
        *(asked(name, amount).where(amount > 0) for name, amount in plain.items()),
        asked("what its extra specs ask for", literal(1)).where(weighty),
    )


# In place of tables that only Python can compute: all rows that would have to be looked at.
STAND_INS: Mapping[Table, Query] = {
    t.expected: _every_bare_server(),
    t.misfits: _every_doubtful_server(pinned=False),
    t.flavor_requests: _every_odd_flavor(),
}
_STAND_INS_OF: Mapping[str, Mapping[Table, Query]] = {"X31": {t.misfits: _every_doubtful_server(pinned=True)}}


def selects_candidates(check: Check) -> bool:
    """Whether the file of a check can only select what would have to be looked at."""
    return any(table in STAND_INS for table in _used(check.query, {}))


# --- the header ------------------------------------------------------------------------------------------------------

SETTINGS = """
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SET SESSION TRANSACTION READ ONLY;
SET SESSION time_zone = '+00:00';
SET SESSION sql_mode = '';
SET SESSION group_concat_max_len = 1048576;
-- Each table of the prelude is kept apart, so that it gets an index where it is joined.
SET SESSION optimizer_switch = 'derived_merge=off';
SET @taken_at = UTC_TIMESTAMP();
"""

_CANDIDATES = (
    "NOT A VERDICT: what a flavor asks for cannot be said in SQL. The rows are candidates, the servers or flavors that "
    "would have to be looked at; placement-audit audit --select {code} tells which of them are faults."
)


def _header(check: Check, homes: Homes, used: Mapping[Table, set[str]]) -> str:
    lines = [f"{check.code} {check.name}: {check.title}", f"Severity: {SEVERITY[check.impact].value} (impact {check.impact.value})"]
    if selects_candidates(check):
        lines += ["", *_filled(_CANDIDATES.format(code=check.code))]
    lines += ["", *_filled(f"Says: {check.message}"), *_filled(f"Why: {check.why}")]
    lines += ["", "Left alone:", *(part for text in check.exceptions for part in _filled(text, "- "))] if check.exceptions else []
    lines += ["", "What to do, with the columns of a row in place of the names in braces:", *(f"  {line}" for line in check.remedy)] if check.remedy else []
    lines += ["", *_filled(f"Names to change: {_names(used, homes)}")]
    lines += _later(used)
    if check.whole_cloud:
        lines += ["", *_filled("Without a row as long as cell_mappings has a cell that is not named here.")]
    lines += ["", "Generated by: placement-audit sql"]
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def _filled(text: str, lead: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH - 3, initial_indent=lead, subsequent_indent=" " * len(lead), break_long_words=False)


def _names(used: Mapping[Table, set[str]], homes: Homes) -> str:
    roles = {table.info["home"] for table in used}
    names = [homes.placement] if Role.PLACEMENT in roles or used.keys() & {t.sources, t.deviations, t.respelled} else []
    if homes.api and (Role.API in roles or used.keys() & {t.sources, t.stale_copies}):
        names.append(homes.api)
    if Role.CELL in roles:
        names += [f"{schema} ({cell})" for cell, schema in homes.cells]
    return ", ".join(names)


def _later(used: Mapping[Table, set[str]]) -> list[str]:
    notes = []
    for table, columns in used.items():
        if table.info.get("since"):
            notes.append(f"{table.name} is there {_RELEASE[table.info['since']]}")
            continue
        notes += [
            f"{table.name}.{column.name} is there {_RELEASE[column.info['since']]}: write NULL AS {column.name} before"
            for column in table.columns
            if column.name in columns and column.info.get("since")
        ]
    return _filled("; ".join(sorted(notes)) + ".") if notes else []


_RELEASE = {t.XENA["since"]: "since Xena", t.COMPUTE_ID["since"]: "since 2023.2"}


def _cells_left_out(used: Mapping[Table, set[str]], homes: Homes) -> str:
    if not homes.api or not any(table is t.sources or table.info["home"] is Role.CELL for table in used):
        return ""
    words = "CONCAT('cell ', COALESCE(name, uuid), ' is not named in this file: what is in it looks unknown')"
    return "\n" + laid_out(f"SELECT {words} AS warning {_left_out(homes)}") + ";\n"
