"""The hosts that come closest, each with what it lacks, in numbers."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from placement_audit.candidates.sieve import TREE, Constraint, Sieve
from placement_audit.candidates.supply import Stock, Supply

SHOWN = 5
# What nobody can change about a host: that it has such a thing at all, and where it stands.
_LASTING = ("inventory", "in_tree")
DISABLED = "!COMPUTE_STATUS_DISABLED"


@dataclass(frozen=True)
class Nearest:
    """A provider, or the root of a tree, and what keeps it from serving a group."""

    provider: str
    name: str
    suffix: str
    lacks: Sequence[str]


def nearest(supply: Supply, sieves: Sequence[Sieve], shown: int = SHOWN) -> list[Nearest]:
    """For each group that nothing serves: those that fail least, and of these those that lack least."""
    found = [
        (sieve, unit)
        for sieve in sieves
        if not sieve.parts
        for unit in heapq.nsmallest(shown, eligible(sieve), key=_Distance(sieve))
    ]
    names = supply.named({unit for _, unit in found}) if found else {}
    return [
        Nearest(*names.get(unit, ("", f"provider {unit}")), sieve.group.suffix, lacks(supply, sieve, unit))
        for sieve, unit in found
    ]


def eligible(sieve: Sieve) -> list[int]:
    """The units that have all that is asked, however much of it, where that is asked; all of them if none has."""
    lasting = sum(1 << number for number, one in enumerate(sieve.constraints) if one.kind in _LASTING)
    fewest = min(((mask & lasting).bit_count() for mask in sieve.failed.values()), default=0)
    return [unit for unit, mask in sieve.failed.items() if (mask & lasting).bit_count() == fewest]


class _Distance:
    """How far a unit is from serving a group: how many constraints fail, and by how much of what is asked."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._by_mask: dict[int, list[tuple[str, str, int]]] = {}

    def __call__(self, unit: int) -> tuple[int, float, int]:
        mask = self._sieve.failed[unit]
        if mask not in self._by_mask:
            asked = self._sieve.group.resources
            self._by_mask[mask] = [
                (one.kind, one.subject, min(asked[one.subject], 2**53))
                for one in self._sieve.failing(unit)
                if one.kind in ("capacity", "min_unit", "max_unit")
            ]
        short = sum(self._shortfall(unit, *one) for one in self._by_mask[mask])
        return mask.bit_count(), short, unit

    def _shortfall(self, unit: int, kind: str, name: str, amount: int) -> float:
        stocks = self._sieve.sources(unit, name)
        if kind == "capacity":
            return min(max(amount - (one.capacity - one.used), 0) / amount for one in stocks)
        if kind == "max_unit":
            return min(max(amount - one.max_unit, 0) / amount for one in stocks)
        return min(max(one.min_unit - amount, 0) / amount for one in stocks)


def lacks(supply: Supply, sieve: Sieve, unit: int) -> list[str]:
    """One line for each constraint that fails on a unit."""
    failing = sieve.failing(unit)
    if not failing:
        return ["each constraint is met by one of its providers, but never all of them by the same ones"]
    return [lack(supply, sieve, unit, constraint) for constraint in failing]


def lack(supply: Supply, sieve: Sieve, unit: int, constraint: Constraint) -> str:
    """Why a constraint fails on a unit, with its numbers."""
    kind, subject = constraint
    amount = sieve.group.resources.get(subject)
    stocks = sieve.sources(unit, subject) if amount else []
    if amount and stocks:
        return f"{subject} {amount}: {_numbers(kind, max(stocks, key=lambda one: one.room))}"
    outsiders = sieve.outsiders(unit) if kind == "member_of" else []
    if outsiders and not subject.startswith("!"):
        names = ", ".join(sorted(name for _, name in supply.named(outsiders).values()))
        return f"{names}, which it shares with others, is not in aggregate {subject} and must itself be"
    refused = subject.startswith("!")
    bare = subject.removeprefix("!")
    names = "any of the traits " + subject[3:] if subject.startswith("in:") else f"trait {subject}"
    of_its_own = " of its own (in_tree leaves out what is shared)" if sieve.group.in_tree else ""
    told = {
        "inventory": f"no inventory of {subject}{of_its_own}",
        "required": f"no provider of it that could supply has {names}" if sieve.unit == TREE else f"lacks {names}",
        "forbidden": f"has trait {subject}, which is forbidden",
        "member_of": f"is in aggregate {bare}, which is forbidden" if refused else f"is not in aggregate {bare}",
        "in_tree": f"is not in the tree of {subject}",
        "root_required": f"its root has trait {bare}, which is forbidden"
        if refused
        else f"its root lacks trait {bare}",
    }
    if subject == DISABLED:
        return _marked_as_disabled(supply, unit)
    return told.get(kind, kind)


def _marked_as_disabled(supply: Supply, unit: int) -> str:
    place = supply.places.get(unit)
    disabled = supply.disabled_in_nova(place.root_id or unit if place else unit)
    if disabled:
        return "its nova-compute service is disabled (trait COMPUTE_STATUS_DISABLED)"
    if disabled is None:
        return (
            "placement has it as disabled (trait COMPUTE_STATUS_DISABLED); nova may have it enabled: "
            "openstack compute service list --service nova-compute"
        )
    return "placement has it as disabled (trait COMPUTE_STATUS_DISABLED), and nova as enabled: the trait is stuck (X19)"


def _numbers(kind: str, one: Stock) -> str:
    if kind == "capacity":
        return f"{max(one.room, 0)} free ({one.used} used of {one.computed})"
    return f"{kind} is {getattr(one, kind)}"


def numbers_of(one: Stock) -> str:
    """An inventory in one line."""
    return (
        f"{max(one.room, 0)} free: capacity {one.computed} (total {one.total}, "
        f"reserved {one.reserved}, allocation_ratio {one.ratio:g}), used {one.used}, min_unit {one.min_unit}, "
        f"max_unit {one.max_unit}, step_size {one.step_size}"
    )
