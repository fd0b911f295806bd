"""What operators know and accept: the entries of a TOML file, and the findings that they match.

An entry never matches more than it names. What a finding's row does not tell of a consumer (its project, its type, all
that it holds and where) is looked up in the snapshot, and what cannot be found out there does not match.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import translate
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from placement_audit import schema as t
from placement_audit.checks import named
from placement_audit.errors import CannotTell
from placement_audit.finding import Check

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Row = Mapping[str, Any]

# Keys whose values are compared as they are, and those whose values are patterns: * ? [abc].
_EXACT = ("uuid", "project")
_PATTERNS = ("name", "resource_class", "consumer_type")
_WHAT = (*_EXACT, *_PATTERNS)
_KEYS = (*_WHAT, "checks", "comment", "until")
# The columns of a check's row that say what the finding is about. Others are its evidence, or a sample.
_UUIDS = ("consumer", "provider", "instance", "migration", "aggregate", "aggregate_uuid", "node_uuid")
_NAMES = ("provider_name", "host", "node", "flavor", "aggregate")
_FAULT_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
# An old SQLite takes no more than 999 values in a statement.
_CHUNK = 500


@dataclass(frozen=True)
class About:
    """What a finding is about, folded. A None among roots, classes or types is one without a name.

    ``roots``: where its consumer holds something, when it has no ``names`` of its own.
    """

    uuids: Collection[str]
    names: Collection[str]
    roots: Collection[str | None]
    projects: Collection[str]
    classes: Collection[str | None]
    types: Collection[str | None]


@dataclass(frozen=True, eq=False)
class Entry:
    """One ``[[allow]]`` of a file. All that it names must match: each key by any of its values."""

    place: str
    comment: str
    until: date | None
    codes: frozenset[str]
    exact: Mapping[str, frozenset[str]]
    patterns: Mapping[str, re.Pattern[str]]

    def matches(self, code: str, about: About) -> bool:
        """Whether a finding of that check is what the entry speaks of. A consumer must match with all that it holds."""
        return bool(
            code in self.codes
            and ("uuid" not in self.exact or any(uuid in self.exact["uuid"] for uuid in about.uuids))
            and (
                "name" not in self.patterns
                or any(map(self.patterns["name"].fullmatch, about.names))
                or self._covers("name", about.roots)
            )
            and ("project" not in self.exact or (about.projects and self.exact["project"].issuperset(about.projects)))
            and self._covers("resource_class", about.classes)
            and self._covers("consumer_type", about.types)
        )

    def _covers(self, key: str, values: Collection[str | None]) -> bool:
        pattern = self.patterns.get(key)
        return pattern is None or (bool(values) and all(value and pattern.fullmatch(value) for value in values))

    @property
    def looks_up(self) -> bool:
        """Whether consumers have to be looked up."""
        return "project" in self.exact or bool(self.patterns)


@dataclass(frozen=True)
class AllowList:
    """The entries of one file, in its order."""

    file: str
    entries: Sequence[Entry]

    def tables(self) -> set[Table]:
        """What must be read to look consumers up."""
        if not any(entry.looks_up for entry in self.entries):
            return set()
        return {
            *(t.consumers, t.projects, t.consumer_types),
            *(t.allocations, t.resource_classes, t.trees, t.resource_providers),
        }

    def accepted(
        self, connection: Connection, day: date, rows: Mapping[str, Sequence[Row]]
    ) -> tuple[dict[str, list[Entry | None]], list[str]]:
        """The entry that accepts each row of each check, if any does, and notes on entries that are of no use.

        An entry whose day has passed accepts nothing. One that matches nothing is noted only when each check that it
        is meant for was judged, that is when ``rows`` has its code.
        """
        in_force = [entry for entry in self.entries if entry.until is None or day <= entry.until]
        consumers = _Consumers()
        if any(entry.looks_up for entry in in_force):
            consumers.look_up(connection, {_holder(row) for found in rows.values() for row in found} - {None})
        used: set[Entry] = set()
        chosen: dict[str, list[Entry | None]] = {}
        for code, found in rows.items():
            chosen[code] = []
            for row in found:
                about = consumers.about(row)
                matching = [entry for entry in in_force if entry.matches(code, about)]
                used.update(matching)
                chosen[code].append(matching[0] if matching else None)
        notes = []
        for entry in self.entries:
            if entry not in in_force:
                notes.append(f"{entry.place}: expired on {entry.until}, accepts nothing any more: {entry.comment}")
            elif entry not in used and entry.codes <= rows.keys():
                notes.append(f"{entry.place}: matches nothing: {entry.comment}")
        return chosen, notes


@dataclass
class _Consumers:
    """What the snapshot knows of consumers, by their folded uuids."""

    projects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    roots: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    classes: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    types: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))

    def look_up(self, connection: Connection, uuids: Collection[str | None]) -> None:
        consumer, server, held = t.consumers.c, t.instances.c, t.allocations.c
        owners = (
            select(consumer.uuid, t.projects.c.external_id, t.consumer_types.c.name)
            .outerjoin_from(t.consumers, t.projects, t.projects.c.id == consumer.project_id)
            .outerjoin(t.consumer_types, t.consumer_types.c.id == consumer.consumer_type_id)
        )
        holdings = (
            select(held.consumer_id, t.resource_classes.c.name, t.resource_providers.c.name.label("root"))
            .outerjoin_from(t.allocations, t.resource_classes, t.resource_classes.c.id == held.resource_class_id)
            .outerjoin(t.trees, t.trees.c.provider_id == held.resource_provider_id)
            .outerjoin(t.resource_providers, t.resource_providers.c.id == t.trees.c.root_id)
        )
        servers = select(server.uuid, server.project_id)
        ordered = sorted(uuid for uuid in uuids if uuid)
        for start in range(0, len(ordered), _CHUNK):
            some = ordered[start : start + _CHUNK]
            for uuid, project, kind in connection.execute(owners.where(consumer.uuid.in_(some))):
                self.projects[_folded(uuid)] |= {_folded(project)} if project else set()
                self.types[_folded(uuid)].add(kind and kind.casefold())
            for uuid, name, root in connection.execute(holdings.where(held.consumer_id.in_(some))):
                self.classes[_folded(uuid)].add(name and name.casefold())
                self.roots[_folded(uuid)].add(root and root.casefold())
            for uuid, project in connection.execute(servers.where(server.uuid.in_(some))):
                self.projects[_folded(uuid)] |= {_folded(project)} if project else set()

    def about(self, row: Row) -> About:
        """What the row says, and where it has no word on it, what its consumer is known for."""
        holder = _folded(_holder(row) or "")
        names = [str(row[column]).casefold() for column in _NAMES if row.get(column)]
        own_class, own_type, own_project = row.get("resource_class"), row.get("consumer_type"), row.get("project")
        return About(
            uuids=[_folded(row[column]) for column in _UUIDS if row.get(column)],
            names=names,
            roots=() if names else self.roots.get(holder, ()),
            projects=self.projects.get(holder, set()) | ({_folded(own_project)} if own_project else set()),
            classes=[str(own_class).casefold()] if own_class else self.classes.get(holder, ()),
            types=[str(own_type).casefold()] if own_type else self.types.get(holder, ()),
        )


def _holder(row: Row) -> str | None:
    found = row.get("consumer") or row.get("instance")
    return None if found is None else str(found)


def _folded(text: object) -> str:
    """A uuid in one spelling, with and without dashes and in any case; other text as it is."""
    bare = str(text).casefold().replace("-", "")
    return bare if _is_uuid(bare) else str(text)


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{32}", text.casefold().replace("-", "")) is not None


# --- the file ----------------------------------------------------------------------------------------------


def read(file: str, meant: Iterable[Check]) -> AllowList:
    """The entries of a file; one that names no checks is for all that are ``meant``. Raises CannotTell."""
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise CannotTell(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CannotTell(f"{file}:{line}: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise CannotTell(_fault(file, text, error)) from None
    tables = document.pop("allow", [])
    for key in document:
        raise CannotTell(f"{file}:{_line_of(text, key)}: unknown {key!r}; the file is a list of [[allow]]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise CannotTell(f"{file}:{_line_of(text, 'allow')}: [[allow]] is expected, in two brackets")
    codes = frozenset(check.code for check in meant)
    places = list(_places(file, text, len(tables)))
    return AllowList(file, [_entry(table, place, codes) for table, place in zip(tables, places, strict=True)])


def _fault(file: str, text: str, error: Exception) -> str:
    where = _FAULT_AT.search(str(error))
    if isinstance(error, RecursionError):
        return f"{file}: nested too deeply"
    line = (where and where[1]) or text.rstrip().count("\n") + 1
    return f"{file}:{line}: {_FAULT_AT.sub('', str(error))}"


def _line_of(text: str, key: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.lstrip("[ \t\"'").startswith(key)), 1)


def _places(file: str, text: str, count: int) -> Iterator[str]:
    """Where each entry begins. The parser does not tell; a file of another layout gets numbers of entries instead."""
    header = re.compile(r"""\s*\[\[\s*(["']?)allow\1\s*\]\]""")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if header.match(line)]
    for index in range(count):
        yield f"{file}:{lines[index]}" if len(lines) == count else f"{file}: entry {index + 1}"


def _entry(table: Mapping[str, Any], place: str, meant: frozenset[str]) -> Entry:
    def wrong(what: str) -> CannotTell:
        return CannotTell(f"{place}: {what}")

    def words(key: str) -> list[str]:
        value = table[key]
        found = value if isinstance(value, list) else [value]
        if not found or not all(isinstance(word, str) and word.strip() for word in found):
            raise wrong(f"{key} takes a text, or a list of texts")
        return [word.strip() for word in found]

    for key in table:
        if key not in _KEYS:
            raise wrong(f"unknown key {key!r}; known are {', '.join(_KEYS)}")
    if not any(key in table for key in _WHAT):
        raise wrong(f"says not what is allowed: one of {', '.join(_WHAT)} at least (--ignore leaves out a whole check)")
    comment, until = table.get("comment"), table.get("until")
    if not isinstance(comment, str) or not comment.strip():
        raise wrong("a comment is missing: why is this allowed, and who knows of it?")
    if until is not None and type(until) is not date:  # a time with a clock is a date, too
        raise wrong("until takes a day, without quotes: until = 2027-01-31")
    for uuid in words("uuid") if "uuid" in table else ():
        if not _is_uuid(uuid):
            raise wrong(f"not a uuid: {uuid!r}")
    chosen = words("checks") if "checks" in table else []
    try:
        codes = frozenset(named(word).code for word in chosen) or meant
    except CannotTell as error:
        raise wrong(str(error)) from None
    return Entry(
        place=place,
        comment=" ".join(comment.split()),
        until=until,
        codes=codes,
        exact={key: frozenset(map(_folded, words(key))) for key in _EXACT if key in table},
        patterns={key: _pattern(words(key)) for key in _PATTERNS if key in table},
    )


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(word.casefold()) for word in words))
