from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    allocations,
    inventories,
    placement_aggregates,
    resource_classes,
    resource_provider_aggregates,
    resource_provider_traits,
    resource_providers,
    traits,
)

_membership, _bearing = resource_provider_aggregates.c, resource_provider_traits.c
_below = resource_providers.alias("below")
_has, _class = inventories.alias("has"), resource_classes.alias("class_of_it")
_borne, _sharing = resource_provider_traits.alias("borne"), traits.alias("sharing")


def _was_lost(provider_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether somebody still holds or offers something of a provider that is missing, or is below it."""
    return or_(
        exists().where(allocations.c.resource_provider_id == provider_id),
        exists().where(inventories.c.resource_provider_id == provider_id),
        exists().where(or_(_below.c.parent_provider_id == provider_id, _below.c.root_provider_id == provider_id)),
    )


def _offers(provider_id: ColumnElement[int], *names: str) -> ColumnElement[bool]:
    return exists().where(
        _has.c.resource_provider_id == provider_id,
        _class.c.id == _has.c.resource_class_id,
        _class.c.name.in_(names),
    )


# Whose trait or aggregate it was that servers have their disk by.
_shares = exists().where(
    _borne.c.resource_provider_id == _membership.resource_provider_id,
    _sharing.c.id == _borne.c.trait_id,
    _sharing.c.name == SHARING_TRAIT,
)


def _may_have_shared(provider_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a provider is storage, whose trait or aggregate may have been lost with others."""
    return and_(_offers(provider_id, "DISK_GB"), ~_offers(provider_id, "VCPU", "PCPU", "MEMORY_MB"))


def _dangling(
    reference: Column[Any], missing: str, home: Table, impact: Impact, needed: ColumnElement[bool]
) -> Select[Any]:
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
            func.max(case((needed, 1), else_=0)).label("needed"),
        )
        .where(reference.not_in(select(home.c.id)))
        .group_by(reference)
    )


_dangling_ids = union_all(
    # A provider that gets the id anew would be in the aggregate.
    _dangling(
        _membership.resource_provider_id,
        "provider",
        resource_providers,
        Impact.MEDIUM,
        _was_lost(_membership.resource_provider_id),
    ),
    _dangling(
        _membership.aggregate_id,
        "aggregate",
        placement_aggregates,
        Impact.LOW,
        or_(_shares, _may_have_shared(_membership.resource_provider_id)),
    ),
    _dangling(
        _bearing.resource_provider_id,
        "provider",
        resource_providers,
        Impact.LOW,
        _was_lost(_bearing.resource_provider_id),
    ),
    _dangling(_bearing.trait_id, "trait", traits, Impact.LOW, _may_have_shared(_bearing.resource_provider_id)),
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
    message="{rows} rows of {table} name a {missing} that does not exist ({ids} ids): {sample}",
    identity=("table", "missing"),
    why=(
        "Placement shows such rows to nobody. They show that a row was removed by hand or lost in a restore. If it "
        "was lost, restore it and keep these. Before MySQL 8 and MariaDB 10.2.4 a server may forget its highest id "
        "when it restarts: then a new provider gets the id of the missing one, and with it aggregates where nobody "
        "put it."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"',
        'mariadb placement -e "DELETE FROM {useless} WHERE {column} NOT IN (SELECT id FROM {home})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-provider-aggregates",),
    members=select(_listed.c.table, _listed.c.missing, _listed.c.missing_id.label("provider_id")).where(
        _listed.c.missing == "provider"
    ),
    query=(
        select(
            *_kind,
            func.count().label("ids"),
            func.sum(_listed.c.rows).label("rows"),
            case((func.max(_listed.c.needed) == 0, _listed.c.table)).label("useless"),
            case(
                (func.max(_listed.c.needed) == 0, null()),
                (
                    _listed.c.missing == "provider",
                    "a missing provider still has inventory, allocations or children, so that its row was lost and not "
                    "deleted: restore it from a backup, and keep these",
                ),
                (
                    _listed.c.missing == "aggregate",
                    "a sharing provider was in a missing aggregate, and these rows alone tell which hosts have their "
                    "disk from it: restore the aggregate from a backup, or write the lists of all its members anew",
                ),
                else_="the missing trait may be the one by which a provider of disk shares it with hosts: look with "
                "openstack --os-placement-api-version 1.6 resource provider trait list, or into a backup, which trait "
                "it was",
            ).label("withheld"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            null().label("newest_change"),
        )
        .group_by(*_kind)
        .order_by("table", "missing")
    ),
)
