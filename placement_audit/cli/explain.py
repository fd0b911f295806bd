"""placement-audit explain"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placement_audit.cli.options import Live, live_options
from placement_audit.cli.output import written
from placement_audit.errors import CannotTell

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from placement_audit.candidates.explanation import Explanation
    from placement_audit.candidates.flavor import Asked as FromNova
    from placement_audit.candidates.request import Microversion, Request
    from placement_audit.candidates.supply import Supply
    from placement_audit.candidates.whatif import Changes
    from placement_audit.render.explanation import Asked, Circumstances

# osc-placement's: what they mean depends on the order in which they come.
_REQUEST_OPTIONS = (
    "--resource",
    "--required",
    "--forbidden",
    "--member-of",
    "--aggregate-uuid",
    "--in-tree",
    "--group",
    "--group-policy",
    "--limit",
)


class _Ordered(click.Command):
    """Keeps the order of the options that make up a request."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        left = {
            name: iter(value if isinstance(value, list) else [value])
            for name, value in values.items()
            if f"--{name.replace('_', '-')}" in _REQUEST_OPTIONS
        }
        ctx.meta["placement_audit.tokens"] = [
            (f"--{one.name.replace('_', '-')}", next(left[one.name]))
            for one in order
            if one.name in left and isinstance(one, click.Option)
        ]
        return super().parse_args(ctx, args)


@dataclass(frozen=True)
class _Wish:
    """What the user asks about."""

    text: str | None
    tokens: Sequence[tuple[str, str]]
    microversion: str | None
    flavor: str | None
    server: str | None
    project: str | None
    az: str | None
    image_properties: Sequence[str]
    volume_backed: bool

    @property
    def of_nova(self) -> bool:
        return self.flavor is not None or self.server is not None


def _request_options(function: Callable[..., Any]) -> Callable[..., Any]:
    helps = {
        "--resource": ("CLASS=AMOUNT", "A resource of the request. Repeatable, as all of these are."),
        "--required": ("TRAIT", "A required trait; with commas between, any of them."),
        "--forbidden": ("TRAIT", "A forbidden trait."),
        "--member-of": ("AGGREGATE", "An aggregate's uuid; with commas between, any of them."),
        "--aggregate-uuid": ("UUID", "An aggregate's uuid; given more than once, any of them."),
        "--in-tree": ("PROVIDER", "Only the tree of this provider."),
        "--group": ("SUFFIX", "What follows belongs to the request group of this suffix."),
        "--group-policy": ("POLICY", "none or isolate."),
        "--limit": ("N", "Show at most so many candidates."),
    }
    for name in reversed(_REQUEST_OPTIONS):
        metavar, text = helps[name]
        function = click.option(name, metavar=metavar, multiple=True, expose_value=False, help=text)(function)
    return function


@click.command("explain", cls=_Ordered)
@click.argument("request", required=False, metavar="[REQUEST|-]")
@_request_options
@click.option("--microversion", metavar="1.N", help="The grammar to go by.  [default: what the line says, or 1.39]")
@click.option("--flavor", metavar="NAME", help="The request that nova makes for a flavor, by id or name.")
@click.option("--server", metavar="UUID", help="The request that nova makes for a server, from its request spec.")
@click.option("--project", metavar="ID", help="With --flavor: the project that boots.")
@click.option("--az", metavar="ZONE", help="With --flavor: the availability zone.")
@click.option("--image-property", metavar="KEY=VALUE", multiple=True, help="With --flavor: of the image. Repeatable.")
@click.option("--volume-backed", is_flag=True, help="With --flavor: the server boots from a volume.")
@click.option("--provider", metavar="NAME", help="Tell all about one provider, by name or uuid.")
@click.option(
    "--what-if",
    metavar="CHANGE",
    multiple=True,
    help="Ask altered rows too: VCPU.max_unit=64, MEMORY_MB.allocation_ratio=1.5@compute-*, -trait:NAME@HOST, "
    "+trait:NAME. Repeatable.",
)
@live_options
@click.option("--snapshot", "snapshot_file", metavar="FILE", help="Ask a kept snapshot in place of live databases.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs (placement-audit-explain/1).",
)
@click.option("--output", metavar="FILE", help="Write the answer to a file instead of printing it.")
@click.pass_context
def command(
    context: click.Context,
    live: Live,
    request: str | None,
    microversion: str | None,
    flavor: str | None,
    server: str | None,
    project: str | None,
    az: str | None,
    image_property: tuple[str, ...],
    volume_backed: bool,
    provider: str | None,
    what_if: tuple[str, ...],
    snapshot_file: str | None,
    layout: str,
    output: str | None,
) -> int:
    """Tell why a request gets no allocation candidates, or which it gets.

    REQUEST is the query of GET /allocation_candidates (resources=VCPU:64&required=…), its URL, or a line of
    placement's log with it; - reads it from stdin. Or put it together with options as in
    openstack allocation candidate list, or name a flavor or a server.

    Exit code: 0 there are candidates (with --what-if: then), 1 none, 2 placement refuses the request, or nobody
    could tell.
    """
    from placement_audit.candidates.request import Refused
    from placement_audit.candidates.whatif import understood
    from placement_audit.render import explanation as render

    wish = _Wish(
        request,
        context.meta["placement_audit.tokens"],
        microversion,
        flavor,
        server,
        project,
        az,
        image_property,
        volume_backed,
    )
    _check(wish, live, snapshot_file)
    changes = understood(what_if)
    width = _width(output)
    try:
        with _databases(live, snapshot_file, wish.of_nova) as databases:
            asked, told = _asked(wish, databases, changes, what_if, provider, listed=layout == "json")
    except Refused as refusal:
        query = request if request not in (None, "-") else ""
        text = render.refused_document(refusal, query or "") if layout == "json" else render.refused(refusal, width)
        written(text, output)
        return 2
    text = render.document(asked, told) if layout == "json" else render.rendered(asked, told, width)
    written(text, output)
    return _code([one.after or one.explanation for one in asked])


def _check(wish: _Wish, live: Live, snapshot_file: str | None) -> None:
    limit_alone = {name for name, _ in wish.tokens} <= {"--limit"}
    ways = [wish.text is not None, not limit_alone, wish.flavor is not None, wish.server is not None]
    if sum(ways) != 1:
        raise click.UsageError(
            "give one request: a query, URL or log line; or --resource and the like; or --flavor; or --server"
        )
    if wish.flavor is None and (wish.project or wish.az or wish.image_properties or wish.volume_backed):
        raise click.UsageError("--project, --az, --image-property and --volume-backed go with --flavor")
    if snapshot_file is not None and live.named():
        raise click.UsageError("--snapshot takes the place of live databases; give one or the other")


def _width(output: str | None) -> int | None:
    from placement_audit.render.table import terminal_width

    return terminal_width() if output is None and sys.stdout and sys.stdout.isatty() else None


def _code(answers: Sequence[Explanation]) -> int:
    states = {one.status for one in answers}
    return 0 if "candidates" in states else 2 if "invalid" in states else 1


# --- the databases ---


@dataclass(frozen=True)
class _Databases:
    """Connections, each to one database under the vocabulary's names, or all to one snapshot."""

    placement: Connection
    source: str
    single_ratios: bool
    api: Connection | None
    cells: Sequence[Connection] | None
    live: Live


@contextmanager
def _databases(live: Live, snapshot_file: str | None, with_nova: bool) -> Iterator[_Databases]:
    from sqlalchemy.exc import DBAPIError

    from placement_audit.schema import Role
    from placement_audit.snapshot import kept, opened, sources_in
    from placement_audit.source.config import masked
    from placement_audit.source.connect import reading_schema, reason_of
    from placement_audit.source.recognise import recognise

    with ExitStack() as stack:
        if snapshot_file is not None:
            connection = stack.enter_context(kept(Path(snapshot_file)))
            [placement] = [one for one in sources_in(connection) if one.role == Role.PLACEMENT.value]
            single = (placement.url or "").startswith("mysql")
            yield _Databases(connection, f"the snapshot {snapshot_file}", single, connection, None, live)
            return
        sources, limits = live.sources(), live.limits()
        for warning in sources.warnings:
            click.echo(f"placement-audit: note: {warning}", err=True)
        if with_nova and sources.api is None:
            raise CannotTell(
                "--flavor and --server need nova's API database: give --api-db, PLACEMENT_AUDIT_API_DB "
                "or nova's --config-file"
            )
        api, cells = None, []
        if with_nova:
            with opened(sources, limits, own_credentials=not live.use_cell_credentials) as estate:
                urls = [(one.role, one.url) for one in estate.databases]
                for lost in estate.unreadable:
                    click.echo(f"placement-audit: note: {lost.role.value} {lost.name}: {lost.reason}", err=True)
            api = stack.enter_context(reading_schema(next(url for role, url in urls if role is Role.API), limits))
            cells = [stack.enter_context(reading_schema(url, limits)) for role, url in urls if role is Role.CELL]
        connection = stack.enter_context(reading_schema(sources.placement, limits))
        recognise(connection, sources.placement, Role.PLACEMENT)
        try:
            yield _Databases(connection, masked(sources.placement), False, api, cells, live)
        except DBAPIError as error:
            raise CannotTell(f"{masked(sources.placement)}: {reason_of(error)}") from None


# --- the request ---


def _asked(
    wish: _Wish,
    databases: _Databases,
    changes: Changes,
    texts: Sequence[str],
    provider: str | None,
    *,
    listed: bool,
) -> tuple[list[Asked], Circumstances]:
    from placement_audit.candidates.explanation import explained
    from placement_audit.candidates.supply import Supply
    from placement_audit.candidates.whatif import NOTHING
    from placement_audit.render.explanation import Asked, Circumstances

    # A snapshot has the cells itself.
    cells = [databases.placement] if databases.cells is None else databases.cells

    def supply(altered: Changes) -> Supply:
        return Supply(databases.placement, altered, single_ratios=databases.single_ratios, cells=cells)

    from_nova = _of_nova(wish, databases) if wish.of_nova else None
    if from_nova is not None and from_nova.refused is not None:
        raise CannotTell(f"nova refuses before it asks placement: {from_nova.refused}")
    one, assumed = (None, "") if from_nova is not None else _written(wish)
    requests = from_nova.requests if from_nova is not None else (one,) if one else ()
    limits = [value for name, value in wish.tokens if name == "--limit"]
    if limits and wish.text is not None:
        requests = tuple(replace(one, limit=_limit(limits[-1])) for one in requests)
    before = supply(NOTHING)
    after = supply(changes) if texts else None
    found = [
        Asked(
            explained(before, request, provider=provider, listed=listed),
            "" if len(requests) == 1 else "first request" if number == 0 else "second request, with VCPU for PCPU",
            explained(after, request, provider=provider, listed=listed) if after is not None else None,
        )
        for number, request in enumerate(requests)
    ]
    filters = from_nova.filters if from_nova else ()
    notes = from_nova.notes if from_nova else ()
    told = _effects(after, texts) if after is not None else ()
    return found, Circumstances(databases.source, told, filters, notes, assumed)


def _effects(altered: Supply, texts: Sequence[str]) -> list[str]:
    """Each change with how much it alters."""
    inventories = [text for text in texts if "trait:" not in text]
    ordered = [*inventories, *(text for text in texts if "trait:" in text)]
    found = []
    for text, count in zip(ordered, altered.effects(), strict=True):
        what = "traits" if "trait:" in text else "inventories"
        found.append(f"{text}: alters {count:,} {what}" if count else f"{text}: alters nothing")
    return found


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise click.UsageError(f"--limit {text}: expected a whole number from 1 upwards")
    return int(text)


def _written(wish: _Wish) -> tuple[Request, str]:
    """The request, and what to say of its microversion."""
    from placement_audit.candidates.grammar import found, from_options, parsed
    from placement_audit.candidates.request import NEWEST, Refused

    given = _microversion(wish.microversion)
    if wish.text is None:
        try:
            query = from_options(wish.tokens, given or NEWEST)
        except Refused as refusal:
            raise click.UsageError(refusal.message) from None
        return parsed(query, given or NEWEST), ""
    text = _stdin() if wish.text == "-" else wish.text
    if not text.strip():
        raise CannotTell("nothing to explain on stdin: did grep find a line?")
    try:
        query, told = found(text)
    except Refused as refusal:
        raise CannotTell(refusal.message) from None
    return parsed(query, given or told or NEWEST), "" if given or told else " (assumed)"


def _stdin() -> str:
    return sys.stdin.buffer.read().decode(errors="replace") if sys.stdin else ""


def _microversion(text: str | None) -> Microversion | None:
    from placement_audit.candidates.request import NEWEST

    if text is None:
        return None
    if text == "latest":
        return NEWEST
    major, dot, minor = text.partition(".")
    if not (dot and major == "1" and minor.isdecimal() and 10 <= int(minor) <= NEWEST[1]):
        raise click.UsageError(f"--microversion {text}: expected 1.10 to 1.{NEWEST[1]}, or latest")
    return 1, int(minor)


def _of_nova(wish: _Wish, databases: _Databases) -> FromNova:
    from placement_audit.candidates.flavor import flavor_request, server_request, settings_kept, settings_of

    assert databases.api is not None  # noqa: S101  for the type checker
    files, folders = databases.live.config_file, databases.live.config_dir
    # Files that are given are nearer than what a snapshot was taken with.
    of_snapshot = databases.cells is None and not files and not folders
    settings = settings_kept(databases.api) if of_snapshot else settings_of(files, folders)
    if wish.server is not None:
        return server_request(databases.api, wish.server, settings, cells=databases.cells)
    properties = {}
    for text in wish.image_properties:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--image-property {text}: expected KEY=VALUE")
        properties[key] = value
    return flavor_request(
        databases.api,
        wish.flavor or "",
        settings=settings,
        project=wish.project,
        az=wish.az,
        image_properties=properties,
        volume_backed=wish.volume_backed,
        cells=databases.cells,
    )
