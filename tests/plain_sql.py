"""The files of sql/ through the real client, held against what a snapshot gives."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import URL, Connection, make_url, select

from placement_audit import schema as t
from placement_audit.demo.estate import Urls
from placement_audit.finding import Check
from placement_audit.sqlfile import Homes, file_of, selects_candidates
from tests.mariadb import client

Rows = list[dict[str, str]]
_program = cache(client)
_file = cache(file_of)
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def through_client(url: URL, sql: str) -> str:
    """What the client prints; it stops at the first error, which becomes an AssertionError."""
    command = [
        _program(),
        "--no-defaults",
        "--batch",
        f"--host={url.host}",
        f"--port={url.port}",
        f"--user={url.username}",
        f"--password={url.password}",
    ]
    done = subprocess.run(command, input=sql, capture_output=True, encoding="utf-8", check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def homes(urls: Urls, *, nova: bool = True) -> Homes:
    """Where the files find what was written to these databases."""
    names = {cell: str(make_url(url).database) for cell, url in urls.cells.items()}
    placement, api = str(make_url(urls.placement).database), str(make_url(urls.api).database)
    return Homes(placement, api, tuple(names.items())) if nova else Homes(placement, None, ())


def rows(url: URL, files: Mapping[str, str]) -> dict[str, Rows]:
    """The rows of several files, by one call of the client."""
    text = "".join(f"SELECT '{name}' AS `== file`;\n{file}\n" for name, file in files.items())
    found: dict[str, Rows] = {}
    for part in through_client(url, text).split("== file\n")[1:]:
        name, *lines = part.splitlines()
        heads = lines[0].split("\t") if lines else []
        found[name] = [dict(zip(heads, map(_plain, line.split("\t")), strict=True)) for line in lines[1:]]
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPED[match[1]], text)


def hold_against_snapshot(snapshot: Connection, url: URL, where: Homes, checks: Sequence[Check]) -> None:
    """Each check's file gives the rows that the check gives on the snapshot; one that selects candidates, no fewer."""
    now = f"SET @taken_at = '{snapshot.scalar(select(t.snapshot.c.taken_at))}'"
    files = {check.code: _file(check, where).replace("SET @taken_at = UTC_TIMESTAMP()", now) for check in checks}
    found = rows(url, files)
    assert list(found) == [check.code for check in checks]
    for check in checks:
        expected = [dict(row) for row in snapshot.execute(check.query).mappings()]
        if selects_candidates(check):
            some = {tuple(str(row[name]) for name in check.identity) for row in expected}
            assert some <= {tuple(row[name] for name in check.identity) for row in found[check.code]}, check.code
        else:
            assert _counted(found[check.code]) == _counted(expected), check.code


def _counted(rows: Iterable[Mapping[str, Any]]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter(tuple((name, _normal(value)) for name, value in row.items()) for row in rows)


def _normal(value: object) -> str:
    """As the client prints it; what is listed in one text has no order."""
    text = "NULL" if value is None else str(value)
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return " ".join(sorted(re.split(r"[ ,;]+", text)))
