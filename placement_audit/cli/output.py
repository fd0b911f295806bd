"""Printing that outlives its reader."""

from __future__ import annotations

import os
import sys

import click


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
