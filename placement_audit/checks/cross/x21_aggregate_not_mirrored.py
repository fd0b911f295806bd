from sqlalchemy import and_, case, exists, func, literal, null, select, tuple_, union_all

from placement_audit.checks.relations import (
    impact,
    lone_computes,
    newest,
    nodes,
    not_ironic,
    place_of,
    sample,
    up,
    zones,
    zones_are_asked_of_placement,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    aggregate_hosts,
    aggregate_metadata,
    aggregates,
    placement_aggregates,
    resource_provider_aggregates,
    resource_providers,
)

_node, _service = nodes(), lone_computes()
_member, _mirror = resource_provider_aggregates, placement_aggregates
# One zone an aggregate: keys are unique in it.
_zone = (
    select(aggregate_metadata.c.aggregate_id, func.max(aggregate_metadata.c.value).label("zone"))
    .where(aggregate_metadata.c.key == "availability_zone")
    .group_by(aggregate_metadata.c.aggregate_id)
    .subquery("zone_of")
)

# A host with several nodes is mirrored by the first alone (SEMANTICS G.1): any of them will do.
_of_hosts = (
    select(
        aggregate_hosts.c.aggregate_id,
        aggregate_hosts.c.host,
        func.min(resource_providers.c.id).label("provider_id"),
        func.max(case((not_ironic(_node), 1), else_=0)).label("ordinary"),
        func.max(case((_member.c.aggregate_id.is_not(None), 1), else_=0)).label("mirrored"),
        func.max(newest(aggregate_hosts.c.created_at, _node.c.created_at, resource_providers.c.created_at)).label(
            "changed"
        ),
    )
    .select_from(aggregate_hosts)
    .join(aggregates, aggregates.c.id == aggregate_hosts.c.aggregate_id)
    .join(_node, _node.c.host == aggregate_hosts.c.host)
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .outerjoin(_mirror, _mirror.c.uuid == aggregates.c.uuid)
    .outerjoin(
        _member,
        and_(_member.c.resource_provider_id == resource_providers.c.id, _member.c.aggregate_id == _mirror.c.id),
    )
    .where(aggregates.c.uuid.is_not(None))
    .group_by(aggregate_hosts.c.aggregate_id, aggregate_hosts.c.host)
    .subquery("of_hosts")
)
# The scheduler asks for any of the aggregates of a zone: another one that is mirrored does as well.
_other, _other_mirror, _other_zone, _other_aggregate = (
    resource_provider_aggregates.alias("other_member"),
    placement_aggregates.alias("other_mirror"),
    aggregate_metadata.alias("other_zone"),
    aggregates.alias("other_aggregate"),
)
# Lists, which are made once, and not once for each host.
_zones_in_placement = (
    select(_other.c.resource_provider_id, _other_zone.c.value)
    .select_from(_other)
    .join(_other_mirror, _other_mirror.c.id == _other.c.aggregate_id)
    .join(_other_aggregate, _other_aggregate.c.uuid == _other_mirror.c.uuid)
    .join(
        _other_zone,
        and_(_other_zone.c.aggregate_id == _other_aggregate.c.id, _other_zone.c.key == "availability_zone"),
    )
)
_found_in_zone = tuple_(_of_hosts.c.provider_id, _zone.c.zone).in_(_zones_in_placement)
_runs = _of_hosts.c.host.in_(select(_service.c.host).where(up(_service), func.coalesce(_service.c.disabled, 0) == 0))
_not_found = and_(
    _zone.c.zone.is_not(None), _of_hosts.c.ordinary == 1, zones_are_asked_of_placement(), _runs, ~_found_in_zone
)
_missing = (
    select(
        _of_hosts.c.aggregate_id,
        _of_hosts.c.host,
        _of_hosts.c.provider_id,
        case(
            (
                _not_found,
                "are in it and not in its mirror in placement: a server that asks for its zone never gets there",
            ),
            else_="are in it and not in its mirror in placement",
        ).label("effect"),
        impact((_not_found, "H"), otherwise="L").label("impact"),
        _of_hosts.c.changed,
    )
    .outerjoin_from(_of_hosts, _zone, _zone.c.aggregate_id == _of_hosts.c.aggregate_id)
    .where(_of_hosts.c.mirrored == 0)
)

_kept, _any_host, _own_zone = nodes(), aggregate_hosts.alias("any_host"), zones()
_twin, _listed_host = nodes().alias("twin_node"), aggregate_hosts.alias("listed_host")
_listed = exists().where(
    _twin.c.uuid == _kept.c.uuid,
    _listed_host.c.host == _twin.c.host,
    _listed_host.c.aggregate_id == aggregates.c.id,
)
_in_zone_anyway = tuple_(_kept.c.host, _zone.c.zone).in_(select(_own_zone.c.host, _own_zone.c.zone))
_found_by_mistake = and_(_zone.c.zone.is_not(None), zones_are_asked_of_placement(), ~_in_zone_anyway)
_extra = (
    select(
        aggregates.c.id.label("aggregate_id"),
        _kept.c.host,
        resource_providers.c.id.label("provider_id"),
        case(
            (
                _found_by_mistake,
                "are in its mirror in placement and not in it: servers that ask for its zone get there",
            ),
            else_="are in its mirror in placement and not in it",
        ).label("effect"),
        impact((_found_by_mistake, "M"), otherwise="L").label("impact"),
        newest(aggregates.c.created_at, _kept.c.created_at).label("changed"),
    )
    .select_from(_member)
    .join(_mirror, _mirror.c.id == _member.c.aggregate_id)
    .join(aggregates, aggregates.c.uuid == _mirror.c.uuid)
    .join(resource_providers, resource_providers.c.id == _member.c.resource_provider_id)
    .join(_kept, _kept.c.uuid == resource_providers.c.uuid)
    .outerjoin(_zone, _zone.c.aggregate_id == aggregates.c.id)
    .where(aggregates.c.id.in_(select(_any_host.c.aggregate_id)), not_ironic(_kept), ~_listed)
)
_found = union_all(
    select(_missing.subquery(), literal("missing").label("kind")), select(_extra.subquery(), literal("extra"))
).subquery("found")
_placed = select(_found, place_of(_found.c.host, _found.c.aggregate_id, _found.c.effect).label("place")).subquery(
    "placed"
)
_hosts = func.count()

CHECK = Check(
    code="X21",
    name="aggregate-not-mirrored",
    impact=Impact.LOW,
    title="Host aggregate and its mirror in placement with unlike members",
    message="{hosts} hosts of aggregate {aggregate} {effect}: {sample}",
    identity=("aggregate_uuid", "effect"),
    why=(
        "Nova's API tells placement when a host is added to an aggregate or removed, and does not fail when that "
        "fails. The scheduler then asks placement, not nova, who is in a zone: always from nova 28 on, before with "
        "query_placement_for_availability_zone; and who is in a tenant's or an isolated aggregate, if it is so "
        "configured."
    ),
    exceptions=(
        "aggregates that are placement's alone, and sharing providers in any",
        "aggregates without hosts, or without a uuid",
        "hosts without a compute node or a provider, which are findings of their own",
        "a host of several nodes of which one is in; bare metal nodes, which change their host, that are in too many",
        "a host that another aggregate of the same zone brings into it is information",
        "an aggregate without a zone, or a scheduler that may not ask placement for zones: information",
        "a host that is missing in the mirror while its nova-compute is down or disabled: information",
        "a host that was added just now",
    ),
    remedy=(
        "openstack aggregate show {aggregate}",
        "openstack --os-placement-api-version 1.19 resource provider aggregate list {first}",
        "nova-manage placement sync_aggregates --verbose  # adds the {missing} that are missing, removes none",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html#aggregates-in-placement",),
    whole_cloud=True,
    query=(
        select(
            aggregates.c.name.label("aggregate"),
            aggregates.c.uuid.label("aggregate_uuid"),
            _placed.c.effect,
            _hosts.label("hosts"),
            case((_placed.c.kind == "missing", _hosts), else_=null()).label("missing"),
            sample(_placed.c.host, _placed.c.place).label("sample"),
            func.max(case((_placed.c.place == 1, resource_providers.c.uuid))).label("first"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_placed.c.changed).label("newest_change"),
            _placed.c.impact,
        )
        .select_from(_placed)
        .join(aggregates, aggregates.c.id == _placed.c.aggregate_id)
        .join(resource_providers, resource_providers.c.id == _placed.c.provider_id)
        .group_by(aggregates.c.name, aggregates.c.uuid, _placed.c.effect, _placed.c.kind, _placed.c.impact)
        .order_by("aggregate_uuid", "effect")
    ),
)
