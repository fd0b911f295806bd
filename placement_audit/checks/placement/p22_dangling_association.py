from typing import Any

from sqlalchemy import Column, Select, String, Table, func, literal, null, select, union_all

from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    placement_aggregates,
    resource_provider_aggregates,
    resource_provider_traits,
    resource_providers,
    traits,
)

_membership, _bearing = resource_provider_aggregates.c, resource_provider_traits.c


def _dangling(reference: Column[Any], missing: str, home: Table, impact: Impact) -> Select[Any]:
    table = reference.table
    assert isinstance(table, Table)  # noqa: S101  for the type checker
    return (
        select(
            literal(table.name, String()).label("table"),
            literal(missing).label("missing"),
            literal(reference.name, String()).label("column"),
            reference.label("missing_id"),
            literal(home.name, String()).label("home"),
            literal(impact.value).label("impact"),
            func.count().label("rows"),
        )
        .where(reference.not_in(select(home.c.id)))
        .group_by(reference)
    )


_found = union_all(
    # A provider that gets the id anew would be in the aggregate.
    _dangling(_membership.resource_provider_id, "provider", resource_providers, Impact.MEDIUM),
    _dangling(_membership.aggregate_id, "aggregate", placement_aggregates, Impact.LOW),
    _dangling(_bearing.resource_provider_id, "provider", resource_providers, Impact.LOW),
    _dangling(_bearing.trait_id, "trait", traits, Impact.LOW),
).subquery("dangling")

CHECK = Check(
    code="P22",
    name="dangling-association",
    impact=Impact.LOW,
    title="Aggregate or trait association of which one side is missing",
    message="{table} names {missing} id {missing_id}, which does not exist (rows: {rows})",
    identity=("table", "missing", "missing_id"),
    why=(
        "Placement shows such rows to nobody. They show that a row was removed by hand or lost in a restore; if so, "
        "restore it and keep these. A server that forgets its highest id when it restarts gives the id of a missing "
        "provider to a new one, which is then in an aggregate where nobody put it."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM {table} WHERE {column} = {missing_id}"',
        'mariadb placement -e "DELETE FROM {table} WHERE {column} = {missing_id}'
        ' AND {column} NOT IN (SELECT id FROM {home})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-aggregates",),
    query=select(_found, null().label("newest_change")).order_by("table", "missing", "missing_id"),
)
