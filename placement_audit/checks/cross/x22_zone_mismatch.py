from sqlalchemy import String, and_, case, cast, exists, func, literal, null, select, tuple_, union_all

from placement_audit.checks.relations import (
    changed,
    doubled,
    impact,
    newest,
    nodes,
    not_ironic,
    place_of,
    placed,
    sample,
    servers,
    zones_are_asked_of_placement,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    SHARING_TRAIT,
    aggregate_hosts,
    aggregate_metadata,
    aggregates,
    inventories,
    placement_aggregates,
    reach,
    resource_classes,
    resource_provider_aggregates,
    resource_provider_traits,
    resource_providers,
    traits,
    trees,
)

_node, _server = nodes(), servers()
# The zone that the aggregates give a host; a host without a row has the default zone.
_zone = (
    select(
        aggregate_hosts.c.host,
        func.count(aggregate_metadata.c.value.distinct()).label("zones"),
        func.min(aggregate_metadata.c.value).label("zone"),
        func.max(aggregate_metadata.c.value).label("last_zone"),
        func.max(newest(aggregate_hosts.c.created_at, changed(aggregate_metadata))).label("changed"),
    )
    .join(aggregate_metadata, aggregate_metadata.c.aggregate_id == aggregate_hosts.c.aggregate_id)
    .where(aggregate_metadata.c.key == "availability_zone")
    .group_by(aggregate_hosts.c.host)
    .cte("zone_of_host")
)

_in_several = select(
    literal("hosts of two zones").label("kind"),
    _zone.c.zone,
    _zone.c.last_zone.label("other"),
    literal(None, String).label("provider"),
    (literal("hosts are in aggregates of the zones ") + _zone.c.zone + " and " + _zone.c.last_zone).label("what"),
    _zone.c.host.label("name"),
    _zone.c.changed,
    literal("M").label("impact"),
).where(_zone.c.zones > 1, exists().where(_node.c.host == _zone.c.host))

# Lists to look up rather than joins: no join here has an index that the planner is sure to take.
_zoned_hosts = select(_zone.c.host).where(_zone.c.zones == 1)
_zoned = select(_zone.c.host, _zone.c.zone).where(_zone.c.zones == 1)
# Which servers, by their own zone alone: the zones of their hosts may be many.
_elsewhere = select(
    literal("servers of another zone").label("kind"),
    _server.c.availability_zone.label("zone"),
    literal("").label("other"),
    literal(None, String).label("provider"),
    (literal("servers were given the zone ") + _server.c.availability_zone + ", and their hosts have another").label(
        "what"
    ),
    _server.c.uuid.label("name"),
    changed(_server).label("changed"),
    literal("I").label("impact"),
).where(
    _server.c.availability_zone != "",
    _server.c.host.in_(_zoned_hosts),
    tuple_(_server.c.host, _server.c.availability_zone).not_in(_zoned),
    placed(_server),
    _server.c.task_state.is_(None),
    ~doubled(_server),
)

# --- shared disks that the zone's hosts need, and that are not in the zone ---
_sharing = (
    select(resource_provider_traits.c.resource_provider_id)
    .join(traits, traits.c.id == resource_provider_traits.c.trait_id)
    .where(traits.c.name == SHARING_TRAIT)
)
_with_disk = (
    select(inventories.c.resource_provider_id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(resource_classes.c.name == "DISK_GB")
)
_pools = _with_disk.where(inventories.c.resource_provider_id.in_(_sharing))
_member, _mirror, _of_zone = resource_provider_aggregates, placement_aggregates, aggregate_metadata.alias("of_zone")
# Who is in a zone, in placement's eyes.
_in_zone = (
    select(_member.c.resource_provider_id, _of_zone.c.value.label("zone"))
    .join(_mirror, _mirror.c.id == _member.c.aggregate_id)
    .join(aggregates, aggregates.c.uuid == _mirror.c.uuid)
    .join(_of_zone, and_(_of_zone.c.aggregate_id == aggregates.c.id, _of_zone.c.key == "availability_zone"))
    .distinct()
    .cte("in_zone")
)
# The hosts that have their disk from a sharing provider alone.
_with_local = select(trees.c.root_id).where(trees.c.provider_id.in_(_with_disk))
_needy = (
    select(reach.c.root_id, reach.c.provider_id)
    .where(reach.c.provider_id.in_(_pools), reach.c.root_id.not_in(_with_local))
    .cte("needy")
)
_served = select(_needy.c.root_id, _in_zone.c.zone).join(
    _in_zone, _in_zone.c.resource_provider_id == _needy.c.provider_id
)
_pool, _disk_node, _host_in = resource_providers.alias("pool"), nodes(), _in_zone.alias("host_in")
_out_of_reach = (
    select(
        literal("shared disk outside the zone").label("kind"),
        _host_in.c.zone,
        _pool.c.name.label("other"),
        _pool.c.uuid.label("provider"),
        (
            literal("hosts of zone ")
            + _host_in.c.zone
            + " have no disk but that of "
            + _pool.c.name
            + ", which is in none of its aggregates: a server that needs local disk and asks for this zone "
            "finds none here"
        ).label("what"),
        _disk_node.c.host.label("name"),
        newest(_pool.c.created_at, _disk_node.c.created_at).label("changed"),
        impact((zones_are_asked_of_placement(), "M"), otherwise="L").label("impact"),
    )
    .select_from(_needy)
    .join(_host_in, _host_in.c.resource_provider_id == _needy.c.root_id)
    .join(_pool, _pool.c.id == _needy.c.provider_id)
    .join(resource_providers, resource_providers.c.id == _needy.c.root_id)
    .join(_disk_node, and_(_disk_node.c.uuid == resource_providers.c.uuid, not_ironic(_disk_node)))
    .where(
        tuple_(_needy.c.root_id, _host_in.c.zone).not_in(_served),
        # A host that is in the zone in placement's eyes alone, or in two, is a finding of its own.
        tuple_(_disk_node.c.host, _host_in.c.zone).in_(_zoned),
    )
)

# Whoever is in an aggregate with a sharing provider has its disk from there: it may join one of the zone's whose
# members all do so already.
_zone_of, _zone_row, _zone_mirror = (
    aggregate_metadata.alias("zone_of"),
    aggregates.alias("zone_row"),
    placement_aggregates.alias("zone_mirror"),
)
_in_it, _tree_of = resource_provider_aggregates.alias("in_it"), trees.alias("tree_of")
_pool_too = resource_providers.alias("the_pool")
_stranger = (
    exists()
    .where(
        _in_it.c.aggregate_id == _zone_mirror.c.id,
        _tree_of.c.provider_id == _in_it.c.resource_provider_id,
        tuple_(_tree_of.c.root_id, _pool_too.c.id).not_in(select(reach.c.root_id, reach.c.provider_id)),
    )
    .correlate_except(_in_it, _tree_of)
)
_of_pool, _of_pool_row = resource_provider_aggregates.alias("of_pool"), placement_aggregates.alias("of_pool_row")
_its_own = (
    select(func.aggregate_strings(literal("--aggregate ") + _of_pool_row.c.uuid, " "))
    .select_from(_of_pool)
    .join(_of_pool_row, _of_pool_row.c.id == _of_pool.c.aggregate_id)
    .where(_of_pool.c.resource_provider_id == _pool_too.c.id)
    .scalar_subquery()
)
_joining = (
    select(
        _pool_too.c.uuid.label("provider"),
        _zone_of.c.value.label("zone"),
        (
            literal("--generation ")
            + cast(func.max(_pool_too.c.generation), String)
            + " "
            + func.coalesce(_its_own + literal(" "), "")
            + "--aggregate "
            + func.min(_zone_mirror.c.uuid)
            + " "
            + _pool_too.c.uuid
        ).label("words"),
    )
    .select_from(_pool_too)
    .join(_zone_of, and_(_zone_of.c.key == "availability_zone", _pool_too.c.id.in_(_pools)))
    .join(_zone_row, _zone_row.c.id == _zone_of.c.aggregate_id)
    .join(_zone_mirror, _zone_mirror.c.uuid == _zone_row.c.uuid)
    .where(~_stranger)
    .group_by(_pool_too.c.id, _pool_too.c.uuid, _zone_of.c.value)
    .subquery("joining")
)

_found = union_all(*(select(part.subquery()) for part in (_in_several, _elsewhere, _out_of_reach))).subquery("found")
_members = _elsewhere.subquery("members")
_listed = select(_found, place_of(_found.c.name, _found.c.kind, _found.c.zone, _found.c.other).label("place")).subquery(
    "listed"
)

CHECK = Check(
    code="X22",
    name="zone-mismatch",
    impact=Impact.MEDIUM,
    title="Availability zones that contradict each other",
    message="{count} {what}: {sample}",
    identity=("kind", "zone", "other"),
    why=(
        "A host has the zone of its aggregates, and there should be one. Nova's record of a server keeps the zone "
        "that it was made in: if its owner asked for that zone, every move looks for it there, away from its "
        "neighbours. A request for a zone takes disk only from providers in that zone's aggregates. So a sharing "
        "provider must be in them, too: else a server that needs local disk and asks for this zone finds no disk for "
        "the hosts that draw from it. Servers that boot from volumes, or ask for no zone, still get there."
    ),
    exceptions=(
        "hosts of the default zone, which is no aggregate's",
        "servers without a zone, or in the middle of a task, and those that two cells show",
        "servers elsewhere than their zone are information: their host may have been given another zone",
        "hosts with a disk of their own, or with another sharing provider in the zone",
        "hosts that are not in the zone's mirror in placement, which is a finding of its own",
        "a scheduler that may not ask placement for zones: information",
        "hosts without a compute node; bare metal shares no disk",
    ),
    remedy=(
        "openstack aggregate list --long",
        "openstack --os-placement-api-version 1.19 resource provider aggregate list {provider}",
        "openstack --os-placement-api-version 1.19 resource provider aggregate set {set_words}"
        "  # what joins the zone's aggregate later has its disk from there, too",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/availability-zones.html",),
    whole_cloud=True,
    members=select(_members.c.kind, _members.c.zone, _members.c.other, _members.c.name.label("instance")),
    query=(
        select(
            _listed.c.kind,
            _listed.c.zone,
            _listed.c.other,
            _listed.c.provider,
            func.max(case((_listed.c.kind != "servers of another zone", _listed.c.name))).label("host"),
            _listed.c.what,
            func.count().label("count"),
            sample(cast(_listed.c.name, String), _listed.c.place).label("sample"),
            # The oldest: one that is new must not hold back those that were there before.
            func.min(_listed.c.changed).label("newest_change"),
            _listed.c.impact,
            func.max(_joining.c.words).label("set_words"),
            case(
                (func.max(_joining.c.words).is_not(None), null()),
                (
                    _listed.c.kind == "shared disk outside the zone",
                    "whatever is in an aggregate with a sharing provider has its disk from there, and hosts of the "
                    "zone have other disks: who made the aggregates must tell which of these hosts the provider serves",
                ),
                (
                    _listed.c.kind == "hosts of two zones",
                    "the rows do not tell which zone is meant; nova refuses to take a host out while servers are on "
                    "it, so move them first (openstack server list --all-projects --host)",
                ),
                else_="nothing is wrong with the servers; whether their owners asked for that zone is in their "
                "requests (openstack server show), and a zone's hosts are given by openstack aggregate list --long",
            ).label("withheld"),
        )
        .select_from(_listed)
        .outerjoin(
            _joining,
            and_(
                _listed.c.kind == "shared disk outside the zone",
                _joining.c.provider == _listed.c.provider,
                _joining.c.zone == _listed.c.zone,
            ),
        )
        .group_by(_listed.c.kind, _listed.c.zone, _listed.c.other, _listed.c.provider, _listed.c.what, _listed.c.impact)
        .order_by("kind", "zone", "other")
    ),
)
