"""An import goes down, or stays in its room; one module makes engines; one folder writes to audited databases."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "placement_audit"
# A room is a module, or a folder; rooms on one floor never meet.
FLOORS = [
    {"schema", "finding", "errors", "amounts", "__init__"},
    {"source"},
    {"derived", "clock"},
    {"snapshot"},
    {"again"},
    {"checks", "candidates"},
    {"allow", "coverage"},
    {"audit", "rehearsal", "sqlfile"},
    {"render", "demo"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("placement_audit"):
            if node.module == "placement_audit":
                yield from (f"placement_audit.{name.name}" for name in node.names if name.name != "__version__")
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("placement_audit"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    # The floor below everything may know itself: schema is what amounts and finding speak of.
    for module in imported(path):
        other = room_of(module)
        assert other == room or FLOOR[other] < FLOOR[room] or FLOOR[room] == 0, f"{room} imports {module}"


def test_every_room_has_a_floor() -> None:
    assert {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES} == set(FLOOR)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        ({"create_engine"}, {"source/connect.py"}),
        ({"writing"}, {"source/connect.py", "demo/estate.py"}),
        # into the snapshot, and into the demo cloud
        ({"insert", "delete", "update"}, {"snapshot.py", "again.py", "derived.py", "demo/estate.py"}),
    ],
)
def test_who_may_call(words: set[str], allowed: set[str]) -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in words
    }
    assert found <= allowed
    assert found
