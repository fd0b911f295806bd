"""Which database is this, of which release, and does it hold what the auditor reads (SEMANTICS 0.2, A.3, C.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Inspector, Table, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from placement_audit.errors import CannotTell
from placement_audit.schema import Role, left_behind, live_tables, migrate_version, shown_columns
from placement_audit.source.config import masked
from placement_audit.source.connect import at_home, reason_of, schema_of

# Oldest first; a head means "at least this release" until the next one.
REVISIONS: Mapping[Role, Mapping[str, str]] = {
    Role.PLACEMENT: {
        "b4ed3a175331": "Stein",
        "611cd6dffd7b": "Train",
        "b5c396305c25": "Train to Wallaby",
        "422ece571366": "Xena to 2023.1",
        "a082b8bb98d0": "2023.2 to 2026.2",
    },
    Role.API: {
        "d67eeaabee36": "Xena",
        "b30f573d3377": "Yoga to 2023.1",
        "cdeec0c85668": "2023.2 to 2026.2",
    },
    Role.CELL: {
        "8f2f1571d55b": "Xena",
        "16f1fbcab42b": "Yoga",
        "ccb0fa1a2252": "Zed",
        "960aac0e09ea": "2023.1",
        "1b91788ec3a6": "2023.2",
        "1acf2c98e646": "2023.2",
        "13863f4e1612": "2024.1 to 2024.2",
        "d60bddf7a903": "2025.1",
        "2903cd72dc14": "2025.1 to 2026.1",
        "ab450ba04102": "2026.2",
    },
}
# sqlalchemy-migrate's numbers, the last of each release.
LEGACY_VERSIONS: Mapping[Role, Mapping[int, str]] = {
    Role.API: {61: "Rocky", 62: "Stein", 67: "Train", 72: "Ussuri", 77: "Victoria", 82: "Wallaby"},
    Role.CELL: {390: "Rocky", 391: "Stein", 402: "Train", 407: "Ussuri", 412: "Victoria", 417: "Wallaby"},
}
OPTIONS = {
    Role.PLACEMENT: "--placement-db",
    Role.API: "--api-db",
    Role.CELL: "--cell-db NAME=URL",
}
_KINDS = {
    Role.PLACEMENT: "a placement database",
    Role.API: "nova's API database",
    Role.CELL: "a nova cell database",
}

# In the order in which they are looked for: a nova_api of before Stein has placement's tables, too.
_SIGNATURES: Mapping[Role, frozenset[str]] = {
    Role.API: frozenset({"cell_mappings", "instance_mappings"}),
    Role.CELL: frozenset({"instances", "compute_nodes", "migrations"}),
    Role.PLACEMENT: frozenset({"resource_providers", "placement_aggregates", "consumers"}),
}


@dataclass(frozen=True)
class Recognised:
    """A database of the expected role. ``columns``: the live columns of each table of the vocabulary it has."""

    release: str
    revision: str
    columns: Mapping[str, frozenset[str]]
    deviations: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = field(default_factory=list)


def recognise(connection: Connection, url: URL, expected: Role) -> Recognised:
    """Look at one database's tables and version. Raises CannotTell if it is not what it was given as."""
    schema = schema_of(url)
    try:
        inspector = inspect(connection)
        names = set(inspector.get_table_names(schema=schema))
        heads = _heads(connection, schema)
        role = _role(names, heads)
        if role is not expected:
            raise CannotTell(_not_as_expected(url, names, role, expected))
        columns = _columns(inspector, connection, schema, names, expected)
        numbers = _legacy_numbers(connection, url, names)
    except (SQLAlchemyError, OSError) as error:
        raise CannotTell(f"{masked(url)}: {reason_of(error)}") from None
    return _judged(url, expected, heads, numbers, columns)


def _heads(connection: Connection, schema: str | None) -> tuple[str, ...]:
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table_schema": schema})
    return tuple(sorted(head for head in context.get_current_heads() if head))


def _role(names: set[str], heads: Sequence[str]) -> Role | None:
    # The revision first: some operators gave placement a copy of the whole of nova_api.
    if any(head in REVISIONS[Role.PLACEMENT] for head in heads):
        return Role.PLACEMENT
    return next((role for role, signature in _SIGNATURES.items() if signature <= names), None)


def _not_as_expected(url: URL, names: set[str], role: Role | None, expected: Role) -> str:
    where = masked(url)
    if not names:
        return (
            f"{where}: no tables that this account can see, where {_KINDS[expected]} was expected; "
            "wrong database, empty, or no SELECT granted"
        )
    if role is None:
        some = ", ".join(sorted(names)[:4])
        unseen = ", ".join(sorted(_SIGNATURES[expected] - names))
        missing = f"; {unseen} missing, or not granted" if _SIGNATURES[expected] & names else ""
        return f"{where}: not a database of placement or nova (its tables: {some} …){missing}"
    stale = "; its placement tables are stale copies" if expected is Role.PLACEMENT else ""
    return (
        f"{where}: this is {_KINDS[role]}{stale}; it belongs to {OPTIONS[role]}, "
        f"and {OPTIONS[expected]} takes {_KINDS[expected]}"
    )


def _columns(
    inspector: Inspector, connection: Connection, schema: str | None, names: set[str], role: Role
) -> dict[str, frozenset[str]]:
    kept = [*live_tables(role), *(left_behind if role is Role.API else ())]
    wanted = [str(table.name) for table in kept if table.name in names]
    if connection.dialect.name == "mysql":
        # SQLAlchemy would ask for SHOW CREATE TABLE, which takes SELECT on all columns.
        granted: dict[str, set[str]] = {name: set() for name in wanted}
        shown = shown_columns.c
        asked = select(shown_columns).where(shown.table_schema == schema, shown.table_name.in_(wanted))
        for _, of_table, name in connection.execute(asked):
            granted[of_table].add(name)
        return {name: frozenset(columns) for name, columns in granted.items()}
    found = inspector.get_multi_columns(schema=schema, filter_names=wanted)
    return {name: frozenset(column["name"] for column in columns) for (_, name), columns in found.items()}


def _legacy_numbers(connection: Connection, url: URL, names: set[str]) -> list[int]:
    if migrate_version.name not in names:
        return []
    table = at_home(migrate_version, url)
    return [int(row.version) for row in connection.execute(select(table.c.version))]


def _judged(
    url: URL,
    role: Role,
    heads: Sequence[str],
    numbers: Sequence[int],
    columns: Mapping[str, frozenset[str]],
) -> Recognised:
    known = REVISIONS[role]
    order = list(known)
    revision = ", ".join(heads)
    warnings: list[str] = []
    unknown = [head for head in heads if head not in known]
    newest = max((order.index(head) for head in heads if head in known), default=None)
    if unknown:
        release = f"newer than {known[order[-1]].rpartition(' ')[2]}"
        newest = len(order)
        warnings.append(
            f"{masked(url)}: schema revision {', '.join(unknown)} is not known to this version; "
            "it is taken for a newer release"
        )
    elif newest is not None:
        release = known[order[newest]]
    else:
        number = max(numbers, default=0)
        revision = str(number or "")
        reached = [name for last, name in LEGACY_VERSIONS.get(role, {}).items() if last <= number]
        release = reached[-1] if reached else "unknown"
    deviations: list[tuple[str, str]] = []
    if role is Role.PLACEMENT and len(heads) != 1:
        deviations.append(("alembic_version", f"holds {len(heads)} revisions where one is expected"))
    for table in live_tables(role):
        deviations += _table_deviations(url, table, columns, order, newest, release)
    if role is Role.PLACEMENT and "can_host" in columns.get("resource_providers", ()):
        warnings.append(
            f"{masked(url)}: resource_providers has the column can_host of before Stein; this may be a copy of nova_api"
        )
    return Recognised(release, revision, columns, deviations, warnings)


def _table_deviations(
    url: URL,
    table: Table,
    columns: Mapping[str, frozenset[str]],
    order: Sequence[str],
    newest: int | None,
    release: str,
) -> list[tuple[str, str]]:
    """What the tables have too little or too much for the revision. Raises CannotTell for what is needed."""
    live = columns.get(table.name)
    found: list[tuple[str, str]] = []
    parts: list[tuple[str, bool, str | None]] = [(f"table {table.name}", live is not None, table.info.get("since"))]
    if live is not None:
        parts += [
            (f"column {table.name}.{column.name}", column.name in live, column.info.get("since"))
            for column in table.columns
            if column.name != "cell"
        ]
    for what, present, since in parts:
        if since is None:
            if not present:
                raise CannotTell(
                    f"{masked(url)} (release {release}): {what} is missing, and every release since Train has it; "
                    "restore the schema, or grant SELECT on it"
                )
            continue
        due = newest is not None and newest >= order.index(since)
        if present != due:
            state = "is missing or not granted, and" if due else "exists, and"
            verb = "brings" if due else "comes only after"
            found.append((table.name, f"{what} {state} revision {since} {verb} {'it' if due else 'this one'}"))
    return found
