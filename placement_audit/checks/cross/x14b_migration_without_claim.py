from sqlalchemy import and_, exists, func, literal, or_, select

from placement_audit.checks.relations import doubled, newest, nodes, not_ironic, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, migrations, resource_providers

_server, _node, _twin = servers(), nodes(), migrations.alias("twin_migration")
_later = migrations.alias("later_migration")
_held, _elsewhere, _on_source = claims.alias("held"), claims.alias("elsewhere"), claims.alias("on_source")
_last_claim = (
    select(func.max(claims.c.newest)).where(claims.c.consumer_id == migrations.c.instance_uuid).scalar_subquery()
)
# The rows agree with each other: nobody has set the server to another state by hand.
_on_its_way = and_(
    migrations.c.status.in_(("migrating", "post-migrating")),
    _server.c.task_state.in_(("resize_migrating", "resize_migrated", "resize_finish")),
    _server.c.host.in_((migrations.c.source_compute, migrations.c.dest_compute)),
)
_waits = and_(
    migrations.c.status == "finished",
    _server.c.vm_state == "resized",
    _server.c.task_state.is_(None),
    _server.c.host == migrations.c.dest_compute,
    _server.c.node == migrations.c.dest_node,
)
# A row that some failure left behind says nothing of a later move.
_moved_on = exists().where(
    _later.c.instance_uuid == migrations.c.instance_uuid,
    _later.c.cell == migrations.c.cell,
    _later.c.id > migrations.c.id,
    _later.c.migration_type.in_(("migration", "resize")),
    func.coalesce(_later.c.deleted, 0) == 0,
)

CHECK = Check(
    code="X14b",
    name="migration-without-claim",
    impact=Impact.MEDIUM,
    title="Resize or cold migration that holds nothing on the host it left",
    message="{migration_type} {migration} of server {instance} ({status}) holds nothing on {node}, its way back",
    identity=("migration",),
    why=(
        "Until the move is confirmed the old host must keep room for the server. Here placement gives that room away, "
        "and a revert may find the host full."
    ),
    exceptions=(
        "live migrations and evacuations",
        "a move that has not begun, or is being confirmed or reverted",
        "a row from which the server has moved on: it is on a third host, or has a later move",
        "a server whose own allocation still covers the old host, as before Queens, and any move within one host",
        "a server that holds nothing at all, or that two cells show",
        "a source whose compute node or provider is gone, and bare metal",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
        "openstack resource provider show --allocations {provider}",
    ),
    references=("https://docs.openstack.org/nova/latest/contributor/resize-and-cold-migrate.html",),
    whole_cloud=True,
    query=(
        select(
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            migrations.c.cell,
            migrations.c.source_compute.label("host"),
            migrations.c.source_node.label("node"),
            migrations.c.migration_type,
            migrations.c.status,
            literal(
                "Nobody but nova writes what a migration holds: see with the last command that the host still has "
                "room before the move is reverted"
            ).label("withheld"),
            newest(
                migrations.c.updated_at,
                migrations.c.created_at,
                _server.c.updated_at,
                _last_claim,
            ).label("newest_change"),
        )
        .select_from(migrations)
        .join(_server, _server.c.uuid == migrations.c.instance_uuid)
        .join(
            _node,
            and_(
                _node.c.hypervisor_hostname == migrations.c.source_node,
                _node.c.host == migrations.c.source_compute,
                not_ironic(_node),
            ),
        )
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .where(
            func.coalesce(migrations.c.deleted, 0) == 0,
            migrations.c.uuid.is_not(None),
            migrations.c.migration_type.in_(("migration", "resize")),
            or_(_on_its_way, _waits),
            ~_moved_on,
            migrations.c.dest_node != migrations.c.source_node,
            ~exists().where(_held.c.consumer_id == migrations.c.uuid),
            exists().where(
                _elsewhere.c.consumer_id == migrations.c.instance_uuid,
                _elsewhere.c.own > 0,
            ),
            ~exists().where(
                _on_source.c.consumer_id == migrations.c.instance_uuid,
                _on_source.c.root_id == resource_providers.c.id,
            ),
            ~doubled(_server),
            # A resize between cells has its row in both, and either may be ahead.
            ~exists().where(
                _twin.c.uuid == migrations.c.uuid,
                _twin.c.cell != migrations.c.cell,
                or_(_twin.c.cell > migrations.c.cell, func.coalesce(_twin.c.status, "") != migrations.c.status),
            ),
        )
        .order_by("migration")
    ),
)
