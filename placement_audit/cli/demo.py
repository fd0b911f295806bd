"""placement-audit demo"""

from __future__ import annotations

import shlex
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from placement_audit.cli.output import show

if TYPE_CHECKING:
    from placement_audit.demo.estate import Estate, Urls


@click.command("demo")
@click.option("--keep", metavar="DIR", help="Leave the demo's SQLite databases in this folder.")
@click.option(
    "--load",
    metavar="URL-PREFIX",
    help="Write the cloud into empty schemas of a server, named PREFIXplacement, PREFIXnova_api, PREFIXnova_cell0 …: "
    "mysql+pymysql://root:PASSWORD@HOST/ or …@HOST/demo_",
)
@click.option("--hosts", type=click.IntRange(min=10), default=20, show_default=True)
@click.option("--servers", type=click.IntRange(min=100), default=300, show_default=True)
def command(keep: str | None, load: str | None, hosts: int, servers: int) -> int:
    """Write a believable cloud with a few faults in it, and audit it.

    With --load it is only written. A schema that has rows in it is refused.
    """
    from placement_audit.demo.story import told
    from placement_audit.errors import CannotTell

    if load and "://" not in load:
        raise click.UsageError("--load takes the beginning of a URL, such as mysql+pymysql://root:PASSWORD@HOST/")
    if keep and load:
        raise click.UsageError("--keep is for the demo's own files; --load writes to a server")
    estate = told(hosts=hosts, servers=servers)
    if load:
        return _load(estate, load)
    code = 0
    with ExitStack() as stack:
        if keep:
            folder = Path(keep).absolute()
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CannotTell(f"cannot make the folder {keep}: {error.strerror}") from None
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="placement-audit-demo-")))
        urls = _urls(f"sqlite:///{folder}/", estate, ".sqlite")
        estate.write(urls)
        code = _audited(urls)
    show("\nThe demo's databases are gone again; --keep DIR leaves them.\n" if not keep else "")
    return code


def _urls(prefix: str, estate: Estate, ending: str = "") -> Urls:
    from placement_audit.demo.estate import Urls

    return Urls(
        placement=f"{prefix}placement{ending}",
        api=f"{prefix}nova_api{ending}",
        cells={cell: f"{prefix}nova_{cell}{ending}" for cell in estate.cells},
    )


def _load(estate: Estate, prefix: str) -> int:
    from placement_audit.demo.estate import create_databases
    from placement_audit.source.config import masked, url_of

    urls = _urls(prefix, estate)
    create_databases(urls)
    estate.write(urls)
    for text in (urls.placement, urls.api, *urls.cells.values()):
        click.echo(f"written: {masked(url_of(text, '--load'))}")
    click.echo("audit it with --placement-db and --api-db; the cells are found through the latter")
    return 0


def _audited(urls: Urls) -> int:
    from placement_audit.cli import audit

    arguments = ["--placement-db", urls.placement, "--api-db", urls.api, "--exit-zero"]
    show(f"$ placement-audit audit {shlex.join(arguments)}\n\n")
    return int(audit.command.main(arguments, prog_name="placement-audit audit", standalone_mode=False) or 0)
