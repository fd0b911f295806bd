"""What a server should hold, as a snapshot has it, against the requests that nova itself makes of the same server."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import select

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, Server
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests import nova_scheduler
from tests.candidates.test_flavor import case
from tests.support import sqlite_urls

SEED, CASES = 2027, 400
PLAIN = {"pci": [], "force_hosts": None, "force_nodes": None, "hints": {}, "settings": {}}


def amounts(query: str) -> dict[str, int]:
    """What a query asks for, summed over its groups."""
    found: dict[str, int] = {}
    for key, value in parse_qsl(query):
        if key.startswith("resources"):
            for name, amount in (part.split(":") for part in value.split(",")):
                found[name] = found.get(name, 0) + int(amount)
    return found


@pytest.fixture(scope="module")
def asked() -> list[tuple[Any, list[dict[str, int]]]]:
    """Cases, and the amounts of nova's requests for each: the second is of those who ask for dedicated CPUs."""
    chance = random.Random(SEED)
    cases = [case(chance, number) | PLAIN for number in range(CASES)]
    answers = zip(cases, nova_scheduler.ask(cases, []), strict=True)
    return [(each, [amounts(query) for query in answer["queries"]]) for each, answer in answers if "queries" in answer]


def server_of(estate: Estate, host: Compute, each: Any) -> Server:
    """The server of a case, as nova leaves its rows."""
    size = {key: value for key, value in each["flavor"].items() if key != "id"}
    name, vcpus, memory_mb, root_gb = (size.pop(key) for key in ("name", "vcpus", "memory_mb", "root_gb"))
    flavor: Row = estate.flavor(name, vcpus, memory_mb, root_gb, **size)
    server = estate.server(name, host, flavor, holds=False, volume_backed=each["volume_backed"])
    for key, value in each["image"]["properties"].items():
        estate.image_property(server, key, str(value))
    return server


def snapshot_of(estate: Estate, folder: Path, table: Any) -> Iterator[Any]:
    urls = sqlite_urls(folder, estate.cells)
    estate.write(urls)
    cells = [f"{name}={url}" for name, url in urls.cells.items()]
    with opened(from_options(urls.placement, urls.api, cells), Limits()) as databases:
        take(databases, folder / "snapshot", [table])
    with kept(folder / "snapshot") as connection:
        yield from connection.execute(select(table)).all()


def test_expects_of_a_server_that_holds_nothing_what_nova_asks(asked: list[Any], tmp_path: Path) -> None:
    estate = Estate()
    host = estate.compute("host")
    wanted = {server_of(estate, host, each).uuid: (each, requests[0]) for each, requests in asked}
    found: dict[str, dict[str, int]] = {uuid: {} for uuid in wanted}
    for row in snapshot_of(estate, tmp_path, t.expected):
        if row.amount:
            found[row.instance_uuid][row.resource_class] = row.amount
    assert len(wanted) > CASES / 2
    for uuid, (each, amounts_of_nova) in wanted.items():
        assert found[uuid] == amounts_of_nova, json.dumps(each)


@pytest.mark.parametrize("request_number", [0, -1])
def test_finds_nothing_wrong_with_what_nova_asks(asked: list[Any], tmp_path: Path, request_number: int) -> None:
    estate = Estate()
    host = estate.compute("host")
    cases = {}
    for each, requests in asked:
        server = server_of(estate, host, each)
        cases[server.uuid] = each
        estate.claim(server.uuid, host.provider, requests[request_number])
    estate.rows[t.flavors].clear()
    assert [(row, json.dumps(cases[row.instance_uuid])) for row in snapshot_of(estate, tmp_path, t.misfits)] == []


def test_finds_what_is_missing_of_what_nova_asks(asked: list[Any], tmp_path: Path) -> None:
    """One unit less of memory: no flavor of these has two readings of that."""
    estate = Estate()
    host = estate.compute("host")
    wanted = {}
    for each, requests in asked:
        named = any(key.startswith("resources") and "MEMORY_MB" in key for key in each["flavor"]["extra_specs"])
        held = dict(requests[0])
        if held.get("MEMORY_MB", 0) > 1 and set(held) & {"VCPU", "PCPU"} and not named:
            server = server_of(estate, host, each)
            wanted[server.uuid] = held["MEMORY_MB"]
            estate.claim(server.uuid, host.provider, held | {"MEMORY_MB": held["MEMORY_MB"] - 1})
    found = {
        row.instance_uuid: row.amount for row in snapshot_of(estate, tmp_path, t.misfits) if row.held == row.amount - 1
    }
    assert len(wanted) > CASES / 10
    assert found == wanted
