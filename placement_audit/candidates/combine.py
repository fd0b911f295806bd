"""Groups put together, tree by tree: group policy, subtrees, and amounts that meet on one provider (SEMANTICS B.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from placement_audit.candidates.request import Request
from placement_audit.candidates.sieve import PATIENCE, Part, Row, Sieve
from placement_audit.candidates.supply import Supply

ALL_GROUPS = "all groups in one tree"
ISOLATE = "group_policy isolate"
MERGED = "merged amounts"
NESTED = "one provider a tree"


class Candidate(NamedTuple):
    """An allocation request. ``uses``: (provider, class, amount), sorted; ``mappings``: (suffix, providers)."""

    uses: tuple[tuple[int, str, int], ...]
    mappings: tuple[tuple[str, tuple[int, ...]], ...]


class OutOfPatience(Exception):
    """The combinations of one tree are too many to look at."""


@dataclass(frozen=True)
class Combined:
    """What survives. ``full``: there are more than the ceiling; ``untold``: anchors whose combinations were too many.

    ``inflated``: classes of which placement may return more than was asked (SEMANTICS B.7).
    """

    candidates: Sequence[Candidate]
    rows: Sequence[Row]
    full: bool
    untold: Sequence[int]
    inflated: Sequence[str]
    # Roots of the trees that serve, and of those that serve each group, but not all of them together.
    anchors: Sequence[int]
    stuck: Sequence[int]


class Combiner:
    """Puts the parts of all groups together."""

    def __init__(self, supply: Supply, request: Request, sieves: Sequence[Sieve]) -> None:
        self._supply = supply
        self._request = request
        self._sieves = sieves
        self._suffixes = [sieve.group.suffix for sieve in sieves]
        self._isolated = request.group_policy == "isolate"
        self._flat = request.microversion < (1, 29) and supply.has_trees
        self._stocks = {
            (name, amount): supply.stock(name, amount)
            for sieve in sieves
            for name, amount in sieve.group.resources.items()
        }
        self._by_class = {name: stock for (name, _), stock in self._stocks.items()}
        self._steps = 0
        self._lifted: tuple[str, str] | None = None

    @property
    def demands(self) -> list[str]:
        """What is demanded of combinations, beyond what each group demands by itself."""
        found = [f"same_subtree {','.join(sorted(suffixes))}" for suffixes in self._request.same_subtree]
        if self._isolated and sum(bool(suffix) for suffix in self._suffixes) > 1:
            found.append(ISOLATE)
        if self._flat:
            found.append(NESTED)
        return [*found, MERGED]

    def combined(self, ceiling: int) -> Combined:
        """All candidates, up to a ceiling, and what stands in the way where there are none."""
        found: dict[Candidate, None] = {}
        shared = [sieve.parts.keys() for sieve in self._sieves]
        everywhere = set(shared[0]).intersection(*shared[1:]) if shared else set()
        somewhere = set().union(*shared)
        untold = sorted(set().union(*(sieve.untold for sieve in self._sieves)))
        served: set[int] = set()
        full = False
        for anchor in sorted(everywhere):
            before = len(found)
            try:
                for candidate in self._candidates(self._parts(anchor), frozenset()):
                    served.add(anchor)
                    found.setdefault(candidate)
                    if len(found) > ceiling:
                        found.popitem()
                        full = True
                        break
            except OutOfPatience:
                if len(found) == before:
                    untold.append(anchor)
                else:
                    full = True
            if full:
                break
        rows = [] if full else self._rows(everywhere, somewhere, served, set(untold))
        stuck = [] if full else sorted(everywhere - served)
        return Combined(list(found), rows, full, untold, self._inflated(everywhere), sorted(served), stuck)

    @property
    def is_plain(self) -> bool:
        """Whether what serves the one group is a candidate."""
        return len(self._sieves) == 1 and self.demands == [MERGED]

    def possible(self, which: Sieve, unit: int, number: int) -> bool:
        """Whether a unit of one group would be part of a candidate if one constraint did not hold."""
        constraint = which.constraints[number]
        self._lifted = (constraint.kind, constraint.subject)
        try:
            for anchor, own in which.lifted(unit, number).items():
                lists = [own if sieve is which else sieve.parts.get(anchor, []) for sieve in self._sieves]
                if all(lists) and self._any(lists, frozenset()):
                    return True
            return False
        finally:
            self._lifted = None

    # --- one tree ---

    def _parts(self, anchor: int) -> list[Sequence[Part]]:
        return [sieve.parts[anchor] for sieve in self._sieves]

    def _any(self, lists: Sequence[Sequence[Part]], without: frozenset[str]) -> bool:
        try:
            return next(self._candidates(lists, without), None) is not None
        except OutOfPatience:
            return False

    def _candidates(self, lists: Sequence[Sequence[Part]], without: frozenset[str]) -> Iterator[Candidate]:
        self._steps = 0
        # Those with the fewest choices first: what cannot be is then seen early.
        order = sorted(range(len(lists)), key=lambda index: len(lists[index]))
        suffixes = [self._suffixes[index] for index in order]
        for found, amounts in self._chosen([lists[index] for index in order], suffixes, (), {}, without):
            by_suffix = dict(zip(suffixes, found, strict=True))
            chosen = [by_suffix[suffix] for suffix in self._suffixes]
            if self._holds_together(chosen, amounts, without):
                yield Candidate(
                    tuple(sorted((number, name, amount) for (number, name), amount in amounts.items())),
                    tuple(
                        (suffix, tuple(sorted(set(part.providers))))
                        for suffix, part in zip(self._suffixes, chosen, strict=True)
                    ),
                )

    def _chosen(
        self,
        lists: Sequence[Sequence[Part]],
        suffixes: Sequence[str],
        chosen: tuple[Part, ...],
        amounts: dict[tuple[int, str], int],
        without: frozenset[str],
    ) -> Iterator[tuple[tuple[Part, ...], dict[tuple[int, str], int]]]:
        index = len(chosen)
        if index == len(lists):
            yield chosen, amounts
            return
        isolated = self._isolated and suffixes[index] and ISOLATE not in without
        taken = (
            {part.providers[0] for suffix, part in zip(suffixes, chosen, strict=False) if suffix} if isolated else ()
        )
        for part in lists[index]:
            self._steps += 1
            if self._steps > PATIENCE:
                raise OutOfPatience
            if isolated and part.providers[0] in taken:
                continue
            merged = dict(amounts)
            for number, name, amount in part.uses:
                merged[number, name] = merged.get((number, name), 0) + amount
            if MERGED in without or self._within(merged, part):
                yield from self._chosen(lists, suffixes, (*chosen, part), merged, without)

    def _within(self, amounts: Mapping[tuple[int, str], int], part: Part) -> bool:
        """Amounts only grow: what is too much already stays too much."""
        for number, name, _ in part.uses:
            stock = self._by_class[name].get(number)
            amount = amounts[number, name]
            if stock is None:
                continue  # a provider that is only imagined to have the class
            if stock.used + amount > stock.claimable and self._lifted != ("capacity", name):
                return False
            if amount > stock.max_unit and self._lifted != ("max_unit", name):
                return False
        return True

    def _holds_together(
        self, chosen: Sequence[Part], amounts: Iterable[tuple[int, str]], without: frozenset[str]
    ) -> bool:
        for suffixes in self._request.same_subtree:
            if f"same_subtree {','.join(sorted(suffixes))}" in without:
                continue
            among = {
                number
                for suffix, part in zip(self._suffixes, chosen, strict=True)
                if suffix in suffixes
                for number in part.providers
            }
            if not self._same_subtree(among):
                return False
        if self._flat and NESTED not in without:
            places = self._supply.places
            roots = Counter(places[number].root_id for number in {number for number, _ in amounts})
            return all(count == 1 for count in roots.values())
        return True

    def _same_subtree(self, among: set[int]) -> bool:
        return len(among) < 2 or any(all(top in self._line(number) for number in among) for top in among)

    def _line(self, number: int) -> set[int]:
        """A provider and all above it."""
        found = {number}
        place = self._supply.places.get(number)
        while place and place.parent_id is not None and place.parent_id not in found:
            found.add(place.parent_id)
            place = self._supply.places.get(place.parent_id)
        return found

    # --- evidence ---

    def _rows(self, everywhere: set[int], somewhere: set[int], served: set[int], untold: set[int]) -> list[Row]:
        rows = []
        if len(self._sieves) > 1:
            rows.append(Row(ALL_GROUPS, len(everywhere), len(somewhere - everywhere), 0))
        demands = self.demands
        for demand in demands:
            others = frozenset(demands) - {demand}
            failed = {anchor for anchor in everywhere - served - untold if not self._any(self._parts(anchor), others)}
            only = sum(self._any(self._parts(anchor), frozenset([demand])) for anchor in everywhere - served - untold)
            if failed or only or demand != MERGED:
                passed = len(everywhere - untold) - len(failed)
                rows.append(Row(demand, passed, len(failed), only))
        return rows

    def _inflated(self, anchors: Iterable[int]) -> list[str]:
        """Placement adds up in place when a class is in the unsuffixed and a suffixed group, unless policy is none."""
        if self._request.group_policy == "none":
            return []
        plain = [sieve for sieve in self._sieves if not sieve.group.suffix]
        suffixed = [sieve for sieve in self._sieves if sieve.group.suffix]
        found = set()
        for one in plain:
            for other in suffixed:
                common = one.group.resources.keys() & other.group.resources.keys()
                if common and any(
                    len(one.parts[anchor]) * len(other.parts[anchor]) > 1 and _meet(one, other, anchor)
                    for anchor in anchors
                ):
                    found |= common
        return sorted(found)


def _meet(one: Sieve, other: Sieve, anchor: int) -> bool:
    here = {number for part in one.parts[anchor] for number in part.providers}
    return any(number in here for part in other.parts[anchor] for number in part.providers)
