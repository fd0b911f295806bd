"""What our own commands do to the guests: a model of each of them, on the databases of a cloud (SQLite).

A guest is accounted for where its server, or a migration of it, holds room on the host that runs it. No command may
take that away, hold room for it where it is not, or end what lives: guests, their servers, their hosts' providers and
mappings.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import make_url

from placement_audit import schema as t
from placement_audit.demo.estate import Urls, uuid_of
from placement_audit.finding import Finding, changes_something
from tests.moves import Stage

# Pinned CPUs are CPUs.
_SAME = {t.STANDARD_CLASSES.index("PCPU"): t.STANDARD_CLASSES.index("VCPU")}
_EVACUATING = ("accepted", "pre-migrating", "done")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
Held = Mapping[str, Mapping[int, Mapping[int, int]]]


@dataclass(frozen=True, eq=False)
class Place:
    """A host that has a guest, and how much of what the guest needs there."""

    host: str
    cell: str
    node: str
    provider: str
    needs: Mapping[int, int]


@dataclass(frozen=True)
class Guest:
    """One server: its uuid and those of its migrations, and where it really is, which may be nowhere."""

    state: str
    server: str
    consumers: frozenset[str]
    places: tuple[Place, ...]
    pool: str | None


def guest_of(stage: Stage, state: str) -> Guest:
    """The guest of a stage, as its story has it at this step."""
    ids = {name: number for number, name in enumerate(t.STANDARD_CLASSES)}
    places = []
    for name, flavor in stage.guest.items():
        host = stage.host(name)
        needs = {ids[name]: used for name, used in stage.estate.amounts(flavor).items() if name in ids}
        places.append(Place(host.name, host.cell, str(host.node["hypervisor_hostname"]), host.uuid, needs))
    consumers = frozenset([uuid_of(stage.name), *(str(move["uuid"]) for move in stage.moves)])
    return Guest(state, uuid_of(stage.name), consumers, tuple(places), stage.pool and str(stage.pool["uuid"]))


@dataclass
class _View:
    """What the databases say of guests at one moment."""

    held: Held
    providers: dict[int, tuple[str, str, int]]
    nodes: list[tuple[str, str, str]]
    mapped: set[str]
    servers: dict[str, set[str | None]]
    pooled: set[tuple[int, int]]
    destroyed: set[tuple[str, str]] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    def tree(self, place: Place) -> set[int]:
        """The providers of a host: of the node that it had, and of those that it has."""
        uuids = {place.provider, *(uuid for uuid, host, _ in self.nodes if host == place.host)}
        roots = {number for number, (uuid, _, _) in self.providers.items() if uuid in uuids}
        return roots | {number for number, (_, _, root) in self.providers.items() if root in roots}


class Refused(Exception):
    """The real command would say no, and change nothing."""


class Model:
    """The databases of a cloud on SQLite, and what each of our commands does to them. All is undone in the end."""

    def __init__(self, urls: Urls, guests: Iterable[Guest]) -> None:
        self.guests = tuple(guests)
        self.cells = tuple(urls.cells)
        self.connection = sqlite3.connect(str(make_url(urls.placement).database), isolation_level=None)
        for name, url in {"nova_api": urls.api, **urls.cells}.items():
            self.connection.execute(f'ATTACH ? AS "{name}"', (str(make_url(url).database),))
        self.destroyed: set[tuple[str, str]] = set()
        self.broken: set[str] = set()
        self.before = self._look()
        self.trees = {place: self.before.tree(place) for guest in self.guests for place in guest.places}

    def close(self) -> None:
        """Let go of the files."""
        self.connection.close()

    def harm(self, lines: Iterable[str]) -> Iterator[str]:
        """What goes wrong when these commands are run, one after the other."""
        self.connection.execute("BEGIN")
        self.destroyed, self.broken = set(), set()
        try:
            for line in lines:
                written = self.connection.total_changes
                try:
                    self.run(line)
                except Refused as reason:
                    yield f"`{line}` is refused: {reason}"
                    return
                if written == self.connection.total_changes and not self.destroyed and not self.broken:
                    continue
                for harm in sorted(self._harms(self._look())):
                    yield f"`{line}` {harm}"
                    return
        finally:
            self.connection.execute("ROLLBACK")

    # --- looking ---

    def _each_cell(self, columns: str, table: str, where: str = "1") -> list[tuple[str | None, ...]]:
        parts = [f'SELECT {columns} FROM "{cell}".{table} WHERE {where}' for cell in self.cells]
        return self.connection.execute(" UNION ALL ".join(parts)).fetchall()

    def _look(self) -> _View:
        held: defaultdict[str, dict[int, dict[int, int]]] = defaultdict(dict)
        for consumer, provider, kind, used in self.connection.execute(
            "SELECT consumer_id, resource_provider_id, resource_class_id, used FROM allocations"
        ):
            of_provider = held[str(consumer).lower()].setdefault(provider, {})
            of_provider[_SAME.get(kind, kind)] = of_provider.get(_SAME.get(kind, kind), 0) + (used or 0)
        providers = {
            number: (str(uuid), str(name), root)
            for number, uuid, name, root in self.connection.execute(
                "SELECT id, uuid, name, root_provider_id FROM resource_providers"
            )
        }
        nodes = self._each_cell("uuid, host, hypervisor_hostname", "compute_nodes", "deleted = 0")
        servers: defaultdict[str, set[str | None]] = defaultdict(set)
        for uuid, host in self._each_cell("uuid, host", "instances", "deleted = 0"):
            servers[str(uuid)].add(host)
        return _View(
            held,
            providers,
            [(str(uuid), str(host), str(node)) for uuid, host, node in nodes],
            {str(host) for (host,) in self.connection.execute("SELECT host FROM nova_api.host_mappings")},
            servers,
            set(
                self.connection.execute(
                    "SELECT resource_provider_id, aggregate_id FROM resource_provider_aggregates"
                    " JOIN placement_aggregates ON id = aggregate_id"
                )
            ),
            set(self.destroyed),
            set(self.broken),
        )

    def _harms(self, after: _View) -> Iterator[str]:
        for guest in self.guests:
            if any(self.before.held.get(consumer) != after.held.get(consumer) for consumer in guest.consumers):
                yield from self._accounting(guest, after)
            for place in guest.places:
                yield from self._ends(guest, place, after)
            if guest.places:
                yield from self._forgets(guest, after)
            if guest.server in after.broken:
                yield f"breaks the live migration of {guest.state}"
        for number, _ in self.before.pooled - after.pooled:
            if number in self.before.providers and number in after.providers:
                yield f"takes {self.before.providers[number][1]} from an aggregate"

    def _ends(self, guest: Guest, place: Place, after: _View) -> Iterator[str]:
        """The guest, or what its host needs."""
        before = self.before
        if (guest.server, place.host) in after.destroyed:
            yield f"destroys the guest of {guest.state} on {place.host}"
        renamed = any(uuid == place.provider and host != place.host for uuid, host, _ in before.nodes)
        if place.host in before.mapped - after.mapped and not renamed:
            yield f"unmaps {place.host}, which has the guest of {guest.state}"
        if before.providers == after.providers:
            return
        # the node's own: an old one that is empty may go
        own = {uuid for uuid, host, node in before.nodes if (host, node) == (place.host, place.node)}
        for number in self.trees[place]:
            uuid, name, _ = before.providers[number]
            if number not in after.providers:
                if uuid in (own or {place.provider}):
                    yield f"deletes the provider of {place.host}, which has the guest of {guest.state}"
            elif after.providers[number][1] not in {name, *(node for of, _, node in after.nodes if of == uuid)}:
                yield f"calls the provider of {place.host} {after.providers[number][1]}"

    def _forgets(self, guest: Guest, after: _View) -> Iterator[str]:
        """Nova, of a server."""
        had, has = (view.servers.get(guest.server, set()) for view in (self.before, after))
        hosts = {place.host for place in guest.places}
        if had and not has:
            yield f"removes the server of {guest.state}"
        elif had & hosts and not has & hosts:
            yield f"makes nova forget where the guest of {guest.state} is"

    def _accounting(self, guest: Guest, after: _View) -> Iterator[str]:
        before = self.before
        pool = {number for number, (uuid, _, _) in before.providers.items() if uuid == guest.pool}
        trees = {place: self.trees[place] | after.tree(place) for place in guest.places}
        for place, tree in trees.items():
            for kind, need in place.needs.items():
                had, has = (_sum(guest, view.held, tree | pool, kind) for view in (before, after))
                if min(has, need) < min(had, need):
                    what = t.STANDARD_CLASSES[kind]
                    yield f"leaves {has} of {had} {what} to the guest of {guest.state} on {place.host}"
        for number in set(after.providers) - pool - set().union(*trees.values()):
            kinds = {kind for view in (before, after) for kind in _kinds(guest, view.held, number)}
            for kind in kinds:
                had, has = (_sum(guest, view.held, {number}, kind) for view in (before, after))
                if has > max(had, 0):
                    name = after.providers[number][1]
                    yield f"holds {has} instead of {had} for the guest of {guest.state} on {name}, where it is not"

    # --- the commands ---

    def run(self, line: str) -> None:
        """One command, or what a comment tells people to do. Raises AssertionError when it is an unknown one."""
        for pattern, does in _COMMANDS:
            if match := re.search(pattern, _plain(line)):
                does(self, *match.groups())
                return
        raise AssertionError(f"tests/guests.py does not know what this does: {line}")

    def _nothing(self, *_: str) -> None:
        """For guests it is no matter."""

    def _loop(self, words: str, command: str) -> None:
        for word in shlex.split(words):
            self.run(command.replace('"$provider"', word))

    def _allocation(self, verb: str, words: str) -> None:
        *options, consumer = shlex.split(words)
        given: defaultdict[str, list[str]] = defaultdict(list)
        for option, value in zip(options[::2], options[1::2], strict=True):
            given[option].append(value)
        if verb == "delete":
            self._do("DELETE FROM allocations WHERE consumer_id = ?", consumer)
        elif verb == "set":
            self._do("DELETE FROM allocations WHERE consumer_id = ?", consumer)
            for one in given["--allocation"]:
                of, *amounts = one.split(",")
                for amount in amounts:
                    kind, _, used = amount.partition("=")
                    self._claim(consumer, of.removeprefix("rp="), kind, int(used))
        else:
            for provider in given["--provider"] or [""]:
                kinds = [self._class(kind) for kind in given["--resource-class"]]
                among = f"AND resource_class_id IN ({', '.join(map(str, kinds))})" if kinds else ""
                of = "AND resource_provider_id = (SELECT id FROM resource_providers WHERE uuid = ?)" if provider else ""
                self._do(
                    f"DELETE FROM allocations WHERE consumer_id = ? {of} {among}", consumer, *filter(None, [provider])
                )

    def _claim(self, consumer: str, provider: str, kind: str, used: int) -> None:
        self._do(
            "INSERT INTO allocations (resource_provider_id, consumer_id, resource_class_id, used)"
            " SELECT resource_provider_id, ?, resource_class_id, ? FROM inventories"
            " JOIN resource_providers ON id = resource_provider_id WHERE uuid = ? AND resource_class_id = ?",
            consumer,
            used,
            provider,
            self._class(kind),
            refused=f"{provider} has no {kind}",
        )

    def _class(self, name: str) -> int:
        found = self._ask("SELECT id FROM resource_classes WHERE name = ? AND id NOTNULL", name)
        return int(str(found[0][0])) if found else -1

    def _provider_delete(self, uuid: str) -> None:
        of_it = "(SELECT id FROM resource_providers WHERE uuid = ?)"
        if self._ask(f"SELECT 1 FROM allocations WHERE resource_provider_id = {of_it} LIMIT 1", uuid):
            raise Refused(f"{uuid} has allocations")
        if self._ask(f"SELECT 1 FROM resource_providers WHERE parent_provider_id = {of_it} LIMIT 1", uuid):
            raise Refused(f"{uuid} has children")
        self._do("DELETE FROM resource_providers WHERE uuid = ?", uuid, refused="there is no such provider")

    def _children_delete(self, uuid: str) -> None:
        while rows := self._ask(
            "SELECT child.uuid FROM resource_providers AS child"
            " JOIN resource_providers AS top ON top.id = child.root_provider_id AND top.uuid = ?"
            " WHERE child.id <> top.id"
            " AND child.id NOT IN (SELECT parent_provider_id FROM resource_providers WHERE parent_provider_id NOTNULL)",
            uuid,
        ):
            for (child,) in rows:
                self._provider_delete(str(child))

    def _rename(self, name: str, uuid: str) -> None:
        if self._ask("SELECT 1 FROM resource_providers WHERE name = ? AND uuid <> ?", name, uuid):
            raise Refused(f"{name} is another's name")
        self._do("UPDATE resource_providers SET name = ? WHERE uuid = ?", name, uuid, refused="no such provider")

    def _aggregates(self, words: str) -> None:
        arguments = shlex.split(words)
        provider, wanted = next(
            (one, [*arguments[:place], *arguments[place + 1 :]])
            for place, one in enumerate(arguments)
            if self._ask("SELECT 1 FROM resource_providers WHERE uuid = ?", one)
        )
        wanted = [one for one in wanted if re.fullmatch(_UUID, one)]
        for aggregate in wanted:
            self._do("INSERT INTO placement_aggregates (uuid) SELECT ? WHERE NOT EXISTS"
                     " (SELECT 1 FROM placement_aggregates WHERE uuid = ?)", aggregate, aggregate)  # fmt: skip
        among = ", ".join("?" for _ in wanted)
        of_it = "(SELECT id FROM resource_providers WHERE uuid = ?)"
        kept = f"(SELECT id FROM placement_aggregates WHERE uuid IN ({among}))"
        self._do(
            f"DELETE FROM resource_provider_aggregates WHERE resource_provider_id = {of_it}"
            f" AND aggregate_id NOT IN {kept}",
            provider,
            *wanted,
        )

    def _heal(self, server: str) -> None:
        found = [
            (cell, *row)
            for cell in self.cells
            for row in self._ask(
                f'SELECT host, node, vcpus, memory_mb, root_gb + ephemeral_gb FROM "{cell}".instances'
                " WHERE uuid = ? AND deleted = 0 AND host NOTNULL AND task_state IS NULL",
                server,
            )
        ]
        if not found or self._ask("SELECT 1 FROM allocations WHERE consumer_id = ?", server):
            return
        cell, host, node, *amounts = found[0]
        uuids = self._ask(
            f'SELECT uuid FROM "{cell}".compute_nodes WHERE host = ? AND hypervisor_hostname = ? AND deleted = 0',
            host,
            node,
        )
        if not uuids:
            raise Refused(f"{host} has no node {node}")
        for kind, used in zip(("VCPU", "MEMORY_MB", "DISK_GB"), amounts, strict=True):
            if used:
                self._claim(server, str(uuids[0][0]), kind, int(str(used)))

    def _start(self, host: str) -> None:
        """What nova-compute does when it starts (nova 34: init_host)."""
        for cell in self.cells:
            evacuations = self._ask(
                f'SELECT instance_uuid, source_node FROM "{cell}".migrations WHERE source_compute = ?'
                f" AND migration_type = 'evacuation' AND status IN {_EVACUATING}",
                host,
            )
            for server, node in evacuations:
                self.destroyed.add((str(server), host))
                self._do(
                    "DELETE FROM allocations WHERE consumer_id = ? AND resource_provider_id IN (SELECT p.id FROM"
                    f' resource_providers AS p JOIN "{cell}".compute_nodes AS n ON n.uuid = p.uuid AND n.deleted = 0'
                    " WHERE n.host = ? AND n.hypervisor_hostname = ?)",
                    server,
                    host,
                    node,
                )
            migrating = self._ask(
                f'SELECT uuid FROM "{cell}".instances AS s WHERE host = ? AND deleted = 0 AND EXISTS'
                f' (SELECT 1 FROM "{cell}".migrations AS m WHERE m.instance_uuid = s.uuid AND m.deleted = 0'
                " AND m.migration_type = 'live-migration' AND m.source_compute = s.host"
                " AND m.status IN ('accepted', 'queued', 'preparing', 'running', 'running (post-copy)'))"
                " AND s.task_state = 'migrating'",
                host,
            )
            self.broken |= {str(server) for (server,) in migrating}

    def _server_delete(self, server: str) -> None:
        self.destroyed |= {(server, place.host) for guest in self.guests for place in guest.places}
        self._do("DELETE FROM allocations WHERE consumer_id = ?", server)
        for cell in self.cells:
            self._do(f'UPDATE "{cell}".instances SET deleted = 1 WHERE uuid = ?', server)

    def _delete_host(self, _: str, host: str) -> None:
        for cell in self.cells:
            if self._ask(f'SELECT 1 FROM "{cell}".instances WHERE host = ? AND deleted = 0', host):
                raise Refused(f"there are servers on {host}")
        self._do("DELETE FROM nova_api.host_mappings WHERE host = ?", host, refused="it is not mapped")

    def _sql(self, database: str, statement: str) -> None:
        assert database == "placement", f"which database is {database}?"
        try:
            for one in statement.split("; "):
                self._do(_of_sqlite(one))
        except sqlite3.Error as error:
            raise Refused(str(error)) from None

    def _do(self, statement: str, *values: object, refused: str = "") -> None:
        changed = self.connection.execute(statement, values).rowcount
        if refused and not changed:
            raise Refused(refused)

    def _ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self.connection.execute(statement, values).fetchall()


def _sum(guest: Guest, held: Held, providers: set[int], kind: int) -> int:
    return sum(
        held.get(consumer, {}).get(number, {}).get(kind, 0) for consumer in guest.consumers for number in providers
    )


def _kinds(guest: Guest, held: Held, provider: int) -> set[int]:
    return {kind for consumer in guest.consumers for kind in held.get(consumer, {}).get(provider, {})}


def _plain(line: str) -> str:
    """The line without bash's $'...', which shlex does not know."""
    return re.sub(r"\$'((?:[^'\\]|\\.)*)'", lambda m: shlex.quote(m[1].encode().decode("unicode_escape")), line)


def _of_sqlite(statement: str) -> str:
    statement = statement.replace("INSERT IGNORE", "INSERT OR IGNORE").replace(" <=> ", " IS ")
    joined = re.fullmatch(
        r"UPDATE (\w+ AS (\w+)) JOIN (\(.+\) AS \w+) ON (.+?) SET \2\.(\w+) = (\S+) WHERE (.+)", statement
    )
    if joined:
        target, _, source, on, column, value, where = joined.groups()
        return f"UPDATE {target} SET {column} = {value} FROM {source} WHERE {on} AND {where}"
    return statement


_OPENSTACK = r"^openstack (?:--os-\w+-api-version \S+ )?"
_NOVA = r"^nova-manage "
# What each line does, by how it begins. The first that matches is it.
_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"^for provider in \$\(echo (.*?)\); do (openstack .*); done$", Model._loop),
    (_OPENSTACK + r"resource provider allocation (delete|set|unset) (.*)$", Model._allocation),
    (_OPENSTACK + r"resource provider delete (\S+)$", Model._provider_delete),
    (_OPENSTACK + r"resource provider set --name (\S+) (\S+)$", lambda m, *a: m._rename(*map(_unquoted, a))),
    (_OPENSTACK + r"resource provider aggregate set (.*?)(?:  #.*)?$", Model._aggregates),
    (_OPENSTACK + r"resource provider inventory set --amend ", Model._nothing),
    (_NOVA + r"placement heal_allocations --instance (\S+)", Model._heal),
    (_NOVA + r"placement sync_aggregates", Model._nothing),
    (_NOVA + r"cell_v2 delete_host --cell_uuid (\S+) --host (\S+)$", lambda m, *a: m._delete_host(*map(_unquoted, a))),
    (_NOVA + r"cell_v2 discover_hosts ", Model._nothing),
    (_NOVA + r"cell_v2 map_instances ", Model._nothing),
    (r"^placement-manage db online_data_migrations$", Model._nothing),
    (r"^mariadb (\w+) -e \"(.*?)\"(?:  #.*)?$", Model._sql),
    (r"^systemctl restart placement-api", Model._nothing),
    (r"^systemctl restart nova-compute  # on ([^\s,:]+)", Model._start),
    (r"^# start nova-compute on ([^\s,;:]+)", Model._start),
    # it asks people to look first, and says what nova does by itself
    (r"^# the next start of nova-compute on \S+ removes the guest there: see first", Model._nothing),
    (r"^# the next start of nova-compute on (\S+) ", Model._start),
    (_OPENSTACK + r"server migrate --live-migration \S+$", Model._nothing),
    (r"^# .*: openstack server delete (\S+)$", Model._server_delete),
    (r"^# .* use openstack resource provider allocation (delete) (\S+)$", Model._allocation),
    (r"^# delete the children of (\S+) before it", Model._children_delete),
    (r"^# openstack compute service delete goes by the name of the host: it would take", Model._nothing),
)


def _unquoted(word: str) -> str:
    return "".join(shlex.split(word))


def harms(model: Model, finding: Finding) -> set[str]:
    """What a finding's commands do that they must not, each run alone and all of them in their order."""
    lines = [line for line in finding.remedy if changes_something(line)]
    runs = [[line] for line in lines] + ([lines] if len(lines) > 1 else [])
    found = {harm for run in runs for harm in model.harm(run)}
    # a line may need the one before it: refused alone, and not in their order
    last = set(model.harm(lines)) if len(lines) > 1 else found
    return {harm for harm in found if "` is refused: " not in harm or harm in last}
