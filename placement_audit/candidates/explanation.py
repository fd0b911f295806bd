"""The answer: does the request get candidates, and if not, what stands in the way of whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from placement_audit import schema as t
from placement_audit.candidates.about import About, about
from placement_audit.candidates.advice import Trial, helps, reasons
from placement_audit.candidates.combine import Combined, Combiner
from placement_audit.candidates.nearest import Nearest, nearest
from placement_audit.candidates.request import Group, Refused, Request
from placement_audit.candidates.sieve import TREE, Row, Sieve, sieved
from placement_audit.candidates.supply import Supply

CEILING = 100_000
_HOSTS = 5
_TRIED = 20_000


@dataclass(frozen=True)
class Evidence:
    """One group's table. ``unit``: what its numbers count, "provider" or "tree"."""

    suffix: str
    unit: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Explanation:
    """``status``: "candidates", "none", or "invalid", with ``error``, when placement refuses or breaks.

    ``requests``: allocation requests as placement gives them, ``count`` of them before ``limit``; ``full`` when
    there are more than were looked for.
    """

    request: Request
    status: str
    error: Refused | None
    evidence: Sequence[Evidence]
    combination: Sequence[Row]
    requests: Sequence[Mapping[str, Any]]
    count: int
    full: bool
    # Some of the hosts that serve, by name.
    hosts: Sequence[str]
    why: Sequence[str]
    nearest: Sequence[Nearest]
    what_helps: Sequence[str]
    about: About | None = None


def explained(
    supply: Supply, request: Request, *, provider: str | None = None, listed: bool = True, ceiling: int = CEILING
) -> Explanation:
    """Judge a request against all providers. What placement refuses is explained as far as the rows tell.

    ``provider``: a uuid or name about which all is to be told; ``listed``: whether ``requests`` are wanted. Raises
    CannotTell when there is no such provider, or several.
    """
    supply.read_traits(_traits_of(request))
    sieves = [sieved(supply, request, group) for group in request.groups]
    combiner = Combiner(supply, request, sieves)
    combined = combiner.combined(ceiling)
    only = [Counter(number for _, number in culprits(combiner, sieve)) for sieve in sieves]
    evidence = [
        Evidence(sieve.group.suffix, sieve.unit, sieve.rows(counts)) for sieve, counts in zip(sieves, only, strict=True)
    ]
    unknown, unseen = _refusal(supply, request, sieves)
    error = unknown or _breakdown(supply, sieves)
    why = [*unseen, *reasons(supply, request, sieves, combined)]
    if error:
        # What survives is of no use to anybody then.
        why = [error.message, *(() if combined.candidates else why)]
        combined = replace(combined, candidates=[])
    elif combined.untold and not combined.candidates:
        error = Refused(None, why[0])
    status = "invalid" if error else "candidates" if combined.candidates else "none"

    def hosts_with(sieve: Sieve, name: str, amount: int) -> int:
        resources = {**sieve.group.resources, name: amount}
        other = sieved(supply, request, replace(sieve.group, resources=resources))
        tried = [other if one is sieve else one for one in sieves]
        return len(Combiner(supply, request, tried).combined(_TRIED).anchors)

    return Explanation(
        request=request,
        status=status,
        error=error,
        evidence=evidence,
        combination=combined.rows,
        requests=_shown(supply, combined, request.limit) if listed else [],
        count=len(combined.candidates),
        full=combined.full or bool(combined.untold),
        hosts=[name for _, name in supply.named(combined.anchors[:_HOSTS]).values()],
        why=why,
        nearest=[] if error or combined.candidates else nearest(supply, sieves),
        what_helps=[] if error else helps(sieves, only, combined, Trial(combiner.is_plain, hosts_with)),
        about=about(supply, request, sieves, provider) if provider is not None else None,
    )


def _traits_of(request: Request) -> set[str]:
    found = {t.SHARING_TRAIT, *request.root_required, *request.root_forbidden}
    for group in request.groups:
        found |= group.forbidden.union(*group.required)
    return found


def culprits(combiner: Combiner, sieve: Sieve) -> list[tuple[int, int]]:
    """Units that would be part of a candidate if one constraint, given by its number, did not hold."""
    if combiner.is_plain:
        return sieve.only
    return [(unit, number) for unit, number in sieve.only if combiner.possible(sieve, unit, number)]


# --- what placement refuses or breaks at ---


def _refusal(supply: Supply, request: Request, sieves: Sequence[Sieve]) -> tuple[Refused | None, list[str]]:
    """What placement finds unknown, in its own order, and what it stops too early to find (SEMANTICS B.9)."""
    roots = [
        Refused("root_required", f"root_required: placement knows no trait {trait}{supply.near(trait, trait=True)}")
        for trait in (*sorted(request.root_required), *sorted(request.root_forbidden))
        if not supply.knows_trait(trait)
    ]
    if not supply.knows_trait(t.SHARING_TRAIT):
        sharing = [
            Refused(
                None,
                f"the trait {t.SHARING_TRAIT} is missing from placement's traits: placement answers 400 to every "
                "request for candidates until its API process is restarted, which inserts it again",
            )
        ]
    else:
        sharing = []
    groups = [list(_unknown(supply, group)) for group in request.groups]
    if not roots and not sharing and not any(groups):
        return None, []
    if roots:
        return roots[0], []
    anchors = not (request.root_required or request.root_forbidden) or _any_anchor(supply, request)
    if anchors and sharing:
        return sharing[0], []
    stopped = not anchors
    unseen = []
    for sieve, wrong in zip(sieves, groups, strict=True):
        for position, refused in wrong:
            if stopped or (position and sieve.group.member_of and not _all_members(supply, sieve.group)):
                unseen.append(f"{refused.message}; placement stops before it would notice")
            else:
                return refused, []
        stopped = stopped or not sieve.parts
    return None, unseen


def _unknown(supply: Supply, group: Group) -> Iterator[tuple[int, Refused]]:
    """Names that placement does not know; those with 1 are looked at behind member_of."""
    for name in group.resources:
        if supply.class_id(name) is None:
            key = f"resources{group.suffix}"
            yield 0, Refused(key, f"{key}: placement knows no resource class {name}{supply.near(name, trait=False)}")
    for trait in (*(trait for traits in group.required for trait in sorted(traits)), *sorted(group.forbidden)):
        if not supply.knows_trait(trait):
            key = f"required{group.suffix}"
            yield 1, Refused(key, f"{key}: placement knows no trait {trait}{supply.near(trait, trait=True)}")


def _all_members(supply: Supply, group: Group) -> frozenset[int]:
    found, *others = [supply.members(uuids) for uuids in group.member_of]
    return found.intersection(*others)


def _any_anchor(supply: Supply, request: Request) -> bool:
    forbidden: frozenset[int] = frozenset().union(*map(supply.bearers, request.root_forbidden))
    required = [supply.bearers(trait) for trait in request.root_required]
    return any(
        place.parent_id is None and number not in forbidden and all(number in bearers for bearers in required)
        for number, place in supply.places.items()
    )


def _breakdown(supply: Supply, sieves: Sequence[Sieve]) -> Refused | None:
    """Rows that make placement answer 500 to this request (SEMANTICS A.10)."""
    broken = supply.broken()
    if not broken and not supply.inner_sharing():
        return None
    summed_up: set[int | None] = set()
    for sieve in sieves:
        reached = list(sieve.reached())
        # Placement sums up the trees of these, and looks for every provider among them.
        roots = {anchor for _, anchor, _ in reached} | ({one for one, _, _ in reached} if sieve.unit == TREE else set())
        for number, anchor, root in reached:
            for one in (root, anchor):
                if one in broken:
                    return Refused(
                        None,
                        f"placement answers 500 to this request, and to every other one that reaches the same rows: "
                        f"{broken[one]}; placement-audit audit --select P01,P02,P03 tells how to mend it",
                    )
            if root not in roots | summed_up:
                uuid, name = supply.named([number])[number]
                return Refused(
                    None,
                    f"placement answers 500 to this request: the sharing provider {name} ({uuid}) has a parent, and "
                    "its own tree has nothing else of what is asked; a sharing provider should be a root",
                )
        summed_up |= roots
        if not sieve.parts:
            break
    return None


# --- candidates as placement shows them ---


def _shown(supply: Supply, combined: Combined, limit: int | None) -> list[dict[str, Any]]:
    chosen = combined.candidates[:limit]
    numbers = {number for one in chosen for number, _, _ in one.uses}
    numbers |= {number for one in chosen for _, providers in one.mappings for number in providers}
    names = supply.named(numbers) if numbers else {}
    found = []
    for one in chosen:
        allocations: dict[str, dict[str, dict[str, int]]] = {}
        for number, name, amount in one.uses:
            allocations.setdefault(names[number][0], {"resources": {}})["resources"][name] = amount
        mappings = {suffix: [names[number][0] for number in providers] for suffix, providers in one.mappings}
        found.append({"allocations": allocations, "mappings": mappings})
    return found
