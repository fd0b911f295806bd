from typing import Any

from sqlalchemy import Column, Select, String, Table, cast, func, literal, null, select, union_all

from placement_audit.checks.relations import place_of, sample
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


_dangling_ids = union_all(
    # A provider that gets the id anew would be in the aggregate.
    _dangling(_membership.resource_provider_id, "provider", resource_providers, Impact.MEDIUM),
    _dangling(_membership.aggregate_id, "aggregate", placement_aggregates, Impact.LOW),
    _dangling(_bearing.resource_provider_id, "provider", resource_providers, Impact.LOW),
    _dangling(_bearing.trait_id, "trait", traits, Impact.LOW),
).subquery("dangling")
_name = cast(_dangling_ids.c.missing_id, String)
_listed = select(
    _dangling_ids, _name.label("name"), place_of(_name, _dangling_ids.c.table, _dangling_ids.c.missing).label("place")
).subquery("listed")
_kind = [_listed.c[name] for name in ("table", "missing", "column", "home", "impact")]

CHECK = Check(
    code="P22",
    name="dangling-association",
    impact=Impact.LOW,
    title="Aggregate or trait associations of which one side is missing",
    message="{rows} rows of {table} name a {missing} that does not exist, by {ids} ids: {sample}",
    identity=("table", "missing"),
    why=(
        "Placement shows such rows to nobody. They show that a row was removed by hand or lost in a restore; if so, "
        "restore it and keep these. A server that forgets its highest id when it restarts gives the id of a missing "
        "provider to a new one, which is then in an aggregate where nobody put it."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"',
        'mariadb placement -e "DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-aggregates",),
    query=(
        select(
            *_kind,
            func.count().label("ids"),
            func.sum(_listed.c.rows).label("rows"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            null().label("newest_change"),
        )
        .group_by(*_kind)
        .order_by("table", "missing")
    ),
)
