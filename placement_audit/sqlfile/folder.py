"""All that stands in sql/, by file name, and its index."""

from __future__ import annotations

from collections.abc import Sequence

from placement_audit.finding import SEVERITY, Check
from placement_audit.sqlfile import checks as of_checks
from placement_audit.sqlfile import grants, questions
from placement_audit.sqlfile.prelude import Homes
from placement_audit.sqlfile.questions import Question

_INTRODUCTION = """# The checks as plain SQL

For a `mariadb` or `mysql` client and nothing else: MariaDB 10.11, or MySQL 8, which is not tested. Written by
`placement-audit sql --out sql` (`make sql`). All schemas must be on one server; for other names than these:

    placement-audit sql --placement placement --api nova_api --cell cell0=nova_cell0 --cell cell1=nova --out DIR
    mariadb --table < x11_unknown_consumer.sql

Each file reads, and writes nothing. No rows: nothing is wrong. Otherwise a row is a finding, with the columns of the
same check in `placement-audit audit`, which knows more:

- What changed in the last minutes (`newest_change`) is in flight, not wrong: look again before you act.
- What `nova.conf` and `placement.conf` say is unknown to it.
- One cause can have rows in several files; an audit reports it once.
- A cell that `cell_mappings` has and the file does not name is told of in a table of its own, `warning`. Cells on other
  servers, and PostgreSQL, take an audit.
- Where a file says that it selects candidates, an audit tells which of them are faults.
- Names of hosts and providers are compared as the server's default collation does, where an audit ignores the case of
  A to Z alone.
- Where placement and nova seem to belong to different clouds, what would call things left over says so instead. Cells
  with each other's names are for an audit to notice.
"""


def files(checks: Sequence[Check], asked: Sequence[Question], homes: Homes) -> dict[str, str]:
    """The files of these checks and questions, of the grants, and the index of them all."""
    found = {of_checks.file_name(check): of_checks.file_of(check, homes) for check in checks}
    found |= {questions.file_name(one): questions.file_of(one, homes) for one in asked}
    found |= {"grants.sql": grants.for_mysql(homes), "grants_postgresql.sql": grants.for_postgresql(homes)}
    return found | {"README.md": _index(checks, asked)}


def _index(checks: Sequence[Check], asked: Sequence[Question]) -> str:
    others = {questions.file_name(one): one.title for one in asked} | {
        "grants.sql": "An account for the auditor, on MariaDB and MySQL",
        "grants_postgresql.sql": "The same on PostgreSQL",
    }
    rows = ["", "| file | what it is |", "|---|---|"]
    rows += [f"| [{name}]({name}) | {title} |" for name, title in others.items()]
    rows += ["", "| check | severity | what it finds |", "|---|---|---|"]
    rows += [
        f"| [{check.code}]({of_checks.file_name(check)}) | {SEVERITY[check.impact].value} | {_title(check)} |"
        for check in checks
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


def _title(check: Check) -> str:
    title = check.title.replace("|", "&#124;")
    return f"{title} (candidates)" if of_checks.selects_candidates(check) else title
