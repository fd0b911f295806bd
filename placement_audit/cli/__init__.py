"""The command: one module a subcommand, loaded when it is called."""

from __future__ import annotations

import importlib
import io
import re
import signal
import sys
import traceback

import click

from placement_audit import __version__
from placement_audit.errors import CannotTell

COMMANDS = ("audit", "checks", "demo", "doctor", "explain", "snapshot", "sql")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(found, click.Command)  # noqa: S101  for the type checker
        return found


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def command() -> None:
    """Audit OpenStack's placement and nova databases, without writing to them.

    Exit code: 0 clean, 1 findings, 2 could not tell.
    """


def main() -> None:
    """Run the command; what a user can cause ends in one line on stderr."""
    signal.signal(signal.SIGTERM, _end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no ellipsis is no reason to fail
    try:
        sys.exit(command.main(prog_name="placement-audit", standalone_mode=False) or 0)
    except CannotTell as error:
        _fail(str(error))
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        # An argument in the wrong place may be a URL with a password.
        click.echo(_without_urls(told.getvalue()), err=True, nl=False)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt, _Ended):
        click.echo("placement-audit: interrupted", err=True)
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}")
    except Exception:
        # A mistake of ours. Python would end with 1, which means findings.
        click.echo(_without_urls(traceback.format_exc()), err=True, nl=False)
        _fail("internal error; the lines above say where, please report them")


def _without_urls(text: str) -> str:
    return re.sub(r"://[^\s'\")]*", "://…", text)


class _Ended(BaseException):
    """The process is asked to end: temporary files are removed on the way out."""


def _end(_number: int, _frame: object) -> None:
    raise _Ended


def _fail(reason: str) -> None:
    from placement_audit.render.escape import plain

    click.echo(f"placement-audit: {plain(reason)}", err=True)
    sys.exit(2)
