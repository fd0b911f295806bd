"""Cells as nova itself resolves them."""

import json
import os
import subprocess
import sys

import pytest

from placement_audit.errors import CannotTell
from placement_audit.source.cells import Cell, overridden, resolved
from placement_audit.source.config import url_of

BASES = [
    "mysql+pymysql://nova:s%40cret@db.example:3307/nova?charset=utf8",
    "mysql+pymysql://nova:secret@db.example/nova",
    "postgresql://nova@[2001:db8::1]:5432/nova",
    "mysql+pymysql://u1:p1@h1:1,u2:p2@h2:2/nova",
    "sqlite:////var/lib/nova.sqlite",
]
TEMPLATES = [
    "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}",
    "{scheme}://{username}:{password}@{hostname}/{path}_cell1#{fragment}",
    "{scheme}://{username1}:{password1}@{hostname2}:{port2}/x",
    "mysql+pymysql://plain@host/nova",
    "{scheme}://{nonsense}/x",
    "{scheme}://{0}/x",
    "{unclosed",
]
# nova resolves in a process of its own: importing it brings eventlet, and its configuration is global.
ORACLE = """
import json, sys
import nova.conf
from nova.objects.cell_mapping import CellMapping
pairs = json.load(sys.stdin)
answers = []
for template, base in pairs:
    nova.conf.CONF.set_override("connection", base, "database")
    answers.append(CellMapping.format_db_url(template))
print(json.dumps(answers))
"""


def test_templates_as_nova_fills_them() -> None:
    pairs = [(template, base) for template in TEMPLATES for base in BASES]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORACLE],
        input=json.dumps(pairs),
        env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(run.stdout.splitlines()[-1])
    assert [resolved(template, base) for template, base in pairs] == answers


def test_a_given_cell_replaces_its_mapping() -> None:
    one, two = url_of("sqlite:///one.db", "test"), url_of("sqlite:///two.db", "test")
    mapped = [Cell("cell0", cell0=True, id=1), Cell("cell1", url=two, id=2)]
    cells = overridden(mapped, {"cell1": one})
    assert [(cell.name, cell.url, cell.id) for cell in cells] == [("cell0", None, 1), ("cell1", one, 2)]
    with pytest.raises(CannotTell, match="no cell is named 'celll1'; cell_mappings has cell0, cell1"):
        overridden(mapped, {"celll1": one})


def test_without_mappings_the_given_cells_are_all() -> None:
    one, two = url_of("sqlite:///one.db", "test"), url_of("sqlite:///two.db", "test")
    cells = overridden([], {"cell0": one, "cell1": two})
    assert [(cell.name, cell.url, cell.cell0) for cell in cells] == [("cell0", one, True), ("cell1", two, False)]


@pytest.mark.parametrize("text", ["", "nonsense", "mysql://host", "oracle://u@h/d", "mysql+pymysql://u@h/"])
def test_useless_urls_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(CannotTell) as error:
        url_of(text, "--placement-db")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("--placement-db")
