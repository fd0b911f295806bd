"""The proof: what the real placement application answers, on the same database, is what we say."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from placement_audit.candidates import combine
from placement_audit.candidates.combine import Combiner
from placement_audit.candidates.explanation import culprits, explained
from placement_audit.candidates.request import Group, Request
from placement_audit.candidates.sieve import TREE, Constraint, Sieve, sieved
from placement_audit.candidates.supply import Supply
from placement_audit.candidates.whatif import understood
from placement_audit.schema import SHARING_TRAIT, resource_providers
from placement_audit.snapshot import kept, opened, take
from placement_audit.source.config import Sources
from placement_audit.source.connect import Limits
from tests import openstack_schemas
from tests.candidates.judge import Judge
from tests.candidates.worlds import AGGREGATES, Inventory, Provider, World, aggregate, requests, worlds
from tests.candidates.worlds import provider as provider_uuid
from tests.conftest import RealSchemas

pytest.importorskip("placement")

# Requests an engine; `make fuzz` asks for more, at random.
WANTED = int(os.environ.get("PLACEMENT_AUDIT_FUZZ", "2000"))
EACH = 8
at_length = settings(
    phases=[Phase.generate, Phase.shrink] if "PLACEMENT_AUDIT_SHRINK" in os.environ else [Phase.generate],
    max_examples=-(-WANTED // EACH),
    deadline=None,
    derandomize="PLACEMENT_AUDIT_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
briefly = settings(at_length, max_examples=-(-WANTED // 20))


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with placement's own schema."""
    path = tmp_path_factory.mktemp("placement") / "empty.sqlite"
    openstack_schemas.make_placement(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def sqlite_judge(empty_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    path = tmp_path_factory.mktemp("judge") / "placement.sqlite"
    shutil.copy(empty_file, path)
    judge = Judge(f"sqlite:///{path}")
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def mariadb_judge(real_schemas: RealSchemas) -> Iterator[Judge]:
    real_schemas.clear()
    judge = Judge(real_schemas.placement)
    yield judge
    judge.close()


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, list[Request]]:
    world = draw(worlds())
    return world, draw(st.lists(requests(world), min_size=EACH, max_size=EACH))


def check_same_candidates(judge: Judge) -> None:
    judge.counts.clear()

    @at_length
    @given(cases())
    def run(case: tuple[World, list[Request]]) -> None:
        world, asked = case
        judge.fill(world.estate())
        for request in asked:
            judge.compare(request)

    run()
    assert judge.counts["200"] + judge.counts["400"] + judge.counts["500"] >= WANTED
    # A generator of hopeless requests would prove nothing.
    assert judge.counts["some"] > WANTED / 10, judge.counts


def test_same_candidates_on_sqlite(sqlite_judge: Judge) -> None:
    check_same_candidates(sqlite_judge)


def test_same_candidates_on_mariadb(mariadb_judge: Judge) -> None:
    check_same_candidates(mariadb_judge)


# --- the evidence ---


def check_culprits(judge: Judge) -> None:
    """Lifting the one constraint that is said to be all that fails brings the provider back."""
    lifted = 0

    @briefly
    @given(cases())
    def run(case: tuple[World, list[Request]]) -> None:
        nonlocal lifted
        world, asked = case
        filled: World | None = None
        for request in asked:
            if request.microversion < (1, 34):
                continue
            if filled is not world:
                judge.fill(world.estate())
                filled = world
            for sieve, unit, number in found_culprits(judge, request):
                other = without(world, request, sieve, unit, number)
                if other is None:
                    continue
                changed, asking = other
                judge.fill(changed.estate())
                filled = changed
                answer = judge.ask(asking)
                if answer.status == 500:
                    # A sharing provider below another, which placement cannot show (tested below).
                    assert judge.ours(asking).status == "invalid"
                    continue
                assert answer.status == 200, answer.body
                reach = within_reach(sieve, unit)
                assert any(
                    set(one["mappings"][sieve.group.suffix]) <= reach for one in answer.body["allocation_requests"]
                ), (world, changed, request.query, sieve.unit, sieve.constraints[number], unit)
                lifted += 1

    run()
    assert lifted > WANTED / 20


def test_only_this_fails_on_sqlite(sqlite_judge: Judge) -> None:
    check_culprits(sqlite_judge)


def test_only_this_fails_on_mariadb(mariadb_judge: Judge) -> None:
    check_culprits(mariadb_judge)


_INSTEAD = re.compile(r"(\w+) (\d+) in place of (\d+) is the (largest|smallest) .* on (\d+) host(?:.*group (\w+))?")


def check_other_amounts(judge: Judge) -> None:
    """An amount that is said to fit gets candidates, and the ones between it and what was asked get none."""
    told = 0

    @briefly
    @given(cases())
    def run(case: tuple[World, list[Request]]) -> None:
        nonlocal told
        world, asked = case
        judge.fill(world.estate())
        for request in asked:
            for line in judge.ours(request).what_helps:
                match = _INSTEAD.match(line)
                if not match:
                    continue
                name, other, amount, suffix = match[1], int(match[2]), int(match[3]), match[6] or ""
                changed_request = _with_amount(request, suffix, name, other)
                answer = judge.ask(changed_request)
                if answer.status == 500:
                    assert judge.ours(changed_request).status == "invalid"
                    continue
                assert answer.requests, (request.query, line)
                between = range(other + 1, amount) if match[4] == "largest" else range(amount + 1, other)
                for closer in between[:20]:
                    closer_answer = judge.ask(_with_amount(request, suffix, name, closer))
                    assert closer_answer.status == 500 or not closer_answer.requests, (request.query, line)
                told += 1

    run()
    assert told > WANTED / 50


def test_other_amounts_on_sqlite(sqlite_judge: Judge) -> None:
    check_other_amounts(sqlite_judge)


def test_other_amounts_on_mariadb(mariadb_judge: Judge) -> None:
    check_other_amounts(mariadb_judge)


def _with_amount(request: Request, suffix: str, name: str, amount: int) -> Request:
    groups = tuple(
        replace(one, resources={**one.resources, name: amount}) if one.suffix == suffix else one
        for one in request.groups
    )
    return replace(request, groups=groups)


def found_culprits(judge: Judge, request: Request) -> list[tuple[Sieve, int, int]]:
    with judge.engine.connect() as connection:
        supply = Supply(connection)
        sieves = [sieved(supply, request, group) for group in request.groups]
        combiner = Combiner(supply, request, sieves)
        return [(sieve, unit, number) for sieve in sieves for unit, number in culprits(combiner, sieve)][:4]


def within_reach(sieve: Sieve, unit: int) -> set[str]:
    """The uuids of what a unit may draw from. Ids count the world's providers from 1."""
    if sieve.unit != TREE:
        return {provider_uuid(unit - 1)}
    sources = {one.provider_id for name in sieve.group.resources for one in sieve.sources(unit, name)}
    return {provider_uuid(number - 1) for number in sources | {unit}}


def without(world: World, request: Request, sieve: Sieve, unit: int, number: int) -> tuple[World, Request] | None:
    """The world in which one constraint holds for a unit; None where that would touch another constraint too."""
    kind, subject = sieve.constraints[number]
    group = sieve.group
    sources = {unit} | {one.provider_id for name in group.resources for one in sieve.sources(unit, name)}
    stocked = {one.provider_id for one in sieve.sources(unit, subject)} if subject in group.resources else set()
    if kind in _STOCK:
        return changed(world, stocked, lambda one: _with_inventory(one, subject, _STOCK[kind])), request
    if kind == "inventory":
        plain = Inventory(1000000, 0, 1, 1000000, 1, 1.0, 0)
        return changed(
            world, {unit}, lambda one: replace(one, inventories={**one.inventories, subject: plain})
        ), request
    if kind == "in_tree":
        groups = tuple(replace(one, in_tree=None) if one == group else one for one in request.groups)
        return world, replace(request, groups=groups)
    return _with_other_marks(world, request, sieve, unit, sources, Constraint(kind, subject))


def _with_other_marks(
    world: World, request: Request, sieve: Sieve, unit: int, sources: set[int], constraint: Constraint
) -> tuple[World, Request] | None:
    kind, subject = constraint
    names = set(subject.removeprefix("!").removeprefix("in:").split(","))
    required = set().union(request.root_required, *(traits for one in request.groups for traits in one.required))
    forbidden = set().union(request.root_forbidden, *(one.forbidden for one in request.groups))
    inside = set().union(*(uuids for one in request.groups for uuids in one.member_of))
    outside = set().union(*(one.forbidden_aggregates for one in request.groups))
    roots = sources if sieve.unit != TREE else {unit}
    change: Callable[[Provider], Provider] | None = None
    touched = sources
    if kind == "required" and names - forbidden:
        trait = min(names - forbidden)
        change = lambda one: replace(one, traits=one.traits | {trait})  # noqa: E731
    elif kind == "forbidden" and not names & required:
        change = lambda one: replace(one, traits=one.traits - names)  # noqa: E731
    elif kind == "member_of" and subject[0] != "!" and names - outside:
        name = next(name for name in AGGREGATES if aggregate(name) in names - outside)
        change = lambda one: replace(one, aggregates=one.aggregates | {name})  # noqa: E731
    elif kind == "member_of" and subject[0] == "!" and not names & inside and not _shares(world):
        bad = {name for name in AGGREGATES if aggregate(name) in names}
        change = lambda one: replace(one, aggregates=one.aggregates - bad)  # noqa: E731
    elif kind == "root_required" and not _shares(world):
        touched = {_root(world, number) for number in roots}
        if subject[0] == "!" and not names & required:
            change = lambda one: replace(one, traits=one.traits - names)  # noqa: E731
        elif subject[0] != "!" and not names & forbidden:
            change = lambda one: replace(one, traits=one.traits | names)  # noqa: E731
    return (changed(world, touched, change), request) if change else None


_STOCK = {
    "capacity": {"total": 1000000, "reserved": 0, "allocation_ratio": 1.0},
    "max_unit": {"max_unit": 2147483647},
    "min_unit": {"min_unit": 1},
    "step_size": {"step_size": 1},
}


def _with_inventory(one: Provider, name: str, fields: dict[str, float]) -> Provider:
    return replace(one, inventories={**one.inventories, name: replace(one.inventories[name], **fields)})


def changed(world: World, numbers: set[int], change: Callable[[Provider], Provider]) -> World:
    return World([change(one) if index + 1 in numbers else one for index, one in enumerate(world.providers)])


def _root(world: World, number: int) -> int:
    parent = world.providers[number - 1].parent
    return number if parent is None else _root(world, parent + 1)


def _shares(world: World) -> bool:
    return any(SHARING_TRAIT in one.traits for one in world.providers)


# --- what the generator does not meet often enough ---


def test_a_class_in_two_groups_may_be_inflated(sqlite_judge: Judge) -> None:
    """SEMANTICS B.7: three VGPUs on a provider that has two; it is said in words."""
    two = Inventory(2, 0, 1, 2, 1, 1.0, 0)
    world = World([Provider(None, {"VGPU": two}), Provider(0, {"VGPU": two}), Provider(0, {"VGPU": two})])
    sqlite_judge.fill(world.estate())
    request = Request((Group("", {"VGPU": 1}), Group("1", {"VGPU": 1})))
    ours = sqlite_judge.ours(request)
    assert any("may return more VGPU than was asked" in line for line in ours.why)
    # With policy none nothing is shared, and both agree.
    plain = replace(request, group_policy="none")
    assert not any("than was asked" in line for line in sqlite_judge.compare(plain).why)


def test_the_workaround_for_wide_trees_offers_too_much(empty_file: Path, tmp_path: Path) -> None:
    """SEMANTICS B.7: with it placement leaves out what is used already when amounts meet on one provider."""
    shutil.copy(empty_file, tmp_path / "placement.sqlite")
    judge = Judge(f"sqlite:///{tmp_path}/placement.sqlite", optimize_for_wide_provider_trees=True)
    try:
        judge.fill(World([Provider(None, {"VCPU": Inventory(4, 0, 1, 4, 1, 1.0, 2)})]).estate())
        request = Request((Group("1", {"VCPU": 2}), Group("2", {"VCPU": 2})), "none")
        assert len(judge.ask(request).requests) == 1
        ours = judge.ours(request)
        assert ours.status == "none"
        assert any("optimize_for_wide_provider_trees" in line for line in ours.why)
    finally:
        judge.close()


def test_a_sharing_provider_below_another_breaks_placement(sqlite_judge: Judge) -> None:
    one = Inventory(10, 0, 1, 10, 1, 1.0, 0)
    world = World(
        [
            Provider(None, {"VCPU": one, "MEMORY_MB": one}, aggregates=frozenset(["north"])),
            Provider(None, {"VCPU": one}),
            Provider(1, {"VCPU": one}, frozenset([SHARING_TRAIT]), frozenset(["north"])),
        ]
    )
    sqlite_judge.fill(world.estate())
    request = Request((Group("", {"VCPU": 1, "MEMORY_MB": 1}),))
    assert sqlite_judge.ask(request).status == 500
    ours = sqlite_judge.compare(request)
    assert "p2" in ours.why[0]
    assert "sharing provider should be a root" in ours.why[0]


@pytest.mark.parametrize("nested", [False, True])
def test_a_provider_without_root_breaks_placement(sqlite_judge: Judge, nested: bool) -> None:
    one = Inventory(10, 0, 1, 10, 1, 1.0, 0)
    world = World([Provider(None, {"VCPU": one}), Provider(0 if nested else None, {"VCPU": one})])
    estate = world.estate()
    lost = estate.provider("lost")
    lost["root_provider_id"] = None
    estate.inventory(lost, "VCPU", 10)
    sqlite_judge.fill(estate)
    broken = sqlite_judge.compare(Request((Group("", {"VCPU": 1}),)))
    assert broken.status == "invalid"
    assert broken.why[0].startswith("placement answers 500")
    assert "lost" in broken.why[0]
    # One that the broken row cannot serve is answered.
    assert sqlite_judge.compare(Request((Group("", {"VCPU": 11}),))).status == "none"


def test_the_sharing_traits_row_missing_breaks_everything(sqlite_judge: Judge) -> None:
    world = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)})])
    estate = world.estate()
    [row] = [
        row for row in estate.rows[next(t for t in estate.rows if t.name == "traits")] if row["name"] == SHARING_TRAIT
    ]
    estate.remove(next(t for t in estate.rows if t.name == "traits"), row)
    sqlite_judge.fill(estate)
    ours = sqlite_judge.compare(Request((Group("", {"VCPU": 1}),)))
    assert ours.status == "invalid"
    assert SHARING_TRAIT in ours.why[0]


@pytest.mark.parametrize(
    ("groups", "why"),
    [
        ((Group("", {"CUSTOM_NONE": 1}),), "no resource class CUSTOM_NONE"),
        ((Group("", {"VCPU": 1}, required=(frozenset(["CUSTOM_NONE"]),)),), "no trait CUSTOM_NONE"),
        ((Group("", {"VCPU": 1}, forbidden=frozenset(["CUSTOM_NONE"])),), "no trait CUSTOM_NONE"),
        # B.9: an empty aggregate ends it before the trait is looked up, but not before the class is
        (
            (Group("", {"VCPU": 1}, (frozenset(["CUSTOM_NONE"]),), member_of=(frozenset([aggregate("ssd")]),)),),
            "placement stops before it would notice",
        ),
        ((Group("", {"CUSTOM_NONE": 1}, member_of=(frozenset([aggregate("ssd")]),)),), "no resource class CUSTOM_NONE"),
        ((Group("1", {"VCPU": 99}), Group("", {"CUSTOM_NONE": 1})), "placement stops before it would notice"),
        ((Group("1", {"VCPU": 1}), Group("", {"CUSTOM_NONE": 1})), "no resource class CUSTOM_NONE"),
    ],
)
def test_unknown_names(sqlite_judge: Judge, groups: tuple[Group, ...], why: str) -> None:
    world = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)})])
    sqlite_judge.fill(world.estate())
    ours = sqlite_judge.compare(Request(groups))
    assert any(why in line for line in ours.why), ours.why


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_limit_takes_a_part(sqlite_judge: Judge, limit: int) -> None:
    world = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)})] * 3)
    sqlite_judge.fill(world.estate())
    whole = Request((Group("", {"VCPU": 1}),))
    ours = sqlite_judge.ours(replace(whole, limit=limit))
    theirs = sqlite_judge.ask(replace(whole, limit=limit))
    assert len(ours.requests) == len(theirs.body["allocation_requests"]) == min(limit, 3)
    assert ours.count == 3


@pytest.mark.parametrize("ratio", [0.9, 1.1, 0.29, 1.15, 4.0])
def test_a_snapshot_of_mariadb_computes_as_mariadb(mariadb_judge: Judge, tmp_path: Path, ratio: float) -> None:
    """SEMANTICS B.3: a FLOAT of 0.9 makes 8.9999998 of 10, which is no 9."""
    world = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 100, 1, ratio, 0)})])
    mariadb_judge.fill(world.estate())
    path = tmp_path / "kept.sqlite"
    with opened(Sources(mariadb_judge.engine.url), Limits()) as estate:
        take(estate, path)
    for amount in (1, 2, 8, 9, 10, 11, 12, 40):
        request = Request((Group("", {"VCPU": amount}),))
        live = mariadb_judge.compare(request)
        with kept(path) as connection:
            ours = explained(Supply(connection, single_ratios=True), request)
        assert ours == live


def check_what_if(judge: Judge, texts: list[str], alter: Callable[[Provider], Provider], numbers: set[int]) -> None:
    """Rows that are imagined are judged as the same rows written."""
    one = Inventory(10, 0, 1, 10, 1, 1.0, 3)
    world = World([Provider(None, {"VCPU": one}, frozenset(["CUSTOM_SLOW"])), Provider(None, {"VCPU": one})])
    asked = [
        Request((Group("", {"VCPU": amount}, required, forbidden),))
        for amount in (1, 4, 6, 7, 8, 9, 15)
        for required in ((), (frozenset(["CUSTOM_FAST"]),))
        for forbidden in (frozenset(), frozenset(["CUSTOM_SLOW"]))
    ]
    judge.fill(world.estate())
    imagined = [judge.ours(request, understood(texts)) for request in asked]
    judge.fill(changed(world, numbers, alter).estate())
    assert imagined == [judge.compare(request) for request in asked]


@pytest.mark.parametrize("engine", ["sqlite_judge", "mariadb_judge"])
@pytest.mark.parametrize(
    ("text", "alter", "numbers"),
    [
        ("VCPU.max_unit=6", lambda one: _with_inventory(one, "VCPU", {"max_unit": 6}), {1, 2}),
        ("VCPU.total=20@p0", lambda one: _with_inventory(one, "VCPU", {"total": 20}), {1}),
        ("VCPU.reserved=4@p?", lambda one: _with_inventory(one, "VCPU", {"reserved": 4}), {1, 2}),
        ("VCPU.allocation_ratio=0.9@*", lambda one: _with_inventory(one, "VCPU", {"allocation_ratio": 0.9}), {1, 2}),
        ("VCPU.allocation_ratio=1.1@p1", lambda one: _with_inventory(one, "VCPU", {"allocation_ratio": 1.1}), {2}),
        ("VCPU.min_unit=5@" + provider_uuid(0), lambda one: _with_inventory(one, "VCPU", {"min_unit": 5}), {1}),
        ("VCPU.step_size=2@P_", lambda one: one, set()),
        ("-trait:CUSTOM_SLOW@p0", lambda one: replace(one, traits=frozenset()), {1}),
        ("+trait:CUSTOM_FAST", lambda one: replace(one, traits=one.traits | {"CUSTOM_FAST"}), {1, 2}),
    ],
)
def test_what_if_is_as_if(
    request: pytest.FixtureRequest,
    engine: str,
    text: str,
    alter: Callable[[Provider], Provider],
    numbers: set[int],
) -> None:
    check_what_if(request.getfixturevalue(engine), [text], alter, numbers)


def statements(judge: Judge, world: World, request: Request) -> int:
    judge.fill(world.estate())
    count = 0

    @event.listens_for(judge.engine, "before_cursor_execute")
    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    try:
        judge.ours(request)
    finally:
        event.remove(judge.engine, "before_cursor_execute", counted)
    return count


def test_no_statement_for_each_provider(sqlite_judge: Judge) -> None:
    one = Inventory(10, 0, 1, 10, 1, 1.0, 0)
    request = Request(
        (
            Group(
                "", {"VCPU": 1, "DISK_GB": 1}, (frozenset(["CUSTOM_FAST"]),), member_of=(frozenset([aggregate("ssd")]),)
            ),
            Group("1", {"VGPU": 1}, forbidden=frozenset(["CUSTOM_SLOW"])),
        ),
        root_forbidden=frozenset(["COMPUTE_STATUS_DISABLED"]),
    )

    def many(hosts: int) -> World:
        found = [Provider(None, {"DISK_GB": one}, frozenset([SHARING_TRAIT]), frozenset(["ssd"]))]
        for number in range(hosts):
            found.append(Provider(None, {"VCPU": one}, frozenset(["CUSTOM_FAST"]), frozenset(["ssd"])))
            found.append(Provider(2 * number + 1, {"VGPU": one}))
        return World(found)

    few, lots = statements(sqlite_judge, many(2), request), statements(sqlite_judge, many(40), request)
    assert few == lots
    # classes, traits, their bearers, aggregates, trees, anchors, three stocks, broken rows, inner sharing, names
    assert few <= 14


def test_wide_trees_are_given_up_in_time(sqlite_judge: Judge) -> None:
    """Nine groups that never fit together on sixteen children: placement would try 16 to the power of 9."""
    one = Inventory(1, 0, 1, 1, 1, 1.0, 0)
    children = [Provider(0, {"VGPU": one}) for _ in range(8)]
    world = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)}), *children])
    sqlite_judge.fill(world.estate())
    groups = tuple(Group(str(number), {"VGPU": 1}) for number in range(1, 10))
    ours = sqlite_judge.ours(Request(groups, "isolate"))
    assert ours.status == "none"


def test_a_shared_disk_outside_the_zone_is_named(sqlite_judge: Judge) -> None:
    """SEMANTICS B.6: the host is in the zone's aggregate, its shared disk is not."""
    one, users = Inventory(10, 0, 1, 10, 1, 1.0, 0), frozenset(["ssd"])
    host = Provider(None, {"VCPU": one}, aggregates=users | {"north"})
    pool = Provider(None, {"DISK_GB": one}, frozenset([SHARING_TRAIT]), users)
    sqlite_judge.fill(World([host, pool]).estate())
    zone = frozenset([aggregate("north")])
    ours = sqlite_judge.compare(Request((Group("", {"VCPU": 1, "DISK_GB": 1}, member_of=(zone,)),)))
    assert ours.why == [
        f"the sharing provider p1 of the only host is not in aggregate {aggregate('north')}, and must be, "
        "whatever the hosts are in"
    ]
    [host_of_it] = ours.nearest
    assert host_of_it.lacks[0].startswith("p1, which it shares with others, is not in aggregate")


def test_in_tree_without_the_shared_disk(sqlite_judge: Judge) -> None:
    one, users = Inventory(10, 0, 1, 10, 1, 1.0, 0), frozenset(["ssd"])
    hosts = [Provider(None, {"VCPU": one}, aggregates=users) for _ in range(3)]
    pool = Provider(None, {"DISK_GB": one}, frozenset([SHARING_TRAIT]), users)
    sqlite_judge.fill(World([*hosts, pool]).estate())
    ours = sqlite_judge.compare(Request((Group("", {"VCPU": 1, "DISK_GB": 1}, in_tree=provider_uuid(1)),)))
    assert ours.why == [
        "in_tree allows p1 alone: no inventory of DISK_GB of its own (in_tree leaves out what is shared)"
    ]


def test_a_float_is_not_what_it_looks(mariadb_judge: Judge) -> None:
    mariadb_judge.fill(World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 0.9, 0)})]).estate())
    ours = mariadb_judge.compare(Request((Group("", {"VCPU": 9}),)))
    assert "8.99999976, computed from a ratio of 0.9 that the database cannot hold exactly" in ours.why[0]
    assert ours.what_helps[0].startswith("VCPU 8 in place of 9")


def test_large_numbers_are_whole(sqlite_judge: Judge) -> None:
    sqlite_judge.fill(World([Provider(None, {"VCPU": Inventory(1546752, 0, 1, 1546752, 1, 1.0, 1)})]).estate())
    ours = sqlite_judge.compare(Request((Group("", {"VCPU": 1546752}),)))
    assert "the most is 1546751 (1 used of 1546752)" in ours.why[0]


def test_one_way_among_many_is_found(sqlite_judge: Judge) -> None:
    """Nine groups of any child, and one that only the first child serves."""
    one = Inventory(1, 0, 1, 1, 1, 1.0, 0)
    children = [Provider(0, {"VGPU": one, **({"DISK_GB": one} if number == 0 else {})}) for number in range(12)]
    sqlite_judge.fill(World([Provider(None, {"VCPU": one}), *children]).estate())
    groups = (*(Group(str(number), {"VGPU": 1}) for number in range(1, 7)), Group("A", {"DISK_GB": 1}))
    with sqlite_judge.engine.connect() as connection:
        ours = explained(Supply(connection), Request(groups, "isolate"), ceiling=10)
    assert ours.status == "candidates"
    assert ours.full
    assert "at least 1 host" in ours.why[0]


def test_giving_up_is_no_verdict(sqlite_judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combine, "PATIENCE", 10)
    one = Inventory(1, 0, 1, 1, 1, 1.0, 0)
    sqlite_judge.fill(World([Provider(None, {"VCPU": one}), *[Provider(0, {"VGPU": one}) for _ in range(4)]]).estate())
    groups = tuple(Group(str(number), {"VGPU": 1}) for number in range(1, 6))
    ours = sqlite_judge.ours(Request(groups, "isolate"))
    assert ours.status == "invalid"
    assert ours.error is not None
    assert "too many to look at" in ours.error.message
    assert ours.full


@pytest.mark.parametrize("amount", [2**53, 10**30, 10**400])
def test_amounts_beyond_all_bounds(sqlite_judge: Judge, amount: int) -> None:
    sqlite_judge.fill(World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)})]).estate())
    assert sqlite_judge.ours(Request((Group("", {"VCPU": amount}),))).status == "none"


def test_a_provider_without_a_name(sqlite_judge: Judge) -> None:
    estate = World([Provider(None, {"VCPU": Inventory(10, 0, 1, 10, 1, 1.0, 0)})]).estate()
    estate.rows[resource_providers][0]["name"] = None
    sqlite_judge.fill(estate)
    assert list(sqlite_judge.compare(Request((Group("", {"VCPU": 1}),))).hosts) == [provider_uuid(0)]
