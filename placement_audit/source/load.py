"""Between tables: wait while a server has too much to do or a replica is behind, and give up in time."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from placement_audit.errors import CannotTell
from placement_audit.source.config import masked
from placement_audit.source.connect import Limits, is_lost, reason_of, seconds_behind

LOOK_AGAIN = 1.0


def between_tables(connection: Connection, url: URL, limits: Limits) -> None:
    """Pause, then wait for the server. Raises what ``wait`` raises."""
    if limits.pause:
        time.sleep(limits.pause)
    wait(connection, url, limits)


def wait(connection: Connection, url: URL, limits: Limits) -> bool:
    """Wait until the server is within its limits; whether that took any time. MySQL and MariaDB alone are asked.

    Raises CannotTell after ``limits.wait`` seconds, DBAPIError when the connection is lost.
    """
    if connection.dialect.name != "mysql":
        return False
    deadline = time.monotonic() + limits.wait
    waited = False
    while reason := _too_much(connection, url, limits):
        if time.monotonic() >= deadline:
            raise CannotTell(
                f"{masked(url)}: {reason}, after {limits.wait} s of waiting (--max-wait); gave up so as not to be in "
                "its way: try later, or on another replica"
            )
        waited = True
        time.sleep(LOOK_AGAIN)
    return waited


def _too_much(connection: Connection, url: URL, limits: Limits) -> str | None:
    try:
        found = _status(connection, limits.max_load) if limits.max_load else {}
        behind = seconds_behind(connection) if limits.lag is not None else []
    except DBAPIError as error:
        if is_lost(connection, error):
            raise
        raise CannotTell(
            f"{masked(url)}: cannot look at its load or replication: {reason_of(error)}; --replica-lag-max needs "
            "SLAVE MONITOR (MariaDB) or REPLICATION CLIENT (MySQL)"
        ) from None
    for name, most in limits.max_load.items():
        if name.lower() not in found:
            raise CannotTell(f"--max-load: {masked(url)} has no status variable {name}; SHOW GLOBAL STATUS lists them")
        try:
            value = float(found[name.lower()])
        except ValueError:
            raise CannotTell(f"--max-load: the status variable {name} is no number") from None
        if value > most:
            return f"{name} is {value:g}, above the {most:g} of --max-load"
    for seconds in behind:
        if seconds is None:
            return "replication is not running"
        if limits.lag is not None and seconds > limits.lag:
            return f"the replica is {seconds} s behind, more than the {limits.lag} s of --replica-lag-max"
    return None


def notes(connection: Connection, url: URL, limits: Limits) -> Iterator[str]:
    """What cannot be asked of this server; and where the cloud writes to it while others have the same rows."""
    if connection.dialect.name != "mysql":
        if limits.max_load or limits.lag is not None:
            yield f"{masked(url)}: not asked: --max-load and --replica-lag-max are for MySQL and MariaDB alone"
        return
    if connection.execute(text("SELECT @@global.read_only")).scalar():
        return
    found = _status(connection, ("wsrep_connected", "wsrep_cluster_size", "Slaves_connected"))
    if found.get("wsrep_connected") == "ON":
        yield (
            f"{masked(url)}: a Galera node that takes writes, one of {found['wsrep_cluster_size']}; a node that the "
            "services do not use, or a replica, is a better place for an audit"
        )
    replicas = int(found.get("slaves_connected", 0)) or _binlog_readers(connection)
    if replicas:
        yield f"{masked(url)}: a primary with {replicas} replica(s); one of them is a better place for an audit"


def _binlog_readers(connection: Connection) -> int:
    # MySQL counts its replicas nowhere else. Without PROCESS, an account sees none of them.
    if getattr(connection.dialect, "is_mariadb", False):
        return 0
    rows = connection.execute(text("SHOW PROCESSLIST")).mappings()
    return sum(str(row["Command"]).startswith("Binlog Dump") for row in rows)


def _status(connection: Connection, names: Collection[str]) -> dict[str, str]:
    # The names are letters, digits and underscores: the option takes no others.
    listed = ", ".join(f"'{name}'" for name in names)
    rows = connection.exec_driver_sql(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({listed})")
    return {str(name).lower(): str(value) for name, value in rows}
