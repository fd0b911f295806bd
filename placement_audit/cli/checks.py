"""placement-audit checks"""

from __future__ import annotations

import click

from placement_audit.cli.output import show


@click.command("checks")
@click.argument("code", required=False)
def command(code: str | None) -> int:
    """The catalogue of checks, or one of them in full, by code or name."""
    from placement_audit.checks import catalogue, named
    from placement_audit.render import checks

    show(checks.one(named(code)) if code else checks.table(catalogue()))
    return 0
