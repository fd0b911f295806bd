"""What placement's rows hold for one request: a select a question, each over all providers at once.

The server does the arithmetic (SEMANTICS B.1, B.3): what it makes of a FLOAT is what the scheduler is told. The
selects run on live placement and on a snapshot alike.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Integer,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from placement_audit import schema as t
from placement_audit.candidates.whatif import NOTHING, Changes
from placement_audit.errors import CannotTell
from placement_audit.source.connect import as_single

# More than any inventory can hold, and less than makes an engine stumble: what asks for more fits nowhere either way.
_MOST = 2**53


class Stock(NamedTuple):
    """One provider's inventory of one class, judged for an amount.

    ``capacity`` is the server's product, ``claimable`` the whole number that placement compares merged amounts with.
    The last four: whether the amount fits the free capacity, min_unit, max_unit and step_size.
    """

    provider_id: int
    root_id: int | None
    total: int
    reserved: int
    ratio: float
    min_unit: int
    max_unit: int
    step_size: int
    used: int
    capacity: float
    claimable: int
    has_room: bool
    reaches_min: bool
    within_max: bool
    in_step: bool

    def rejudged(self, amount: int) -> Stock:
        """The same for another amount: the capacity is still the server's."""
        return self._replace(
            has_room=self.used + amount <= self.capacity,
            reaches_min=self.min_unit <= amount,
            within_max=amount <= self.max_unit,
            in_step=self.step_size > 0 and amount % self.step_size == 0,
        )

    @property
    def room(self) -> int:
        """How much is free, in whole units; below 0 when too much is used."""
        return math.floor(self.capacity - self.used)

    @property
    def computed(self) -> str:
        """The capacity in words: a FLOAT ratio such as 0.9 is a little less than it looks (SEMANTICS B.3)."""
        if math.floor(self.capacity) == self.claimable:
            return f"{self.claimable}"
        return f"{self.capacity:.9g}, computed from a ratio of {self.ratio:g} that the database cannot hold exactly"

    def below(self, amount: int) -> int:
        """The largest amount, not above this one, that could be had of it now; 0 for none."""
        free = min(self.room, self.claimable - self.used, self.max_unit, amount)
        whole = free - free % self.step_size if self.step_size > 0 else 0
        return whole if whole >= max(self.min_unit, 1) else 0

    def above(self, amount: int) -> int:
        """The smallest amount, above this one, that could be had of it now; 0 for none."""
        if self.step_size < 1:
            return 0
        least = max(amount + 1, self.min_unit)
        whole = -(-least // self.step_size) * self.step_size
        return whole if whole <= min(self.room, self.claimable - self.used, self.max_unit) else 0


@dataclass(frozen=True)
class Place:
    """Where a provider stands. ``root_id`` is what its row says, NULL or wrong as it may be."""

    id: int
    root_id: int | None
    parent_id: int | None


class Supply:
    """What placement's database holds, asked for as it is needed; each question is put once."""

    def __init__(
        self,
        connection: Connection,
        changes: Changes = NOTHING,
        *,
        single_ratios: bool = False,
        cells: Sequence[Connection] = (),
    ) -> None:
        """``single_ratios``: a snapshot of a server whose FLOATs are single, while SQLite's are double.

        ``cells``: where nova's services and compute nodes are, empty if they are not at hand.
        """
        self.connection = connection
        self._cells = cells
        self.changes = changes
        self._single_ratios = single_ratios
        self._computes_single = single_ratios or connection.dialect.name == "mysql"
        self._classes: dict[str, int] | None = None
        self._trait_ids: dict[str, int] = {}
        self._asked_traits: set[str] = set()
        self._bearers: dict[str, frozenset[int]] = {}
        self._stock: dict[tuple[str, int], dict[int, Stock]] = {}
        self._read: dict[str, dict[int, Stock]] = {}
        self._members: dict[str, frozenset[int]] = {}
        self._anchors: dict[int, frozenset[int]] = {}
        self._places: dict[int, Place] | None = None
        self._has_trees: bool | None = None

    def effects(self) -> list[int]:
        """How many inventories or traits each change alters, in the order of inventories, then traits.

        Raises CannotTell when a change is about providers that do not exist.
        """
        found = []
        rp, inv = t.resource_providers.c, t.inventories.c
        for change in self.changes.inventories:
            self._must_match(change.at)
            field = inv[change.field]
            rows = select(func.count()).join_from(
                t.inventories, t.resource_providers, rp.id == inv.resource_provider_id
            )
            rows = rows.where(inv.resource_class_id == self.class_id(change.resource_class), field != change.value)
            found.append(self.connection.scalar(rows if change.at is None else rows.where(_matches(change.at))) or 0)
        plain = Supply(self.connection)
        for marked in self.changes.traits:
            self._must_match(marked.at)
            ids, bearers = self._named_like(marked.at), plain.bearers(marked.name)
            found.append(len(ids - bearers if marked.given else ids & bearers))
        return found

    def _must_match(self, pattern: str | None) -> None:
        if pattern is not None and not self._named_like(pattern):
            raise CannotTell(f"--what-if …@{pattern}: no provider of that name or uuid (* and ? stand for others)")

    # --- names ---

    def near(self, name: str, *, trait: bool) -> str:
        """Names that placement knows and that look like this one, in words: "; did you mean VCPU?"."""
        from difflib import get_close_matches

        table = t.traits if trait else t.resource_classes
        known = [str(one) for one in self.connection.scalars(select(table.c.name))]
        close = get_close_matches(name.upper(), known, n=3)
        return f"; did you mean {' or '.join(close)}?" if close else ""

    def class_id(self, name: str) -> int | None:
        """The id of a resource class, None when there is no such class."""
        if self._classes is None:
            rows = self.connection.execute(select(t.resource_classes.c.name, t.resource_classes.c.id))
            self._classes = {row.name: row.id for row in rows}
        return self._classes.get(name)

    def read_traits(self, names: Iterable[str]) -> None:
        """Ask for several traits and their bearers in one go."""
        wanted = set(names) - self._asked_traits
        if not wanted:
            return
        self._asked_traits |= wanted
        found: dict[str, int] = {}
        for some in _portions(wanted):
            rows = self.connection.execute(select(t.traits.c.id, t.traits.c.name).where(t.traits.c.name.in_(some)))
            # A collation may find more than was asked for.
            found |= {row.name: row.id for row in rows if row.name in wanted}
        self._trait_ids |= found
        bearers: dict[int, set[int]] = {number: set() for number in found.values()}
        if bearers:
            of = t.resource_provider_traits.c
            for row in self.connection.execute(
                select(of.trait_id, of.resource_provider_id).where(of.trait_id.in_(bearers))
            ):
                bearers[row.trait_id].add(row.resource_provider_id)
        for name, number in found.items():
            self._bearers[name] = frozenset(bearers[number])
        for name in wanted:
            for change in self.changes.traits:
                if change.name == name and (name in found or change.given):
                    ids = self._named_like(change.at)
                    before = self._bearers.get(name, frozenset())
                    self._bearers[name] = before | ids if change.given else before - ids
                    self._trait_ids.setdefault(name, -1)

    def knows_trait(self, name: str) -> bool:
        """Whether placement has a trait of this name."""
        self.read_traits([name])
        return name in self._trait_ids

    def bearers(self, name: str) -> frozenset[int]:
        """The ids of the providers that have a trait."""
        self.read_traits([name])
        return self._bearers.get(name, frozenset())

    def members(self, aggregates: Iterable[str]) -> frozenset[int]:
        """The ids of the providers in any of these aggregates. Uuids compare to the letter, as in placement."""
        wanted = set(aggregates)
        missing = wanted - set(self._members)
        if missing:
            within, aggregate = t.resource_provider_aggregates.c, t.placement_aggregates.c
            found: dict[str, set[int]] = {uuid: set() for uuid in missing}
            rows = select(aggregate.uuid, within.resource_provider_id).join_from(
                t.placement_aggregates, t.resource_provider_aggregates, within.aggregate_id == aggregate.id
            )
            for some in _portions(missing):
                for row in self.connection.execute(rows.where(aggregate.uuid.in_(some))):
                    if row.uuid in found:
                        found[row.uuid].add(row.resource_provider_id)
            self._members |= {uuid: frozenset(ids) for uuid, ids in found.items()}
        return frozenset().union(*(self._members[uuid] for uuid in wanted))

    # --- providers ---

    @property
    def sharing(self) -> frozenset[int]:
        """The sharing providers."""
        return self.bearers(t.SHARING_TRAIT)

    def inner_sharing(self) -> frozenset[int]:
        """The sharing providers that are no roots."""
        row = t.resource_providers.c
        inner = select(row.id).where(row.id.in_(self.sharing), row.root_provider_id != row.id)
        return frozenset(self.connection.scalars(inner)) if self.sharing else frozenset()

    @property
    def has_trees(self) -> bool:
        """Whether any provider has a parent: placement then looks into trees."""
        if self._has_trees is None:
            rows = select(t.resource_providers.c.id).where(t.resource_providers.c.parent_provider_id.is_not(None))
            self._has_trees = self.connection.execute(rows.limit(1)).first() is not None
        return self._has_trees

    def anchors(self, sharing: Collection[int]) -> Mapping[int, frozenset[int]]:
        """By sharing provider: the roots of all trees that have an aggregate in common with it."""
        missing = set(sharing) - set(self._anchors)
        if missing:
            shared = t.resource_provider_aggregates.alias("shared")
            member = t.resource_provider_aggregates.alias("member")
            found: dict[int, set[int]] = {number: set() for number in missing}
            rows = self.connection.execute(
                select(shared.c.resource_provider_id, t.resource_providers.c.root_provider_id)
                .distinct()
                .join_from(shared, member, member.c.aggregate_id == shared.c.aggregate_id)
                .join(t.resource_providers, t.resource_providers.c.id == member.c.resource_provider_id)
                .where(shared.c.resource_provider_id.in_(missing))
                # an inner join in placement: a root that is NULL or gone anchors nothing
                .where(t.resource_providers.c.root_provider_id.in_(select(t.resource_providers.c.id)))
            )
            for provider_id, root_id in rows:
                found[provider_id].add(root_id)
            self._anchors |= {number: frozenset(roots) for number, roots in found.items()}
        return self._anchors

    @property
    def places(self) -> Mapping[int, Place]:
        """Every provider with its root and parent."""
        if self._places is None:
            row = t.resource_providers.c
            rows = self.connection.execute(select(row.id, row.root_provider_id, row.parent_provider_id))
            self._places = {one[0]: Place(*one) for one in rows}
        return self._places

    def tree_of(self, uuid: str) -> int | None:
        """The root of the tree that a provider is in, None when there is no such provider. The server compares."""
        row = t.resource_providers.c
        root = t.resource_providers.alias("root")
        return self.connection.scalar(
            select(root.c.id)
            .join_from(t.resource_providers, root, root.c.id == row.root_provider_id)
            .where(row.uuid == uuid)
        )

    def named(self, ids: Collection[int]) -> dict[int, tuple[str, str]]:
        """Uuid and name of providers; one without a name goes by its uuid."""
        row = t.resource_providers.c
        question = select(row.id, row.uuid, row.name)
        if len(ids) <= _MANY:
            question = question.where(row.id.in_(ids))
        return {one.id: (one.uuid, one.name or one.uuid) for one in self.connection.execute(question) if one.id in ids}

    def disabled_in_nova(self, number: int) -> bool | None:
        """Whether nova has the nova-compute of a compute node's provider as disabled; None where nobody can tell."""
        node, service = t.compute_nodes.c, t.services.c
        uuid = self.named([number]).get(number, ("",))[0]
        question = (
            select(service.disabled)
            .join_from(t.compute_nodes, t.services, service.host == node.host)
            .where(node.uuid == uuid, node.deleted == 0, service.binary == "nova-compute", service.deleted == 0)
        )
        found = [row.disabled for cell in self._cells for row in cell.execute(question)]
        return bool(found[0]) if len(found) == 1 else None

    def find(self, name_or_uuid: str) -> list[tuple[int, str, str]]:
        """Providers of this uuid, name, or the beginning of one (``compute-07`` for ``compute-07.example``)."""
        row = t.resource_providers.c
        question = select(row.id, row.uuid, row.name).order_by(row.name)
        exact = self.connection.execute(question.where(or_(row.uuid == name_or_uuid, row.name == name_or_uuid))).all()
        rows = exact or self.connection.execute(question.where(row.name.startswith(name_or_uuid, autoescape=True)))
        return [(one.id, one.uuid, one.name or one.uuid) for one in rows]

    def _named_like(self, pattern: str | None) -> frozenset[int]:
        row = t.resource_providers.c
        question = select(row.id)
        if pattern is not None:
            question = question.where(_matches(pattern))
        return frozenset(self.connection.scalars(question))

    def broken(self) -> dict[int | None, str]:
        """The trees that placement cannot show, by root id: why, and at which provider (SEMANTICS A.10)."""
        own, root, parent = t.resource_providers.c, t.resource_providers.alias("root"), t.resource_providers.alias("up")
        rows = self.connection.execute(
            select(own.uuid, own.name, own.root_provider_id, root.c.id.label("root"))
            .select_from(t.resource_providers)
            .outerjoin(root, root.c.id == own.root_provider_id)
            .outerjoin(parent, parent.c.id == own.parent_provider_id)
            .where(
                or_(
                    root.c.id.is_(None),
                    func.coalesce(root.c.root_provider_id, -1) != root.c.id,
                    and_(
                        own.parent_provider_id.is_not(None),
                        func.coalesce(parent.c.root_provider_id, -1) != own.root_provider_id,
                    ),
                )
            )
        )
        found: dict[int | None, str] = {}
        for row in rows:
            wrong = "has no root provider" if row.root_provider_id is None else "is in no whole tree"
            found.setdefault(row.root_provider_id, f"provider {row.name} ({row.uuid}) {wrong}")
        return found

    # --- inventories ---

    def stock(self, name: str, amount: int) -> Mapping[int, Stock]:
        """By provider id: everyone who has the class, judged for an amount of it."""
        amount = min(amount, _MOST)
        key = name, amount
        if key not in self._stock and name in self._read:
            self._stock[key] = {number: one.rejudged(amount) for number, one in self._read[name].items()}
        if key not in self._stock:
            number = self.class_id(name)
            found = {}
            if number is not None:
                for row in self._stock_rows(name, number, amount):
                    one = _stock(row, self._computes_single)
                    found[one.provider_id] = one
            self._stock[key] = self._read[name] = found
        return self._stock[key]

    def _stock_rows(self, name: str, class_id: int, amount: int) -> Iterable[Sequence[Any]]:
        statement = self._stock_select(name, class_id, amount)
        if self.connection.dialect.name != "mysql":
            return self.connection.execute(statement)
        # PyMySQL takes a row apart column by column, which takes longer than all the rest: one column is enough.
        told = statement.subquery("told").c
        text = func.concat_ws(",", *(func.coalesce(cast(column, String), "") for column in told))
        return (line.split(",") for line in self.connection.scalars(select(text)))

    def _stock_select(self, name: str, class_id: int, amount: int) -> Any:
        held, inv, rp = t.allocations.c, t.inventories.c, t.resource_providers.c
        # Looked up by provider: MariaDB groups the whole table for a join, which takes three times as long.
        used = (
            select(func.sum(held.used))
            .where(
                held.resource_provider_id == t.inventories.c.resource_provider_id,
                held.resource_class_id == class_id,
            )
            .correlate(t.inventories)
            .scalar_subquery()
        )
        values = {field: self._value(name, field) for field in FIELDS}
        ratio = self._ratio(name)
        rows = (
            select(
                inv.resource_provider_id,
                *(value.label(field) for field, value in values.items() if field != "allocation_ratio"),
                values["allocation_ratio"].label("shown_ratio"),
                ratio.label("ratio"),
                func.coalesce(used, 0).label("used"),
                rp.root_provider_id,
            )
            .join_from(t.inventories, t.resource_providers, rp.id == inv.resource_provider_id)
            .where(inv.resource_class_id == class_id)
            .subquery("stock")
        )
        row = rows.c
        capacity = (row.total - row.reserved) * row.ratio
        return select(
            row.resource_provider_id,
            row.root_provider_id,
            row.total,
            row.reserved,
            row.shown_ratio,
            row.min_unit,
            row.max_unit,
            row.step_size,
            row.used,
            capacity.label("capacity"),
            _verdict(row.used + amount <= capacity),
            _verdict(row.min_unit <= amount),
            _verdict(row.max_unit >= amount),
            _verdict(literal(amount, Integer) % func.nullif(row.step_size, 0) == 0),
        ).where(*(row[name].is_not(None) for name in (*FIELDS[:-1], "ratio")))  # a schema made by hand may have NULLs

    def _value(self, name: str, field: str) -> ColumnElement[Any]:
        column: ColumnElement[Any] = t.inventories.c[field]
        for change in self.changes.inventories:
            if change.resource_class == name and change.field == field:
                value = literal(change.value, Float if field == "allocation_ratio" else Integer)
                column = value if change.at is None else case((_matches(change.at), value), else_=column)
        return column

    def _ratio(self, name: str) -> ColumnElement[Any]:
        """The ratio as the server computes with it."""
        column: ColumnElement[Any] = t.inventories.c.allocation_ratio
        if self._single_ratios:
            column = func.single(column, type_=Float)
        for change in self.changes.inventories:
            if change.resource_class == name and change.field == "allocation_ratio":
                value = literal(as_single(change.value) if self._computes_single else change.value, Float)
                column = value if change.at is None else case((_matches(change.at), value), else_=column)
        return column


FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
# Above this many ids it is cheaper to read a whole table than to name them.
_MANY = 5_000


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    """As many at a time as every engine takes."""
    listed = sorted(names)
    for start in range(0, len(listed), _MANY):
        yield listed[start : start + _MANY]


def _verdict(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _matches(pattern: str) -> ColumnElement[bool]:
    """A provider by uuid, or by name with * and ? standing for others."""
    like = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%").replace("?", "_")
    return or_(
        t.resource_providers.c.uuid == pattern,
        t.resource_providers.c.name.like(like, escape="\\"),
    )


def _stock(row: Sequence[Any], single: bool) -> Stock:
    number, root, total, reserved, ratio, least, most, step, used, capacity, room, over_min, under_max, in_step = row
    # A FLOAT is handed out with 6 digits, and that is what placement multiplies by hand (SEMANTICS B.3).
    ratio = float(f"{float(ratio):.6g}") if single else float(ratio)
    total, reserved = int(total), int(reserved)
    return Stock(
        int(number),
        None if root in (None, "") else int(root),
        total,
        reserved,
        ratio,
        int(least),
        int(most),
        int(step),
        int(used),
        float(capacity),
        int((total - reserved) * ratio),
        int(room) == 1,
        int(over_min) == 1,
        int(under_max) == 1,
        int(in_step) == 1,
    )
