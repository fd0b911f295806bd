"""placement-audit audit"""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placement_audit.cli.options import Live, check_options, gentle_options, live_options
from placement_audit.cli.output import rehearse, show, written
from placement_audit.errors import CannotTell

if TYPE_CHECKING:
    from placement_audit.audit import Report
    from placement_audit.finding import Severity

_GRACE = "grace"


class _Seconds(click.IntRange):
    """A number of seconds, or the word that the option stands for without one: as many as the grace has."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == _GRACE else super().convert(value, param, ctx)


@click.command("audit")
@live_options
@gentle_options
@click.option("--dry-run", is_flag=True, help="Print what would be sent to the servers; read no rows.")
@click.option("--snapshot", "snapshot_file", metavar="FILE", help="Audit a kept snapshot in place of live databases.")
@check_options
@click.option(
    "--allow",
    "allow_file",
    metavar="FILE",
    help="A list of what is known and accepted, in TOML: told of in one line, neither listed nor counted.",
)
@click.option(
    "--grace",
    metavar="MINUTES",
    type=click.IntRange(min=0, max=525_600),
    default=10,
    show_default=True,
    help="What changed less than this long ago is in flight: listed, not counted.",
)
@click.option(
    "--confirm",
    "confirm",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value=_GRACE,
    type=_Seconds(min=1, max=86_400),
    help="Wait, then read what is in flight, or was read from several servers, once more by key: "
    "what has not changed is settled.  [default: as long as --grace]",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs (placement-audit/1). Mail is always for people.",
)
@click.option("--output", metavar="FILE", help="Write the report to a file instead of printing it.")
@click.option("--all", "everything", is_flag=True, help="List every finding, not the first ten of each check.")
@click.option("--quiet", is_flag=True, help="Print nothing when nothing counts (see --fail-on).")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="The least severity that counts for the exit code and for mail.",
)
@click.option("--exit-zero", is_flag=True, help="End with 0 even if there are findings.")
@click.option("--mail-to", metavar="ADDRESS", multiple=True, help="Mail the report when there is one. Repeatable.")
@click.option("--mail-from", metavar="ADDRESS", help="The sender.  [default: placement-audit@ this host]")
@click.option("--smtp", metavar="HOST:PORT", help="The mail server.  [default: localhost:25]")
@click.option("--starttls", is_flag=True, help="Talk TLS to the mail server.")
@click.option("--smtp-login-file", metavar="FILE", help="A file with one line, USER:PASSWORD, for the mail server.")
@click.option("--sendmail", metavar="PROGRAM", help="Hand the mail to a program such as /usr/sbin/sendmail instead.")
def command(
    live: Live,
    dry_run: bool,
    snapshot_file: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    allow_file: str | None,
    grace: int,
    confirm: int | str | None,
    layout: str,
    output: str | None,
    everything: bool,
    quiet: bool,
    fail_on: str,
    exit_zero: bool,
    mail_to: tuple[str, ...],
    mail_from: str | None,
    smtp: str | None,
    starttls: bool,
    smtp_login_file: str | None,
    sendmail: str | None,
) -> int:
    """Look for faults in live databases or in a kept snapshot.

    Nothing is written to the databases. A report goes to stdout, or by mail.
    """
    from placement_audit.finding import Severity
    from placement_audit.render import mail

    if dry_run:
        return _dry_run(live, snapshot_file, select, ignore, allow_file)
    gc.disable()  # rows by the hundred thousand, none of them in a cycle: looking for cycles is a tenth of the time

    least = Severity(fail_on)
    post = mail.outgoing(mail_to, mail_from, smtp, starttls, smtp_login_file, sendmail)
    try:
        report = _report(live, snapshot_file, select, ignore, allow_file, timedelta(minutes=grace), confirm)
    except CannotTell as error:
        if post:
            post.send("could not tell", f"{error}\n")
        raise
    code = report.exit_code(least)
    if code == 0 and quiet:
        return 0
    _publish(report, least, layout, output, everything, to_stdout=post is None)
    if post and code:
        from placement_audit.render import table

        text = table.rendered(report, everything=everything, width=mail.WIDTH)
        try:
            post.send(table.headline(report), text)
        except CannotTell:
            show(text)  # so that cron's own mail may carry it
            raise
    return 0 if exit_zero and code == 1 else code


def _dry_run(
    live: Live, snapshot_file: str | None, select: tuple[str, ...], ignore: tuple[str, ...], allow_file: str | None
) -> int:
    from placement_audit import allow as allow_list
    from placement_audit.audit import tables_of
    from placement_audit.checks import chosen

    if snapshot_file is not None:
        raise click.UsageError("--dry-run is about live databases: a snapshot needs none")
    allow = allow_list.read(allow_file, chosen((), ignore)) if allow_file is not None else None
    wanted = {table for check in chosen(select, ignore) for table in tables_of(check)}
    return rehearse(live, wanted | (allow.tables() if allow else set()))


def _report(
    live: Live,
    snapshot_file: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    allow_file: str | None,
    grace: timedelta,
    confirm: int | str | None,
) -> Report:
    from placement_audit import allow as allow_list
    from placement_audit.audit import Pause, judge, live_report
    from placement_audit.checks import chosen
    from placement_audit.cli.progress import shown, waited
    from placement_audit.snapshot import kept

    checks = chosen(select, ignore)
    # Without --select: an entry for every check has not been tried when only some of them run.
    allow = allow_list.read(allow_file, chosen((), ignore)) if allow_file is not None else None
    if snapshot_file is None:
        pause = int(grace.total_seconds() if confirm == _GRACE else confirm or 0)
        with shown() as progress:
            return live_report(
                live.sources(),
                live.limits(),
                checks,
                grace,
                progress,
                own_credentials=not live.use_cell_credentials,
                allow=allow,
                confirm=None if confirm is None else Pause(pause, waited),
            )
    if confirm is not None:
        raise click.UsageError("--confirm reads live databases again, and a kept snapshot has none behind it")
    if live.named():
        raise click.UsageError("--snapshot takes the place of live databases; give one or the other")
    with kept(Path(snapshot_file)) as connection:
        return replace(judge(connection, checks, grace, allow), kept_in=snapshot_file)


def _publish(
    report: Report, fail_on: Severity, layout: str, output: str | None, everything: bool, *, to_stdout: bool
) -> None:
    if layout == "json":
        from placement_audit.render import document

        text = document.rendered(report, fail_on)
    else:
        from placement_audit.render import table

        width = table.terminal_width() if output is None and sys.stdout and sys.stdout.isatty() else None
        text = table.rendered(report, everything=everything, width=width)
    if output is not None or to_stdout:
        written(text, output)
