"""All about one provider: every constraint of every group, with the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placement_audit.candidates.nearest import lack, numbers_of
from placement_audit.candidates.request import Request
from placement_audit.candidates.sieve import TREE, Sieve
from placement_audit.candidates.supply import Supply
from placement_audit.errors import CannotTell

PASS, FAIL, NOT_JUDGED = "pass", "FAIL", "-"


@dataclass(frozen=True)
class Verdict:
    """One constraint on one provider: ``verdict`` is pass, FAIL, or - where there is nothing to judge."""

    suffix: str
    constraint: str
    verdict: str
    numbers: str


@dataclass(frozen=True)
class About:
    """A provider and how it fares. ``tree``: the verdicts are about its whole tree, of which this is the root."""

    provider: str
    name: str
    tree: str | None
    verdicts: Sequence[Verdict]


def about(supply: Supply, request: Request, sieves: Sequence[Sieve], wanted: str) -> About:
    """Raises CannotTell when no provider, or more than one, is called that."""
    found = supply.find(wanted)
    if not found:
        raise CannotTell(f"--provider {wanted}: no provider of that uuid, and no name that begins so")
    if len(found) > 1:
        names = ", ".join(name for _, _, name in found[:5])
        more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
        raise CannotTell(f"--provider {wanted}: {names}{more} begin so; give the whole name or the uuid")
    number, uuid, name = found[0]
    root = supply.places[number].root_id
    verdicts = [verdict for sieve in sieves for verdict in _verdicts(supply, sieve, number, root)]
    inner = root is not None and root != number and any(sieve.unit == TREE for sieve in sieves)
    return About(uuid, name, supply.named([root])[root][1] if inner and root is not None else None, verdicts)


def _verdicts(supply: Supply, sieve: Sieve, number: int, root: int | None) -> Iterator[Verdict]:
    unit = root if sieve.unit == TREE else number
    suffix = sieve.group.suffix
    if unit is None or unit not in sieve.failed:
        names = " or ".join(sieve.group.resources)
        yield Verdict(suffix, "inventory", FAIL, f"it has no inventory of {names}")
        return
    mask = sieve.failed[unit]
    absent = {one.subject for bit, one in enumerate(sieve.constraints) if one.kind == "inventory" and mask >> bit & 1}
    for bit, constraint in enumerate(sieve.constraints):
        if mask >> bit & 1:
            yield Verdict(suffix, constraint.name, FAIL, lack(supply, sieve, unit, constraint))
        elif constraint.subject in absent:
            yield Verdict(suffix, constraint.name, NOT_JUDGED, "")
        else:
            numbers = ""
            if constraint.kind == "inventory":
                stocks = sieve.sources(unit, constraint.subject)
                others = supply.named([one.provider_id for one in stocks if one.provider_id != unit])
                numbers = "; ".join(
                    f"{others[one.provider_id][1]}: {numbers_of(one)}" if one.provider_id in others else numbers_of(one)
                    for one in stocks
                )
            yield Verdict(suffix, constraint.name, PASS, numbers)
