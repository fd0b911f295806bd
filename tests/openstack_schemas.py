"""The real schemas: made by the migrations of the placement and nova packages, never by DDL of our own.

Migrations run in a Python of their own: importing nova brings eventlet, which no test should find in its process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

from sqlalchemy import Engine, text

ROOT = Path(__file__).parent.parent


def make_placement(url: str, revision: str = "heads") -> None:
    """Migrate an empty database to a revision of placement's schema."""
    _migrate_apart("placement", url, revision)


def make_api(url: str, revision: str = "heads") -> None:
    """Migrate an empty database to a revision of nova's API schema."""
    _migrate_apart("api", url, revision)


def make_cell(url: str, revision: str = "heads") -> None:
    """Migrate an empty database to a revision of nova's main schema, the one of every cell."""
    _migrate_apart("main", url, revision)


def copy_structure(server_engine: Engine, source: str, target: str) -> None:
    """Give an empty database of a MySQL server the tables of another: much cheaper than to migrate again."""
    # SHOW CREATE TABLE, because CREATE TABLE ... LIKE leaves the foreign keys out
    with server_engine.connect() as connection:
        tables = connection.exec_driver_sql(f"SHOW TABLES FROM `{source}`").scalars().all()
        statements = [
            connection.exec_driver_sql(f"SHOW CREATE TABLE `{source}`.`{table}`").one()[1] for table in tables
        ]
        connection.execute(text("SET SESSION foreign_key_checks = 0"))
        connection.exec_driver_sql(f"USE `{target}`")
        for statement in statements:
            # the driver reads a bare % as a placeholder
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.exec_driver_sql(f"INSERT INTO `{target}`.alembic_version SELECT * FROM `{source}`.alembic_version")
        connection.commit()
        # neither the schema nor the switched off keys may reach whoever gets this connection next
        connection.invalidate()


class Migrator:
    """A Python that migrates one database after the other, so that nova is imported once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.openstack_schemas"],
            cwd=ROOT,
            env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1"},
            # the URLs go in here: arguments are seen by everyone on the machine
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Migrator:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def migrate(self, kind: str, url: str, revision: str) -> None:
        """Bring the schema of a kind (placement, api, main) to a revision, from an earlier one or from nothing."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([kind, url, revision]) + "\n")
        self._process.stdin.flush()
        if (answer := json.loads(self._process.stdout.readline() or '"it ended"')) != "done":
            raise RuntimeError(f"the {kind} migration to {revision} failed:\n{answer}")


def _migrate_apart(kind: str, url: str, revision: str) -> None:
    with Migrator() as migrator:
        migrator.migrate(kind, url, revision)


def _migrate_placement(url: str, revision: str) -> None:
    from oslo_db.sqlalchemy import enginefacade
    from placement import db_api
    from placement.db.sqlalchemy import migration

    # placement's own is the process's, and its migrations ask for that one
    engine = enginefacade.transaction_context()
    engine.configure(connection=url)
    undo = db_api.placement_context_manager.patch_factory(engine)
    try:
        migration.upgrade(revision)
    finally:
        undo()


def _migrate_nova(kind: str, url: str, revision: str) -> None:
    from nova.db import migration
    from oslo_db.sqlalchemy import enginefacade

    # what db_sync does with the engine that is the process's
    manager = enginefacade.transaction_context()
    manager.configure(connection=url)
    migration._upgrade_alembic(manager.writer.get_engine(), migration._find_alembic_conf(kind), revision)


def _serve() -> None:
    # what the migrations print is nobody's answer
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        kind, url, revision = json.loads(line)
        answer = "done"
        try:
            _migrate_placement(url, revision) if kind == "placement" else _migrate_nova(kind, url, revision)
        except Exception:
            answer = traceback.format_exc()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
