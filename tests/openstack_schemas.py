"""The real schemas: made by the migrations of the placement and nova packages, never by DDL of our own.

Each migration runs in a Python of its own: placement configures its engine once a process, and importing
nova brings eventlet, which no test should find in its process.
"""

from __future__ import annotations

import os
import subprocess
import sys
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


def _migrate_apart(kind: str, url: str, revision: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.openstack_schemas", kind, revision],
        cwd=ROOT,
        # not as an argument: those are seen by everyone on the machine
        env={**os.environ, "SCHEMA_URL": url, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"the {kind} migration to {revision} failed:\n{run.stdout}{run.stderr}")


def _migrate_placement(url: str, revision: str) -> None:
    from oslo_config import cfg
    from placement import conf, db_api
    from placement.db.sqlalchemy import migration

    config = cfg.ConfigOpts()
    conf.register_opts(config)
    config.set_override("connection", url, group="placement_database")
    config([], project="placement", default_config_files=[])
    db_api.configure(config)
    migration.upgrade(revision)


def _migrate_nova(kind: str, url: str, revision: str) -> None:
    from nova.conf import CONF
    from nova.db import migration
    from nova.db.api import api as api_db
    from nova.db.main import api as main_db

    CONF([], project="nova", default_config_files=[])
    CONF.set_override("connection", url, group="api_database" if kind == "api" else "database")
    (api_db if kind == "api" else main_db).configure(CONF)
    migration.db_sync(version=revision, database=kind)


if __name__ == "__main__":
    kind, revision = sys.argv[1:]
    if kind == "placement":
        _migrate_placement(os.environ["SCHEMA_URL"], revision)
    else:
        _migrate_nova(kind, os.environ["SCHEMA_URL"], revision)
