from sqlalchemy import ColumnElement, and_, case, exists, func, literal, null, or_, select, union_all

from placement_audit.checks.relations import impact, ltrim
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, consumers, placement_aggregates, resource_providers, respelled

_SHAPE = "________-____-____-____-____________"


def _other_letters(uuid: ColumnElement[str]) -> ColumnElement[bool]:
    return ltrim(func.lower(func.replace(uuid, "-", "")), "0123456789abcdef") != ""


def _malformed(uuid: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(uuid.is_(None), uuid.not_like(_SHAPE), _other_letters(uuid))


# Placement takes an aggregate without dashes, and finds it again as it was given.
_bare = placement_aggregates.c.uuid
_dashless = and_(func.length(_bare) == 32, _bare.not_like("%-%"), ~_other_letters(_bare))
_no_aggregate = and_(_malformed(_bare), ~func.coalesce(_dashless, False))
_is_consumer = respelled.c.table == "consumers"

_found = union_all(
    select(
        literal("resource_providers").label("table"),
        resource_providers.c.uuid.label("provider"),
        null().label("consumer"),
        null().label("aggregate"),
        resource_providers.c.uuid.label("found"),
        resource_providers.c.created_at.label("newest_change"),
        literal(0).label("bare"),
    ).where(_malformed(resource_providers.c.uuid)),
    select(literal("consumers"), null(), consumers.c.uuid, null(), consumers.c.uuid, consumers.c.created_at, literal(0))
    .select_from(consumers)
    .where(_malformed(consumers.c.uuid)),
    select(literal("placement_aggregates"), null(), null(), _bare, _bare, null(), literal(0))
    .select_from(placement_aggregates)
    .where(_no_aggregate),
    select(
        respelled.c.table,
        case((~_is_consumer, respelled.c.uuid)),
        case((_is_consumer, respelled.c.uuid)),
        null(),
        func.replace(respelled.c.uuid, "-", ""),
        null(),
        literal(1),
    ),
).subquery("found_uuids")
_holds = exists().where(allocations.c.consumer_id == _found.c.consumer)

CHECK = Check(
    code="P06",
    name="malformed-uuid",
    impact=Impact.LOW,
    title="Malformed uuid, or one in a spelling that nobody asks for",
    message="{table} has {found}, which is not a uuid of 36 characters (hexadecimal digits and dashes)",
    identity=("table", "found"),
    why=(
        "Placement compares uuids as text: a row is found in its own spelling alone, and nova asks with dashes and in "
        "small letters. Nova does not see what a consumer without dashes holds, and writes the server's allocation a "
        "second time. Placement's API stores providers and consumers with dashes."
    ),
    exceptions=(
        "capital letters, which the database takes for small ones",
        "an aggregate without dashes, which placement accepts and finds again as it was given",
    ),
    remedy=(
        'mariadb placement -e "SELECT id, uuid, created_at FROM {table} WHERE uuid IS NULL'
        " OR uuid NOT LIKE '________-____-____-____-____________' OR uuid REGEXP '[^0-9a-fA-F-]'\"",
    ),
    references=("https://docs.openstack.org/api-ref/placement/",),
    query=(
        select(
            _found.c.table,
            _found.c.provider,
            _found.c.consumer,
            _found.c.aggregate,
            _found.c.found,
            literal(
                "only who wrote the row knows the uuid that was meant, and others name the row by this one: compare it "
                "with openstack server list --all-projects or openstack resource provider list"
            ).label("withheld"),
            impact((and_(_found.c.bare == 1, _holds), "M"), otherwise="L").label("impact"),
            _found.c.newest_change,
        ).order_by("table", "found")
    ),
)
