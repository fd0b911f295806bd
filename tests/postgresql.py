"""A PostgreSQL server for a test session: Debian's package, a cluster of its own, a port of the loopback address."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from tests.packages import Unavailable, end, free_port, installed, program_named, roomy_folder

# The data dies with the session: nothing is kept safe from a crash.
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")


@dataclass(frozen=True)
class Server:
    """A running server and how it was come by. In ``folder`` is its socket, which asks nobody for a password."""

    root_url: URL
    origin: str
    folder: Path

    def url(self, database: str | None, user: str | None = None, password: str | None = None) -> str:
        """Give the URL of a database, for root unless another account is named."""
        url = self.root_url.set(database=database)
        if user is not None:
            url = url.set(username=user, password=password)
        return url.render_as_string(hide_password=False)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as root, its own transaction, and give its rows."""
        engine = create_engine(self.root_url.set(database=database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.exec_driver_sql(sql)
            return [tuple(row) for row in result] if result.returns_rows else []

    def create(self, database: str, template: str = "template1") -> None:
        """Make a database, empty or a copy of another."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')

    def drop(self, database: str) -> None:
        """Drop a database if it is there."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def running_server() -> Iterator[Server]:
    """Give a server, and end it."""
    with ExitStack() as stack:
        try:
            server = _as_a_process(stack)
        except Unavailable as reason:
            raise RuntimeError(f"no PostgreSQL for the tests: {reason}") from None
        yield server


def client() -> str:
    """Give the path of the command line client."""
    return program_named("psql") or installed("postgresql", "psql")


def _as_a_process(stack: ExitStack) -> Server:
    program = program_named("postgres") or installed("postgresql", "postgres")
    folder = Path(tempfile.mkdtemp(prefix="placement-audit-", dir=roomy_folder()))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # a server refuses to run as root
        account = {"user": "postgres", "group": "postgres", "extra_groups": ()}
        shutil.chown(folder, "postgres", "postgres")

    url = URL.create("postgresql+psycopg", "root", secrets.token_hex(16), "127.0.0.1", free_port(), "postgres")
    data, secret = folder / "data", folder / "password"
    secret.write_text(str(url.password))
    first = [
        *(program_named("initdb") or "initdb", f"--pgdata={data}", "--username=root", f"--pwfile={secret}"),
        *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
    ]
    made = subprocess.run(
        first, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder, **account
    )
    if made.returncode:
        raise Unavailable(f"a local {program}: {made.stdout}{made.stderr}")

    listen = ("listen_addresses=127.0.0.1", f"port={url.port}", f"unix_socket_directories={folder}")
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-D", str(data), *(part for setting in (*SETTINGS, *listen) for part in ("-c", setting))],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            **account,
        )
    stack.callback(end, process, signal.SIGINT)  # SIGTERM would wait for those who are connected
    server = Server(url, f"local {program}", folder)
    _wait(server, process, log)
    return server


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            server.execute("SELECT 1")
            return
        except OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"the server was started, but gave no answer: {error}\n{log.read_text()}") from error
        time.sleep(0.1)
