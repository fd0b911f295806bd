"""An account for the auditor: SELECT on what is read and on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Column, Table

from placement_audit import schema as t
from placement_audit.schema import Role
from placement_audit.source.read import LARGE
from placement_audit.sqlfile.prelude import Homes
from placement_audit.sqlfile.text import comment, filled, quoted

ACCOUNT = "placement_auditor"

_PURPOSE = (
    "An account for the auditor: SELECT on the tables and columns that are read, and on nothing else. What else is in "
    "these tables (user data, keys, passwords of volumes) stays out of its reach."
)
_SENSITIVE = (
    "cell_mappings.database_connection holds nova's own passwords: the cells' addresses are in it. The auditor keeps "
    "none of them. request_specs.spec is for explain --server alone."
)
_OLDER = (
    "Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the "
    "statement fails and grants nothing, which is as it should be (mariadb --force goes on)."
)
_OLDER_POSTGRESQL = _OLDER.replace(" (mariadb --force goes on)", "")


def for_mysql(homes: Homes) -> str:
    """The statements for MariaDB and MySQL, to be run by an administrator."""
    account = f"'{ACCOUNT}'@'%'"
    named = ", ".join([homes.placement, *([homes.api] if homes.api else []), *(schema for _, schema in homes.cells)])
    use = f"mariadb --force < grants.sql. Change: the password, the host %, the schemas {named}."
    parts = [
        comment([*filled(_PURPOSE), "", *filled(use), "", *filled(_SENSITIVE), "", "Written by: placement-audit sql"])
    ]
    parts.append(f"\nCREATE USER IF NOT EXISTS {account} IDENTIFIED BY 'CHANGE ME';\n")
    late: list[str] = []
    for schema, role in _databases(homes):
        parts.append("\n")
        for statement, lasting in _grants(role, f"{quoted(schema)}.", account, quoted, in_chunks=True):
            (parts if lasting else late).append(statement)
    return "".join([*parts, "\n", comment(filled(_OLDER)), *late])


def for_postgresql(homes: Homes) -> str:
    """The statements for psql, each database in its turn."""
    use = "psql --file grants_postgresql.sql. Change: the password and the names of the databases."
    parts = [
        comment([*filled(_PURPOSE), "", *filled(use), "", *filled(_SENSITIVE), "", "Written by: placement-audit sql"])
    ]
    parts.append(f"\nCREATE ROLE {ACCOUNT} LOGIN PASSWORD 'CHANGE ME';\n")
    parts.append(f"ALTER ROLE {ACCOUNT} SET default_transaction_read_only = on;\n")
    for schema, role in _databases(homes):
        grants = list(_grants(role, "", ACCOUNT, '"{}"'.format))
        parts.append(f'\n\\connect "{schema}"\nGRANT USAGE ON SCHEMA public TO {ACCOUNT};\n')
        parts += [statement for statement, lasting in grants if lasting]
        late = [statement for statement, lasting in grants if not lasting]
        if late:
            parts += [comment(filled(_OLDER_POSTGRESQL)), *late]
    return "".join(parts)


def _databases(homes: Homes) -> list[tuple[str, Role]]:
    found = [(homes.placement, Role.PLACEMENT)]
    if homes.api:
        found.append((homes.api, Role.API))
    return found + [(schema, Role.CELL) for _, schema in homes.cells]


def _grants(
    role: Role, where: str, account: str, quote: Callable[[str], str], *, in_chunks: bool = False
) -> Iterator[tuple[str, bool]]:
    """The statements, and of each whether every release since Train has what it names."""
    for one in _read_tables(role):
        everywhere = one not in _NOT_EVERYWHERE and not one.info.get("since")
        columns = [column for column in one.columns if column.name != "cell"]
        if in_chunks and one in LARGE and _ID not in one.columns:
            columns.insert(0, Column(_ID))
        later = [column for column in columns if column.info.get("since")]
        for some, lasting in (([each for each in columns if each not in later], everywhere), (later, False)):
            if some:
                names = ", ".join(quote(column.name) for column in some)
                yield f"GRANT SELECT ({names}) ON {where}{one.name} TO {account};\n", lasting


def _read_tables(role: Role) -> list[Table]:
    found = [t.alembic_version, *t.live_tables(role)]
    if role is Role.API:
        found += [t.cell_mappings, *t.left_behind, t.whole_request_specs]
    return found if role is Role.PLACEMENT else [*found, t.migrate_version]


# MariaDB's large tables are read in its order.
_ID = "id"
_NOT_EVERYWHERE = {t.migrate_version, *t.left_behind}
