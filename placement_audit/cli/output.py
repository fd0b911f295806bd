"""Printing that outlives its reader."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from placement_audit.errors import CannotTell


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
