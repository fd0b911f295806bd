"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from placement_audit.source.config import Sources
    from placement_audit.source.connect import Limits

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
    statement_timeout: int
    lock_timeout: int

    def named(self) -> bool:
        """Whether any live database is named by an option of the command line."""
        context = click.get_current_context()
        return any(
            context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
            for name in ("placement_db", "api_db", "cell_db", "config_file", "config_dir")
        )

    def sources(self) -> Sources:
        from placement_audit.source.config import from_options

        return from_options(self.placement_db, self.api_db, self.cell_db, self.config_file, self.config_dir)

    def limits(self) -> Limits:
        from placement_audit.source.connect import Limits

        return Limits(statement=self.statement_timeout, lock=self.lock_timeout)


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
        names = Live.__dataclass_fields__
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
