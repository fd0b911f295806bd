"""placement-audit checks"""

from __future__ import annotations

import sys

import click

from placement_audit.cli.output import show


@click.command("checks")
@click.argument("code", required=False)
def command(code: str | None) -> int:
    """The catalogue of checks with what each leaves alone, or one of them in full, by code or name."""
    from placement_audit.checks import catalogue, named
    from placement_audit.render import checks
    from placement_audit.render.table import terminal_width

    width = terminal_width() if sys.stdout and sys.stdout.isatty() else None
    show(checks.one(named(code)) if code else checks.table(catalogue(), width))
    return 0
