"""What the files do on a real server, beyond giving the rows that the checks' own tests hold them against."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from placement_audit import schema as t
from placement_audit.candidates.supply import Supply
from placement_audit.checks import catalogue, named
from placement_audit.demo.estate import Estate, Urls
from placement_audit.demo.story import told
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits, reading_schema
from placement_audit.sqlfile.prelude import Homes
from placement_audit.sqlfile.questions import QUESTIONS
from placement_audit.sqlfile.questions import file_of as file_of_question
from tests.conftest import RealSchemas
from tests.plain_sql import hold_against_snapshot, homes, rows, text_of, through_client


@pytest.fixture(scope="module")
def urls(real_schemas: RealSchemas) -> Iterator[Urls]:
    """The demo cloud."""
    real_schemas.clear()
    written = Urls(real_schemas.placement, real_schemas.api, real_schemas.cells)
    told().write(written)
    yield written
    real_schemas.clear()


@pytest.fixture
def server(urls: Urls) -> URL:
    return make_url(urls.placement)


def test_the_demo_cloud_by_all_files_in_one_go(urls: Urls, server: URL, tmp_path: Path) -> None:
    """As people do it: cat sql/*.sql | mariadb."""
    sources = from_options(urls.placement, urls.api, [f"{name}={url}" for name, url in urls.cells.items()])
    with opened(sources, Limits()) as estate:
        take(estate, tmp_path / "snapshot.sqlite")
    with kept(tmp_path / "snapshot.sqlite") as snapshot:
        hold_against_snapshot(snapshot, server, homes(urls), catalogue())


def test_a_cell_that_is_not_named_is_told_of(urls: Urls, server: URL) -> None:
    where = homes(urls)
    fewer = Homes(where.placement, where.api, tuple(cell for cell in where.cells if cell[0] != "cell2"))
    assert through_client(server, text_of(named("X11"), where)).startswith("consumer\t")
    printed = through_client(server, text_of(named("X11"), fewer))
    assert printed.splitlines() == ["warning", "cell cell2 is not named in this file: what is in it looks unknown"]


def test_a_cell_without_a_name_goes_by_its_database(urls: Urls, server: URL, real_schemas: RealSchemas) -> None:
    api = make_url(urls.api).database
    real_schemas.server.execute(f"UPDATE `{api}`.cell_mappings SET name = NULL WHERE name = 'cell2'")
    printed = through_client(server, text_of(named("X11"), homes(urls)))
    real_schemas.server.execute(f"UPDATE `{api}`.cell_mappings SET name = 'cell2' WHERE name IS NULL")
    assert printed.startswith("consumer\t")


def test_two_clouds_are_told_of(urls: Urls, server: URL, real_schemas: RealSchemas) -> None:
    """Where an audit would judge nothing left over, neither does a file."""
    where = homes(urls)
    # cell0 has no compute nodes, as a nova of another region has none that placement knows
    other = Homes(
        where.placement, where.api, (*where.cells[:1], *((name, where.cells[0][1]) for name, _ in where.cells[1:]))
    )
    printed = through_client(server, text_of(named("X11"), other))
    assert printed.splitlines() == [
        "warning",
        "placement and nova may belong to different clouds: check the names of the schemas",
    ]


@pytest.mark.parametrize(("name", "amount"), [("VCPU", 4), ("VCPU", 48), ("MEMORY_MB", 100_000), ("DISK_GB", 10**9)])
def test_providers_with_resource_are_those_of_explain(urls: Urls, server: URL, name: str, amount: int) -> None:
    (question,) = [one for one in QUESTIONS if one.name == "providers-with-resource"]
    text = file_of_question(question, homes(urls))
    text = text.replace("@resource_class = 'VCPU'", f"@resource_class = '{name}'")
    text = text.replace("@amount = 1", f"@amount = {amount}")
    found = {row["uuid"]: row["fits"] for row in rows(server, {"question": text})["question"]}
    with reading_schema(server, Limits()) as connection:
        supply = Supply(connection)
        stock = supply.stock(name, amount)
        uuids = supply.named(stock.keys())
    expected = {}
    for number, one in stock.items():
        judged = {"capacity": one.has_room, "min_unit": one.reaches_min, "max_unit": one.within_max}
        lacking = [word for word, holds in (judged | {"step_size": one.in_step}).items() if not holds]
        expected[uuids[number][0]] = f"no: {', '.join(lacking)}" if lacking else "yes"
    assert found == expected
    assert len(found) > 1


def test_what_holds_a_provider_and_what_a_consumer_holds(real_schemas: RealSchemas) -> None:
    real_schemas.clear()
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    left, right = estate.compute("left"), estate.compute("right", cell="cell2")
    server = estate.server("web", right)
    move = estate.migration(server, "migration", "migrating", left, right)
    estate.claim(move["uuid"], left.provider, {"VCPU": 2})
    urls = Urls(real_schemas.placement, real_schemas.api, real_schemas.cells)
    estate.write(urls)
    url, where = make_url(urls.placement), homes(urls)
    questions = {one.name: file_of_question(one, where) for one in QUESTIONS}

    for given in ("LEFT", left.uuid.upper()):
        text = questions["held-on-provider"].replace("'compute-01'", f"'{given}'")
        held, moves = through_client(url, text).split("cell\tuuid\tinstance_uuid\t")
        assert [line.split("\t")[:5] for line in held.splitlines()[1:]] == [
            [move["uuid"], left.uuid, "left", "VCPU", "2"],
        ]
        assert [line.split("\t")[:2] for line in moves.splitlines()[1:]] == [[server.cell, move["uuid"]]]

    text = questions["held-by-consumer"].replace("00000000-0000-0000-0000-000000000000", server.uuid)
    held, servers, moves, mapping = _tables(
        through_client(url, text), "consumer_id", "cell\tuuid\thost", "cell\tuuid\tinst", "inst"
    )
    assert {(row[2], row[3], row[4]) for row in held} == {
        ("right", "VCPU", "2"),
        ("right", "MEMORY_MB", "4096"),
        ("right", "DISK_GB", "20"),
    }
    assert [row[:3] for row in servers] == [["cell2", server.uuid, "right"]]
    assert [row[1] for row in moves] == [move["uuid"]]
    assert [row[:2] for row in mapping] == [[server.uuid, "cell2"]]
    real_schemas.clear()


def _tables(printed: str, *heads: str) -> list[list[list[str]]]:
    """The rows of each table that the client printed, by how its heading begins."""
    found: list[list[list[str]]] = []
    waiting = list(heads)
    for line in printed.splitlines():
        if waiting and line.startswith(waiting[0]):
            found.append([])
            waiting.pop(0)
        else:
            found[-1].append(line.split("\t"))
    assert not waiting, printed
    return found


def test_no_table_of_the_vocabulary_is_forgotten(urls: Urls) -> None:
    """Every live table stands in the file of some check, but for those whose rows are for Python alone."""
    text = "".join(text_of(check, homes(urls)) for check in catalogue())
    for_python = {t.instance_extra, t.instance_system_metadata, t.block_device_mapping}
    forgotten = {
        table.name
        for role in t.Role
        for table in t.live_tables(role)
        if table not in for_python and f".{table.name}" not in text
    }
    assert not forgotten
