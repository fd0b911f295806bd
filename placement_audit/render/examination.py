"""What the doctor saw, database by database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from placement_audit.render.escape import plain
from placement_audit.snapshot import Database, Estate, Examined


def rendered(estate: Estate, examined: Sequence[Examined]) -> str:
    """A block for every database, and a verdict last."""
    parts = ["\n".join(_block(one, estate)) for one in examined]
    parts += [
        plain(f"{one.role.value} {one.name}") + "\n" + plain(f"  wrong        {one.reason}")
        for one in estate.unreadable
    ]
    parts += ["\n".join(plain(f"note: {warning}") for warning in estate.warnings)]
    wrong = len(estate.unreadable)
    parts.append(
        f"{wrong} of {wrong + len(examined)} databases cannot be read." if wrong else "All databases can be read."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _rights(database: Database) -> str:
    if database.excess:
        return f"{', '.join(database.excess)}: more than SELECT"
    return "the file is opened read-only" if database.url.get_backend_name() == "sqlite" else "SELECT only"


def _block(one: Examined, estate: Estate) -> Iterator[str]:
    database = one.database
    disabled = " (disabled for scheduling)" if database.name in estate.disabled else ""
    yield plain(f"{database.role.value} {database.name}{disabled}")
    yield plain(f"  database     {one.url}")
    yield plain(f"  server       {one.server}")
    yield plain(
        f"  release      {database.recognised.release} (schema {database.recognised.revision or 'without revision'})"
    )
    yield plain(f"  account      {_rights(database)}")
    if one.lag:
        yield plain(f"  replication  {one.lag}")
    counts = ", ".join(f"{table} {count:,}" for table, count in one.rows.items())
    yield plain(f"  rows         {counts}")
    for _, detail in database.recognised.deviations:
        yield plain(f"  wrong        {detail}")
