"""Whether what a server should hold can be written again, by nova-manage or by hand.

Selects and conditions, no findings.

Nova-manage's heal_allocations writes for a server that holds nothing all that its flavor asks for on the host's own
provider, and gives one that holds something its owner (nova 24 to 34, SEMANTICS E.5). A column named ``allocations`` is
what ``allocation set`` takes: several options, each a word.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    ScalarSelect,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from placement_audit import schema as t
from placement_audit.checks.relations import capacity

# Resource classes of devices: nova-manage refuses a flavor that asks for VGPU or for a device profile.
_DEVICES = ("VGPU", "PGPU", "FPGA")


def used(provider_id: ColumnElement[Any], class_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """How much of a class all consumers hold of one provider."""
    row = t.allocations.alias("used_of_it")
    return (
        select(func.coalesce(func.sum(row.c.used), 0))
        .where(row.c.resource_provider_id == provider_id, row.c.resource_class_id == class_id)
        .correlate_except(row)
        .scalar_subquery()
    )


def takes(
    provider_id: ColumnElement[Any],
    class_id: ColumnElement[Any],
    amount: ColumnElement[Any],
    more: ColumnElement[Any] | None = None,
) -> Exists:
    """Whether a provider accepts an amount of a class, which is ``more`` than the consumer holds there (all of it)."""
    offer = t.inventories.alias("offer")
    return (
        exists()
        .where(
            offer.c.resource_provider_id == provider_id,
            offer.c.resource_class_id == class_id,
            offer.c.min_unit <= amount,
            offer.c.max_unit >= amount,
            # Not a remainder: a step of nothing divides by nothing.
            case((offer.c.step_size > 0, amount % offer.c.step_size), else_=1) == 0,
            capacity(offer) >= used(provider_id, class_id) + (amount if more is None else more),
        )
        .correlate_except(offer)
    )


def offers(provider_id: ColumnElement[Any], class_id: ColumnElement[Any]) -> Exists:
    """Whether a provider has inventory of a class."""
    offer = t.inventories.alias("any_offer")
    return (
        exists()
        .where(offer.c.resource_provider_id == provider_id, offer.c.resource_class_id == class_id)
        .correlate_except(offer)
    )


def disk_pools(root_id: ColumnElement[Any], result: ColumnElement[Any]) -> ScalarSelect[Any]:
    """A word on the providers of disk that a tree can draw from besides its root, of the table ``pool_of_disk``."""
    reached, offer, known = t.reach.alias("pool_reach"), t.inventories.alias("pool_offer"), t.resource_classes
    disk = known.alias("pool_class")
    return (
        select(result)
        .select_from(POOL)
        .join(reached, reached.c.provider_id == POOL.c.id)
        .join(offer, offer.c.resource_provider_id == POOL.c.id)
        .join(disk, disk.c.id == offer.c.resource_class_id)
        .where(reached.c.root_id == root_id, POOL.c.id != root_id, disk.c.name == "DISK_GB")
        .correlate_except(POOL, reached, offer, disk)
        .scalar_subquery()
    )


POOL = t.resource_providers.alias("pool_of_disk")


def held_rows(consumer: ColumnElement[Any], *but: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Options of ``allocation set`` that keep what a consumer holds; NULL for nothing.

    ``but``: conditions on the tables KEPT, KEPT_CLASS and KEPT_ON.
    """
    option = literal("--allocation rp=") + KEPT_ON.c.uuid + "," + KEPT_CLASS.c.name + "=" + cast(KEPT.c.used, String)
    return (
        select(func.aggregate_strings(option, " "))
        .select_from(KEPT)
        .join(KEPT_CLASS, KEPT_CLASS.c.id == KEPT.c.resource_class_id)
        .join(KEPT_ON, KEPT_ON.c.id == KEPT.c.resource_provider_id)
        .where(KEPT.c.consumer_id == consumer, *but)
        .correlate_except(KEPT, KEPT_CLASS, KEPT_ON)
        .scalar_subquery()
    )


KEPT, KEPT_CLASS, KEPT_ON = (
    t.allocations.alias("kept_row"),
    t.resource_classes.alias("kept_class"),
    t.resource_providers.alias("kept_on"),
)


def writable(consumer: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether all rows of a consumer can be said in one ``allocation set``.

    None is there twice, or of no amount, and what it is of is there.
    """
    row, known, place = (
        t.allocations.alias("written_row"),
        t.resource_classes.alias("written_class"),
        t.resource_providers.alias("written_on"),
    )
    twice = t.allocations.alias("twice")
    odd = exists().where(
        row.c.consumer_id == consumer,
        or_(
            row.c.used <= 0,
            row.c.resource_class_id.not_in(select(known.c.id)),
            row.c.resource_provider_id.not_in(select(place.c.id)),
        ),
    )
    doubled = (
        select(twice.c.resource_provider_id)
        .where(twice.c.consumer_id == consumer)
        .group_by(twice.c.resource_provider_id, twice.c.resource_class_id)
        .having(func.count() > 1)
        .correlate_except(twice)
        .exists()
    )
    return and_(~odd.correlate_except(row), ~doubled)


def refused_again() -> Select[Any]:
    """Consumers that hold something of which more is held than there is, or none is offered.

    Before release 14 placement refuses to write even the same once more (SEMANTICS B.4).
    """
    row, offer = t.allocations.alias("summed"), t.inventories.alias("summed_offer")
    sums = (
        select(row.c.resource_provider_id, row.c.resource_class_id, func.sum(row.c.used).label("used"))
        .group_by(row.c.resource_provider_id, row.c.resource_class_id)
        .subquery("sums")
    )
    full = (
        select(sums.c.resource_provider_id, sums.c.resource_class_id)
        .outerjoin(
            offer,
            and_(
                offer.c.resource_provider_id == sums.c.resource_provider_id,
                offer.c.resource_class_id == sums.c.resource_class_id,
            ),
        )
        .where(func.coalesce(capacity(offer), 0) < sums.c.used)
        .subquery("full_offers")
    )
    holder = t.allocations.alias("holder_of_full")
    return select(holder.c.consumer_id).join(
        full,
        and_(
            full.c.resource_provider_id == holder.c.resource_provider_id,
            full.c.resource_class_id == holder.c.resource_class_id,
        ),
    )


def with_devices(consumer: ColumnElement[Any]) -> Exists:
    """Whether a consumer holds devices, whose flavor nova-manage may refuse: a word of it stops the whole run."""
    row, known = t.allocations.alias("device_row"), t.resource_classes.alias("device_class")
    return (
        exists()
        .where(
            row.c.consumer_id == consumer,
            known.c.id == row.c.resource_class_id,
            or_(known.c.name.in_(_DEVICES), known.c.name.like("CUSTOM_%")),
        )
        .correlate_except(row, known)
    )
