from sqlalchemy import String, and_, case, cast, exists, func, literal, null, or_, select, tuple_, union_all

from placement_audit.checks.deployment import is_off
from placement_audit.checks.relations import (
    impact,
    lone_computes,
    newest,
    nodes,
    not_ironic,
    oldest_compute,
    place_of,
    sample,
    up,
    zones,
    zones_are_asked_of_placement,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    aggregate_hosts,
    aggregate_metadata,
    aggregates,
    host_mappings,
    instances,
    placement_aggregates,
    resource_provider_aggregates,
    resource_provider_traits,
    resource_providers,
    traits,
)

# services.version of nova 24: from there on zones are asked of placement unless an option says otherwise.
_XENA = 60
# So many commands at a time.
_FEW = 5
_COMMANDS = tuple(f"set_{number}_words" for number in range(1, _FEW + 1))
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
_likely = or_(
    zones_are_asked_of_placement(),
    and_(func.coalesce(oldest_compute(), 0) >= _XENA, ~is_off("query_placement_for_availability_zone")),
)
_runs = _of_hosts.c.host.in_(select(_service.c.host).where(up(_service), func.coalesce(_service.c.disabled, 0) == 0))
_not_found = and_(_zone.c.zone.is_not(None), _likely, _runs, ~_found_in_zone)
# Bare metal is told with less weight: several services may have the node by turns.
_surely_not_found = and_(_not_found, _of_hosts.c.ordinary == 1, zones_are_asked_of_placement())
_missing = (
    select(
        _of_hosts.c.aggregate_id,
        _of_hosts.c.host,
        _of_hosts.c.provider_id,
        case(
            (
                _surely_not_found,
                "are in it and not in its mirror in placement: a server that asks for its zone never gets there",
            ),
            (
                and_(_not_found, _of_hosts.c.ordinary == 1),
                "are in it and not in its mirror in placement: by default a server that asks for its zone never gets "
                "there",
            ),
            (
                _not_found,
                "are bare metal in it and not in its mirror in placement: a server that asks for its zone never gets "
                "there",
            ),
            else_="are in it and not in its mirror in placement",
        ).label("effect"),
        impact((_surely_not_found, "H"), (_not_found, "M"), otherwise="L").label("impact"),
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
_found_by_mistake = and_(_zone.c.zone.is_not(None), _likely, ~_in_zone_anyway)
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

# --- what mends it ---

_of_aggregates = aggregate_hosts.alias("of_aggregates")
_nodes_of = (
    select(
        _of_aggregates.c.host,
        func.count(_node.c.id.distinct()).label("nodes"),
        func.count((case((resource_providers.c.id.is_(None), _node.c.id))).distinct()).label("unknown"),
    )
    .join_from(_of_aggregates, _node, _node.c.host == _of_aggregates.c.host)
    .outerjoin(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .group_by(_of_aggregates.c.host)
    .cte("nodes_of")
)
_nameless = aggregates.alias("nameless")
_mapped = select(host_mappings.c.host).where(host_mappings.c.host.is_not(None))
# Nova-manage ends at the first host of any aggregate that has several nodes, or whose node has no provider; it passes
# over hosts without a mapping, and cannot even list the aggregates where one has no uuid (nova 27 and 34).
_sync_falls_short = or_(
    exists().where(or_(_nodes_of.c.nodes > 1, _nodes_of.c.unknown > 0, _nodes_of.c.host.not_in(_mapped))),
    exists().where(_nameless.c.uuid.is_(None)),
)

_of_it, _its_node, _its_row = (
    resource_providers.alias("of_it"),
    nodes().alias("its_node"),
    aggregates.alias("its_row"),
)
_its_zone = _zone.alias("its_zone")
_held, _held_row = resource_provider_aggregates.alias("held_in"), placement_aggregates.alias("held_aggregate")
_sharing = (
    select(resource_provider_traits.c.resource_provider_id)
    .join(traits, traits.c.id == resource_provider_traits.c.trait_id)
    .where(traits.c.name == SHARING_TRAIT)
)
_with_pool = (
    select(_held_row.c.uuid)
    .join(_held, _held.c.aggregate_id == _held_row.c.id)
    .where(_held.c.resource_provider_id.in_(_sharing))
)
# Set replaces the whole list.
_others = (
    select(func.aggregate_strings(literal("--aggregate ") + _held_row.c.uuid, " "))
    .select_from(_held)
    .join(_held_row, _held_row.c.id == _held.c.aggregate_id)
    .where(_held.c.resource_provider_id == _of_it.c.id, _held_row.c.uuid != _its_row.c.uuid)
    .scalar_subquery()
)
_is_in = exists().where(
    _held.c.resource_provider_id == _of_it.c.id,
    _held.c.aggregate_id == _held_row.c.id,
    _held_row.c.uuid == _its_row.c.uuid,
)
_a_server = instances.alias("a_server")
# A list, which is made once, and not once for each host.
_hosts_in_use = (
    select(_a_server.c.host, _a_server.c.availability_zone)
    .where(_a_server.c.deleted == 0, _a_server.c.host.is_not(None), _a_server.c.availability_zone.is_not(None))
    .distinct()
)
_serves_the_zone = tuple_(_its_node.c.host, func.coalesce(_its_zone.c.zone, "")).in_(_hosts_in_use)
# A listed host that nova does not have may be this one under its old name.
_renamed, _known_node = aggregate_hosts.alias("renamed"), nodes().alias("known_node")
_lists_a_stranger = exists().where(
    _renamed.c.aggregate_id == _its_row.c.id, ~exists().where(_known_node.c.host == _renamed.c.host)
)
_one_node = _its_node.c.host.in_(select(_nodes_of.c.host).where(_nodes_of.c.nodes == 1))
_lead = literal("--generation ") + cast(_of_it.c.generation, String) + " " + func.coalesce(_others + literal(" "), "")
_missing_set = (
    select(
        _found.c.aggregate_id,
        _found.c.effect,
        _found.c.impact,
        _of_it.c.name,
        (_lead + "--aggregate " + _its_row.c.uuid + " " + _of_it.c.uuid).label("words"),
    )
    .select_from(_found)
    .join(_its_row, _its_row.c.id == _found.c.aggregate_id)
    .join(_its_node, _its_node.c.host == _found.c.host)
    .join(_of_it, _of_it.c.uuid == _its_node.c.uuid)
    # Of several nodes that are no bare metal one is a leftover, and nobody can tell which.
    .where(_found.c.kind == "missing", _sync_falls_short, or_(~not_ironic(_its_node), _one_node), ~_is_in)
)
_extra_set = (
    select(_found.c.aggregate_id, _found.c.effect, _found.c.impact, _of_it.c.name, _lead + _of_it.c.uuid)
    .select_from(_found)
    .join(_its_row, _its_row.c.id == _found.c.aggregate_id)
    .join(_of_it, _of_it.c.id == _found.c.provider_id)
    .join(_its_node, _its_node.c.uuid == _of_it.c.uuid)
    .outerjoin(_its_zone, _its_zone.c.aggregate_id == _its_row.c.id)
    .where(_found.c.kind == "extra", ~_serves_the_zone, ~_lists_a_stranger, _its_row.c.uuid.not_in(_with_pool))
)
_sets = union_all(_missing_set, _extra_set).subquery("sets")
_ordered = (
    select(_sets, place_of(_sets.c.name, _sets.c.aggregate_id, _sets.c.effect, _sets.c.impact).label("place"))
    .where(_sets.c.words.is_not(None))
    .subquery("ordered_sets")
)
_commands = (
    select(
        _ordered.c.aggregate_id,
        _ordered.c.effect,
        _ordered.c.impact,
        *(
            func.max(case((_ordered.c.place == number, _ordered.c.words))).label(name)
            for number, name in enumerate(_COMMANDS, start=1)
        ),
        func.count().label("sets"),
    )
    .group_by(_ordered.c.aggregate_id, _ordered.c.effect, _ordered.c.impact)
    .subquery("commands")
)
_syncs = and_(_placed.c.kind == "missing", ~_sync_falls_short)

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
        "a host of several nodes of which one is in the mirror; bare metal nodes that are in too many aggregates, "
        "since they change their host",
        "a host that another aggregate of the same zone brings into it is information",
        "an aggregate without a zone, or a scheduler that does not ask placement for zones: information",
        "it is a warning for bare metal, and where the scheduler asks placement by its default alone (nova 24 to 27)",
        "a host that is missing in the mirror while its nova-compute is down or disabled: information",
        "a host that was added just now",
    ),
    remedy=(
        "openstack aggregate show {aggregate}",
        "openstack --os-placement-api-version 1.19 resource provider aggregate list {first}",
        "nova-manage placement sync_aggregates --verbose  # adds the {missing} that are missing, removes none",
        # Nothing is lost where the provider was written since: placement refuses an old generation.
        *(
            f"openstack --os-placement-api-version 1.19 resource provider aggregate set {{{name}}}"
            for name in _COMMANDS
        ),
        f"# these are the first {_FEW} of {{many}}: audit again for the next",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html#aggregates-in-placement",),
    whole_cloud=True,
    members=(
        select(aggregates.c.uuid.label("aggregate_uuid"), _found.c.effect, _found.c.host)
        .select_from(_found)
        .join(aggregates, aggregates.c.id == _found.c.aggregate_id)
    ),
    query=(
        select(
            aggregates.c.name.label("aggregate"),
            aggregates.c.uuid.label("aggregate_uuid"),
            _placed.c.effect,
            _hosts.label("hosts"),
            case((_syncs, _hosts)).label("missing"),
            sample(_placed.c.host, _placed.c.place).label("sample"),
            func.max(case((_placed.c.place == 1, resource_providers.c.uuid))).label("first"),
            *(func.max(_commands.c[name]).label(name) for name in _COMMANDS),
            case((func.max(_commands.c.sets) > _FEW, func.max(_commands.c.sets))).label("many"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_placed.c.changed).label("newest_change"),
            _placed.c.impact,
            case(
                (or_(_syncs, func.max(_commands.c.sets) > 0), null()),
                (
                    _placed.c.kind == "missing",
                    "nova-manage placement sync_aggregates would stop before these hosts, and it is not certain which "
                    "of their providers belongs into the aggregate: compare openstack hypervisor list --long with "
                    "openstack resource provider list",
                ),
                else_="nova's list may be the wrong one: a server of the zone runs there, or the aggregate lists a "
                "host that nova does not have, or a sharing provider serves hosts by it; ask who took the host out, "
                "then leave this aggregate out of the provider's list, which aggregate set replaces",
            ).label("withheld"),
        )
        .select_from(_placed)
        .join(aggregates, aggregates.c.id == _placed.c.aggregate_id)
        .join(resource_providers, resource_providers.c.id == _placed.c.provider_id)
        .outerjoin(
            _commands,
            and_(
                _commands.c.aggregate_id == _placed.c.aggregate_id,
                _commands.c.effect == _placed.c.effect,
                _commands.c.impact == _placed.c.impact,
            ),
        )
        .group_by(aggregates.c.name, aggregates.c.uuid, _placed.c.effect, _placed.c.kind, _placed.c.impact)
        .order_by("aggregate_uuid", "effect")
    ),
)
