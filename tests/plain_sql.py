"""The files of sql/ through the real client, held against what a snapshot gives."""

import atexit
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import URL, Connection, make_url, select

from placement_audit import schema as t
from placement_audit.demo.estate import Urls
from placement_audit.finding import Check
from placement_audit.sqlfile.checks import file_of, selects_candidates
from placement_audit.sqlfile.prelude import Homes
from tests.mariadb import client

Rows = list[dict[str, str]]
_program = cache(client)
# The same names all session long.
text_of = cache(file_of)
_ESCAPED = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def command(url: URL) -> list[str]:
    """The client's command line for a server."""
    return [
        _program(),
        "--no-defaults",
        "--batch",
        f"--host={url.host}",
        f"--port={url.port}",
        f"--user={url.username}",
        f"--password={url.password}",
    ]


def through_client(url: URL, sql: str) -> str:
    """What a client of its own prints; it stops at the first error, which becomes an AssertionError."""
    done = subprocess.run(command(url), input=sql, capture_output=True, encoding="utf-8", check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@cache
def _running(url: URL) -> "subprocess.Popen[str]":
    """One client for the whole session: to start one takes longer than what it does."""
    client = subprocess.Popen(
        [*command(url), "--unbuffered", "--force"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    atexit.register(client.kill)
    return client


def _printed(url: URL, sql: str) -> list[str]:
    client = _running(url)
    assert client.stdin
    assert client.stdout
    client.stdin.write(f"{sql}SELECT 1 AS `== end`;\n")
    client.stdin.flush()
    lines = []
    while (line := client.stdout.readline()) != "== end\n":
        assert line, "the client has ended"
        lines.append(line.removesuffix("\n"))
    client.stdout.readline()
    assert not [line for line in lines if line.startswith("ERROR ")], lines
    return lines


def homes(urls: Urls, *, nova: bool = True) -> Homes:
    """Where the files find what was written to these databases."""
    names = {cell: str(make_url(url).database) for cell, url in urls.cells.items()}
    placement, api = str(make_url(urls.placement).database), str(make_url(urls.api).database)
    return Homes(placement, api, tuple(names.items())) if nova else Homes(placement, None, ())


def rows(url: URL, files: Mapping[str, str]) -> dict[str, Rows]:
    """The rows of several files."""
    found: dict[str, Rows] = {}
    for name, file in files.items():
        # One at a time: what the client prints of many would fill its pipe while it is still being written to.
        heads, *rest = [line.split("\t") for line in _printed(url, file)] or [[]]
        found[name] = [dict(zip(heads, map(_plain, values), strict=True)) for values in rest]
    return found


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPED[match[1]], text)


def hold_against_snapshot(snapshot: Connection, url: URL, where: Homes, checks: Sequence[Check]) -> None:
    """Each check's file gives the rows that the check gives on the snapshot; one that selects candidates, no fewer."""
    now = f"SET @taken_at = '{snapshot.scalar(select(t.snapshot.c.as_of))}'"
    files = {check.code: text_of(check, where).replace("SET @taken_at = UTC_TIMESTAMP()", now) for check in checks}
    found = rows(url, files)
    assert list(found) == [check.code for check in checks]
    for check in checks:
        expected = [dict(row) for row in snapshot.execute(check.query).mappings()]
        if selects_candidates(check):
            some = {tuple(str(row[name]) for name in check.identity) for row in expected}
            assert some <= {tuple(row[name] for name in check.identity) for row in found[check.code]}, check.code
        else:
            by_client, by_snapshot = _normal_rows(found[check.code]), _normal_rows(expected)
            assert by_client == by_snapshot, f"{check.code}: {by_client} is not {by_snapshot}"


def _normal_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return sorted(({name: _normal(value) for name, value in row.items()} for row in rows), key=str)


def _normal(value: object) -> str:
    """As the client prints it; what is listed in one text has no order."""
    return " ".join(sorted(map(_word, re.split(r"[ ,;()]+", "NULL" if value is None else str(value)))))


def _word(text: str) -> str:
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text
