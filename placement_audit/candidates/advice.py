"""The evidence in words: why, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from placement_audit.candidates.combine import ALL_GROUPS, ISOLATE, MERGED, NESTED, Combined
from placement_audit.candidates.request import Request
from placement_audit.candidates.sieve import TREE, Constraint, Row, Sieve
from placement_audit.candidates.supply import Stock, Supply

if TYPE_CHECKING:
    from placement_audit.candidates.explanation import Evidence

# What nova-compute sets max_unit to (SEMANTICS F.2).
_PHYSICAL = {"VCPU": "cores", "PCPU": "dedicated cores", "MEMORY_MB": "memory", "DISK_GB": "disk"}
_AT_MOST = 3


# --- why ---


def reasons(
    supply: Supply, request: Request, sieves: Sequence[Sieve], evidence: Sequence[Evidence], combined: Combined
) -> list[str]:
    """Sentences for a tired engineer: the worst first."""
    found = [
        f"the combinations are too many to look at on {len(combined.untold):,} trees; what is said of these is unknown"
        for _ in combined.untold[:1]
    ]
    if combined.inflated:
        found.append(
            f"placement may return more {' and '.join(combined.inflated)} than was asked: it adds up in place when a "
            "class is in the unsuffixed and in a suffixed group; group_policy=none avoids it"
        )
    if combined.candidates:
        return [_success(combined), *found]
    for sieve, one in zip(sieves, evidence, strict=True):
        if not sieve.parts:
            found += _group(supply, sieve, one)
    if all(sieve.parts for sieve in sieves):
        found += _together(sieves, combined)
    return found


def _success(combined: Combined) -> str:
    number, hosts = len(combined.candidates), len(combined.anchors)
    more = "more than " if combined.full else ""
    return f"placement offers {more}{number:,} candidate{'s' * (number != 1)} on {hosts:,} host{'s' * (hosts != 1)}"


def _of_group(sieve: Sieve) -> str:
    return f" (group {sieve.group.suffix})" if sieve.group.suffix else ""


def _group(supply: Supply, sieve: Sieve, evidence: Evidence) -> Iterator[str]:
    units = _units(sieve, len(sieve.failed))
    if not sieve.failed:
        names = " or ".join(sieve.group.resources) or "that"
        yield f"no provider has an inventory of {names}{_of_group(sieve)}"
        return
    blocking = [
        constraint
        for constraint, row in zip(sieve.constraints, evidence.rows, strict=True)
        if row.failed and not row.passed
    ]
    for constraint in blocking[:_AT_MOST]:
        yield _blocks(supply, sieve, constraint) + _of_group(sieve)
    if blocking:
        return
    masks = Counter(sieve.failed.values())
    mostly = []
    for mask, count in masks.most_common(_AT_MOST):
        failing = [one.name for number, one in enumerate(sieve.constraints) if mask >> number & 1]
        if failing:
            mostly.append(f"{' and '.join(failing[:4])} fail{'s' * (len(failing) == 1)} on {count:,}")
        else:
            mostly.append(f"on {count:,} each is met, but not by the same providers")
    yield f"each constraint is met somewhere, but none of {units} meets all{_of_group(sieve)}: {'; '.join(mostly)}"


def _units(sieve: Sieve, count: int) -> str:
    return f"{count:,} {sieve.unit}{'s' * (count != 1)}"


def _all(sieve: Sieve) -> str:
    count = len(sieve.failed)
    return f"all {_units(sieve, count)}" if count > 1 else f"the only {sieve.unit}"


def _blocks(supply: Supply, sieve: Sieve, constraint: Constraint) -> str:
    """A constraint that holds nowhere, in a sentence."""
    kind, subject = constraint
    if kind in ("capacity", "min_unit", "max_unit", "step_size"):
        return _blocks_by_stock(sieve, constraint)
    by_kind = {
        "inventory": lambda: f"no provider has an inventory of {subject}",
        "required": lambda: _blocks_by_trait(supply, sieve, subject),
        "forbidden": lambda: f"{_all(sieve)} have trait {subject}, which the request forbids",
        "member_of": lambda: _blocks_by_aggregate(supply, sieve, subject),
        "in_tree": lambda: _blocks_by_tree(supply, subject),
        "root_required": lambda: _blocks_by_root(sieve, subject),
    }
    told = by_kind.get(kind)
    return told() if told else "a group without resources selects nobody unless it requires a trait or an aggregate"


def _blocks_by_tree(supply: Supply, subject: str) -> str:
    if supply.tree_of(subject) is None:
        return f"in_tree: there is no provider {subject}"
    outside = "; sharing providers are outside the tree and do not count" if supply.sharing else ""
    return f"the tree of {subject} has nothing of what is asked{outside}"


def _blocks_by_root(sieve: Sieve, subject: str) -> str:
    if subject == "!COMPUTE_STATUS_DISABLED":
        return (
            f"{_all(sieve)} have COMPUTE_STATUS_DISABLED: their nova-compute services are disabled, or the trait "
            "was left behind (openstack compute service list tells)"
        )
    if subject[0] == "!":
        return f"the roots of {_all(sieve)} have trait {subject[1:]}, which root_required forbids"
    return f"no root provider among {_units(sieve, len(sieve.failed))} has trait {subject}"


def _stocks(sieve: Sieve, name: str) -> Iterator[Stock]:
    for unit in sieve.failed:
        yield from sieve.sources(unit, name)


def _range(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"


def _blocks_by_stock(sieve: Sieve, constraint: Constraint) -> str:
    kind, name = constraint
    amount = sieve.group.resources[name]
    stocks = list({one.provider_id: one for one in _stocks(sieve, name)}.values())
    count = len(stocks)
    where = f"all {count:,} providers" if count > 1 else "the only provider"
    if kind == "max_unit":
        most = max(stocks, key=lambda one: one.max_unit)
        told = f"max_unit is {_range(min(one.max_unit for one in stocks), most.max_unit)} on {where}"
        told += f": the most {name} one server may take from one host"
        if name in _PHYSICAL and most.max_unit == most.total:
            told += (
                f". nova-compute sets it to the host's {_PHYSICAL[name]}; allocation_ratio {most.ratio:g} makes "
                f"capacity {most.capacity:.6g} and leaves max_unit at {most.max_unit}"
            )
        return told
    if kind == "capacity":
        free = max(stocks, key=lambda one: one.capacity - one.used)
        room = free.capacity - free.used
        return (
            f"{amount} {name} are free on none of {count:,} providers: the most is {max(room, 0):.6g} "
            f"({free.used} used of {free.capacity:.6g}); placement-audit audit tells whether leftovers hold some"
        )
    if kind == "min_unit":
        least = min(one.min_unit for one in stocks)
        return f"{amount} {name} is less than min_unit on {where} (at least {least})"
    steps = sorted({one.step_size for one in stocks})
    listed = ", ".join(map(str, steps[:5]))
    broken = "; a step_size of 0 is never offered" if 0 in steps else ""
    return f"{amount} {name} is no multiple of step_size on {where} (step_size {listed}{broken})"


def _blocks_by_trait(supply: Supply, sieve: Sieve, subject: str) -> str:
    names = subject.removeprefix("in:").split(",")
    bearers = len(frozenset().union(*map(supply.bearers, names)))
    word = f"any of the traits {', '.join(names)}" if len(names) > 1 else f"trait {subject}"
    if not bearers:
        return f"no provider has {word}"
    having = f"none of the providers with {' and '.join(sieve.group.resources)}" if sieve.group.resources else "none"
    return (
        f"{having} has {word}, though {bearers:,} other{'s do' if bearers > 1 else ' does'}: it must be on a provider "
        "that supplies resources to this group"
    )


def _blocks_by_aggregate(supply: Supply, sieve: Sieve, subject: str) -> str:
    if subject[0] == "!":
        return f"{_all(sieve)} are in an aggregate that is forbidden ({subject[1:]})"
    uuids = subject.removeprefix("in:").split(",")
    members = supply.members(uuids)
    word = "any of the aggregates" if len(uuids) > 1 else "aggregate"
    if not members:
        return f"no provider at all is in {word} {', '.join(uuids)}"
    told = f"none of {_units(sieve, len(sieve.failed))} is in {word} {', '.join(uuids)} ({len(members):,} others are)"
    if sieve.unit == TREE and supply.sharing - members:
        told += "; a sharing provider must itself be in it, its users' membership does not count"
    return told


def _together(sieves: Sequence[Sieve], combined: Combined) -> Iterator[str]:
    rows = {row.name: row for row in combined.rows}
    alone = rows.get(ALL_GROUPS)
    if alone and not alone.passed:
        yield (
            f"each of the {len(sieves)} groups could be served, but none of {alone.failed:,} trees serves all of them"
        )
        return
    blocking = [row for row in combined.rows if row.name != ALL_GROUPS and row.failed and not row.passed]
    for row in blocking or [row for row in combined.rows if row.only_failed]:
        yield _demand(row)
    if not blocking and not any(row.only_failed for row in combined.rows):
        yield "each demand on the combination of groups is met somewhere, but never all of them in one tree"


def _demand(row: Row) -> str:
    where = f"{row.failed:,} tree{'s' * (row.failed != 1)}"
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


def helps(
    supply: Supply, request: Request, sieves: Sequence[Sieve], evidence: Sequence[Evidence], combined: Combined
) -> list[str]:
    """What fits now, and what could be changed; nothing when there are candidates."""
    if combined.candidates:
        return []
    found: list[str] = []
    for sieve, one in zip(sieves, evidence, strict=True):
        if sieve.parts and len(sieves) > 1:
            continue
        found += [f"{told}{_of_group(sieve)}" for told in _smaller(sieve)]
        found += [f"{told}{_of_group(sieve)}" for told in _relaxed(sieve, one)]
    found += [
        f"without {row.name} there would be candidates on {row.only_failed:,} trees"
        for row in combined.rows
        if row.only_failed
    ]
    return found


def _smaller(sieve: Sieve) -> Iterator[str]:
    """For each class the largest amount that fits where all else is met."""
    for name, amount in sieve.group.resources.items():
        own = 0
        for number, constraint in enumerate(sieve.constraints):
            if constraint.subject == name and constraint.kind in ("capacity", "min_unit", "max_unit", "step_size"):
                own |= 1 << number
        largest = [
            max((one.largest for one in sieve.sources(unit, name)), default=0)
            for unit, mask in sieve.failed.items()
            if not mask & ~own and mask
        ]
        most = max(largest, default=0)
        if 0 < most < amount:
            hosts = largest.count(most)
            yield (
                f"{name} {most} in place of {amount} is the largest amount that fits now, "
                f"on {hosts:,} {sieve.unit}{'s' * (hosts != 1)}"
            )


def _relaxed(sieve: Sieve, evidence: Evidence) -> Iterator[str]:
    rows = sorted(
        ((row, one) for row, one in zip(evidence.rows, sieve.constraints, strict=True) if row.only_failed),
        key=lambda pair: -pair[0].only_failed,
    )
    for row, constraint in rows[:_AT_MOST]:
        yield _relaxing(sieve, row, constraint)


def _relaxing(sieve: Sieve, row: Row, constraint: Constraint) -> str:
    kind, name = constraint
    where = f"{row.only_failed:,} {sieve.unit}{'s' * (row.only_failed != 1)}"
    amount = sieve.group.resources.get(name)
    if kind == "max_unit":
        physical = _PHYSICAL.get(name)
        how = (
            f"; nova-compute reports it and would set it back: that takes hosts with more {physical}, or a flavor "
            "that asks less"
            if physical
            else ""
        )
        return f"a max_unit of {amount} {name} would do on {where}{how}"
    if kind == "capacity":
        return f"room for {amount} {name} would do on {where}: free some, or raise allocation_ratio, or lower reserved"
    if kind == "inventory":
        return f"an inventory of {name} would do on {where}"
    if kind in ("min_unit", "step_size"):
        return f"another {kind} of {name} would do on {where}"
    return f"without {row.name} {where} would do"
