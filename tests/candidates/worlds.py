"""Made-up placements and requests for them, small enough to read when they shrink."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from placement_audit.candidates.request import Group, Request
from placement_audit.demo.estate import Estate, uuid_of
from placement_audit.schema import SHARING_TRAIT

CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB", "VGPU")
TRAITS = ("HW_CPU_X86_VMX", "CUSTOM_FAST", "CUSTOM_SLOW", "COMPUTE_STATUS_DISABLED")
AGGREGATES = ("north", "south", "ssd")
SUFFIXES = ("1", "2", "_GPU")
AGO = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Inventory:
    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float
    used: int


@dataclass(frozen=True)
class Provider:
    parent: int | None
    inventories: dict[str, Inventory]
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()


@dataclass(frozen=True)
class World:
    providers: list[Provider] = field(default_factory=list)

    def estate(self) -> Estate:
        estate = Estate(AGO)
        for trait in TRAITS:
            estate._trait_id(trait)
        for name in AGGREGATES:
            estate.aggregate(name)
        rows: list[dict[str, Any]] = []
        for number, one in enumerate(self.providers):
            parent = rows[one.parent] if one.parent is not None else None
            row = estate.provider(f"p{number}", parent=parent)
            rows.append(row)
            for name, inventory in one.inventories.items():
                fields = {key: value for key, value in vars(inventory).items() if key not in ("total", "used")}
                estate.inventory(row, name, inventory.total, **fields)
                if inventory.used:
                    estate.claim(uuid_of(f"consumer {number} {name}"), row, {name: inventory.used})
            for trait in sorted(one.traits):
                estate.trait(row, trait)
            for aggregate in sorted(one.aggregates):
                estate.aggregate(aggregate, row)
        return estate


def aggregate(name: str) -> str:
    return uuid_of(f"aggregate {name}")


def provider(number: int) -> str:
    return uuid_of(f"p{number}")


_RATIOS = st.sampled_from([1.0, 1.0, 1.0, 4.0, 0.9, 1.1, 1.5, 16.0, 0.29, 1.15, 0.5, 0.0])


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    total = draw(st.sampled_from([10, 10, 20, 100, 8, 4, 2, 1]))
    ratio = draw(_RATIOS)
    return Inventory(
        total=total,
        reserved=draw(st.sampled_from([0] * 6 + [1, total])),
        min_unit=draw(st.sampled_from([1, 1, 1, 1, 2])),
        max_unit=draw(st.sampled_from([total, total, total, 2 * total, 2147483647, max(total // 2, 1)])),
        step_size=draw(st.sampled_from([1, 1, 1, 1, 2, 3])),
        allocation_ratio=ratio,
        used=draw(st.sampled_from([0, 0, 0, 0, 1, 1, total // 2, int(total * ratio)])),
    )


def providers(parents: st.SearchStrategy[int | None], shared: bool) -> st.SearchStrategy[Provider]:
    traits = st.frozensets(st.sampled_from(TRAITS), max_size=2)
    return st.builds(
        Provider,
        parents,
        st.dictionaries(st.sampled_from(CLASSES), inventories(), min_size=1 if shared else 2, max_size=4 - shared),
        traits.map(lambda some: some | {SHARING_TRAIT}) if shared else traits,
        st.frozensets(st.sampled_from(AGGREGATES), max_size=2),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Flat ones, trees of up to three levels, sharing providers, or all of it."""
    nested, sharing = draw(st.booleans()), draw(st.booleans())
    found: list[Provider] = []
    levels: list[int] = []
    for number in range(draw(st.integers(1, 6))):
        could = [other for other in range(number) if levels[other] < 2] if nested else []
        parents: st.SearchStrategy[int | None] = st.sampled_from([None, *could]) if could else st.none()
        one = draw(providers(parents, False))
        found.append(one)
        levels.append(0 if one.parent is None else levels[one.parent] + 1)
    if sharing:
        # Mostly roots, as they should be.
        parents = st.sampled_from([None, None, None, *range(len(found))]) if nested else st.none()
        found += draw(st.lists(providers(parents, True), min_size=1, max_size=2))
    return World(found)


_some_traits = st.lists(st.frozensets(st.sampled_from(TRAITS), min_size=1, max_size=2), max_size=2, unique=True)


@st.composite
def groups(draw: st.DrawFn, suffix: str, world: World, resourceless: bool = False, any_of: bool = True) -> Group:
    resources = {}
    if not resourceless:
        names = draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=2, unique=True))
        resources = {name: draw(st.sampled_from([1, 1, 2, 2, 4, 3, 6, 9, 10, 11])) for name in names}
    required = tuple(draw(_some_traits)) if draw(st.integers(0, 3)) == 0 or resourceless else ()
    if not any_of:
        required = tuple(dict.fromkeys(frozenset([min(traits)]) for traits in required))
    forbidden = (
        draw(st.frozensets(st.sampled_from(TRAITS), max_size=1)) if draw(st.integers(0, 4)) == 0 else frozenset()
    )
    forbidden -= frozenset().union(*required) if required else frozenset()
    some = st.frozensets(st.sampled_from(AGGREGATES).map(aggregate), min_size=1, max_size=2)
    member_of = tuple(draw(st.lists(some, max_size=2, unique=True))) if draw(st.integers(0, 5)) == 0 else ()
    outside = draw(some) if draw(st.integers(0, 7)) == 0 else frozenset()
    in_tree = None
    if draw(st.integers(0, 9)) == 0:
        in_tree = draw(
            st.sampled_from([*(provider(number) for number in range(len(world.providers))), uuid_of("nobody")])
        )
    return Group(suffix, resources, required, forbidden, member_of, outside, in_tree)


def _as_of(group: Group, minor: int) -> Group:
    """A group without what a microversion does not know yet (SEMANTICS B.5)."""
    aggregates = group.member_of if minor >= 24 else group.member_of[:1]
    return Group(
        group.suffix,
        group.resources,
        group.required if minor >= 17 else (),
        group.forbidden if minor >= 22 else frozenset(),
        aggregates if minor >= 21 else (),
        group.forbidden_aggregates if minor >= 32 else frozenset(),
        group.in_tree if minor >= 31 else None,
    )


@st.composite
def requests(draw: st.DrawFn, world: World) -> Request:
    """Any request that is well formed, mostly at 1.39."""
    minor = draw(st.sampled_from([39] * 12 + [36, 36, 34, 28, *range(10, 39)]))
    version = (1, minor)
    suffixes = draw(st.lists(st.sampled_from(SUFFIXES), max_size=3, unique=True)) if draw(st.booleans()) else []
    if version < (1, 33):
        suffixes = [suffix for suffix in suffixes if suffix.isdigit() and minor >= 25]
    plain = draw(st.booleans()) or not suffixes
    found = [draw(groups("", world, any_of=version >= (1, 39)))] if plain else []
    alone = set()
    for suffix in suffixes:
        resourceless = version >= (1, 36) and bool(found) and draw(st.integers(0, 3)) == 0
        one = draw(groups(suffix, world, resourceless, version >= (1, 39)))
        if resourceless:
            if not (one.required or one.forbidden or one.member_of or one.forbidden_aggregates or one.in_tree):
                continue
            alone.add(suffix)
        found.append(one)
    found = [_as_of(one, minor) for one in found if one.suffix == "" or minor >= 25]
    if not found:
        found = [Group("", {"VCPU": 1})]
    suffixed = [group.suffix for group in found if group.suffix]
    policy = (
        draw(st.sampled_from(["none", "isolate"])) if len(suffixed) > 1 or (suffixed and draw(st.booleans())) else None
    )
    subtrees: list[frozenset[str]] = []
    if version >= (1, 36) and suffixed and (alone or draw(st.integers(0, 2)) == 0):
        subtrees.append(frozenset(draw(st.sets(st.sampled_from(suffixed), min_size=1))) | alone)
    root_required = root_forbidden = frozenset[str]()
    if version >= (1, 35) and draw(st.integers(0, 3)) == 0:
        root_required = draw(st.frozensets(st.sampled_from(TRAITS), max_size=1))
        root_forbidden = draw(st.frozensets(st.sampled_from(TRAITS), max_size=1)) - root_required
    return Request(tuple(found), policy, root_required, root_forbidden, tuple(subtrees), None, version)
