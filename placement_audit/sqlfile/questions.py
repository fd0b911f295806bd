"""What an engineer asks at three in the morning, as files with the question's values at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, literal, literal_column, or_, select, union_all

from placement_audit import schema as t
from placement_audit.sqlfile.prelude import Homes
from placement_audit.sqlfile.text import Query, as_text, at, comment, filled, laid_out

Part = tuple[str, Query]


@dataclass(frozen=True)
class Question:
    """``values`` stand at the top, as SQL; ``parts`` gives a heading and a query for each table of the answer."""

    name: str
    title: str
    about: str
    values: Mapping[str, str]
    parts: Callable[[Homes], Iterator[Part]]


def file_name(question: Question) -> str:
    """The name of its file."""
    return f"explain_{question.name.replace('-', '_')}.sql"


def file_of(question: Question, homes: Homes) -> str:
    """The text of its file."""
    schemas = [homes.placement, *([homes.api] if homes.api else []), *(schema for _, schema in homes.cells)]
    parts = [*question.parts(homes)]
    texts = [f"{comment(filled(heading))}{laid_out(as_text(query))};\n" for heading, query in parts]
    named = [schema for schema in schemas if any(f"{schema}." in text for text in texts)]
    head = (question.title, "", *filled(question.about), "", *filled(f"Names to change: {', '.join(named)}"))
    settings = (
        "SET NAMES utf8mb4;\nSET SESSION TRANSACTION READ ONLY;\n"
        "SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;\n"
    )
    values = "".join(f"SET @{name} = {value};\n" for name, value in question.values.items())
    return "\n".join([comment((*head, "", "Written by: placement-audit sql")), settings + values, *texts])


def _given(name: str) -> ColumnElement[Any]:
    # In ASCII a value can be compared with a column of any collation, and by the column's index.
    return literal_column(f"CONVERT(@{name} USING ascii)")


def _providers_with_resource(homes: Homes) -> Iterator[Part]:
    """As candidates/supply.py judges them (SEMANTICS B.1, B.3)."""
    inventory, held = at(t.inventories, homes.placement).alias("inv"), at(t.allocations, homes.placement).alias("held")
    provider, classes = at(t.resource_providers, homes.placement).alias("rp"), at(t.resource_classes, homes.placement)
    amount: ColumnElement[int] = literal_column("@amount", Integer)
    its_class = classes.alias("rc")
    used = (
        select(func.coalesce(func.sum(held.c.used), 0).label("used"))
        .where(
            held.c.resource_provider_id == inventory.c.resource_provider_id,
            held.c.resource_class_id == inventory.c.resource_class_id,
        )
        .scalar_subquery()
    )
    stock = (
        select(
            provider.c.uuid,
            provider.c.name,
            inventory.c.total,
            inventory.c.reserved,
            inventory.c.allocation_ratio,
            inventory.c.min_unit,
            inventory.c.max_unit,
            inventory.c.step_size,
            ((inventory.c.total - inventory.c.reserved) * inventory.c.allocation_ratio).label("capacity"),
            used.label("used"),
        )
        .select_from(inventory)
        .join(provider, provider.c.id == inventory.c.resource_provider_id)
        .join(its_class, its_class.c.id == inventory.c.resource_class_id)
        .where(its_class.c.name == _given("resource_class"))
        .subquery("stock")
    )
    row = stock.c
    obstacles = {
        "capacity": row.used + amount > row.capacity,
        "min_unit": row.min_unit > amount,
        "max_unit": row.max_unit < amount,
        "step_size": func.coalesce(amount % func.nullif(row.step_size, 0), 1) != 0,
    }
    listed = func.concat_ws(", ", *(case((broken, literal(name))) for name, broken in obstacles.items()))
    fits = case((listed == "", "yes"), else_=literal("no: ") + listed).label("fits")
    query = select(stock, (row.capacity - row.used).label("free"), fits)
    yield (
        "All providers that have the class: those that @amount fits into first, each with what is in its way.",
        query.order_by(listed != "", (row.capacity - row.used).desc(), row.name),
    )


def _held_by(homes: Homes) -> tuple[Any, ...]:
    return tuple(
        at(one, homes.placement).alias(name)
        for one, name in (
            (t.allocations, "held"),
            (t.resource_providers, "rp"),
            (t.resource_classes, "rc"),
            (t.consumers, "consumer"),
            (t.projects, "project"),
            (t.users, "user"),
        )
    )


def _holdings(homes: Homes, where: Callable[[Any, Any], ColumnElement[bool]]) -> Query:
    held, provider, classes, consumer, project, user = _held_by(homes)
    return (
        select(
            held.c.consumer_id,
            provider.c.uuid.label("provider"),
            provider.c.name.label("provider_name"),
            func.coalesce(classes.c.name, held.c.resource_class_id).label("resource_class"),
            held.c.used,
            held.c.created_at.label("since"),
            consumer.c.generation,
            project.c.external_id.label("project"),
            user.c.external_id.label("user"),
        )
        .select_from(held)
        # outer joins: whatever row is missing, what is held is shown
        .outerjoin(provider, provider.c.id == held.c.resource_provider_id)
        .outerjoin(classes, classes.c.id == held.c.resource_class_id)
        .outerjoin(consumer, consumer.c.uuid == held.c.consumer_id)
        .outerjoin(project, project.c.id == consumer.c.project_id)
        .outerjoin(user, user.c.id == consumer.c.user_id)
        .where(where(held, provider))
        .order_by(held.c.consumer_id, provider.c.name, classes.c.name)
    )


def _in_cells(homes: Homes, uuids: Any) -> Iterator[Part]:
    """Servers and migrations of these uuids; a migration also if its server is one of them."""

    def wanted(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
        return or_(*(one.in_(uuids) if isinstance(uuids, Select) else one == uuids for one in columns))

    servers, moves = [], []
    for cell, schema in homes.cells:
        server, move = at(t.instances, schema).alias("server"), at(t.migrations, schema).alias("move")
        its_cell = literal(cell).label("cell")
        servers.append(
            select(
                its_cell,
                server.c.uuid,
                server.c.host,
                server.c.node,
                server.c.vm_state,
                server.c.task_state,
                server.c.vcpus,
                server.c.memory_mb,
                server.c.deleted,
                server.c.updated_at,
            ).where(wanted(server.c.uuid))
        )
        moves.append(
            select(
                its_cell,
                move.c.uuid,
                move.c.instance_uuid,
                move.c.migration_type,
                move.c.status,
                move.c.source_node,
                move.c.dest_node,
                move.c.deleted,
                move.c.updated_at,
            ).where(wanted(move.c.uuid, move.c.instance_uuid))
        )
    if servers:
        yield (
            "Nova's servers of these uuids. A row with deleted other than 0 is of a server that is gone.",
            union_all(*servers),
        )
        yield (
            "Nova's migrations: what is under way holds the old host's share under the migration's own uuid.",
            union_all(*moves),
        )


def _holds_provider(homes: Homes) -> Iterator[Part]:
    def is_it(provider: Any) -> ColumnElement[bool]:
        name: Any = literal_column(f"CONVERT({provider.c.name} USING utf8mb4) COLLATE utf8mb4_general_ci = @provider")
        return or_(provider.c.uuid == _given("provider"), name)

    held, provider, *_ = _held_by(homes)
    yield "Who holds what there.", _holdings(homes, lambda _, provider: is_it(provider))
    consumers: Select[Any] = (
        select(literal_column(f"CONVERT({held.c.consumer_id} USING ascii)"))
        .select_from(held)
        .join(provider, and_(provider.c.id == held.c.resource_provider_id, is_it(provider)))
    )
    yield from _in_cells(homes, consumers)


def _holds_consumer(homes: Homes) -> Iterator[Part]:
    given = _given("consumer")
    yield "What it holds.", _holdings(homes, lambda held, _: held.c.consumer_id == given)
    yield from _in_cells(homes, given)
    if homes.api:
        mapping, cell = (
            at(t.instance_mappings, homes.api).alias("mapping"),
            at(t.cell_mappings, homes.api).alias("cell"),
        )
        yield (
            "Where nova's API looks for the server; without a cell it is still to be scheduled.",
            select(mapping.c.instance_uuid, cell.c.name.label("cell"), cell.c.uuid, mapping.c.queued_for_delete)
            .select_from(mapping)
            .outerjoin(cell, cell.c.id == mapping.c.cell_id)
            .where(mapping.c.instance_uuid == given),
        )


QUESTIONS = (
    Question(
        "providers-with-resource",
        "Which providers have room for an amount of a class?",
        "The server's arithmetic is the scheduler's. An amount must fit into what is free, be at least min_unit, at "
        "most max_unit, and a multiple of step_size.",
        {"resource_class": "'VCPU'", "amount": "1"},
        _providers_with_resource,
    ),
    Question(
        "held-on-provider",
        "Who holds something on this provider?",
        "A provider by its uuid or its name.",
        {"provider": "'compute-01'"},
        _holds_provider,
    ),
    Question(
        "held-by-consumer",
        "What does this consumer hold, and what is it to nova?",
        "A consumer by its uuid: a server's, a migration's, or what another service made up.",
        {"consumer": "'00000000-0000-0000-0000-000000000000'"},
        _holds_consumer,
    ),
)
