"""placement-audit sql"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from placement_audit.cli.output import show
from placement_audit.errors import CannotTell

if TYPE_CHECKING:
    from placement_audit.finding import Check
    from placement_audit.sqlfile.prelude import Homes

_SCHEMA = re.compile(r"[^`\"\\/\s]{1,64}")


@click.command("sql")
@click.argument("code", nargs=-1)
@click.option("--out", metavar="DIR", help="Write a file for each into this folder, with grants and an index.")
@click.option("--placement", metavar="SCHEMA", default="placement", show_default=True, help="Placement's schema.")
@click.option(
    "--api", metavar="SCHEMA", default="nova_api", show_default=True, help="Nova's API schema, or '' to leave nova out."
)
@click.option(
    "--cell",
    metavar="NAME=SCHEMA",
    multiple=True,
    help="A cell as cell_mappings names it, and its schema. Repeatable: all that there are, cell0 too.  "
    "[default: cell0=nova_cell0, cell1=nova]",
)
def command(code: tuple[str, ...], out: str | None, placement: str, api: str, cell: tuple[str, ...]) -> int:
    """Print checks as SQL for a plain mariadb client.

    CODE is a code or name of a check, or one of the questions providers-with-resource, held-on-provider and
    held-by-consumer; without any all are printed. All schemas must be on one server.
    """
    from placement_audit.checks import catalogue, named
    from placement_audit.sqlfile.checks import file_of
    from placement_audit.sqlfile.folder import files
    from placement_audit.sqlfile.prelude import Homes
    from placement_audit.sqlfile.questions import QUESTIONS
    from placement_audit.sqlfile.questions import file_of as file_of_question

    pairs = tuple(_pair(one) for one in cell)
    homes = Homes(_schema(placement), _schema(api), pairs) if api else Homes(_schema(placement), None, pairs)
    if api and not pairs:
        homes = Homes(_schema(placement), _schema(api))
    questions = {question.name: question for question in QUESTIONS}
    checks = [named(one) for one in code if one not in questions] if code else list(catalogue())
    left_out = [check for check in checks if _lacks(check, homes)]
    if left_out and code:
        raise CannotTell(f"{left_out[0].code}: {_lacks(left_out[0], homes)}")
    checks = [check for check in checks if check not in left_out]
    asked = [questions[one] for one in code if one in questions] if code else QUESTIONS
    if out is None:
        texts = [file_of(check, homes) for check in checks]
        show("\n".join([*texts, *(file_of_question(question, homes) for question in asked)]))
    else:
        _write(files(checks, asked, homes), Path(out))
    if left_out:
        click.echo(f"placement-audit: {len(left_out)} checks left out: they need nova's schemas", err=True)
    return 0


def _pair(words: str) -> tuple[str, str]:
    name, found, schema = words.partition("=")
    if not name or not found:
        raise click.UsageError(f"--cell takes NAME=SCHEMA, not {words!r}")
    return name, _schema(schema)


def _schema(name: str) -> str:
    if not _SCHEMA.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name of a schema")
    return name


def _lacks(check: Check, homes: Homes) -> str | None:
    """What a check needs that is not there, in words."""
    from placement_audit.audit import tables_of
    from placement_audit.derived import with_parts
    from placement_audit.schema import Role

    needed = {table.info["home"] for table in tables_of(check) - with_parts(check.optional)}
    if not homes.api and (check.whole_cloud or Role.API in needed):
        return "needs nova's API schema; give --api"
    if not homes.cells and (check.whole_cloud or Role.CELL in needed):
        return "needs a nova cell's schema; give --api or --cell"
    return None


def _write(files: dict[str, str], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotTell(f"cannot write to {folder}: {error.strerror}") from None
