"""What the servers see of the auditor: nothing but reading, no locks, and as little as was asked for."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from placement_audit.demo.estate import Estate, Urls
from placement_audit.errors import CannotTell
from placement_audit.snapshot import kept, opened, sources_in, take, taken
from placement_audit.source import load
from placement_audit.source.config import Sources, from_options
from placement_audit.source.connect import Limits, reading, seconds_behind, server_of
from tests.cli.conftest import Run, live
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import Server, of_its_own

GALERA = Path("/usr/lib/galera/libgalera_smm.so")


@pytest.fixture
def cloud(empty_cloud: RealSchemas, auditor_urls: CloudUrls) -> CloudUrls:
    """A few hosts and servers, seen by an account that has SELECT and nothing else."""
    estate = Estate()
    for number in range(3):
        host = estate.compute(f"host-{number}")
        estate.server(f"web-{number}", host)
    estate.write(Urls(empty_cloud.placement, empty_cloud.api, empty_cloud.cells))
    return auditor_urls


def in_environment(urls: CloudUrls) -> dict[str, str]:
    return {"PLACEMENT_AUDIT_PLACEMENT_DB": urls.placement, "PLACEMENT_AUDIT_API_DB": urls.api}


def sources_of(urls: CloudUrls) -> Sources:
    return from_options(urls.placement, urls.api, [])


@pytest.fixture
def logged(mariadb: Server, auditor_urls: CloudUrls) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Gives what the auditor's account sent since the last time, by the server's own log: kind and text."""
    name = make_url(auditor_urls.placement).username
    before = mariadb.execute("SELECT @@global.log_output, @@global.general_log")[0]
    mariadb.execute("SET GLOBAL log_output = 'TABLE'")
    mariadb.execute("SET GLOBAL general_log = 1")

    def said() -> list[tuple[str, str]]:
        rows = mariadb.execute(
            "SELECT command_type, CONVERT(argument USING utf8mb4) FROM mysql.general_log"
            f" WHERE user_host LIKE '%{name}%' ORDER BY event_time, thread_id"
        )
        mariadb.execute("TRUNCATE mysql.general_log")
        return [(kind, " ".join(text.split())) for kind, text in rows]

    mariadb.execute("TRUNCATE mysql.general_log")
    yield said
    mariadb.execute(f"SET GLOBAL general_log = {before[1]}")
    mariadb.execute(f"SET GLOBAL log_output = '{before[0]}'")
    mariadb.execute("TRUNCATE mysql.general_log")


def checksums(mariadb: Server, urls: CloudUrls) -> dict[str, int]:
    tables = [
        f"`{database}`.`{table}`"
        for database in urls.databases()
        for (table,) in mariadb.execute(f"SHOW TABLES FROM `{database}`")
    ]
    return dict(mariadb.execute(f"CHECKSUM TABLE {', '.join(tables)}"))


def test_nothing_but_reading_is_ever_sent(
    run: Run,
    mariadb: Server,
    cloud: CloudUrls,
    logged: Callable[[], list[tuple[str, str]]],
    tmp_path: Path,
) -> None:
    before = checksums(mariadb, cloud)
    codes = [
        run(*arguments, **in_environment(cloud)).returncode
        for arguments in (
            ("audit",),
            ("snapshot", "-o", str(tmp_path / "kept.sqlite")),
            ("doctor",),
            ("explain", "resources=VCPU:1"),
            ("explain", "--flavor", "no-such-flavor"),
            ("audit", "--max-load", "Threads_running=1000", "--pause", "0.01", "--replica-lag-max", "1"),
            ("audit", "--dry-run"),
        )
    ]
    # The account may not ask about replication; that run ends early, and says so.
    assert codes == [0, 0, 0, 0, 2, 2, 0]
    said = logged()
    assert {kind for kind, _ in said} == {"Connect", "Query", "Quit"}
    statements = [text for kind, text in said if kind == "Query"]
    assert sum(text.startswith("SELECT") for text in statements) > 100
    # DESCRIBE, which SQLAlchemy sends to see whether a table is there, is SHOW COLUMNS.
    harmless = re.compile(
        r"SELECT |SHOW |DESCRIBE |SET SESSION |SET NAMES |SET AUTOCOMMIT "
        r"|START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY$"
        r"|ROLLBACK$|COMMIT$",
        re.IGNORECASE,
    )
    assert not [text for text in statements if not harmless.match(text)]
    locking = re.compile(r"FOR UPDATE|IN SHARE MODE|FOR SHARE|INTO (OUT|DUMP)FILE|GET_LOCK|SET .*wsrep", re.IGNORECASE)
    assert not [text for text in statements if locking.search(text)]
    assert checksums(mariadb, cloud) == before


def test_no_row_and_no_table_is_locked(mariadb: Server, cloud: CloudUrls, tmp_path: Path) -> None:
    """Looked at while each table is read."""
    seen: list[tuple[object, ...]] = []

    def look(_what: str, rows: int) -> None:
        if rows:
            seen.extend(
                mariadb.execute(
                    "SELECT trx_rows_locked, trx_tables_locked, trx_lock_structs, trx_rows_modified, trx_is_read_only"
                    " FROM information_schema.innodb_trx"
                )
            )

    with opened(sources_of(cloud), Limits()) as estate:
        take(estate, tmp_path / "kept.sqlite", progress=look)
    assert len(seen) > 10
    assert set(seen) == {(0, 0, 0, 0, 1)}


def test_a_dry_run_prints_what_a_run_then_sends(
    run: Run, mariadb: Server, cloud: CloudUrls, logged: Callable[[], list[tuple[str, str]]]
) -> None:
    for database in cloud.databases():
        mariadb.execute(f"ANALYZE TABLE `{database}`.instances" if "cell" in database else "SELECT 1")
    dry = run("audit", "--dry-run", **in_environment(cloud))
    assert (dry.returncode, dry.stderr) == (0, "")
    assert str(make_url(cloud.placement).password) not in dry.stdout
    printed, _, tables = dry.stdout.partition("\n\n")
    assert re.search(r"nova_cell1\.instances +3 +all\n", tables)
    assert re.search(r"nova_cell1\.instance_extra +\d+ +of suspects\n", tables)

    def comparable(statement: str) -> str:
        return statement.rstrip(";").partition(" IN ('")[0]

    would = [comparable(line) for line in printed.splitlines() if not line.startswith("--")]
    assert not [text for kind, text in logged() if kind == "Query" and "allocations.used" in text]
    run("audit", **in_environment(cloud))
    drivers = re.compile(
        r"SET (NAMES|AUTOCOMMIT|SESSION sql_mode)|SELECT @@|SELECT (VERSION|DATABASE)\(\)|ROLLBACK|SELECT CAST\("
        r"|SHOW VARIABLES"
    )
    sent = [comparable(text) for kind, text in logged() if kind == "Query" and not drivers.match(text)]
    assert sum("FROM" in text for text in sent) > 40
    left = iter(would)
    assert not [text for text in sent if text not in left]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--max-load", "Threads_running=0", "--max-wait", "0"), "above the 0 of --max-load, after 0 s of waiting"),
        (("--max-load", "Thread_running=5"), "has no status variable Thread_running"),
        (("--max-load", "wsrep_cluster_status=5"), "is no number"),
        (("--max-load", "Threads_running"), "expected VARIABLE=NUMBER"),
        (("--max-load", "a'b=1"), "expected VARIABLE=NUMBER"),
        (("--replica-lag-max", "5"), "needs SLAVE MONITOR"),
    ],
)
def test_it_gives_up_with_a_clear_word(run: Run, cloud: CloudUrls, options: tuple[str, ...], expected: str) -> None:
    for command in (("audit",), ("doctor",)):
        done = run(*command, *options, **in_environment(cloud))
        assert done.returncode == 2
        assert expected in " ".join((done.stdout + done.stderr).split())
        assert "Traceback" not in done.stderr


def test_what_knows_no_load_is_said(run: Run, clean: Urls) -> None:
    done = run("audit", *live(clean), "--max-load", "Threads_running=5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "placement.sqlite: not asked: --max-load" in " ".join(done.stdout.split())


def test_it_waits_until_the_load_is_gone(mariadb: Server) -> None:
    others = [mariadb.connect() for _ in range(5)]
    url = server_of(mariadb.root_url)
    with reading(url, Limits()) as connection:
        [(_, connected)] = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        most = {"Threads_connected": float(connected) - 3}
        with pytest.raises(CannotTell, match="Threads_connected"):
            load.wait(connection, url, Limits(max_load=most, wait=0))
        timer = threading.Timer(0.5, lambda: [one.close() for one in others])
        timer.start()
        assert load.wait(connection, url, Limits(max_load=most, wait=30))
        assert not load.wait(connection, url, Limits(max_load=most, wait=30))


def test_it_rests_before_each_table(
    cloud: CloudUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[tuple[str, str]]]
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(load.time, "sleep", rests.append)
    with opened(sources_of(cloud), Limits(pause=7)) as estate:
        logged()
        take(estate, tmp_path / "kept.sqlite")
    tables = {text.split(" FROM ")[-1].split()[0] for _, text in logged() if re.match("SELECT .* FROM ", text)}
    assert set(rests) == {7}
    assert len(rests) >= len(tables) > 30


class Killer:
    """Ends the auditor's session on the server, while it reads a table, so many times."""

    def __init__(self, mariadb: Server, urls: CloudUrls, table: str, times: int) -> None:
        self.mariadb, self.name = mariadb, make_url(urls.placement).username
        self.table, self.times = table, times

    def __call__(self, what: str, rows: int) -> None:
        if self.times and rows and what.endswith(self.table):
            self.times -= 1
            for (number,) in self.mariadb.execute(
                f"SELECT id FROM information_schema.processlist WHERE user = '{self.name}'"
            ):
                self.mariadb.execute(f"KILL {number}")


def test_a_lost_connection_is_tried_once_more(mariadb: Server, cloud: CloudUrls, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    # More than what is already on its way when the session ends.
    mariadb.execute(
        "INSERT INTO consumers (uuid, project_id, user_id, generation)"
        " SELECT concat(repeat('x', 30), seq), 1, 1, 1 FROM seq_1_to_150000",
        make_url(cloud.placement).database,
    )
    whole = taken(sources_of(cloud), Limits(), path)
    with kept(path) as connection:
        expected = sources_in(connection)
    assert not whole.warnings
    killer = Killer(mariadb, cloud, "placement.consumers", 1)
    estate = taken(sources_of(cloud), Limits(), path, progress=killer)
    assert killer.times == 0
    with kept(path) as connection:
        assert sources_in(connection) == expected
    [warning] = estate.warnings
    assert "reading consumers: " in warning
    assert "everything was read a second time" in warning
    assert "***" in warning


def test_a_connection_lost_twice_is_named(mariadb: Server, cloud: CloudUrls, tmp_path: Path) -> None:
    killer = Killer(mariadb, cloud, "allocations", 5)
    with pytest.raises(CannotTell, match=r"\*\*\*@.*: reading "):
        taken(sources_of(cloud), Limits(), tmp_path / "kept.sqlite", progress=killer)
    assert killer.times == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_session_behind(mariadb: Server, cloud: CloudUrls, number: signal.Signals) -> None:
    name = make_url(cloud.placement).username
    ours = f"SELECT id, state FROM information_schema.processlist WHERE user = '{name}'"

    def until(condition: Callable[[list[tuple[object, ...]]], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition(found := mariadb.execute(ours)):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    with mariadb.connect(make_url(cloud.placement).database) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES allocations WRITE")
        process = subprocess.Popen(
            [sys.executable, "-m", "placement_audit", "audit", "--lock-timeout", "100"],
            env=os.environ | in_environment(cloud),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda rows: any("metadata lock" in str(state) for _, state in rows))
            process.send_signal(number)
            stderr = process.communicate(timeout=30)[1]
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 130
        assert stderr.strip() == "placement-audit: interrupted"
        # The lock is still held: a session that nobody ended would be waiting for it.
        until(lambda rows: not rows)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary and its replica."""
    with ExitStack() as stack:
        primary = of_its_own(stack, "--log-bin=log", "--server-id=1")
        replica = of_its_own(stack, "--server-id=2", "--read-only=1")
        at = primary.root_url
        replica.execute(
            f"CHANGE MASTER TO master_host='{at.host}', master_port={at.port}, master_user='root',"
            f" master_password='{at.password}', master_use_gtid=slave_pos, master_delay=3600"
        )
        # both made root by themselves
        [(position,)] = primary.execute("SELECT @@gtid_binlog_pos")
        replica.execute(f"SET GLOBAL gtid_slave_pos = '{position}'")
        replica.execute("START REPLICA")
        yield primary, replica


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_on_a_replica(pair: tuple[Server, Server]) -> None:
    primary, replica = pair
    url = server_of(replica.root_url)
    primary.execute("CREATE DATABASE later")
    with reading(url, Limits()) as connection:
        assert list(load.notes(connection, url, Limits())) == []
        eventually(lambda: seconds_behind(connection)[0] not in {None, 0, 1})
        with pytest.raises(CannotTell, match=r"s behind, more than the 1 s of --replica-lag-max"):
            load.wait(connection, url, Limits(lag=1, wait=0))
        assert not load.wait(connection, url, Limits(lag=3000, wait=0))
        replica.execute("STOP REPLICA")
        with pytest.raises(CannotTell, match="replication is not running"):
            load.wait(connection, url, Limits(lag=1, wait=0))
        replica.execute("CHANGE MASTER TO master_delay = 0")
        replica.execute("START REPLICA")
        load.wait(connection, url, Limits(lag=1, wait=30))
        eventually(lambda: bool(replica.execute("SHOW DATABASES LIKE 'later'")))


def test_on_a_primary(pair: tuple[Server, Server]) -> None:
    url = server_of(pair[0].root_url)
    eventually(lambda: pair[0].execute("SHOW GLOBAL STATUS LIKE 'Slaves_connected'")[0][1] == "1")
    with reading(url, Limits()) as connection:
        [note] = load.notes(connection, url, Limits())
    assert "a primary with 1 replica(s)" in note
    assert str(url.password) not in note


@pytest.mark.skipif(not GALERA.exists(), reason="no Galera here: Debian's galera-4")
def test_on_a_galera_node() -> None:
    with ExitStack() as stack:
        server = of_its_own(
            stack,
            "--wsrep-on=ON",
            f"--wsrep-provider={GALERA}",
            "--wsrep-cluster-address=gcomm://",
            f"--wsrep-cluster-name=pa-{secrets.token_hex(4)}",
            "--wsrep-node-address=127.0.0.1",
            "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:0",
            "--binlog-format=ROW",
        )
        url = server_of(server.root_url)
        with reading(url, Limits()) as connection:
            [note] = load.notes(connection, url, Limits())
            assert "a Galera node that takes writes, one of 1" in note


def test_a_server_at_work_is_told_to_stop() -> None:
    """It would not notice by itself that its client has gone before the answer is there.

    Not a server in a container: Docker's proxy has another address there than we have here.
    """
    with ExitStack() as stack:
        server = of_its_own(stack)
        server.execute("CREATE USER auditor IDENTIFIED BY 'x'")
        url = make_url(server.url(None, "auditor", "x"))
        ours = "SELECT id FROM information_schema.processlist WHERE user = 'auditor'"
        threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt), reading(server_of(url), Limits()) as connection:
            connection.exec_driver_sql("SELECT BENCHMARK(1000000000, MD5('x'))")
        eventually(lambda: not server.execute(ours))
