"""placement-audit doctor"""

from __future__ import annotations

import click

from placement_audit.cli.options import Live, gentle_options, live_options
from placement_audit.cli.output import show


@click.command("doctor")
@live_options
@gentle_options
def command(live: Live) -> int:
    """Connect everywhere and say what is there: roles, releases, grants, cells, rows, and what is wrong."""
    from placement_audit.render import examination
    from placement_audit.snapshot import examined, opened

    limits = live.limits()
    with opened(live.sources(), limits, own_credentials=not live.use_cell_credentials, strict=False) as estate:
        text = examination.rendered(estate, [examined(database, limits) for database in estate.databases])
    show(text)
    return 2 if estate.unreadable else 0
