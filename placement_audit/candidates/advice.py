"""The evidence in words: why, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from placement_audit.candidates.combine import ALL_GROUPS, ISOLATE, MERGED, NESTED, Combined
from placement_audit.candidates.nearest import DISABLED, eligible, lacks
from placement_audit.candidates.request import Request
from placement_audit.candidates.sieve import Constraint, Row, Sieve
from placement_audit.candidates.supply import Stock, Supply

# What nova-compute sets max_unit to (SEMANTICS F.2).
_PHYSICAL = {"VCPU": "cores", "PCPU": "dedicated cores", "MEMORY_MB": "memory", "DISK_GB": "disk"}
_OF_STOCK = ("capacity", "min_unit", "max_unit", "step_size")


class Trial(NamedTuple):
    """On how many hosts there would be candidates with another amount of a class in one group.

    ``plain``: there is but one group, and what serves it is a candidate.
    """

    plain: bool
    hosts: Callable[[Sieve, str, int], int]


_TRIALS = 6
_ANY = 2**53
_AT_MOST = 3
_NAMED = 5


def number_of(count: int, noun: str) -> str:
    """ "1 host", "2,000 hosts"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _every(count: int, noun: str) -> str:
    return f"the only {noun}" if count == 1 else f"all {number_of(count, noun)}"


def _names(supply: Supply, units: Sequence[int]) -> str:
    """Some of them by name: "compute-01, compute-02 and 18 more"."""
    shown = supply.named(units[:_NAMED])
    listed = ", ".join(sorted(name for _, name in shown.values()))
    return f"{listed} and {len(units) - _NAMED:,} more" if len(units) > _NAMED else listed


def _classes(sieve: Sieve) -> str:
    return ", ".join(sieve.group.resources)


def _of_group(sieve: Sieve) -> str:
    return f" (group {sieve.group.suffix})" if sieve.group.suffix else ""


# --- why ---


def reasons(supply: Supply, request: Request, sieves: Sequence[Sieve], combined: Combined) -> list[str]:
    """Sentences for a tired engineer: the worst first."""
    found = []
    if combined.untold:
        hosts = f"{number_of(len(combined.untold), 'host')} ({_names(supply, combined.untold)})"
        found.append(f"on {hosts} the combinations are too many to look at: whether they serve is unknown")
    if combined.inflated:
        found.append(
            f"placement may return more {' and '.join(combined.inflated)} than was asked: it adds up in place when a "
            "class is in the unsuffixed and in a suffixed group; group_policy=none avoids it"
        )
    if combined.candidates:
        candidates, hosts = number_of(len(combined.candidates), "candidate"), number_of(len(combined.anchors), "host")
        told = f"more than {candidates} on at least {hosts}" if combined.full else f"{candidates} on {hosts}"
        if request.limit is not None and request.limit < len(combined.candidates):
            told += f"; limit={request.limit} lets placement return {request.limit:,} of them, nobody can tell which"
        return [f"placement has {told}", *found]
    if combined.untold:
        return found
    for sieve in sieves:
        if not sieve.parts:
            found += [f"{told}{_of_group(sieve)}" for told in _group(supply, sieve)]
    if all(sieve.parts for sieve in sieves):
        found += _together(supply, sieves, combined)
    return found


def _group(supply: Supply, sieve: Sieve) -> Iterator[str]:
    """Why nothing serves a group: what keeps out all of those that have what is asked."""
    if not sieve.failed:
        yield f"no provider has an inventory of {' or '.join(sieve.group.resources) or 'anything'}"
        return
    if sieve.group.in_tree:
        yield from _group_in_tree(supply, sieve, supply.tree_of(sieve.group.in_tree))
        return
    everywhere = [
        one for one in sieve.constraints if one.kind == "inventory" and _fails_on_all(sieve, one, sieve.failed)
    ]
    if everywhere:
        for constraint in everywhere:
            yield f"no provider has an inventory of {constraint.subject}"
        return
    units = eligible(sieve)
    if any(one.kind == "inventory" for one in sieve.failing(units[0])):
        yield from _scattered(sieve)
        return
    if len(units) < len(sieve.failed):
        few = f"{len(units):,} of {number_of(len(sieve.failed), sieve.noun)}"
        yield f"only {few} {'has' if len(units) == 1 else 'have'} all of {_classes(sieve)}: {_names(supply, units)}"
    blocking = [one for one in sieve.constraints if _fails_on_all(sieve, one, units)]
    for constraint in blocking[:_AT_MOST]:
        yield _blocks(supply, sieve, constraint, units)
    if len(blocking) > _AT_MOST:
        yield f"nor does any have {', '.join(one.name for one in blocking[_AT_MOST:])}"
    if not blocking:
        yield from _mixed(sieve, units)


def _fails_on_all(sieve: Sieve, constraint: Constraint, units: Iterable[int]) -> bool:
    bit = 1 << sieve.constraints.index(constraint)
    return all(sieve.failed[unit] & bit for unit in units)


def _group_in_tree(supply: Supply, sieve: Sieve, tree: int | None) -> Iterator[str]:
    if tree is None:
        yield f"in_tree: there is no provider {sieve.group.in_tree}"
        return
    inside = [unit for unit in sieve.failed if not any(one.kind == "in_tree" for one in sieve.failing(unit))]
    if not inside:
        yield f"in_tree: the tree of {_names(supply, [tree])} has no {' or '.join(sieve.group.resources)}"
    for unit in inside[:_AT_MOST]:
        yield f"in_tree allows {_names(supply, [unit])} alone: {'; '.join(lacks(supply, sieve, unit))}"


def _scattered(sieve: Sieve) -> Iterator[str]:
    counts = [
        f"{constraint.subject} on {sum(not mask >> number & 1 for mask in sieve.failed.values()):,}"
        for number, constraint in enumerate(sieve.constraints)
        if constraint.kind == "inventory"
    ]
    every = number_of(len(sieve.failed), sieve.noun)
    yield f"no {sieve.noun} has all of {_classes(sieve)}: of {every} there is {', '.join(counts)}"


def _mixed(sieve: Sieve, units: Sequence[int]) -> Iterator[str]:
    masks = Counter(sieve.failed[unit] for unit in units)
    mostly = []
    for mask, count in masks.most_common(_AT_MOST):
        failing = [one.name for number, one in enumerate(sieve.constraints) if mask >> number & 1]
        if failing:
            mostly.append(f"{' and '.join(failing[:4])} fail{'s' * (len(failing) == 1)} on {count:,}")
        else:
            mostly.append(f"on {count:,} each is met, but not by the same providers")
    yield f"no one constraint keeps out all of {number_of(len(units), sieve.noun)}: {'; '.join(mostly)}"


def _blocks(supply: Supply, sieve: Sieve, constraint: Constraint, units: Sequence[int]) -> str:
    """A constraint that holds on none of these units, in a sentence."""
    kind, subject = constraint
    every = _every(len(units), sieve.noun)
    if kind in _OF_STOCK:
        return _blocks_by_stock(sieve, constraint, units)
    if kind == "member_of":
        return _blocks_by_aggregate(supply, sieve, subject, units)
    have = "has" if len(units) == 1 else "have"
    by_kind = {
        "required": _blocks_by_trait(supply, sieve, subject, units) if kind == "required" else "",
        "forbidden": f"{every} {have} trait {subject}, which the request forbids",
        "root_required": _blocks_by_root(subject, every, have),
    }
    return by_kind.get(kind, "a group without resources selects nobody unless it requires a trait or an aggregate")


def _blocks_by_root(subject: str, every: str, have: str) -> str:
    if subject == DISABLED:
        return (
            f"{every} {have} trait COMPUTE_STATUS_DISABLED: the nova-compute service is disabled, or was and the trait "
            "is stuck. Look: openstack compute service list --service nova-compute"
        )
    if subject.startswith("!"):
        return f"{every} {have} trait {subject[1:]} at the root, which root_required forbids"
    return f"{every} {'lacks' if have == 'has' else 'lack'} trait {subject} at the root"


def _range(values: Iterable[int]) -> str:
    low, high = min(found := list(values)), max(found)
    return f"{low}" if low == high else f"{low} to {high}"


def _blocks_by_stock(sieve: Sieve, constraint: Constraint, units: Sequence[int]) -> str:
    kind, name = constraint
    amount = sieve.group.resources[name]
    stocks = list({one.provider_id: one for unit in units for one in sieve.sources(unit, name)}.values())
    noun = sieve.noun if len(stocks) == len(units) else "provider"
    where = _every(len(stocks), noun)
    if kind == "capacity":
        return _blocks_by_capacity(name, amount, stocks, noun)
    if kind == "max_unit":
        told = f"max_unit is {_range(one.max_unit for one in stocks)} on {where}"
        told += f": the most {name} one server may take from one host"
        if name in _PHYSICAL and all(one.max_unit == one.total for one in stocks):
            told += f". nova-compute sets it to the host's {_PHYSICAL[name]}; "
            one = stocks[0]
            if len({(other.ratio, other.capacity) for other in stocks}) == 1 and one.capacity > one.max_unit:
                told += f"allocation_ratio {one.ratio:g} makes capacity {one.claimable} "
                told += f"and leaves max_unit at {one.max_unit}"
            else:
                told += "a higher allocation_ratio lets more servers in, not a larger one"
        return told
    if kind == "min_unit":
        return f"{amount} {name} is less than min_unit on {where} ({_range(one.min_unit for one in stocks)})"
    steps = sorted({one.step_size for one in stocks})
    never = "; a step_size of 0 is never offered" if 0 in steps else ""
    return f"{amount} {name} is no multiple of step_size on {where} ({', '.join(map(str, steps[:_NAMED]))}{never})"


def _blocks_by_capacity(name: str, amount: int, stocks: Sequence[Stock], noun: str) -> str:
    where = f"none of {number_of(len(stocks), noun)}" if len(stocks) > 1 else f"no {noun}, not on the only one"
    largest = max(stocks, key=lambda one: one.capacity)
    if largest.capacity < amount:
        return f"{amount} {name} fit on {where}, not even if it were empty: the largest capacity is {largest.computed}"
    freest = max(stocks, key=lambda one: one.room)
    leftovers = "; placement-audit audit tells whether leftovers hold some of it" if freest.used else ""
    return (
        f"{amount} {name} are free on {where}: the most is {max(freest.room, 0)} ({freest.used} used of "
        f"{freest.computed}){leftovers}"
    )


def _blocks_by_trait(supply: Supply, sieve: Sieve, subject: str, units: Sequence[int]) -> str:
    names = subject.removeprefix("in:").split(",")
    bearers = len(frozenset().union(*map(supply.bearers, names)))
    word = f"any of the traits {', '.join(names)}" if len(names) > 1 else f"trait {subject}"
    if not bearers:
        return f"no provider has {word}"
    having = f"that supplies {' or '.join(sieve.group.resources)} " if sieve.group.resources else ""
    others = number_of(bearers, "other provider")
    return f"no provider {having}has {word}; {others} {'has' if bearers == 1 else 'have'} it, which does not count"


def _blocks_by_aggregate(supply: Supply, sieve: Sieve, subject: str, units: Sequence[int]) -> str:
    every = _every(len(units), sieve.noun)
    if subject[0] == "!":
        return f"{every} {'is' if len(units) == 1 else 'are'} in an aggregate that is forbidden ({subject[1:]})"
    uuids = subject.removeprefix("in:").split(",")
    members = supply.members(uuids)
    word = "any of the aggregates" if len(uuids) > 1 else "aggregate"
    if not members:
        return f"no provider at all is in {word} {', '.join(uuids)}"
    outsiders = sorted({number for unit in units for number in sieve.outsiders(unit)})
    if outsiders:
        alone = len(outsiders) == 1
        return (
            f"the sharing {'provider' if alone else 'providers'} {_names(supply, outsiders)} of {every} "
            f"{'is' if alone else 'are'} not in {word} {', '.join(uuids)}, and must be, whatever the hosts are in"
        )
    return f"none of {number_of(len(units), sieve.noun)} is in {word} {', '.join(uuids)}, while others are"


def _together(supply: Supply, sieves: Sequence[Sieve], combined: Combined) -> Iterator[str]:
    rows = {row.name: row for row in combined.rows}
    alone = rows.get(ALL_GROUPS)
    if alone and not alone.passed:
        served = [
            f"{f'group {sieve.group.suffix}' if sieve.group.suffix else 'the unsuffixed group'} by "
            f"{_names(supply, sorted(sieve.parts))}"
            for sieve in sieves
        ]
        yield f"each group is served somewhere, but no host serves all of them: {'; '.join(served)}"
        return
    blocking = [row for row in combined.rows if row.name != ALL_GROUPS and row.failed and not row.passed]
    for row in blocking or [row for row in combined.rows if row.only_failed]:
        yield _demand(supply, row, combined.stuck)
    if not blocking and not any(row.only_failed for row in combined.rows):
        yield "each demand on the combination of groups is met somewhere, but never all of them on one host"


def _demand(supply: Supply, row: Row, stuck: Sequence[int]) -> str:
    where = f"{number_of(row.failed, 'host')} ({_names(supply, stuck)})"
    if row.name == ISOLATE:
        return f"group_policy isolate: on {where} the groups find no providers that all differ"
    if row.name == MERGED:
        return (
            f"on {where} the groups meet on the same provider, and together ask more than its capacity or max_unit "
            "([workarounds] optimize_for_wide_provider_trees would make placement offer some that no claim gets)"
        )
    if row.name == NESTED:
        return f"below microversion 1.29 nothing may come from two providers of one tree, as it would on {where}"
    return f"{row.name}: on {where} no provider of these groups stands above all the others"


# --- what would help ---


def helps(sieves: Sequence[Sieve], only: Sequence[Counter[int]], combined: Combined, trial: Trial) -> list[str]:
    """What fits now, and what could be changed; nothing when there are candidates."""
    if combined.candidates:
        return []
    found: list[str] = []
    for sieve, counts in zip(sieves, only, strict=True):
        if not sieve.parts:
            found += [f"{told}{_of_group(sieve)}" for told in _other_amounts(sieve, trial)]
            found += [f"{told}{_of_group(sieve)}" for told in _relaxed(sieve, counts)]
    found += [
        f"without {row.name} there would be candidates on {number_of(row.only_failed, 'host')}"
        for row in combined.rows
        if row.only_failed and row.name not in (MERGED, NESTED)
    ]
    return found


def _other_amounts(sieve: Sieve, trial: Trial) -> Iterator[str]:
    """For each class the nearest amounts that get candidates, all else being as it is."""
    told = False
    for name, amount in sieve.group.resources.items():
        own = {Constraint(kind, name) for kind in _OF_STOCK}
        units = [unit for unit in sieve.failed if own.issuperset(sieve.failing(unit))]
        stocks = [one for unit in units for one in sieve.sources(unit, name)]
        below = sorted({one.below(amount) for one in stocks} - {0}, reverse=True)
        above = sorted({one.above(amount) for one in stocks} - {0})
        sure = trial.plain and all(sieve.is_plain(unit) for unit in units)
        for amounts, word in ((below, "largest amount below"), (above, "smallest amount above")):
            for other in amounts[:_TRIALS]:
                hosts = (
                    sum(_gives(sieve, unit, name, other) for unit in units) if sure else trial.hosts(sieve, name, other)
                )
                if hosts:
                    where = number_of(hosts, "host")
                    yield f"{name} {other} in place of {amount} is the {word} it that fits now, on {where}"
                    told = True
                    break
    if not told:
        yield from _alone(sieve)


def _gives(sieve: Sieve, unit: int, name: str, amount: int) -> bool:
    return any(one.below(amount) == amount for one in sieve.sources(unit, name))


def _alone(sieve: Sieve) -> Iterator[str]:
    """Where more than one amount is too much: the most of each."""
    units = [unit for unit in sieve.failed if all(one.kind in _OF_STOCK for one in sieve.failing(unit))]
    most = {
        name: max((one.below(_ANY) for unit in units for one in sieve.sources(unit, name)), default=0)
        for name in sieve.group.resources
    }
    if len(most) > 1 and all(most.values()):
        listed = ", ".join(f"{name} {amount}" for name, amount in most.items())
        yield f"the most that one server could get now of each, taken alone: {listed}"


def _relaxed(sieve: Sieve, counts: Counter[int]) -> Iterator[str]:
    told = [(number, count) for number, count in counts.most_common() if sieve.constraints[number].kind != "inventory"]
    for number, count in told[:_AT_MOST]:
        yield _relaxing(sieve, sieve.constraints[number], number_of(count, sieve.noun))


def _relaxing(sieve: Sieve, constraint: Constraint, where: str) -> str:
    kind, name = constraint
    amount = sieve.group.resources.get(name)
    if kind == "max_unit":
        physical = _PHYSICAL.get(name)
        told = f"a max_unit of {amount} {name} would do on {where}"
        if physical:
            told += (
                f"; nova-compute reports it and would set it back: that takes hosts with more {physical}, or a flavor "
                "that asks less"
            )
        return told
    if kind == "capacity":
        return f"room for {amount} {name} would do on {where}: free what is held there, or raise allocation_ratio"
    if kind in ("min_unit", "step_size"):
        return f"another {kind} of {name} would do on {where}"
    if name == DISABLED:
        return (
            f"nova-compute enabled would do on {where}: openstack compute service set --enable HOST nova-compute; "
            "where it is enabled already, its log tells why the trait stays"
        )
    if kind == "member_of" and name[0] != "!":
        return f"membership in {name} would do on {where}"
    return f"without {constraint.name} {where} would do"
