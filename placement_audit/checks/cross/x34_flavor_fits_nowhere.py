from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from placement_audit.checks.deployment import is_on
from placement_audit.checks.relations import capacity, impact, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    flavor_extra_specs,
    flavor_requests,
    flavors,
    inventories,
    reach,
    resource_classes,
    services,
    trees,
)

_disk_override = exists().where(
    flavor_extra_specs.c.flavor_id == flavors.c.id, flavor_extra_specs.c.key.like("resources%:DISK_GB")
)
# The part of a request that a server with a volume for its root disk does not make (SEMANTICS E.1).
_root_disk = case(
    (and_(flavor_requests.c.resource_class == "DISK_GB", ~_disk_override), func.coalesce(flavors.c.root_gb, 0)),
    else_=0,
)
_enabled = flavor_requests.join(
    flavors, and_(flavors.c.id == flavor_requests.c.flavor_id, func.coalesce(flavors.c.disabled, 0) == 0)
)
_flavor, _variant = flavor_requests.c.flavor_id, flavor_requests.c.variant
_is_sent = or_(_variant == 0, ~is_on("disable_fallback_pcpu_query"))
# Every way to ask for a flavor: its variants, each with a root disk (volume 0) and from a volume (1).
_requests = union_all(
    *[
        select(_flavor, _variant, literal(volume).label("volume")).select_from(_enabled).where(_is_sent).distinct()
        for volume in (0, 1)
    ]
).cte("requests")
_asks = union_all(
    *[
        select(
            _flavor,
            _variant,
            literal(volume).label("volume"),
            flavor_requests.c.resource_class,
            (flavor_requests.c.amount - left_out).label("amount"),
        )
        .select_from(_enabled)
        .where(flavor_requests.c.amount > left_out, _is_sent)
        for volume, left_out in ((0, literal(0)), (1, _root_disk))
    ]
).cte("asks")

# An ironic node in use (nova 27+) and a one-time-use PCI device (nova 32+) reserve all they have; empty, nothing. And
# hosts that give out no CPUs or no memory at all are a finding of their own, and not one of each flavor.
_reserved_while_used = or_(
    and_(resource_classes.c.name.like("CUSTOM\\_%", escape="\\"), inventories.c.reserved == inventories.c.total),
    and_(resource_classes.c.name.in_(("VCPU", "MEMORY_MB")), capacity(inventories) < 1),
)
_offers = (
    select(
        inventories.c.resource_provider_id,
        resource_classes.c.name,
        inventories.c.min_unit,
        inventories.c.max_unit,
        inventories.c.step_size,
        case((_reserved_while_used, inventories.c.total), else_=capacity(inventories)).label("capacity"),
    )
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .cte("offers")
)
_sizes = (_offers.c.name, _offers.c.min_unit, _offers.c.max_unit, _offers.c.step_size, _offers.c.capacity)
# Thousands of providers are of a few kinds.
_kinds = select(*_sizes).distinct().cte("kinds")
_supply = (
    select(reach.c.root_id, *_sizes)
    .join(_offers, _offers.c.resource_provider_id == reach.c.provider_id)
    .distinct()
    .cte("supply")
)
_roots = select(reach.c.root_id).distinct().cte("roots")
_most = (
    select(
        _offers.c.name,
        func.count().label("providers"),
        func.min(_offers.c.min_unit).label("min_unit"),
        func.max(_offers.c.max_unit).label("max_unit"),
        func.max(_offers.c.capacity).label("capacity"),
    )
    .group_by(_offers.c.name)
    .cte("most")
)


def _same_request(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.flavor_id == other.c.flavor_id, one.c.variant == other.c.variant, one.c.volume == other.c.volume)


def _admits(offer: FromClause) -> ColumnElement[bool]:
    """Whether an empty provider takes an amount; a step_size of 0 takes nothing (SEMANTICS B.1)."""
    return and_(
        offer.c.name == _asks.c.resource_class,
        offer.c.min_unit <= _asks.c.amount,
        offer.c.max_unit >= _asks.c.amount,
        offer.c.capacity >= _asks.c.amount,
        _asks.c.amount % offer.c.step_size == 0,
    )


# What no provider at all could give: mostly this settles it without a look at the hosts.
_unmet = select(_asks).where(~exists().where(_admits(_kinds))).cte("unmet")
_missing_here = ~exists().where(_supply.c.root_id == _roots.c.root_id, _admits(_supply)).correlate_except(_supply)
_lacks_something = exists().where(_same_request(_asks, _requests), _missing_here).correlate_except(_asks)
_fitting = (
    select(_requests)
    .where(
        ~exists().where(_same_request(_unmet, _requests)),
        exists().where(~_lacks_something).select_from(_roots),
    )
    .cte("fitting")
)
_fits = flavors.c.id.in_(select(_fitting.c.flavor_id).where(_fitting.c.volume == 0))
_fits_from_volume = flavors.c.id.in_(select(_fitting.c.flavor_id).where(_fitting.c.volume == 1))
# Until its lease begins, the class of a reservation flavor is nowhere; blazar removes both when it ends.
_of_a_lease = exists().where(
    flavor_requests.c.flavor_id == flavors.c.id,
    flavor_requests.c.resource_class.like("CUSTOM\\_RESERVATION\\_%", escape="\\"),
)
_any_host = exists().where(inventories.c.resource_provider_id == trees.c.provider_id, trees.c.shared == 0)

_ask = _unmet.c.resource_class + " " + cast(_unmet.c.amount, String)
_on = " on " + cast(_most.c.providers, String) + " providers"
_lacking = (
    select(
        _unmet.c.flavor_id,
        case(
            (_most.c.providers.is_(None), _ask + ": no provider has any"),
            (
                _most.c.max_unit < _unmet.c.amount,
                _ask + ": max_unit is at most " + cast(_most.c.max_unit, String) + _on,
            ),
            (
                _most.c.capacity < _unmet.c.amount,
                _ask + ": capacity is at most " + cast(_most.c.capacity, String) + _on,
            ),
            (
                _most.c.min_unit > _unmet.c.amount,
                _ask + ": min_unit is at least " + cast(_most.c.min_unit, String) + _on,
            ),
            else_=_ask + ": min_unit, max_unit, step_size and capacity never admit it together" + _on,
        ).label("reason"),
    )
    .outerjoin_from(_unmet, _most, _most.c.name == _unmet.c.resource_class)
    .where(_unmet.c.volume == 0)
    .distinct()
    .cte("lacking")
)
_reasons = (
    select(func.aggregate_strings(_lacking.c.reason, "; "))
    .where(_lacking.c.flavor_id == flavors.c.id)
    .scalar_subquery()
)
_all_of_it = (
    select(
        func.aggregate_strings(flavor_requests.c.resource_class + " " + cast(flavor_requests.c.amount, String), ", ")
    )
    .where(flavor_requests.c.flavor_id == flavors.c.id, flavor_requests.c.variant == 0)
    .scalar_subquery()
)
_first_is_met = ~exists().where(_unmet.c.flavor_id == flavors.c.id, _unmet.c.variant == 0, _unmet.c.volume == 0)
_specs_written = (
    select(func.max(newest(flavor_extra_specs.c.updated_at, flavor_extra_specs.c.created_at)))
    .where(flavor_extra_specs.c.flavor_id == flavors.c.id)
    .scalar_subquery()
)

CHECK = Check(
    code="X34",
    name="flavor-fits-nowhere",
    impact=Impact.MEDIUM,
    title="Flavor that no host could take even if it were empty",
    message="flavor {flavor} {verdict}: {reasons}",
    identity=("flavor_id",),
    why=(
        "Each attempt ends in No valid host was found, however much is free. A single server gets at most max_unit, "
        "which nova-compute sets to what is physically there: an allocation ratio lets more servers in, "
        "not larger ones."
    ),
    exceptions=(
        "disabled flavors",
        "what a child or a sharing provider of the host supplies",
        "pinned CPUs that a host still offers as VCPU, unless a nova.conf given sets disable_fallback_pcpu_query",
        "ironic nodes and PCI devices that reserve all they have while in use",
        "hosts that give out no CPUs or memory because of their ratio or reserve, which are a finding of their own",
        "flavors of blazar's leases",
        "groups with a name for a suffix, while any nova-compute is older than Xena, which passes over them",
        "a cloud in which no host offers anything",
        "a flavor that only its root disk keeps out is information: a server may boot from a volume instead",
        "traits, aggregates and group policies that keep hosts out are not looked at",
    ),
    remedy=("openstack flavor show {flavor_id}", "placement-audit explain --flavor {flavor_id}"),
    references=("https://docs.openstack.org/nova/latest/user/flavors.html",),
    optional=(services,),
    query=(
        select(
            flavors.c.name.label("flavor"),
            flavors.c.flavorid.label("flavor_id"),
            case(
                (_fits_from_volume, "fits on no host unless the server boots from a volume"),
                else_="fits on no host, however empty",
            ).label("verdict"),
            case(
                (_first_is_met, literal("each of ") + _all_of_it + " is somewhere, but no host has all of it"),
                else_=_reasons,
            ).label("reasons"),
            flavors.c.vcpus,
            flavors.c.memory_mb,
            flavors.c.root_gb,
            literal(
                "the rows do not tell whether the flavor or the hosts are wrong: placement-audit explain tells "
                "what either would need"
            ).label("withheld"),
            newest(flavors.c.updated_at, flavors.c.created_at, _specs_written).label("newest_change"),
            impact((_fits_from_volume, "L"), otherwise="M").label("impact"),
        )
        .where(
            exists().where(_requests.c.flavor_id == flavors.c.id),
            ~_of_a_lease,
            _any_host,
            ~_fits,
        )
        .order_by("flavor_id")
    ),
)
