"""The providers that come closest, each with what it lacks, in numbers."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from placement_audit.candidates.sieve import PROVIDER, TREE, Constraint, Sieve
from placement_audit.candidates.supply import Stock, Supply

SHOWN = 5


@dataclass(frozen=True)
class Nearest:
    """A provider, or the root of a tree, and what keeps it from serving a group."""

    provider: str
    name: str
    suffix: str
    lacks: Sequence[str]


def nearest(supply: Supply, sieves: Sequence[Sieve], shown: int = SHOWN) -> list[Nearest]:
    """For each group that nothing serves: those that fail least, and of these those that lack least."""
    found = []
    for sieve in sieves:
        if sieve.parts and len(sieves) > 1:
            continue
        failing = {mask.bit_count() for mask in sieve.failed.values() if mask}
        fewest = heapq.nsmallest(shown, failing)
        near = (unit for unit, mask in sieve.failed.items() if mask and mask.bit_count() in fewest)
        found += [(sieve, unit) for unit in heapq.nsmallest(shown, near, key=_Distance(sieve))]
    names = supply.named({unit for _, unit in found}) if found else {}
    return [
        Nearest(*names.get(unit, ("", f"provider {unit}")), sieve.group.suffix, lacks(sieve, unit))
        for sieve, unit in found
    ]


class _Distance:
    """How far a unit is from serving a group: how many constraints fail, and by how much of what is asked."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._by_mask: dict[int, list[tuple[str, str, int]]] = {}

    def __call__(self, unit: int) -> tuple[int, float, int]:
        mask = self._sieve.failed[unit]
        if mask not in self._by_mask:
            failing = (one for number, one in enumerate(self._sieve.constraints) if mask >> number & 1)
            asked = self._sieve.group.resources
            self._by_mask[mask] = [
                (one.kind, one.subject, asked[one.subject])
                for one in failing
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


def lacks(sieve: Sieve, unit: int) -> list[str]:
    """One line for each constraint that fails on a unit."""
    mask = sieve.failed[unit]
    if not mask:
        return ["each constraint is met by some provider of this tree, but never all of them by the same ones"]
    return [lack(sieve, unit, constraint) for number, constraint in enumerate(sieve.constraints) if mask >> number & 1]


def lack(sieve: Sieve, unit: int, constraint: Constraint) -> str:
    """Why a constraint fails on a unit, with its numbers."""
    kind, subject = constraint
    amount = sieve.group.resources.get(subject)
    stocks = sieve.sources(unit, subject) if amount else []
    if amount and stocks:
        return f"{subject} {amount}: {_numbers(kind, max(stocks, key=lambda one: one.largest))}"
    refused = subject.startswith("!")
    bare = subject.removeprefix("!")
    told = {
        "inventory": f"no inventory of {subject}",
        "required": f"{_word(subject)} is {_LACKING[sieve.unit]}",
        "forbidden": f"has trait {subject}, which is forbidden",
        "member_of": f"is in aggregate {bare}, which is forbidden" if refused else f"is not in aggregate {bare}",
        "in_tree": f"is not in the tree of {subject}",
        "root_required": f"its root has trait {bare}, which is forbidden"
        if refused
        else f"its root lacks trait {bare}",
    }
    return told.get(kind, kind)


_LACKING = {PROVIDER: "missing", TREE: "on nothing in its tree that could supply"}


def _word(subject: str) -> str:
    return f"any of the traits {subject[3:]}" if subject.startswith("in:") else f"trait {subject}"


def _numbers(kind: str, one: Stock) -> str:
    if kind == "capacity":
        free = one.capacity - one.used
        held = f"{one.used} used of {one.capacity:.6g}"
        return f"{max(free, 0):.6g} free ({held})" if free >= 0 else f"nothing free ({held})"
    return f"{kind} is {getattr(one, kind)}"


def numbers_of(one: Stock) -> str:
    """An inventory in one line."""
    return (
        f"total {one.total}, reserved {one.reserved}, allocation_ratio {one.ratio:g}, capacity {one.capacity:.6g}, "
        f"used {one.used}, min_unit {one.min_unit}, max_unit {one.max_unit}, step_size {one.step_size}"
    )
