"""Tables that a snapshot computes once from what was read, so that every check can stay a plain select."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, case, func, insert, literal, or_, select, tuple_, union
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import CompoundSelect

from placement_audit import schema as t
from placement_audit.amounts import Flavor, requests

_sharing = (
    select(t.resource_provider_traits.c.resource_provider_id)
    .join(t.traits, t.traits.c.id == t.resource_provider_traits.c.trait_id)
    .where(t.traits.c.name == t.SHARING_TRAIT)
)


def _trees() -> Select[Any]:
    provider, root = t.resource_providers, t.resource_providers.alias("root")
    no_host = or_(root.c.id.in_(_sharing), root.c.name.like("Neutron segment id %"))
    return select(
        provider.c.id.label("provider_id"),
        func.coalesce(root.c.id, provider.c.id).label("root_id"),
        case((no_host, 1), else_=0).label("shared"),
    ).outerjoin_from(provider, root, root.c.id == provider.c.root_provider_id)


def _claims() -> Select[Any]:
    core = t.allocations.c.resource_class_id.in_(
        select(t.resource_classes.c.id).where(t.resource_classes.c.name.in_(t.CORE_CLASSES))
    )
    return (
        select(
            t.allocations.c.consumer_id,
            t.trees.c.root_id,
            func.max(t.trees.c.shared).label("shared"),
            func.count().label("rows"),
            func.sum(case((core, 1), else_=0)).label("core"),
            func.max(t.allocations.c.created_at).label("newest"),
        )
        .join(t.trees, t.trees.c.provider_id == t.allocations.c.resource_provider_id)
        # The root first: rows come by provider, and numbers are compared faster than uuids.
        .group_by(t.trees.c.root_id, t.allocations.c.consumer_id)
    )


def _reach() -> CompoundSelect[Any]:
    shared, member = (
        t.resource_provider_aggregates.alias("shared"),
        t.resource_provider_aggregates.alias("member"),
    )
    return union(
        select(t.trees.c.root_id, t.trees.c.provider_id),
        select(t.trees.c.root_id, shared.c.resource_provider_id.label("provider_id"))
        .join_from(shared, member, member.c.aggregate_id == shared.c.aggregate_id)
        .join(t.trees, t.trees.c.provider_id == member.c.resource_provider_id)
        .where(shared.c.resource_provider_id.in_(_sharing)),
    )


def _odd_servers() -> Select[Any]:
    server, node = t.instances, t.compute_nodes
    nodes = select(node.c.cell, node.c.host, node.c.hypervisor_hostname).where(
        node.c.deleted == 0, node.c.host.is_not(None), node.c.hypervisor_hostname.is_not(None)
    )
    numbered = nodes.add_columns(node.c.id)
    return select(server.c.uuid).where(
        server.c.deleted == 0,
        or_(
            server.c.task_state.is_not(None),
            server.c.hidden == 1,
            server.c.cell.not_in(select(node.c.cell)),
            tuple_(server.c.cell, server.c.host, server.c.node).not_in(nodes),
            tuple_(server.c.cell, server.c.host, server.c.node, server.c.compute_id).not_in(numbered),
        ),
    )


# In the order in which they are filled: claims and reach need trees.
SELECTS: Mapping[Table, Select[Any] | CompoundSelect[Any]] = {
    t.trees: _trees(),
    t.claims: _claims(),
    t.reach: _reach(),
    t.odd_servers: _odd_servers(),
}


def _flavor_requests(connection: Connection) -> Iterator[tuple[int, int, str, str, int]]:
    specs: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(t.flavor_extra_specs)):
        specs.setdefault(row.flavor_id, {})[row.key or ""] = row.value or ""
    for row in connection.execute(select(t.flavors)):
        flavor = Flavor(
            vcpus=row.vcpus or 0,
            memory_mb=row.memory_mb or 0,
            root_gb=row.root_gb or 0,
            ephemeral_gb=row.ephemeral_gb or 0,
            swap=row.swap or 0,
            extra_specs=specs.get(row.id, {}),
        )
        first, second = requests(flavor), requests(flavor, translate_pinned=False)
        for variant, asked in enumerate([first] if first == second else [first, second]):
            for (suffix, name), amount in asked.items():
                yield row.id, variant, suffix, name, amount


def _expected(connection: Connection) -> Iterator[tuple[str, str, int]]:
    for uuid, text in connection.execute(select(t.instance_extra.c.instance_uuid, t.instance_extra.c.flavor)):
        flavor = embedded_flavor(text)
        if flavor is None:
            continue
        totals = dict.fromkeys(t.CORE_CLASSES, 0)
        for (_, name), amount in requests(flavor).items():
            totals[name] = totals.get(name, 0) + amount
        for name, amount in totals.items():
            yield uuid, name, amount


def embedded_flavor(text: str | None) -> Flavor | None:
    """The current flavor out of instance_extra.flavor, or None when it cannot be understood (SEMANTICS C.4)."""
    try:
        data = json.loads(text or "")["cur"]["nova_object.data"]
        specs = (data.get("extra_specs") or {}).items()
        return Flavor(
            vcpus=int(data["vcpus"]),
            memory_mb=int(data["memory_mb"]),
            root_gb=int(data["root_gb"]),
            ephemeral_gb=int(data.get("ephemeral_gb") or 0),
            swap=int(data.get("swap") or 0),
            extra_specs={str(key): "" if value is None else str(value) for key, value in specs},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


# Rows that no select can say well: computed in Python.
COMPUTED: Mapping[Table, Callable[[Connection], Iterable[Sequence[Any]]]] = {
    t.flavor_requests: _flavor_requests,
    t.expected: _expected,
}

# What each derived table is made of.
MADE_OF: Mapping[Table, tuple[Table, ...]] = {
    t.trees: (t.resource_providers, t.resource_provider_traits, t.traits),
    t.claims: (t.allocations, t.resource_classes, t.trees),
    t.reach: (t.trees, t.resource_provider_aggregates, t.resource_provider_traits, t.traits),
    t.odd_servers: (t.instances, t.compute_nodes),
    t.flavor_requests: (t.flavors, t.flavor_extra_specs),
    t.expected: (t.instance_extra,),
    t.stale_copies: t.left_behind,
}

# What a server holds on a sharing provider is not what its host gives it.
_holders = select(t.claims.c.consumer_id).where(t.claims.c.shared == 0)
_unknown = (
    select(t.claims.c.consumer_id)
    .distinct()
    .where(t.claims.c.consumer_id.not_in(select(t.instances.c.uuid).where(t.instances.c.uuid.is_not(None))))
    .where(t.claims.c.consumer_id.not_in(select(t.migrations.c.uuid).where(t.migrations.c.uuid.is_not(None))))
)
_without_claim = (
    select(t.instances.c.uuid)
    .distinct()
    .where(t.instances.c.deleted == 0, t.instances.c.host.is_not(None), t.instances.c.uuid.not_in(_holders))
)
_lost = select(t.instance_mappings.c.instance_uuid).where(
    t.instance_mappings.c.cell_id.is_not(None),
    t.instance_mappings.c.instance_uuid.not_in(select(t.instances.c.uuid).where(t.instances.c.uuid.is_not(None))),
)
_not_in_cells = union(_unknown, _lost)
# Devices that nobody has are many, and never a reason for a word.
_in_use = union(select(literal("claimed").label("status")), select(literal("allocated")))
# Large tables of which only the rows of suspects are read, after the others: the column, and its values.
KEYED: Mapping[Table, tuple[Column[Any], Select[Any] | CompoundSelect[Any]]] = {
    t.shadow_instances: (t.shadow_instances.c.uuid, _not_in_cells),
    t.shadow_migrations: (t.shadow_migrations.c.uuid, _not_in_cells),
    t.instance_extra: (t.instance_extra.c.instance_uuid, _without_claim),
    t.pci_devices: (t.pci_devices.c.status, _in_use),
}


def with_parts(tables: Iterable[Table]) -> set[Table]:
    """The tables, and all that derived and keyed ones among them are made of."""
    found: set[Table] = set()
    waiting = list(tables)
    while waiting:
        table = waiting.pop()
        if table not in found:
            found.add(table)
            waiting += MADE_OF.get(table, ())
            waiting += _named_in(KEYED[table][1]) if table in KEYED else ()
    return found


def _named_in(query: Select[Any] | CompoundSelect[Any]) -> list[Table]:
    return [item for item in visitors.iterate(query) if isinstance(item, Table)]


def fill(connection: Connection, table: Table) -> None:
    """Fill a derived table; what it is made of must be there."""
    if table in SELECTS:
        query = SELECTS[table]
        names = [column.name for column in query.selected_columns]
        connection.execute(insert(table).from_select(names, query))
        return
    names = [column.name for column in table.columns]
    records = [dict(zip(names, row, strict=True)) for row in COMPUTED[table](connection)]
    if records:
        connection.execute(insert(table), records)
