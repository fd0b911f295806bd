"""A MariaDB server for a test session: a given one, a container, a local process, or one installed for it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy import URL, make_url

from tests.packages import Unavailable, end, free_port, installed, program_named, roomy_folder

OUR_IMAGE = "placement-audit/mariadb:10.11"  # made by docker/mariadb-image, where no registry can be reached
PUBLIC_IMAGE = "mariadb:10.11"
MYSQL_IMAGE = "mysql:8"

# The data dies with the session: nothing is kept safe from a crash.
SETTINGS = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-use-native-aio=0",  # tmpfs has none, and the server complains
    "--innodb-buffer-pool-size=512M",
    "--skip-log-bin",
    "--sync-binlog=0",
    "--performance-schema=0",
    "--skip-name-resolve",  # a container would ask a name server about each connection
    "--max-connections=200",
)


@dataclass(frozen=True)
class Server:
    """A running server and how it was come by."""

    root_url: URL
    origin: str

    def url(self, database: str | None, user: str | None = None, password: str | None = None) -> str:
        """Give the URL of a database, for root unless another account is named."""
        url = self.root_url.set(database=database)
        if user is not None:
            url = url.set(username=user, password=password)
        return url.render_as_string(hide_password=False)

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """Connect as root, each statement its own transaction."""
        return _connect(self.root_url.set(database=database))

    def execute(self, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement as root and give its rows."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def create(self, database: str) -> None:
        """Make an empty database as an OpenStack installer does."""
        self.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb3")

    def drop(self, database: str) -> None:
        """Drop a database if it is there."""
        self.execute(f"DROP DATABASE IF EXISTS `{database}`")


@contextmanager
def general_log(server: Server) -> Iterator[list[tuple[str, str, int]]]:
    """What the server was told, as (command, text, connection): filled at the end."""
    told: list[tuple[str, str, int]] = []
    server.execute("SET GLOBAL log_output = 'TABLE'")
    server.execute("TRUNCATE mysql.general_log")
    server.execute("SET GLOBAL general_log = 1")
    try:
        yield told
    finally:
        server.execute("SET GLOBAL general_log = 0")
    told += server.execute("SELECT command_type, convert(argument USING utf8mb4), thread_id FROM mysql.general_log")


@contextmanager
def running_server() -> Iterator[Server]:
    """Give a server from the first way that works, and end what was started for it."""
    if url := os.environ.get("PLACEMENT_AUDIT_TEST_DB_URL"):
        yield Server(make_url(url), "PLACEMENT_AUDIT_TEST_DB_URL")
        return
    ways = [_in_a_container, _as_a_process]
    if os.environ.get("PLACEMENT_AUDIT_REQUIRE_TESTCONTAINERS", "0") not in {"", "0"}:
        ways.remove(_as_a_process)
    tried = []
    for way in ways:
        with ExitStack() as stack:
            try:
                server = way(stack)
            except Unavailable as reason:
                tried.append(str(reason))
                continue
            yield server
            return
    raise RuntimeError("no MariaDB for the tests. Tried:\n- " + "\n- ".join(tried))


def client() -> str:
    """Give the path of the command line client, installed if it is missing."""
    return program_named("mariadb", "mysql") or installed("mariadb-client", "mariadb")


def mysql8(stack: ExitStack) -> Server:
    """Start MySQL 8, of which Debian has no package. Raises Unavailable."""
    return _in_a_container(stack, MYSQL_IMAGE, MYSQL_IMAGE)


def _in_a_container(stack: ExitStack, ours: str = OUR_IMAGE, public: str = PUBLIC_IMAGE) -> Server:
    # Ryuk is one more image to pull, and only there to sweep up after a killed session.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from docker.errors import DockerException, ImageNotFound
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.docker_client import DockerClient

    try:
        images = DockerClient().client.images
        try:
            images.get(ours)
            image = ours
        except ImageNotFound:
            images.pull(public)
            image = public
        password = secrets.token_hex(16)
        container = (
            DockerContainer(image)
            .with_env("MARIADB_ROOT_PASSWORD", password)
            .with_env("MYSQL_ROOT_PASSWORD", password)
            .with_command(list(SETTINGS))
            .with_tmpfs_mount("/var/lib/mysql", "size=4g")
        )
        # with_exposed_ports would publish it on every address of this machine
        container.ports["3306"] = ("127.0.0.1", None)
        stack.enter_context(container)
        port = container.get_exposed_port(3306)
    except DockerException as error:
        raise Unavailable(f"a container ({' or '.join(dict.fromkeys((ours, public)))}): {error}") from error

    def is_running() -> bool:
        container.reload()
        return container.status == "running"

    # Not the wait of testcontainers' own MySqlContainer: it counts lines of the log, and waits for two
    # starts of the server, where our image has one.
    url = _root_url(password, port)
    _wait(url, is_running, lambda: b"".join(container.get_logs()).decode(errors="replace"))
    return Server(url, f"testcontainers, image {image}")


def of_its_own(stack: ExitStack, *settings: str) -> Server:
    """Start a local server with further settings, for a test that must not disturb the others."""
    return _as_a_process(stack, settings)


def _as_a_process(stack: ExitStack, settings: Sequence[str] = ()) -> Server:
    program = program_named("mariadbd", "mysqld") or installed("mariadb-server", "mariadbd")
    folder = Path(tempfile.mkdtemp(prefix="placement-audit-", dir=roomy_folder()))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    account = []
    if os.geteuid() == 0:  # a server refuses to run as root
        account = ["--user=mysql"]
        shutil.chown(folder, "mysql")

    password = secrets.token_hex(16)
    start = folder / "start.sql"
    start.write_text(
        f"CREATE USER root@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
        f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n"
    )
    data = f"--datadir={folder}/data"
    if initialise := program_named("mariadb-install-db"):
        first = [initialise, "--no-defaults", *account, data, "--auth-root-authentication-method=socket"]
    else:
        first = [program, "--no-defaults", *account, data, "--initialize-insecure"]
    made = subprocess.run(first, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Unavailable(f"a local {program}: {made.stdout}{made.stderr}")

    port = free_port()
    listen = [
        "--bind-address=127.0.0.1",
        f"--port={port}",
        f"--socket={folder}/socket",
        f"--pid-file={folder}/pid",
        # another server that starts would sweep what it finds in the common one
        f"--tmpdir={folder}",
    ]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "--no-defaults", *account, data, *SETTINGS, *listen, *settings, f"--init-file={start}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    stack.callback(end, process)
    url = _root_url(password, port)
    _wait(url, lambda: process.poll() is None, log.read_text)
    return Server(url, f"local {program}")


def _root_url(password: str, port: int) -> URL:
    return URL.create("mysql+pymysql", "root", password, "127.0.0.1", port)


def _connect(url: URL) -> pymysql.Connection[Any]:
    # through the dialect, which knows what else a given URL may ask for: a socket, TLS, a charset
    _, arguments = url.get_dialect()().create_connect_args(url)
    return pymysql.connect(**arguments, autocommit=True)


def _wait(url: URL, is_running: Callable[[], bool], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            _connect(url).close()
            return
        except pymysql.MySQLError as error:
            if not is_running() or time.monotonic() > deadline:
                raise Unavailable(f"the server was started, but gave no answer: {error}\n{log()}") from error
        time.sleep(0.1)
