"""Printing that outlives its reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from placement_audit.errors import CannotTell

if TYPE_CHECKING:
    from sqlalchemy import Table

    from placement_audit.cli.options import Live


def written(text: str, output: str | None) -> None:
    """Print to stdout, or write to the file of that name. Raises CannotTell; a database is never overwritten."""
    if output is None:
        show(text)
        return
    try:
        _refuse_database(Path(output))
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotTell(f"cannot write the report to {output}: {error.strerror}") from None


def _refuse_database(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as file:
            if file.read(15) == b"SQLite format 3":
                raise CannotTell(f"{path} is a database; choose another name for the report")


def rehearse(live: Live, wanted: Iterable[Table] | None) -> int:
    """Print what reading these tables (None: all) would send to the servers; the exit code. Raises CannotTell."""
    from placement_audit.rehearsal import rehearsed
    from placement_audit.render.escape import plain

    text, estate = rehearsed(live.sources(), live.limits(), wanted, own_credentials=not live.use_cell_credentials)
    show("".join(plain(line) + "\n" for line in text.splitlines()))
    for lost in estate.unreadable:
        click.echo(plain(f"incomplete: {lost.role.value} {lost.name} could not be read: {lost.reason}"), err=True)
    return 2 if estate.unreadable else 0


def show(text: str) -> None:
    """Print to stdout. A reader that has gone (``| head``) changes nothing about the verdict."""
    if sys.stdout is None:  # closed by the caller: >&-
        return
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
