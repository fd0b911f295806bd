"""The vocabulary as entries of a WITH: what a snapshot does when it reads, said in SQL.

Times are text, ratios have the digits that the server shows, uuids have dashes, and texts are compared as the snapshot
compares them. Derived tables are selects over these; for what only Python computes stands what it would look at.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    Integer,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import Alias, ColumnClause, FromClause

from placement_audit import derived
from placement_audit import schema as t
from placement_audit.schema import Role
from placement_audit.snapshot import UUIDS
from placement_audit.source.recognise import REVISIONS
from placement_audit.sqlfile.text import Query, as_text, at, laid_out, quoted

Used = Mapping[Table, set[str]]


@dataclass(frozen=True)
class Homes:
    """The schemas of a deployment, all on one server: ``api`` None and no ``cells`` where nova's are not there."""

    placement: str = "placement"
    api: str | None = "nova_api"
    cells: tuple[tuple[str, str], ...] = (("cell0", "nova_cell0"), ("cell1", "nova"))


SETTINGS = """
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SET SESSION TRANSACTION READ ONLY;
SET SESSION time_zone = '+00:00';
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
SET SESSION group_concat_max_len = 1048576;
-- Each entry of the WITH is kept apart, so that it gets an index where it is joined.
SET SESSION optimizer_switch = 'derived_merge=off';
SET @taken_at = UTC_TIMESTAMP();
"""


def used_by(query: Query, selects: Mapping[Table, Query]) -> dict[Table, set[str]]:
    """The columns of the vocabulary that a query names, those of the ``selects`` of derived tables and of keys too."""
    found: dict[Table, set[str]] = {}
    waiting = [query]
    while waiting:
        for item in visitors.iterate(waiting.pop()):
            # A select of a whole table names none of its columns.
            for part in (item, *(item.selected_columns if isinstance(item, Select) else ())):
                source: Any = part.table if isinstance(part, ColumnClause) else part
                while isinstance(source, Alias):
                    source = source.element
                if not isinstance(source, Table):
                    continue
                if source not in found:
                    found[source] = set()
                    if source in selects:
                        waiting.append(selects[source])
                    elif source in derived.KEYED:
                        waiting.append(derived.KEYED[source][1])
                if isinstance(part, ColumnClause):
                    found[source].add(part.name)
    return found


def entries(used: Used, selects: Mapping[Table, Query], homes: Homes) -> list[str]:
    """The entries of a WITH, in an order in which none names a later one."""
    read = [one for one in t.metadata.tables.values() if one not in selects and one not in derived.KEYED]
    made = [one for one in selects if one not in STAND_INS]
    return [
        f"{quoted(one.name)} AS (\n{textwrap.indent(laid_out(_entry(one, used[one], selects, homes)), '  ')}\n)"
        for one in (*read, *made, *derived.KEYED, *STAND_INS)
        if one in used
    ]


def _entry(one: Table, used: set[str], selects: Mapping[Table, Query], homes: Homes) -> str:
    if one in selects:
        return as_text(selects[one])
    columns = [each for each in one.columns if each.name in used]
    if one in _TOLD:
        parts: Sequence[Query] = _TOLD[one](homes, columns)
    else:
        parts = [_read(one, schema, cell, columns) for cell, schema in _databases(one, homes)]
    # Without a database it is as if that had no rows.
    return as_text(union_all(*parts) if parts else select(*_labelled(columns, {})).where(false()))


def _databases(one: Table, homes: Homes) -> list[tuple[str | None, str]]:
    if one.info["home"] is Role.CELL:
        return list(homes.cells)
    schema = homes.placement if one.info["home"] is Role.PLACEMENT else homes.api
    return [(None, schema)] if schema else []


def _labelled(columns: Sequence[Column[Any]], values: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = []
    for each in columns:
        value = values.get(each.name, null())
        named = isinstance(value, ColumnClause) and value.name == each.name
        found.append(value if named else value.label(each.name))
    return found or [literal(1).label("found")]


def _read(one: Table, schema: str, cell: str | None, columns: Sequence[Column[Any]]) -> Query:
    values: dict[str, ColumnElement[Any]] = {each.name: literal_column(_as_kept(each)) for each in columns}
    if cell is not None:
        values["cell"] = literal(cell)
    return select(*_labelled(columns, values)).select_from(at(one, schema)).where(*_only(one))


def _as_kept(one: Column[Any]) -> str:
    name = quoted(one.name)
    if one.type is t.Folded or isinstance(one.type, String):
        return _text_as_kept(one, name)
    # By the digits that the server shows: in arithmetic a FLOAT of 1.1 is 1.10000002.
    return f"CONCAT({name}) + 0e0" if isinstance(one.type, Float) else name


def _text_as_kept(one: Column[Any], name: str) -> str:
    if "json" in one.info:
        text, *keys = one.info["json"]
        path = "$" + "".join(f'."{key}"' for key in keys)
        return f"CAST(IF(JSON_VALID({text}), JSON_UNQUOTE(JSON_EXTRACT({text}, '{path}')), NULL) AS CHAR)"
    if one.name in UUIDS.get(one.table, ()):
        return _dashed(name)
    if one.type is t.Clock or (one.type is t.Folded and one.name.endswith("uuid")):
        return f"CONVERT({name} USING ascii)"
    # No COLLATE: one of two columns with different ones could not be compared. The first has its character set's own,
    # which knows no case, the second that of the connection, which does.
    return f"CONVERT({name} USING utf8mb4)" if one.type is t.Folded else f"CAST({name} AS CHAR)"


def _dashed(name: str) -> str:
    inserted = name
    for place in (21, 17, 13, 9):
        inserted = f"INSERT({inserted}, {place}, 0, '-')"
    return f"CONVERT(IF({_is_bare(name)}, {inserted}, {name}) USING ascii)"


def _is_bare(name: str) -> str:
    return f"CHAR_LENGTH({name}) = 32 AND INSTR({name}, '-') = 0"


def _only(one: Table) -> list[ColumnElement[bool]]:
    """Which rows an audit reads, of tables of which it needs few."""
    conditions: list[ColumnElement[bool]] = [
        column(name).in_(values) for name, values in derived.ONLY.get(one, {}).items()
    ]
    if one in derived.KEYED:
        key, wanted = derived.KEYED[one]
        conditions.append(column(key.name).in_(wanted))
    return conditions


# --- what only a snapshot has ----------------------------------------------------------------------------------------


def _snapshot(_: Homes, columns: Sequence[Column[Any]]) -> list[Query]:
    # A plain client takes the server's clock: on a replica that lags, what is young looks old.
    clock: ColumnElement[Any] = literal_column("CONVERT(@taken_at USING ascii)")
    return [select(*_labelled(columns, {"taken_at": clock, "as_of": clock}))]


def _revision(homes: Homes) -> ColumnElement[Any]:
    version = at(t.alembic_version, homes.placement).alias("version")
    listed: ColumnElement[Any] = literal_column(
        f"GROUP_CONCAT({version.c.version_num} ORDER BY {version.c.version_num} SEPARATOR ', ')"
    )
    return select(listed).select_from(version).scalar_subquery()


def _sources(homes: Homes, columns: Sequence[Column[Any]]) -> list[Query]:
    def told(role: str, name: ColumnElement[Any], **more: ColumnElement[Any]) -> Select[Any]:
        values = {"role": literal(role), "name": name, "cell0": literal(0), "status": literal("read")}
        return select(*_labelled(columns, values | more))

    parts = [told("placement", literal("placement"), revision=_revision(homes))]
    if not homes.api:
        cells = [(name, literal(int(name == "cell0"))) for name, _ in homes.cells]
        return [*parts, *(told("cell", literal(name), cell0=cell0) for name, cell0 in cells)]
    parts.append(told("api", literal("nova_api")))
    mapping = at(t.cell_mappings, homes.api).alias("mapping")
    mapped: dict[str, ColumnElement[Any]] = {
        "cell0": func.coalesce(case((mapping.c.uuid == t.CELL0_UUID, 1)), 0),
        "cell_id": mapping.c.id,
        "cell_uuid": literal_column(f"CONVERT({mapping.c.uuid} USING ascii)"),
    }
    one = select(literal(1).label("one")).subquery("this")
    for name, schema in homes.cells:
        row = one.outerjoin(mapping, is_cell(mapping, name, schema))
        parts.append(told("cell", literal(name), **mapped).select_from(row))
    missing = func.coalesce(mapping.c.name, mapping.c.uuid)
    parts.append(told("cell", missing, **mapped, status=literal("missing")).where(*_unnamed(mapping, homes)))
    return list(parts)


def is_cell(mapping: FromClause, name: str, schema: str) -> ColumnElement[bool]:
    """Whether a row of cell_mappings is that cell. One without a name goes by its database."""
    address = func.substring_index(mapping.c.database_connection, "?", 1)
    nameless = func.coalesce(mapping.c.name, "") == ""
    return or_(
        func.coalesce(mapping.c.name, "") == name,
        and_(nameless, func.coalesce(func.substring_index(address, "/", -1), "") == schema),
    )


def _unnamed(mapping: FromClause, homes: Homes) -> list[ColumnElement[bool]]:
    return [not_(is_cell(mapping, *cell)) for cell in homes.cells]


def cells_left_out(used: Used, homes: Homes) -> str:
    """A statement that names the cells of which a file knows nothing; empty where it needs to know nothing of them."""
    if not homes.api or not any(one is t.sources or one.info["home"] is Role.CELL for one in used):
        return ""
    mapping = at(t.cell_mappings, homes.api).alias("mapping")
    name = func.coalesce(mapping.c.name, mapping.c.uuid)
    warning = func.concat("cell ", name, " is not named in this file: what is in it looks unknown").label("warning")
    return "\n" + laid_out(as_text(select(warning).where(*_unnamed(mapping, homes)))) + ";\n"


def _deviations(homes: Homes, columns: Sequence[Column[Any]]) -> list[Query]:
    """What a look at placement's tables tells of its revision, as source/recognise.py judges it (SEMANTICS A.3)."""
    version, order = at(t.alembic_version, homes.placement).alias("version"), list(REVISIONS[Role.PLACEMENT])
    there = t.shown_columns.alias("shown")

    def told(name: str, detail: Any) -> Select[Any]:
        values = {"role": literal("placement"), "name": literal("placement"), "revision": _revision(homes)}
        return select(*_labelled(columns, values | {"table": literal(name, String), "detail": detail}))

    heads = select(func.count()).select_from(version).scalar_subquery()
    counted = func.concat("holds ", heads, " revisions where one is expected")
    parts: list[Query] = [told(t.alembic_version.name, counted).where(heads != 1)]

    def judged(name: str, what: str, since: str, *of_it: ColumnElement[bool]) -> Query:
        due = exists().where(version.c.version_num.not_in(order[: order.index(since)]))
        present = exists().where(there.c.table_schema == homes.placement, there.c.table_name == name, *of_it)
        missing = f"{what} is missing or not granted, and revision {since} brings it"
        early = f"{what} exists, and revision {since} comes only after this one"
        return told(name, case((due, missing), else_=early)).where(or_(and_(due, ~present), and_(~due, present)))

    for one in t.live_tables(Role.PLACEMENT):
        if since := one.info.get("since"):
            parts.append(judged(one.name, f"table {one.name}", since))
        for each in one.columns:
            if since := each.info.get("since"):
                what = f"column {one.name}.{each.name}"
                parts.append(judged(one.name, what, since, there.c.column_name == each.name))
    return parts


def _respelled(homes: Homes, columns: Sequence[Column[Any]]) -> list[Query]:
    parts: list[Query] = []
    for one in (t.resource_providers, t.consumers):
        name = quoted(one.c.uuid.name)
        values = {"table": literal(one.name, String), "uuid": literal_column(_dashed(name))}
        found = select(*_labelled(columns, values)).select_from(at(one, homes.placement))
        parts.append(found.where(literal_column(_is_bare(name))))
    return parts


def _stale_copies(homes: Homes, columns: Sequence[Column[Any]]) -> list[Query]:
    if not homes.api:
        return []
    return [
        select(*_labelled(columns, {"table": literal(one.name, String), "rows": func.count()})).select_from(
            at(one, homes.api)
        )
        for one in t.left_behind
    ]


_TOLD: Mapping[Table, Callable[[Homes, Sequence[Column[Any]]], Sequence[Query]]] = {
    t.snapshot: _snapshot,
    t.sources: _sources,
    t.deviations: _deviations,
    t.respelled: _respelled,
    t.stale_copies: _stale_copies,
    # No file of nova's or placement's configuration is at hand: every option is unknown.
    t.settings: lambda *_: [],
}


# --- what Python computes --------------------------------------------------------------------------------------------


def _every_bare_server() -> Query:
    """Servers that hold nothing on a host, as if they asked for one of each class."""
    server, classes = t.instances, t.resource_classes
    holders = select(t.claims.c.consumer_id).where(t.claims.c.shared == 0)
    asked = select(
        server.c.uuid.label("instance_uuid"), classes.c.name.label("resource_class"), literal(1).label("amount")
    )
    return asked.join_from(server, classes, server.c.uuid.not_in(holders)).where(server.c.deleted == 0)


def _every_doubtful_server(*, pinned: bool) -> Query:
    row = t.doubtful
    return select(
        row.c.cell,
        row.c.uuid.label("instance_uuid"),
        row.c.root_id,
        cast(literal("PCPU") if pinned else null(), String).label("resource_class"),
        row.c.pcpu.label("held"),
        cast(null(), Integer).label("amount"),
        literal(int(pinned)).label("pinned"),
        literal(0).label("sure"),
    )


def _every_flavor() -> Query:
    """Flavors by their sizes; those with extra specs of weight as if they asked for what no provider has."""
    flavor, spec = t.flavors, t.flavor_extra_specs
    swap = (func.coalesce(flavor.c.swap, 0) + 1023) // 1024
    disk = func.coalesce(flavor.c.root_gb, 0) + func.coalesce(flavor.c.ephemeral_gb, 0) + swap
    sizes = {"VCPU": flavor.c.vcpus, "MEMORY_MB": flavor.c.memory_mb, "DISK_GB": disk}
    weighty = or_(spec.c.key.like("resources%"), spec.c.key.like("hw:%"))

    def asked(name: str, amount: ColumnElement[Any]) -> Select[Any]:
        return select(
            flavor.c.id.label("flavor_id"),
            literal(0).label("variant"),
            literal("").label("suffix"),
            literal(name).label("resource_class"),
            amount.label("amount"),
        )

    return union_all(
        *(asked(name, amount).where(amount > 0) for name, amount in sizes.items()),
        asked("what its extra specs ask for", literal(1)).where(
            exists().where(spec.c.flavor_id == flavor.c.id, weighty)
        ),
    )


# In place of what only Python computes: all that it would have to look at.
STAND_INS: Mapping[Table, Query] = {
    t.expected: _every_bare_server(),
    t.misfits: _every_doubtful_server(pinned=False),
    t.flavor_requests: _every_flavor(),
}
PINNED: Mapping[Table, Query] = {t.misfits: _every_doubtful_server(pinned=True)}
