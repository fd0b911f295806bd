"""What the databases say of servers, in words, and where their guests are: what nova left, or what an estate wrote."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import make_url

from tests.conftest import RealSchemas

# Per host the servers that its hypervisor has, and whether they run.
Guests = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class Left:
    """All about one server. Claims and flavors are told by their memory.

    ``server``: vm_state, task_state, host. ``flavors``: what instance_extra keeps. ``claims``: who holds how much and
    where, the server or one of its migrations by its type. ``actions``: in order, but for the creation.
    """

    server: str = ""
    flavors: str = ""
    moves: str = ""
    claims: str = ""
    actions: str = ""
    guests: str = ""


def flavors_in(text: str | None) -> dict[str, int]:
    """The memory of each flavor of instance_extra."""
    flavors = {name: flavor for name, flavor in json.loads(text or "{}").items() if flavor}
    return {name: flavors[name]["nova_object.data"]["memory_mb"] for name in ("cur", "old", "new") if name in flavors}


def words(*parts: Any) -> str:
    """With blanks between; what is empty is left out."""
    return " ".join(str(part) for part in parts if part)


def left(schemas: RealSchemas, guests: Guests) -> dict[str, Left]:
    """By the names of servers: those that are live, those that hold something, and those that run."""

    def rows(url: str, columns: str, tables: str, rest: str = "") -> list[tuple[Any, ...]]:
        return schemas.server.execute(f"SELECT {columns} FROM {tables} {rest}", make_url(url).database)

    names: dict[str, str] = {}
    live: set[str] = set()
    told: dict[str, dict[str, list[str]]] = {key: defaultdict(list) for key in Left.__dataclass_fields__}
    holders = {}
    for url in schemas.cells.values():
        columns = "uuid, display_name, vm_state, task_state, host, node, deleted, hidden"
        for uuid, name, state, task, host, node, deleted, hidden in rows(url, columns, "instances"):
            names[uuid], holders[uuid] = name, (uuid, "server")
            live |= set() if deleted else {uuid}
            where = host if host == node else f"{host}/{node}"
            gone = words(deleted and "deleted", hidden and "hidden")
            told["server"][uuid].append(words(state, task or "-", str(where), gone))
        columns = "uuid, instance_uuid, migration_type, status, source_compute, dest_compute, deleted"
        for uuid, server, kind, status, source, dest, deleted in rows(url, columns, "migrations", "ORDER BY id"):
            holders[uuid] = (server, kind)
            told["moves"][server].append(words(kind, status, f"{source}>{dest or ''}", deleted and "deleted"))
        for server, action, message in rows(
            url, "instance_uuid, action, message", "instance_actions", "WHERE action <> 'create' ORDER BY id"
        ):
            told["actions"][server].append(words(action, message))
        for server, text in rows(url, "instance_uuid, flavor", "instance_extra"):
            told["flavors"][server].append(words(*(f"{key} {memory}" for key, memory in flavors_in(text).items())))
    shown = set(live)
    held = rows(
        schemas.placement,
        "name, consumer_id, used",
        "allocations JOIN resource_providers ON resource_providers.id = resource_provider_id",
        "WHERE resource_class_id = 1",
    )
    for provider, what, server, used in sorted(
        (provider, *reversed(holders.get(consumer, (consumer, "unknown"))), used) for provider, consumer, used in held
    ):
        told["claims"][server].append(words(what, used, "on", provider))
        shown.add(server)
    for host, on_host in guests.items():
        for uuid, runs in on_host.items():
            told["guests"][uuid].append(words("runs" if runs else "off", "on", host))
            shown.add(uuid)
    return {names.get(uuid, "unknown"): _line(told, uuid) for uuid in shown}


def _line(told: Mapping[str, Mapping[str, Iterable[str]]], uuid: str) -> Left:
    return Left(**{key: ", ".join(found.get(uuid, ())) for key, found in told.items()})


def harms(schemas: RealSchemas, guests: Guests, commands: Iterable[str]) -> list[str]:
    """Which of our commands would free the room of a guest, or end it, each run for itself.

    Of a server with several guests the one that runs counts, of one with none that runs all do.
    """

    def rows(url: str, query: str) -> list[tuple[Any, ...]]:
        return schemas.server.execute(query, make_url(url).database)

    held = {
        (consumer, provider)
        for consumer, provider in rows(
            schemas.placement,
            "SELECT consumer_id, uuid FROM allocations"
            " JOIN resource_providers ON resource_providers.id = resource_provider_id",
        )
    }
    consumers: dict[str, set[str]] = {}
    providers: dict[str, str] = {}
    removed_at_start, breaking = set(), set()
    for url in schemas.cells.values():
        consumers.update({uuid: {uuid} for (uuid,) in rows(url, "SELECT uuid FROM instances WHERE deleted = 0")})
        providers.update(rows(url, "SELECT host, uuid FROM compute_nodes"))
        for uuid, server, kind, status, source in rows(
            url, "SELECT uuid, instance_uuid, migration_type, status, source_compute FROM migrations"
        ):
            consumers.get(server, set()).add(uuid)
            if kind == "evacuation" and status in ("accepted", "pre-migrating", "done"):
                removed_at_start.add((server, source))
            if kind == "live-migration" and status == "running":
                breaking.add((server, source))
    found = []
    for server, host in _that_count(guests):
        accounts = {(one, providers[host]) for one in consumers.get(server, ())}
        for command in commands if accounts else ():
            if accounts & held and not accounts & _without(command, held):
                found.append(f"`{command}` frees the room of a guest on {host}")
            if f"server delete {server}" in command:
                found.append(f"`{command}` deletes a server that lives")
            starts = re.search(r"start (of )?nova-compute", command) and re.search(rf"\b{host}\b", command)
            if starts and (server, host) in removed_at_start | breaking:
                found.append(f"`{command}` ends a guest on {host}")
    return found


def _that_count(guests: Guests) -> list[tuple[str, str]]:
    places = [(uuid, host, runs) for host, on_host in guests.items() for uuid, runs in on_host.items()]
    alive = {uuid for uuid, _, runs in places if runs}
    return [(uuid, host) for uuid, host, runs in places if runs or uuid not in alive]


def _without(command: str, held: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is held after a command of openstack's client for placement."""
    match = re.search(r"allocation (delete|set|unset)\b(.*)", command)
    if not match:
        return held
    uuids = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", match[2])
    consumer, named = uuids[-1], set(uuids[:-1])
    gone = {
        (one, provider)
        for one, provider in held
        if one == consumer and (match[1] == "delete" or (provider in named) == (match[1] == "unset"))
    }
    return held - gone
