from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import (
    busy,
    doubled,
    held_in_all,
    impact,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    placed,
    servers,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, expected, inventories, resource_classes, resource_providers, trees, unclaimed

_server, _node, _own = servers(), nodes(), resource_providers.alias("own_provider")
_any, _here = claims.alias("any_claim"), claims.alias("here")
_of_the_host = exists().where(
    _here.c.consumer_id == _server.c.uuid,
    # Its own host counts even where somebody gave that the trait of a sharing provider.
    or_(_here.c.shared == 0, _here.c.root_id == trees.c.root_id),
)
_any_flavor, _asked, _offered = expected.alias("any_flavor"), expected.alias("asked"), expected.alias("offered_asked")
# Disk alone proves nothing: the flavor's root disk is not asked for when the server boots from a volume.
_asks = or_(
    ~exists().where(_any_flavor.c.instance_uuid == _server.c.uuid),
    exists().where(
        _asked.c.instance_uuid == _server.c.uuid,
        _asked.c.amount > 0,
        _asked.c.resource_class != "DISK_GB",
    ),
)
# A bare metal node without a resource class has no inventory; what its server holds can only be of what it has.
_bare_metal_offers = exists().where(
    _offered.c.instance_uuid == _server.c.uuid,
    _offered.c.amount > 0,
    resource_classes.c.name == _offered.c.resource_class,
    inventories.c.resource_class_id == resource_classes.c.id,
    inventories.c.resource_provider_id == _own.c.id,
)
_last_claim = select(func.max(_any.c.newest)).where(_any.c.consumer_id == _server.c.uuid).scalar_subquery()
_holds = held_in_all(_server.c.uuid)

CHECK = Check(
    code="X06",
    name="server-without-allocation",
    impact=Impact.HIGH,
    title="Server that holds nothing on its host",
    message="server {instance} is {vm_state} on {node} and holds nothing of that host; all that it holds: {held}",
    identity=("instance",),
    why=(
        "Placement takes the host for emptier than it is and offers the same CPUs and memory once more, so the host "
        "is overbooked without anybody having decided so."
    ),
    exceptions=(
        "a migration, resize or another task of the server is in progress",
        "a flavor that asks for nothing, or for disk alone",
        "a bare metal node that offers nothing the server asks for",
        "a server that a cross-cell resize hides, or that two cells show",
        "a host whose provider is missing, which is a finding of its own",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack resource provider allocation show {instance}",
        # It acts only on a server that holds nothing at all.
        "nova-manage placement heal_allocations --instance {healable}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    query=(
        select(
            _server.c.uuid.label("consumer"),
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _own.c.uuid.label("provider"),
            _server.c.vm_state,
            func.coalesce(_holds, literal("nothing")).label("held"),
            case((_holds.is_(None), _server.c.uuid)).label("healable"),
            newest(_server.c.updated_at, _server.c.created_at, _last_claim, last_move(_server.c.uuid)).label(
                "newest_change"
            ),
            impact((_server.c.vm_state == "error", "M"), otherwise="H").label("impact"),
        )
        .select_from(_server)
        .join(_node, on_node(_server, _node))
        .join(_own, _own.c.uuid == _node.c.uuid)
        .join(trees, trees.c.provider_id == _own.c.id)
        .where(_server.c.uuid.in_(select(unclaimed.c.uuid)), placed(_server), ~_of_the_host, _asks)
        .where(or_(func.coalesce(_node.c.hypervisor_type, "") != "ironic", _bare_metal_offers))
        .where(and_(~busy(_server), ~moving(_server), ~doubled(_server)))
        .order_by("instance")
    ),
)
