"""Which databases to audit, and how the services are set: options, environment, their own configuration files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from placement_audit.errors import CannotTell
from placement_audit.source.login import Login

DRIVERS = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg", "sqlite": "sqlite"}


_OPTIONS = {"charset", "unix_socket", "host", "port"}


# What rows do not tell and judging them depends on (SEMANTICS J.12): groups, names, kinds. No name is in two groups.
SETTINGS: Mapping[str, Mapping[str, type]] = {
    "DEFAULT": {
        "cpu_allocation_ratio": float,
        "ram_allocation_ratio": float,
        "disk_allocation_ratio": float,
        "initial_cpu_allocation_ratio": float,
        "initial_ram_allocation_ratio": float,
        "initial_disk_allocation_ratio": float,
        "reserved_host_memory_mb": int,
        "service_down_time": int,
        "update_resources_interval": int,
    },
    "scheduler": {
        "limit_tenants_to_placement_aggregate": bool,
        "placement_aggregate_required_for_tenants": bool,
        "query_placement_for_availability_zone": bool,
        "query_placement_for_image_type_support": bool,
        "enable_isolated_aggregate_filtering": bool,
        "image_metadata_prefilter": bool,
        "query_placement_for_routed_network_aggregates": bool,
        "max_placement_results": int,
    },
    "filter_scheduler": {"pci_in_placement": bool},
    "pci": {"report_in_placement": bool},
    "placement": {"incomplete_consumer_project_id": str, "incomplete_consumer_user_id": str},
    "quota": {"count_usage_from_placement": bool},
    "workarounds": {"disable_fallback_pcpu_query": bool},
}
Value = bool | int | float | str


@dataclass(frozen=True)
class Sources:
    """URLs of the databases. ``base``, as written, is what nova fills cell templates from (SEMANTICS C.7).

    ``settings``: those of SETTINGS that the configuration files name.
    ``warnings``: what people should know about how they gave them.
    """

    placement: URL
    api: URL | None = None
    cells: Mapping[str, URL] = field(default_factory=dict)
    base: str | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def url_of(text: str, meant_for: str) -> URL:
    """A database URL with a driver that the auditor brings. Raises CannotTell."""
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        # The text itself is not shown: it may hold a password.
        raise CannotTell(
            f"{meant_for}: not a database URL; expected mysql+pymysql://USER:PASSWORD@HOST/DATABASE, "
            "postgresql+psycopg://… or sqlite:///FILE"
        ) from None
    return with_driver(url, meant_for)


def with_driver(url: URL, meant_for: str) -> URL:
    """The URL with its dialect's one supported driver: nova's may name another. Raises CannotTell."""
    dialect = url.get_backend_name()
    dialect = {"mariadb": "mysql", "postgres": "postgresql"}.get(dialect, dialect)
    if dialect not in DRIVERS:
        raise CannotTell(
            f"{meant_for}: databases of type {dialect!r} are not supported; mysql, postgresql and sqlite are"
        )
    if not url.database:
        # Not shown: what stands in the place of host and port may be user and password.
        raise CannotTell(f"{meant_for}: the URL names no database; add it behind the last slash")
    if "@" in f"{url.host}{url.database}" and dialect != "sqlite":
        raise CannotTell(f"{meant_for}: an @ in user or password must be written as %40, a slash as %2F")
    # Others may come from nova's own URL: a plugin that writes, a command to run at the start of a session.
    options = {key: value for key, value in url.query.items() if key in _OPTIONS or key.startswith("ssl")}
    return url.set(drivername=DRIVERS[dialect], query=options)


def masked(url: URL) -> str:
    """The URL for people: the password hidden, and options (which may hold key files) left out, but for a socket."""
    address = {name: value for name, value in url.query.items() if name == "unix_socket"}
    return url.set(query=address).render_as_string(hide_password=True)


def from_options(
    placement_db: str | None,
    api_db: str | None,
    cell_dbs: Sequence[str],
    config_files: Sequence[str] = (),
    config_dirs: Sequence[str] = (),
    login: Login = Login(),  # noqa: B008  immutable
) -> Sources:
    """The databases that options name; what they leave open comes from the configuration files and the login.

    Raises CannotTell when no placement database is named, or a URL or file cannot be understood.
    """
    configured = _configured(config_files, config_dirs) if config_files or config_dirs else {}
    placement = placement_db or configured.get("placement_database")
    api = api_db or configured.get("api_database")
    if not placement:
        if configured or config_files or config_dirs:
            raise CannotTell(
                "the configuration files name no [placement_database]/connection; add placement.conf with "
                "--config-file, or give --placement-db"
            )
        raise CannotTell(
            "no placement database given; use --placement-db URL, --config-file placement.conf, or "
            "PLACEMENT_AUDIT_PLACEMENT_DB in the environment"
        )
    cells: dict[str, URL] = {}
    for item in cell_dbs:
        name, equals, text = item.partition("=")
        if not equals or not name or "://" in name:
            raise CannotTell("--cell-db takes NAME=URL, for example cell1=mysql+pymysql://USER:PASSWORD@HOST/nova")
        if name in cells:
            raise CannotTell(f"--cell-db names {name!r} twice")
        cells[name] = login.completing(url_of(text, f"--cell-db {name}"))

    def logged_in(text: str, option: str, given: bool) -> URL:
        if given:
            return login.completing(url_of(text, option))
        return login.instead_of_the_service(url_of(text, f"[{option[2:-3]}_database]/connection"))

    return Sources(
        placement=logged_in(placement, "--placement-db", bool(placement_db)),
        api=logged_in(api, "--api-db", bool(api_db)) if api else None,
        cells=cells,
        base=configured.get("database"),
        settings=settings_in(config_files, config_dirs),
    )


def settings_in(files: Sequence[str], folders: Sequence[str]) -> dict[str, Value]:
    """Those of SETTINGS that configuration files name. Raises CannotTell."""
    if not files and not folders:
        return {}
    from oslo_config import cfg

    kinds = {bool: cfg.BoolOpt, int: cfg.IntOpt, float: cfg.FloatOpt, str: cfg.StrOpt}
    conf = cfg.ConfigOpts()
    for group, options in SETTINGS.items():
        conf.register_opts([kinds[kind](name) for name, kind in options.items()], group=group)
    read = _read(
        conf, files, folders, lambda: {name: conf[group][name] for group in SETTINGS for name in SETTINGS[group]}
    )
    return {name: value for name, value in read.items() if value is not None}


def _configured(files: Sequence[str], folders: Sequence[str]) -> dict[str, str]:
    from oslo_config import cfg

    groups = ("placement_database", "api_database", "database")
    conf = cfg.ConfigOpts()
    for group in groups:
        conf.register_opts([cfg.StrOpt("connection", secret=True)], group=group)
    found = _read(conf, files, folders, lambda: {group: conf[group].connection for group in groups})
    return {group: connection for group, connection in found.items() if connection}


def _read(
    conf: Any, files: Sequence[str], folders: Sequence[str], values: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    from oslo_config import cfg

    arguments = [part for name in files for part in ("--config-file", name)]
    arguments += [part for name in folders for part in ("--config-dir", name)]
    try:
        conf(arguments, project="placement-audit", default_config_files=[], default_config_dirs=[])
        return values()
    except cfg.ConfigFileParseError as error:
        raise CannotTell(f"cannot understand the configuration file {error.config_file}: {error.msg}") from None
    except cfg.Error as error:
        raise CannotTell(f"cannot read the configuration: {' '.join(str(error).split())}") from None
