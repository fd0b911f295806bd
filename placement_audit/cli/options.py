"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from placement_audit.source.config import Sources
    from placement_audit.source.connect import Limits
    from placement_audit.source.login import Login

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Live:
    """The options that say which live databases to read, and how."""

    placement_db: str | None
    api_db: str | None
    cell_db: tuple[str, ...]
    config_file: tuple[str, ...]
    config_dir: tuple[str, ...]
    use_cell_credentials: bool
    defaults_file: str | None
    defaults_group_suffix: str
    ask_pass: bool
    password_file: str | None
    password_command: str | None
    ssl_ca: str | None
    ssl_cert: str | None
    ssl_key: str | None
    ssl_verify_identity: bool | None
    statement_timeout: int
    lock_timeout: int
    max_load: Mapping[str, float] = field(default_factory=dict)
    pause: float = 0
    replica_lag_max: int | None = None
    max_wait: int = 60

    def named(self) -> bool:
        """Whether any live database is named by an option of the command line."""
        context = click.get_current_context()
        return any(
            context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
            for name in ("placement_db", "api_db", "cell_db", "config_file", "config_dir")
        )

    def sources(self) -> Sources:
        from placement_audit.source.config import from_options

        sources = from_options(
            self.placement_db, self.api_db, self.cell_db, self.config_file, self.config_dir, self._login()
        )
        return replace(sources, warnings=tuple(self._shown()))

    def _login(self) -> Login:
        from placement_audit.source import login

        if self.defaults_group_suffix and self.defaults_file is None:
            raise click.UsageError("--defaults-group-suffix goes with --defaults-file")
        ways = [self.ask_pass, self.password_file is not None, self.password_command is not None]
        if sum(ways) > 1:
            raise click.UsageError("give one of --ask-pass, --password-file and --password-command")
        found = login.Login()
        if self.defaults_file is not None:
            found = login.from_option_file(self.defaults_file, self.defaults_group_suffix)
        if self.password_file is not None:
            found = replace(found, password=login.password_in(self.password_file))
        elif self.password_command is not None:
            found = replace(found, password=login.password_from(self.password_command))
        elif self.ask_pass:
            found = replace(found, password=login.asked())
        verify = found.tls.verify if self.ssl_verify_identity is None else self.ssl_verify_identity
        tls = login.Tls(
            self.ssl_ca or found.tls.ca, self.ssl_cert or found.tls.cert, self.ssl_key or found.tls.key, verify
        )
        return replace(found, tls=replace(tls, required=found.tls.required))

    def _shown(self) -> Iterator[str]:
        """Which options of the command line hold a password that everybody on this machine can see."""
        context = click.get_current_context()
        texts = {"--cell-db": self.cell_db}
        for name, text in (("placement_db", self.placement_db), ("api_db", self.api_db)):
            if text and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                texts["--" + name.replace("_", "-")] = (text,)
        for option, urls in texts.items():
            if any(re.search("://[^/@]*:[^/@]+@", url) for url in urls):
                yield (
                    f"the password in {option} shows in this machine's process list; leave it out of the URL, and use "
                    "--defaults-file, --password-file, --password-command or --ask-pass"
                )

    def limits(self) -> Limits:
        from placement_audit.source.connect import Limits

        return Limits(
            self.statement_timeout, self.lock_timeout, self.max_load, self.pause, self.replica_lag_max, self.max_wait
        )


_LIVE = (
    click.option(
        "--placement-db",
        metavar="URL",
        envvar="PLACEMENT_AUDIT_PLACEMENT_DB",
        help="Placement's database, e.g. mysql+pymysql://auditor:PASSWORD@HOST/placement. "
        "A URL here shows in the process list: prefer the environment, PLACEMENT_AUDIT_PLACEMENT_DB.",
    ),
    click.option(
        "--api-db",
        metavar="URL",
        envvar="PLACEMENT_AUDIT_API_DB",
        help="Nova's API database; the cells are found there. Environment: PLACEMENT_AUDIT_API_DB.",
    ),
    click.option("--cell-db", metavar="NAME=URL", multiple=True, help="A cell's database. Repeatable."),
    click.option(
        "--config-file",
        metavar="FILE",
        multiple=True,
        help="placement.conf or nova.conf, to take the databases and the services' settings from. Repeatable.",
    ),
    click.option("--config-dir", metavar="DIR", multiple=True, help="A folder of such files. Repeatable."),
    click.option(
        "--use-cell-credentials",
        is_flag=True,
        help="Log in to the cells as cell_mappings says, that is as nova, instead of with the account of --api-db.",
    ),
    click.option(
        "--defaults-file",
        metavar="FILE",
        help="A MySQL option file, such as ~/.my.cnf: user, password, host, port, socket and TLS of its [client].",
    ),
    click.option(
        "--defaults-group-suffix", metavar="SUFFIX", default="", help="Read its group [clientSUFFIX] as well."
    ),
    click.option("--ask-pass", is_flag=True, help="Ask for the password at the terminal."),
    click.option("--password-file", metavar="FILE", help="Take the password from the first line of a file."),
    click.option(
        "--password-command",
        metavar="COMMAND",
        help="Take the password from the first line that a command prints, such as 'pass show auditor'.",
    ),
    click.option("--ssl-ca", metavar="FILE", help="Talk TLS, to servers whose certificate this authority signed."),
    click.option("--ssl-cert", metavar="FILE", help="The auditor's own certificate."),
    click.option("--ssl-key", metavar="FILE", help="The key of that certificate."),
    click.option(
        "--ssl-verify-identity/--no-ssl-verify-identity",
        default=None,
        help="Whether the server's certificate must be of its host name.  [default: with --ssl-ca]",
    ),
    click.option(
        "--statement-timeout",
        metavar="SECONDS",
        type=click.IntRange(min=1),
        default=300,
        show_default=True,
        help="Let the server end a statement that takes longer.",
    ),
    click.option(
        "--lock-timeout",
        metavar="SECONDS",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Give up waiting for a lock after this time.",
    ),
)


def live_options(function: F) -> F:
    """Where the live databases are; the command gets them as ``live``."""

    def gathered(**options: Any) -> Any:
        names = [name for name in Live.__dataclass_fields__ if name in options]
        live = Live(**{name: options.pop(name) for name in names})
        if live.config_file or live.config_dir:
            # Files on the command line are nearer than the environment: the two may speak of different clouds.
            environment = _from_environment()
            live = replace(
                live,
                placement_db=None if "placement_db" in environment else live.placement_db,
                api_db=None if "api_db" in environment else live.api_db,
            )
        return function(live=live, **options)

    gathered.__doc__ = function.__doc__
    gathered.__click_params__ = list(getattr(function, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(_LIVE):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]


def _a_number(_context: click.Context, _option: click.Parameter, seconds: float) -> float:
    if isnan(seconds):  # it is in every range
        raise click.BadParameter("not a number of seconds")
    return seconds


def _loads(_context: click.Context, _option: click.Parameter, texts: str | None) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for text in texts.split(",") if texts else ():
        match = re.fullmatch(r"\s*(\w+)\s*[=:]\s*(\d+(?:\.\d+)?)\s*", text, re.ASCII)
        if match is None:
            raise click.BadParameter("expected VARIABLE=NUMBER, with commas between, such as Threads_running=50")
        found[match[1]] = float(match[2])
    return found


_GENTLE = (
    click.option(
        "--max-load",
        metavar="VARIABLE=NUMBER",
        callback=_loads,
        help="Wait between tables while a status variable of MySQL is above this, such as Threads_running=50. "
        "Several with commas between.",
    ),
    click.option(
        "--pause",
        metavar="SECONDS",
        type=click.FloatRange(min=0, max=3600),
        default=0,
        callback=_a_number,
        help="Rest before each table.  [default: not]",
    ),
    click.option(
        "--replica-lag-max",
        metavar="SECONDS",
        type=click.IntRange(min=0),
        help="On a replica: wait while it is further behind than this.",
    ),
    click.option(
        "--max-wait",
        metavar="SECONDS",
        type=click.IntRange(min=0),
        default=60,
        show_default=True,
        help="How long to wait each time; then give up, with 2.",
    ),
)


def gentle_options(function: F) -> F:
    """How to spare the servers; below ``live_options``, which hands them on in ``live``."""
    for option in reversed(_GENTLE):
        function = option(function)
    return function


def _from_environment() -> list[str]:
    source = click.get_current_context().get_parameter_source
    return [name for name in ("placement_db", "api_db") if source(name) is click.core.ParameterSource.ENVIRONMENT]


def check_options(function: F) -> F:
    """Which checks to run: ``select`` and ``ignore``."""
    for option in (
        click.option("--ignore", metavar="CODE", multiple=True, help="Leave these checks out. Repeatable."),
        click.option(
            "--select",
            metavar="CODE",
            multiple=True,
            help="Run only these checks, by code or name, with commas between. Repeatable.",
        ),
    ):
        function = option(function)
    return function
