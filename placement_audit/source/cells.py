"""The cells of a deployment: cell_mappings rows to URLs, templates included (SEMANTICS C.7)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy import Connection, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from placement_audit.errors import CannotTell
from placement_audit.schema import CELL0_UUID, cell_mappings
from placement_audit.source.config import with_driver
from placement_audit.source.connect import at_home


@dataclass(frozen=True)
class Cell:
    """One cell: where its database is, or (url None) why that cannot be told. ``id`` and ``uuid``: its mapping's."""

    name: str
    cell0: bool = False
    disabled: bool = False
    url: URL | None = None
    problem: str | None = None
    id: int | None = None
    uuid: str | None = None


def known_cells(connection: Connection, api: URL, base: str | None, own_credentials: bool) -> list[Cell]:
    """Every mapped cell, cell0 and disabled ones included, ordered by id.

    With ``own_credentials`` a mapping gives host, port and database, and the auditor's account of the API
    database does the reading; otherwise the mapping's URL is used whole.
    """
    table = at_home(cell_mappings, api)
    rows = connection.execute(select(table).order_by(table.c.id)).all()
    names = Counter(row.name for row in rows)
    cells = []
    for row in rows:
        # A name may be NULL or stand twice; a uuid may not.
        name = row.name if row.name and names[row.name] == 1 else row.uuid
        mapped = Cell(name, row.uuid == CELL0_UUID, bool(row.disabled), id=row.id, uuid=row.uuid)
        try:
            url = _address(row.database_connection, base or api.render_as_string(hide_password=False))
            url = _as_ourselves(url, api) if own_credentials else url
            cells.append(replace(mapped, url=url))
        except CannotTell as error:
            cells.append(replace(mapped, problem=str(error)))
    return cells


def _address(connection: str | None, base: str) -> URL:
    try:
        url = make_url(resolved(connection or "", base))
    except (ArgumentError, ValueError):
        raise CannotTell(
            "its database_connection in cell_mappings is not a database URL; nova-manage cell_v2 list_cells shows it"
        ) from None
    return with_driver(url, "its database_connection in cell_mappings")


def resolved(template: str, base: str) -> str:
    """A template filled from a base URL as nova fills it; one with an unknown variable stays as it is."""
    if "{" not in template:
        return template
    try:
        return template.format(**_variables(base))
    except (KeyError, IndexError, ValueError, AttributeError):
        return template


def _variables(base: str) -> dict[str, str | int | None]:
    parts = urlsplit(base)
    found: dict[str, str | int | None] = {
        "scheme": parts.scheme,
        "username": parts.username,
        "password": parts.password,
        "hostname": parts.hostname,
        "port": parts.port,
        "path": parts.path.lstrip("/"),
        "query": parts.query,
        "fragment": parts.fragment,
    }
    addresses = parts.netloc.split(",")
    if len(addresses) == 1:
        return found
    for number, address in enumerate(addresses, start=1):
        one = urlsplit(f"//{address}")
        found |= {
            f"username{number}": one.username,
            f"password{number}": one.password,
            f"hostname{number}": one.hostname,
            f"port{number}": one.port,
        }
    return found


def _as_ourselves(url: URL, own: URL) -> URL:
    if url.get_backend_name() == "sqlite" or own.get_backend_name() == "sqlite":
        return url
    socket = {key: value for key, value in url.query.items() if key == "unix_socket"}
    options = {key: value for key, value in own.query.items() if key != "unix_socket"} | socket
    # set() would take an absent password for "as it was" and keep nova's.
    return url._replace(username=own.username, password=own.password).set(query=options)


def overridden(cells: list[Cell], given: dict[str, URL]) -> list[Cell]:
    """Mapped cells with the addresses that the user gave; without any mapping, the given ones.

    Raises CannotTell for a given name that no mapping has.
    """
    if not cells:
        return [Cell(name, cell0=name == "cell0", url=url) for name, url in given.items()]
    names = [cell.name for cell in cells]
    for name in given:
        if name not in names:
            raise CannotTell(f"--cell-db: no cell is named {name!r}; cell_mappings has {', '.join(names)}")
    return [replace(cell, url=given[cell.name], problem=None) if cell.name in given else cell for cell in cells]
