"""Every constraint of a request group against every provider, without a short circuit: the evidence.

A unit is what can serve a group: one provider, or, for the unsuffixed group of a cloud with trees or sharing
providers, a whole tree with what shares with it (SEMANTICS B.6). Verdicts are bits, one for each constraint, set
where it fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import NamedTuple

from placement_audit.candidates.request import Group, Request
from placement_audit.candidates.supply import Stock, Supply

PROVIDER, TREE = "provider", "tree"
# With five classes or nine groups on a wide tree there are more combinations than anyone can wait for.
PATIENCE = 2_000_000
_MOST_PARTS = 100_001
_STOCK_KINDS = ("capacity", "min_unit", "max_unit", "step_size")
# Their bits, behind the one of the inventory itself.
_ALL_STOCK = 0b11110


class Constraint(NamedTuple):
    """One demand. ``kind`` says of what sort, ``subject`` is a class, a trait, an aggregate or a provider's uuid."""

    kind: str
    subject: str

    @property
    def name(self) -> str:
        """What reports call it: ``VCPU max_unit``, ``required HW_CPU_X86_VMX``, ``in_tree 1f2e…``."""
        if self.kind == "inventory" or self.kind in _STOCK_KINDS:
            return f"{self.subject} {self.kind}"
        return f"{self.kind} {self.subject}".strip()


class Part(NamedTuple):
    """What serves one group: its providers, and what is taken of each, as (provider, class, amount)."""

    providers: tuple[int, ...]
    uses: tuple[tuple[int, str, int], ...]


class Row(NamedTuple):
    """A line of the evidence: on how many units a constraint holds, fails, and is all that stands in the way."""

    name: str
    passed: int
    failed: int
    only_failed: int


@dataclass
class Sieve:
    """One group's evidence. ``failed`` by unit: the bits of ``constraints`` that fail there.

    ``parts`` by anchor, that is by the root of the tree that a candidate is attached to.
    """

    group: Group
    unit: str
    constraints: Sequence[Constraint]
    failed: dict[int, int]
    parts: dict[int, list[Part]] = field(default_factory=dict)
    # Units that one constraint keeps out, with its number.
    only: list[tuple[int, int]] = field(default_factory=list)
    # Anchors with more ways to be served than anyone can look at.
    untold: set[int] = field(default_factory=set)

    @property
    def noun(self) -> str:
        """What people call a unit: the unsuffixed group is served by hosts, with all that is below and beside them."""
        return "provider" if self.group.suffix else "host"

    def failing(self, unit: int) -> list[Constraint]:
        """The constraints that fail on a unit."""
        mask = self.failed[unit]
        return [constraint for number, constraint in enumerate(self.constraints) if mask >> number & 1]

    def lifted(self, unit: int, number: int) -> dict[int, list[Part]]:
        """What the unit would supply, by anchor, if one constraint did not hold."""
        raise NotImplementedError

    def sources(self, unit: int, name: str) -> list[Stock]:
        """The inventories that the unit could draw a class from."""
        raise NotImplementedError

    def is_plain(self, unit: int) -> bool:
        """Whether there is no choice on a unit, so that what fails is all there is to know."""
        return True

    def outsiders(self, unit: int) -> list[int]:
        """Providers of other trees that share with the unit, and are not in an aggregate that is asked for."""
        return []

    def reached(self) -> Iterator[tuple[int, int | None, int | None]]:
        """The providers whose trees placement reads in full: provider, anchor, and the provider's own root."""
        raise NotImplementedError

    def judged(self, number: int) -> int:
        """How many units a constraint can be judged on: without an inventory there is no max_unit."""
        constraint = self.constraints[number]
        if constraint.kind not in _STOCK_KINDS:
            return len(self.failed)
        missing = 1 << self.constraints.index(Constraint("inventory", constraint.subject))
        return sum(not mask & missing for mask in self.failed.values())

    def rows(self, only: Mapping[int, int]) -> list[Row]:
        """The table, with how often each constraint is the only one that fails."""
        masks = Counter(self.failed.values())
        found = []
        for number, constraint in enumerate(self.constraints):
            fails = sum(count for mask, count in masks.items() if mask >> number & 1)
            found.append(Row(constraint.name, self.judged(number) - fails, fails, only.get(number, 0)))
        return found


def sieved(supply: Supply, request: Request, group: Group) -> Sieve:
    """Judge one group. Classes and traits that placement does not know keep everybody out."""
    wholes = not group.suffix and (supply.has_trees or bool(supply.sharing))
    return _Trees(supply, request, group) if wholes else _Singles(supply, request, group)


# --- what both have in common ---


def _anchor_constraints(request: Request) -> list[Constraint]:
    required = [Constraint("root_required", trait) for trait in sorted(request.root_required)]
    return required + [Constraint("root_required", f"!{trait}") for trait in sorted(request.root_forbidden)]


def _constraints(request: Request, group: Group) -> list[Constraint]:
    found = []
    for name in group.resources:
        found += [Constraint("inventory", name), *(Constraint(kind, name) for kind in _STOCK_KINDS)]
    found += [Constraint("required", _any_of(traits)) for traits in group.required]
    found += [Constraint("forbidden", trait) for trait in sorted(group.forbidden)]
    found += [Constraint("member_of", _any_of(aggregates)) for aggregates in group.member_of]
    if group.forbidden_aggregates:
        found.append(Constraint("member_of", "!" + _any_of(group.forbidden_aggregates)))
    if group.in_tree:
        found.append(Constraint("in_tree", group.in_tree))
    if not group.resources and not group.required and not group.member_of:
        # SEMANTICS B.6: forbidden traits and in_tree alone select nobody.
        found.append(Constraint("without resources it needs a required trait or an aggregate", ""))
    return found + _anchor_constraints(request)


def _any_of(names: Collection[str]) -> str:
    return next(iter(names)) if len(names) == 1 else "in:" + ",".join(sorted(names))


class _Verdicts:
    """Where each constraint's bit is, and who fails it for reasons that lie in one provider or one anchor."""

    def __init__(self, supply: Supply, request: Request, group: Group, constraints: Sequence[Constraint]) -> None:
        number = {constraint: bit for bit, constraint in enumerate(constraints)}
        self.stock: list[tuple[str, int, Mapping[int, Stock], int]] = [
            (name, amount, supply.stock(name, amount), number[Constraint("inventory", name)])
            for name, amount in group.resources.items()
        ]
        self.required = [
            (number[Constraint("required", _any_of(traits))], frozenset().union(*map(supply.bearers, traits)))
            for traits in group.required
        ]
        self.forbidden = [
            (number[Constraint("forbidden", trait)], supply.bearers(trait)) for trait in sorted(group.forbidden)
        ]
        self.member_of = [
            (number[Constraint("member_of", _any_of(uuids))], supply.members(uuids)) for uuids in group.member_of
        ]
        self.outside: list[tuple[int, frozenset[int]]] = []
        if group.forbidden_aggregates:
            bit = number[Constraint("member_of", "!" + _any_of(group.forbidden_aggregates))]
            self.outside.append((bit, supply.members(group.forbidden_aggregates)))
        self.in_tree: tuple[int, int | None] | None = None
        if group.in_tree:
            self.in_tree = number[Constraint("in_tree", group.in_tree)], supply.tree_of(group.in_tree)
        self.root_required = [
            (number[Constraint("root_required", trait)], supply.bearers(trait))
            for trait in sorted(request.root_required)
        ]
        self.root_forbidden = [
            (number[Constraint("root_required", f"!{trait}")], supply.bearers(trait))
            for trait in sorted(request.root_forbidden)
        ]
        self._anchors: dict[int | None, int] = {}

    def anchor(self, root_id: int | None) -> int:
        """The bits of root_required that fail on an anchor."""
        if not self.root_required and not self.root_forbidden:
            return 0
        if root_id not in self._anchors:
            mask = 0
            for bit, bearers in self.root_required:
                mask |= (root_id not in bearers) << bit
            for bit, bearers in self.root_forbidden:
                mask |= (root_id in bearers) << bit
            self._anchors[root_id] = mask
        return self._anchors[root_id]

    def of_stock(self) -> dict[int, int]:
        """By provider: what its inventories fail, one that it lacks included."""
        masks = dict.fromkeys((number for _, _, stock, _ in self.stock for number in stock), 0)
        for _, _, stock, first in self.stock:
            room, least, most, step = (2 << first + more for more in range(4))
            for number, one in stock.items():
                if not (one.has_room and one.reaches_min and one.within_max and one.in_step):
                    masks[number] |= (
                        (0 if one.has_room else room)
                        | (0 if one.reaches_min else least)
                        | (0 if one.within_max else most)
                        | (0 if one.in_step else step)
                    )
            if len(stock) < len(masks):
                for number in masks:
                    if number not in stock:
                        masks[number] |= 1 << first
        return masks


def _one_bit(mask: int) -> bool:
    return mask != 0 and mask & (mask - 1) == 0


# --- one provider for all ---


class _Singles(Sieve):
    """A suffixed group, or a flat cloud: every constraint is about one provider alone."""

    def __init__(self, supply: Supply, request: Request, group: Group) -> None:
        super().__init__(group, PROVIDER, _constraints(request, group), {})
        self._verdicts = verdicts = _Verdicts(supply, request, group, self.constraints)
        self._roots: dict[int, int | None]
        if group.resources:
            self.failed = verdicts.of_stock()
            self._roots = {number: one.root_id for _, _, stock, _ in verdicts.stock for number, one in stock.items()}
        else:
            self._roots = {number: place.root_id for number, place in supply.places.items()}
            self.failed = dict.fromkeys(self._roots, 0)
        self._amounts = tuple(group.resources.items())
        self._sharing = supply.sharing & self.failed.keys()
        self._shared_anchors = supply.anchors(self._sharing) if self._sharing else {}
        self._judge()
        self._serve()

    def _judge(self) -> None:
        everyone, verdicts = self.failed.keys(), self._verdicts
        for bit, bearers in (*verdicts.required, *verdicts.member_of):
            self._fails(bit, everyone - bearers)
        for bit, bearers in (*verdicts.forbidden, *verdicts.outside):
            self._fails(bit, everyone & bearers)
        if verdicts.in_tree:
            bit, root = verdicts.in_tree
            # Placement looks at the tree only where resources are asked for (SEMANTICS B.6).
            if self.group.resources or root is None:
                self._fails(bit, [number for number in everyone if root is None or self._roots[number] != root])
        for bit, constraint in enumerate(self.constraints):
            if constraint.kind.startswith("without resources"):
                self._fails(bit, everyone)
        self._own = dict(self.failed)
        if verdicts.root_required or verdicts.root_forbidden:
            for number in everyone:
                shared = [verdicts.anchor(root) for root in self._anchors_of(number)]
                common = shared[0]
                for mask in shared[1:]:
                    common &= mask
                self.failed[number] |= common

    def _fails(self, bit: int, units: Collection[int]) -> None:
        for number in units:
            self.failed[number] |= 1 << bit

    def _anchors_of(self, number: int) -> list[int | None]:
        root = self._roots[number]
        if number not in self._sharing:
            return [root]
        return [root, *(anchor for anchor in self._shared_anchors[number] if anchor != root)]

    def _serve(self) -> None:
        for number, mask in self.failed.items():
            if mask:
                if _one_bit(mask):
                    self.only.append((number, mask.bit_length() - 1))
                continue
            found = self._supplied(number, 0)
            for anchor, parts in found.items():
                self.parts.setdefault(anchor, []).extend(parts)
            if not found:
                # Each anchor lacks something else.
                self.only += [
                    (number, bit)
                    for bit, constraint in enumerate(self.constraints)
                    if constraint.kind == "root_required" and self._supplied(number, 1 << bit)
                ]

    def _supplied(self, number: int, without: int) -> dict[int, list[Part]]:
        part = Part((number,), tuple((number, name, amount) for name, amount in self._amounts))
        return {
            anchor: [part]
            for anchor in self._anchors_of(number)
            if anchor is not None and not self._verdicts.anchor(anchor) & ~without
        }

    def lifted(self, unit: int, number: int) -> dict[int, list[Part]]:
        return self._supplied(unit, 1 << number) if not self.failed[unit] & ~(1 << number) else {}

    def reached(self) -> Iterator[tuple[int, int | None, int | None]]:
        for number, mask in self._own.items():
            if not mask:
                yield number, self._roots[number], self._roots[number]

    def sources(self, unit: int, name: str) -> list[Stock]:
        return [stock[unit] for own, _, stock, _ in self._verdicts.stock if own == name and unit in stock]


# --- a tree and what shares with it ---


class _Trees(Sieve):
    """The unsuffixed group of a cloud with trees or sharing providers: each class may come from another provider."""

    def __init__(self, supply: Supply, request: Request, group: Group) -> None:
        super().__init__(group, TREE, _constraints(request, group), {})
        self._verdicts = verdicts = _Verdicts(supply, request, group, self.constraints)
        self._stock_failed = verdicts.of_stock()
        self._index = {name: (index, stock) for index, (name, _, stock, _) in enumerate(verdicts.stock)}
        self._width = 1 << len(self.constraints)
        self._sharing = supply.sharing
        self._roots: dict[int, int | None] = {}
        # By anchor and class: who could supply it, in its own tree or by sharing.
        self._choices: dict[int | None, list[list[int]]] = {}
        self._find_choices(supply)
        self._membership: dict[int | None, int] = {}
        for anchor, lists in self._choices.items():
            if anchor is not None and not self._only_shares(lists):
                self.failed[anchor] = self._failing(anchor)
        self._serve()

    def _find_choices(self, supply: Supply) -> None:
        sharing: frozenset[int]
        count = len(self._verdicts.stock)
        for index, (_, _, stock, _) in enumerate(self._verdicts.stock):
            for number, one in stock.items():
                self._roots[number] = one.root_id
                if one.root_id not in self._choices:
                    self._choices[one.root_id] = [[] for _ in range(count)]
                self._choices[one.root_id][index].append(number)
            # in_tree leaves out what other trees share (SEMANTICS B.6).
            sharing = frozenset() if self._verdicts.in_tree else self._sharing & stock.keys()
            for number, anchors in (supply.anchors(sharing) if sharing else {}).items():
                if number in sharing:
                    for anchor in anchors - {stock[number].root_id}:
                        if anchor not in self._choices:
                            self._choices[anchor] = [[] for _ in range(count)]
                        self._choices[anchor][index].append(number)

    def _only_shares(self, lists: Sequence[Sequence[int]]) -> bool:
        """Whether a tree is there for others: it lacks something that is asked, and the rest of it is shared."""
        return not all(lists) and self._sharing.issuperset(number for numbers in lists for number in numbers)

    def _fails_membership(self, number: int | None) -> int:
        if not self._verdicts.member_of:
            return 0
        if number not in self._membership:
            mask = 0
            for bit, members in self._verdicts.member_of:
                mask |= (number not in members) << bit
            self._membership[number] = mask
        return self._membership[number]

    def _choice(self, number: int, anchor: int | None, first: int) -> int:
        """What a provider fails as the source of a class for an anchor, aggregates that it must be in left out."""
        verdicts = self._verdicts
        mask = self._stock_failed.get(number, 0) & _ALL_STOCK << first
        for bit, bearers in verdicts.forbidden:
            mask |= (number in bearers) << bit
        for bit, members in verdicts.outside:
            mask |= (number in members or anchor in members) << bit
        if verdicts.in_tree:
            bit, root = verdicts.in_tree
            mask |= (root is None or anchor != root) << bit
        return mask

    def _foreign(self, number: int, anchor: int | None) -> bool:
        return self._roots.get(number, anchor) != anchor

    def _fits(self, number: int, anchor: int | None, first: int, without: int) -> bool:
        if self._choice(number, anchor, first) & ~without:
            return False
        # All of member_of by itself, or all by its root, unless that is another tree's (SEMANTICS B.6).
        if not self._fails_membership(number) & ~without:
            return True
        return not self._foreign(number, anchor) and not self._fails_membership(anchor) & ~without

    def _failing(self, anchor: int) -> int:
        """The constraints that nothing in reach of an anchor meets."""
        failed = self._verdicts.anchor(anchor)
        for (_, _, _, first), numbers in zip(self._verdicts.stock, self._choices[anchor], strict=True):
            if not numbers:
                failed |= 1 << first
                continue
            common = self._width - 1
            for number in numbers:
                membership = self._fails_membership(number)
                if not self._foreign(number, anchor):
                    membership &= self._fails_membership(anchor)
                common &= self._choice(number, anchor, first) | membership
                if not common:
                    break
            failed |= common
        for bit, bearers in self._verdicts.required:
            failed |= (not any(number in bearers for numbers in self._choices[anchor] for number in numbers)) << bit
        return failed

    def _serve(self) -> None:
        wanting = [bit for bit, constraint in enumerate(self.constraints) if constraint.kind not in _STOCK_KINDS]
        stock = [bit for bit, constraint in enumerate(self.constraints) if constraint.kind in _STOCK_KINDS]
        for anchor, mask in self.failed.items():
            if not mask:
                found = list(islice(self._supplied(anchor, 0), _MOST_PARTS))
                if found:
                    self.parts[anchor] = found
                    continue
                tries: Sequence[int] = [*stock, *wanting]
            elif _one_bit(mask):
                number = mask.bit_length() - 1
                if self.is_plain(anchor):
                    self.only.append((anchor, number))
                    continue
                tries = [number]
            else:
                continue
            self.only += [(anchor, bit) for bit in tries if any(True for _ in self._supplied(anchor, 1 << bit))]

    def is_plain(self, unit: int) -> bool:
        return len(self._verdicts.member_of) < 2 and all(len(numbers) == 1 for numbers in self._choices[unit])

    def outsiders(self, unit: int) -> list[int]:
        return [
            number
            for numbers in self._choices[unit]
            if all(self._foreign(number, unit) and self._fails_membership(number) for number in numbers)
            for number in numbers
        ]

    def _supplied(self, anchor: int, without: int) -> Iterator[Part]:
        """Everything that serves the group there, if the constraints ``without`` did not hold."""
        if self._verdicts.anchor(anchor) & ~without:
            return
        lists = []
        for (_, _, _, first), numbers in zip(self._verdicts.stock, self._choices[anchor], strict=True):
            source = numbers
            if not numbers and without >> first & 1:
                source = [anchor]  # as if the root had such an inventory
            fitting = [number for number in source if self._fits(number, anchor, first, without)]
            if not fitting:
                return
            lists.append(fitting)
        required = [bearers for bit, bearers in self._verdicts.required if not without >> bit & 1]
        names = [(name, amount) for name, amount, _, _ in self._verdicts.stock]
        for count, chosen in enumerate(product(*lists)):
            if count == PATIENCE:
                self.untold.add(anchor)
                return
            if all(not bearers.isdisjoint(chosen) for bearers in required):
                yield Part(
                    tuple(dict.fromkeys(chosen)),
                    tuple((number, name, amount) for number, (name, amount) in zip(chosen, names, strict=True)),
                )

    def lifted(self, unit: int, number: int) -> dict[int, list[Part]]:
        found = list(islice(self._supplied(unit, 1 << number), _MOST_PARTS))
        return {unit: found} if found else {}

    def sources(self, unit: int, name: str) -> list[Stock]:
        index, stock = self._index[name]
        return [stock[number] for number in self._choices[unit][index]]

    def reached(self) -> Iterator[tuple[int, int | None, int | None]]:
        verdicts = self._verdicts
        if verdicts.required and not any(bearers for _, bearers in verdicts.required):
            return
        for anchor, lists in self._choices.items():
            if anchor is None:
                # An anchor that is not there has no traits, and no tree that could be asked for.
                if verdicts.root_required or verdicts.root_forbidden or verdicts.in_tree:
                    continue
            elif verdicts.anchor(anchor):
                continue
            fitting = [
                [number for number in numbers if self._fits(number, anchor, first, 0)]
                for (_, _, _, first), numbers in zip(verdicts.stock, lists, strict=True)
            ]
            if all(fitting):
                yield from ((number, anchor, self._roots[number]) for numbers in fitting for number in numbers)
