from sqlalchemy import String, and_, case, cast, func, literal, or_, select

from placement_audit.checks.relations import impact, is_core, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes, resource_providers

# Rows that stand twice are P18's, and amounts below 1 are P17's.
_row, _same = allocations.alias("amount"), allocations.alias("same")
_alone = (
    select(func.count())
    .where(
        _same.c.resource_provider_id == _row.c.resource_provider_id,
        _same.c.resource_class_id == _row.c.resource_class_id,
        _same.c.consumer_id == _row.c.consumer_id,
    )
    .scalar_subquery()
    == 1
)
_too_large = _row.c.used > inventories.c.max_unit
_too_small = _row.c.used < inventories.c.min_unit
_odd = _row.c.used % inventories.c.step_size != 0

CHECK = Check(
    code="P20",
    name="unit-violation",
    impact=Impact.LOW,
    title="Allocation of an amount that its inventory does not allow",
    message="{consumer} holds {used} {resource_class} on {provider_name}, which is {fault}",
    identity=("consumer", "provider", "resource_class"),
    why=(
        "Placement tests the amount again each time the consumer is written, and refuses it: a server can then "
        "neither be moved nor healed before the inventory allows what it holds. Usually the inventory was changed "
        "after the claim."
    ),
    exceptions=(
        "several request groups on one provider: placement tests each part against min_unit and step_size, and not "
        "their sum",
        "an inventory whose max_unit or step_size is below 1: that is reported (P09), and not its consumers",
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        "openstack resource provider inventory show {provider} {resource_class}",
    ),
    query=(
        select(
            _row.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            _row.c.used,
            inventories.c.min_unit,
            inventories.c.max_unit,
            inventories.c.step_size,
            case(
                (_too_large, literal("more than max_unit ") + cast(inventories.c.max_unit, String)),
                (_too_small, literal("less than min_unit ") + cast(inventories.c.min_unit, String)),
                else_=literal("no multiple of step_size ") + cast(inventories.c.step_size, String),
            ).label("fault"),
            literal(
                "the rows do not tell whether the amount or the inventory is wrong: compare the flavor in "
                "openstack server show with what reports the provider"
            ).label("withheld"),
            newest(inventories.c.created_at, _row.c.created_at).label("newest_change"),
            impact((and_(_too_large, is_core(resource_classes.c.name)), "M"), otherwise="L").label("impact"),
        )
        .select_from(inventories)
        .join(
            _row,
            and_(
                inventories.c.resource_provider_id == _row.c.resource_provider_id,
                inventories.c.resource_class_id == _row.c.resource_class_id,
            ),
        )
        .join(resource_providers, resource_providers.c.id == _row.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == _row.c.resource_class_id)
        .where(inventories.c.max_unit >= 1, inventories.c.step_size >= 1)
        .where(_row.c.used >= 1, or_(_too_large, _too_small, _odd), _alone)
        .order_by("consumer", "provider", "resource_class")
    ),
)
