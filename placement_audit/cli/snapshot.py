"""placement-audit snapshot"""

from __future__ import annotations

from pathlib import Path

import click

from placement_audit.cli.options import Live, gentle_options, live_options
from placement_audit.cli.output import rehearse


@click.command("snapshot")
@live_options
@gentle_options
@click.option("--dry-run", is_flag=True, help="Print what would be sent to the servers; read no rows.")
@click.option("-o", "--output", metavar="FILE", required=True, help="The snapshot to write (mode 0600).")
def command(live: Live, dry_run: bool, output: str) -> int:
    """Keep what an audit reads in one SQLite file, to be audited later or elsewhere.

    The file holds no credentials. It holds uuids, host names and project ids.
    """
    from placement_audit.cli.progress import shown
    from placement_audit.render.escape import plain
    from placement_audit.snapshot import kept, sources_in, taken

    if dry_run:
        return rehearse(live, None)
    path = Path(output)
    with shown() as progress:
        estate = taken(
            live.sources(), live.limits(), path, progress=progress, own_credentials=not live.use_cell_credentials
        )
    for warning in estate.warnings:
        click.echo(plain(f"note: {warning}"), err=True)
    with kept(path) as connection:
        sources = sources_in(connection)
    rows = sum(source.rows or 0 for source in sources)
    click.echo(plain(f"{path}: {rows:,} rows of {sum(s.status == 'read' for s in sources)} databases"))
    unread = [source for source in sources if source.status != "read"]
    for source in unread:
        click.echo(plain(f"incomplete: {source.role} {source.name} could not be read: {source.reason}"), err=True)
    return 2 if unread else 0
