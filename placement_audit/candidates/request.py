"""What GET /allocation_candidates is asked for (SEMANTICS B.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

Microversion = tuple[int, int]
NEWEST: Microversion = (1, 39)


class Refused(Exception):
    """Placement answers this request with 400. ``parameter`` is the query key at fault, None if it is none of them."""

    def __init__(self, parameter: str | None, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True)
class Group:
    """One request group. ``suffix`` "" is the unsuffixed one, which may draw from a whole tree and what shares with it.

    ``required`` and ``member_of``: every set must be met, each by any of its members.
    """

    suffix: str = ""
    resources: Mapping[str, int] = field(default_factory=dict)
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    member_of: tuple[frozenset[str], ...] = ()
    forbidden_aggregates: frozenset[str] = frozenset()
    in_tree: str | None = None


@dataclass(frozen=True)
class Request:
    """A whole request; ``groups`` in the order in which placement looks at them."""

    groups: tuple[Group, ...]
    group_policy: str | None = None
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()
    limit: int | None = None
    microversion: Microversion = NEWEST

    @property
    def query(self) -> str:
        """The query string that asks for this."""
        return written(self._parameters())

    def _parameters(self) -> Iterator[tuple[str, str]]:
        for group in self.groups:
            yield from _of_group(group)
        if self.group_policy:
            yield "group_policy", self.group_policy
        if self.root_required or self.root_forbidden:
            yield "root_required", _traits(self.root_required, self.root_forbidden)
        for suffixes in self.same_subtree:
            yield "same_subtree", ",".join(sorted(suffixes))
        if self.limit is not None:
            yield "limit", str(self.limit)


def written(parameters: Iterable[tuple[str, str]]) -> str:
    """A query string of names and values."""
    # Surrogates stand for bytes of a command line that were no text; they are for the reader to refuse.
    return "&".join(f"{key}={quote(value, safe=':,!', errors='surrogatepass')}" for key, value in parameters)


def _of_group(group: Group) -> Iterator[tuple[str, str]]:
    end = group.suffix
    if group.resources:
        yield f"resources{end}", ",".join(f"{name}:{amount}" for name, amount in group.resources.items())
    single = frozenset(trait for traits in group.required if len(traits) == 1 for trait in traits)
    if single or group.forbidden:
        yield f"required{end}", _traits(single, group.forbidden)
    for traits in group.required:
        if len(traits) > 1:
            yield f"required{end}", "in:" + ",".join(sorted(traits))
    for aggregates in group.member_of:
        yield f"member_of{end}", _any(aggregates)
    if group.forbidden_aggregates:
        yield f"member_of{end}", "!" + _any(group.forbidden_aggregates)
    if group.in_tree:
        yield f"in_tree{end}", group.in_tree


def _traits(required: frozenset[str], forbidden: frozenset[str]) -> str:
    value = ",".join([*sorted(required), *(f"!{trait}" for trait in sorted(forbidden))])
    # Nothing keeps a request from naming a trait "in:X"; behind a blank, which is stripped, it is no list.
    return f" {value}" if value.startswith("in:") else value


def _any(aggregates: frozenset[str]) -> str:
    return "in:" + ",".join(sorted(aggregates)) if len(aggregates) > 1 else next(iter(aggregates))
