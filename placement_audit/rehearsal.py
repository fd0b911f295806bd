"""A dry run: what a reading would send to each server, in order, and how much it would read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Select, Table
from sqlalchemy.engine import URL

from placement_audit.snapshot import Database, Estate, opened, take
from placement_audit.source.config import Sources, masked
from placement_audit.source.connect import Limits, schema_of, server_of
from placement_audit.source.read import row_estimates

_BESIDES = (
    "-- Besides: what the driver sends at each login (SET NAMES, SET AUTOCOMMIT, SET SESSION sql_mode, questions for",
    "-- version and settings); ROLLBACK at the end; of a table that is read in chunks of ids, those after the first.",
)


def rehearsed(
    sources: Sources, limits: Limits, wanted: Iterable[Table] | None, *, own_credentials: bool
) -> tuple[str, Estate]:
    """The statements and tables as text. Databases are opened and recognised; no row of theirs is read.

    Raises CannotTell.
    """
    said: list[tuple[URL, str]] = []
    tables: list[tuple[Database, Table, bool]] = []

    def heard(url: URL, statement: str) -> None:
        said.append((url, statement))

    def would_read(database: Database, table: Table, statements: Iterable[Select[Any]], keyed: bool) -> None:
        dialect = database.connection.dialect
        for statement in statements:
            compiled = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
            said.append((server_of(database.url), compiled))
        tables.append((database, table, keyed))

    with (
        TemporaryDirectory(prefix="placement-audit-") as folder,
        opened(sources, replace(limits, heard=heard), own_credentials=own_credentials) as estate,
    ):
        take(estate, Path(folder) / "snapshot.sqlite", wanted, would_read=would_read)
        statements = list(said)
        estimates = {id(database): row_estimates(database.connection, database.url) for database, *_ in tables}
    return "\n".join([*_statements(statements), *_BESIDES, "", *_tables(tables, estimates), ""]), estate


def _statements(said: Iterable[tuple[URL, str]]) -> Iterator[str]:
    before = None
    for url, statement in said:
        if url != before:
            yield f"-- {masked(url)}"
            before = url
        yield " ".join(statement.split()) + ";"


def _tables(tables: Iterable[tuple[Database, Table, bool]], estimates: dict[int, dict[str, int]]) -> Iterator[str]:
    from tabulate import tabulate

    rows = []
    for database, table, keyed in tables:
        name = table.info.get("of", table.name)
        count = estimates[id(database)].get(name)
        about = "unknown" if count is None else f"{count:,}"
        rows.append((f"{schema_of(database.url) or database.name}.{name}", about, "of suspects" if keyed else "all"))
    yield tabulate(rows, headers=("table", "rows, by the server's estimate", "read"), disable_numparse=True)
