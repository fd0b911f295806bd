"""placement-audit beside nova-manage: one MariaDB, one large cloud, one run.

Needs what the tests need (tests/mariadb.py says where the server comes from), and uwsgi for the placement service.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from sqlalchemy import create_engine  # noqa: E402
from tabulate import tabulate  # noqa: E402

from tests import openstack_schemas  # noqa: E402
from tests.mariadb import Server, running_server  # noqa: E402

BIN = Path(sys.executable).parent
CELLS = {"cell0": "nova_cell0", "cell1": "nova_cell1", "cell2": "nova_cell2"}
DATABASES = ("placement", "nova_api", *CELLS.values())

TARGET_TIMES = 50
TARGET_MB = 400
TARGET_GROWTH = 1.0
TARGET_HELP = 0.3
TARGET_EXPLAIN = 2
TARGET_COMMAND = 1.5

QUERIES = ("resources=VCPU:64", "resources=VCPU:4,MEMORY_MB:8192,DISK_GB:20")
REPEATS = 7

# hosts of a cloud beside that of --hosts, with as many servers a host
SMALLER = 10


@dataclass(frozen=True)
class Run:
    """How one command went: wall and CPU seconds, and the most memory it had."""

    code: int
    output: str
    seconds: float
    cpu: float
    mb: float


def main() -> None:
    """Set the stage, run everyone, print the table."""
    options = _options()
    if not (BIN / "uwsgi").exists():
        sys.exit("bench: no uwsgi beside this Python: pip install uwsgi")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="placement-audit-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _say("starting MariaDB")
        server = stack.enter_context(running_server())
        small = _small_cloud(server, folder, options) if options.growth else None
        stack.enter_context(_schemas(server))
        _say(f"writing {options.hosts:,} hosts and {options.servers:,} servers")
        _write_cloud(server, options.hosts, options.servers)
        environment = stack.enter_context(_auditor(server))
        nova = None
        with _placement_service(server, folder) as port:
            _say("explain, and the same of placement")
            explains = _explains(environment, port)
            if not options.skip_nova_manage:
                _say("nova-manage placement audit")
                nova = _nova_manage(server, folder, port)
        _say("placement-audit audit")
        ours = [_ours(environment, folder) for _ in range(3)]
        helps = [_run([str(BIN / "placement-audit"), "--help"], environment) for _ in range(5)]
        [(version,)] = server.execute("SELECT version()")
        [(rows,)] = server.execute("SELECT count(*) FROM placement.allocations")
        print(f"\n{options.hosts:,} hosts, {options.servers:,} servers, {rows:,} allocation rows")
        print(f"MariaDB {version} ({server.origin}), Python {sys.version.split()[0]}, {os.cpu_count()} CPUs\n")
        _print(nova, ours, helps, _floor(server))
        if small:
            _print_growth(options, small, ours)
        _print_explains(explains)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--servers", type=int, default=34_000)
    parser.add_argument("--skip-nova-manage", action="store_true", help="measure placement-audit alone")
    parser.add_argument("--growth", action="store_true", help=f"measure a cloud of a {SMALLER}th of the size, too")
    return parser.parse_args()


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


# --- the stage ---


@contextmanager
def _schemas(server: Server) -> Iterator[None]:
    """The real schemas, made by the real migrations, under the names that installers give them."""
    taken = {name for (name,) in server.execute("SHOW DATABASES")} & set(DATABASES)
    if taken:
        sys.exit(f"bench: the server already has {', '.join(sorted(taken))}; nothing was touched")
    try:
        for database in DATABASES:
            server.create(database)
        with ThreadPoolExecutor() as pool:
            for migration in (
                pool.submit(openstack_schemas.make_cell, server.url("nova_cell0")),
                pool.submit(openstack_schemas.make_api, server.url("nova_api")),
                pool.submit(openstack_schemas.make_placement, server.url("placement")),
            ):
                migration.result()
        engine = create_engine(server.root_url)
        for cell in ("nova_cell1", "nova_cell2"):
            openstack_schemas.copy_structure(engine, "nova_cell0", cell)
        engine.dispose()
        yield
    finally:
        for database in DATABASES:
            server.drop(database)


def _write_cloud(server: Server, hosts: int, servers: int) -> None:
    urls = {
        "placement": server.url("placement"),
        "api": server.url("nova_api"),
        "cells": {name: server.url(database) for name, database in CELLS.items()},
    }
    subprocess.run(
        [sys.executable, "-m", "bench.cloud", str(hosts), str(servers)],
        cwd=ROOT,
        env={**os.environ, "BENCH_URLS": json.dumps(urls)},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    # what nova needs of a cell, and the auditor does not read
    server.execute("UPDATE nova_api.cell_mappings SET transport_url = IF(name = 'cell0', 'none:///', 'fake:///')")
    for database in CELLS.values():
        # nova-manage would fill these in, a write for each host
        server.execute(
            f"UPDATE {database}.compute_nodes SET cpu_allocation_ratio = 4,"
            " ram_allocation_ratio = 1, disk_allocation_ratio = 1"
        )
    tables = server.execute(
        "SELECT concat(table_schema, '.`', table_name, '`') FROM information_schema.tables"
        f" WHERE table_schema IN {DATABASES} AND table_rows > 0"
    )
    server.execute("ANALYZE TABLE " + ", ".join(table for (table,) in tables))


def _small_cloud(server: Server, folder: Path, options: argparse.Namespace) -> list[Run]:
    hosts, servers = options.hosts // SMALLER, options.servers // SMALLER
    _say(f"placement-audit audit of {hosts:,} hosts and {servers:,} servers")
    with _schemas(server):
        _write_cloud(server, hosts, servers)
        with _auditor(server) as environment:
            return [_ours(environment, folder) for _ in range(3)]


@contextmanager
def _auditor(server: Server) -> Iterator[dict[str, str]]:
    """The environment of placement-audit, with an account that has SELECT and nothing else."""
    name, password = f"auditor_{secrets.token_hex(4)}", secrets.token_hex(16)
    server.execute(f"CREATE USER {name} IDENTIFIED BY '{password}'")
    try:
        for database in DATABASES:
            server.execute(f"GRANT SELECT ON `{database}`.* TO {name}")
        yield {
            **os.environ,
            "PLACEMENT_AUDIT_PLACEMENT_DB": server.url("placement", name, password),
            "PLACEMENT_AUDIT_API_DB": server.url("nova_api", name, password),
        }
    finally:
        server.execute(f"DROP USER {name}")


@contextmanager
def _placement_service(server: Server, folder: Path) -> Iterator[int]:
    """The real placement service in uwsgi; gives its port."""
    _write(
        folder / "placement.conf",
        f"[api]\nauth_strategy = noauth2\n[placement_database]\nconnection = {server.url('placement')}\n",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "uwsgi.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(BIN / "uwsgi"),
                f"--http-socket=127.0.0.1:{port}",
                "--module=placement.wsgi.api:application",
                f"--virtualenv={sys.prefix}",
                "--master",
                # else both workers inherit the one database connection that the start-up opened
                "--lazy-apps",
                "--processes=2",
                "--enable-threads",
                "--need-app",
                "--die-on-term",
                "--disable-logging",
                "--buffer-size=65535",
            ],
            env={**os.environ, "OS_PLACEMENT_CONFIG_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: the placement service gave no answer:\n{log.read_text()}")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


# --- the runs ---


def _run(command: list[str], environment: dict[str, str]) -> Run:
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # wait4 tells what this one child used; getrusage would add up all of them
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(process.returncode, text, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _nova_manage(server: Server, folder: Path, port: int) -> Run:
    config = folder / "nova.conf"
    _write(
        config,
        f"[DEFAULT]\nstate_path = {folder}\n"
        f"[api_database]\nconnection = {server.url('nova_api')}\n"
        f"[database]\nconnection = {server.url('nova_cell0')}\n"
        f"[placement]\nauth_type = admin_token\ntoken = admin\nendpoint = http://127.0.0.1:{port}\n",
    )
    command = [str(BIN / "nova-manage"), "--config-file", str(config), "placement", "audit", "--verbose"]
    run = _run(command, dict(os.environ))
    if run.code not in {0, 3}:  # 3: it found some
        sys.exit(f"bench: nova-manage ended with {run.code}:\n{run.output[-5000:]}")
    return run


def _ours(environment: dict[str, str], folder: Path) -> Run:
    report = folder / "report.json"
    command = [str(BIN / "placement-audit"), "audit", "--format=json", f"--output={report}"]
    report.unlink(missing_ok=True)
    run = _run(command, environment)
    if run.code not in {0, 1} or not report.exists():  # a traceback ends with 1 too
        sys.exit(f"bench: placement-audit ended with {run.code}:\n{run.output[-5000:]}")
    checks = json.loads(report.read_text())["checks"]
    unrun = [check["code"] for check in checks if check["status"] in {"skipped", "failed"}]
    if unrun:
        sys.exit(f"bench: not all checks were run: {', '.join(unrun)}")
    found = sum(check["findings"] for check in checks)
    return Run(run.code, f"{len(checks)} checks, {found:,} findings", run.seconds, run.cpu, run.mb)


@dataclass(frozen=True)
class Explain:
    """Seconds for one request: placement's GET, explain without and with start-up."""

    query: str
    placement: float
    ours: float
    command: float


def _explains(environment: dict[str, str], port: int) -> list[Explain]:
    command = [sys.executable, "-m", "bench.explain", str(REPEATS), *QUERIES]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    ours = json.loads(done.stdout)
    found = []
    for query in QUERIES:
        theirs = [_get(port, query) for _ in range(REPEATS + 2)][2:]  # each of its workers has warmed up
        runs = [_run([str(BIN / "placement-audit"), "explain", query], environment) for _ in range(3)]
        if any(run.code not in {0, 1} for run in runs):
            sys.exit(f"bench: placement-audit explain ended with {runs[0].code}:\n{runs[0].output[-5000:]}")
        whole = statistics.median(run.seconds for run in runs)
        found.append(Explain(query, statistics.median(theirs), statistics.median(ours[query]), whole))
    return found


def _get(port: int, query: str) -> float:
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39", "Accept": "application/json"}
    # as nova asks: with a limit
    connection.request("GET", f"/allocation_candidates?{query}&limit=1000", headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        sys.exit(f"bench: placement answered {answer.status} to {query}")
    connection.close()
    return time.perf_counter() - begun


def _print_explains(explains: list[Explain]) -> None:
    rows = [[one.query, one.placement, one.ours, one.ours / one.placement, one.command] for one in explains]
    headers = ["request", "placement's GET, s", "explain, s", "times", "as a command, s"]
    print("\n" + tabulate(rows, headers, floatfmt=("", ".3f", ".3f", ".2f", ".2f")))
    worst, slowest = max(one.ours / one.placement for one in explains), max(one.command for one in explains)
    targets = [
        ["explain, times placement's GET", f"{worst:.2f}", f"<= {TARGET_EXPLAIN}", worst <= TARGET_EXPLAIN],
        ["explain as a command, s", f"{slowest:.2f}", f"< {TARGET_COMMAND}", slowest < TARGET_COMMAND],
    ]
    _print_targets(targets)


def _floor(server: Server) -> float:
    """Seconds for nothing but the allocation rows, over the same driver."""
    with server.connect("placement") as connection, connection.cursor() as cursor:
        begun = time.perf_counter()
        cursor.execute("SELECT resource_provider_id, consumer_id, resource_class_id, used FROM allocations")
        cursor.fetchall()
        return time.perf_counter() - begun


# --- the table ---


def _print(nova: Run | None, ours: list[Run], helps: list[Run], floor: float) -> None:
    def line(what: str, run: Run) -> list[object]:
        return [what, run.seconds, run.cpu, nova.seconds / run.seconds if nova else None, run.mb]

    usual = statistics.median(run.seconds for run in ours)
    usual_help = statistics.median(run.seconds for run in helps)
    most = max(run.mb for run in ours)
    rows: list[list[object]] = []
    if nova:
        found = nova.output.count(" can be deleted: ")
        rows.append(line(f"nova-manage placement audit (1 check, {found:,} findings)", nova))
    rows += [line(f"placement-audit audit ({run.output})", run) for run in ours]
    rows.append(["plain PyMySQL read of all allocation rows", floor, None, None, None])
    rows.append(["placement-audit --help (middle of five)", usual_help, None, None, None])
    headers = ["", "seconds", "CPU s", "times faster", "MB"]
    print(tabulate(rows, headers, floatfmt=("", ".2f", ".2f", ".1f", ".0f"), missingval="-"))

    targets: list[list[object]] = []
    if nova:
        times = nova.seconds / usual
        targets.append(["times faster, middle of three", f"{times:.1f}", f">= {TARGET_TIMES}", times >= TARGET_TIMES])
    targets.append(["memory, MB, worst of three", f"{most:.0f}", f"< {TARGET_MB}", most < TARGET_MB])
    targets.append(["--help, seconds", f"{usual_help:.2f}", f"< {TARGET_HELP}", usual_help < TARGET_HELP])
    _print_targets(targets)


def _print_growth(options: argparse.Namespace, small: list[Run], ours: list[Run]) -> None:
    """How the cost grows: what is no worse than linear needs at most as long for each host of the larger cloud."""
    usual = [(statistics.median(run.seconds for run in runs), max(run.mb for run in runs)) for runs in (small, ours)]
    hosts = [options.hosts // SMALLER, options.hosts]
    rows = [
        [f"{number:,} hosts", seconds, 1000 * seconds / number, mb]
        for number, (seconds, mb) in zip(hosts, usual, strict=True)
    ]
    headers = ["size", "seconds, middle of three", "ms a host", "MB"]
    print("\n" + tabulate(rows, headers, floatfmt=("", ".2f", ".2f", ".0f")))
    growth = (usual[1][0] / hosts[1]) / (usual[0][0] / hosts[0])
    _print_targets(
        [["cost of a host, larger to smaller cloud", f"{growth:.2f}", f"<= {TARGET_GROWTH}", growth <= TARGET_GROWTH]]
    )


def _print_targets(targets: list[list[object]]) -> None:
    print()
    print(
        tabulate(
            [[*row, "met" if met else "MISSED"] for *row, met in targets],
            ["target", "measured", "wanted", ""],
            disable_numparse=True,
        )
    )


if __name__ == "__main__":
    main()
