from sqlalchemy import ColumnElement, FromClause, and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import held, in_progress, newest, nodes, not_ironic, servers, storage_alone
from placement_audit.checks.whereabouts import of_a_host
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, migrations, resource_providers

_node, _source, _source_root = nodes(), nodes().alias("source_nodes"), resource_providers.alias("source_root")
_server, _twin, _evacuation = servers(), migrations.alias("twin_migration"), migrations.alias("evacuation")


def _left(node: FromClause) -> ColumnElement[bool]:
    # Whatever the cell: a resize between cells has its row in both.
    return and_(node.c.hypervisor_hostname == migrations.c.source_node, node.c.host == migrations.c.source_compute)


_is_source = exists().where(_node.c.uuid == resource_providers.c.uuid, _left(_node))
_source_is_known = exists().where(_source_root.c.uuid == _source.c.uuid, _left(_source), not_ironic(_source))

_own = claims.alias("own_claim")
_holds_source = exists().where(
    _own.c.consumer_id == migrations.c.uuid,
    _own.c.root_id == _source_root.c.id,
    _source_root.c.uuid == _source.c.uuid,
    _left(_source),
)

CHECK = Check(
    code="X14",
    name="migration-claim-on-wrong-root",
    impact=Impact.MEDIUM,
    title="Open migration that holds a host which it does not leave",
    message="migration {migration} ({status}) leaves {source_node}, but {holds} {held} on {provider_name}",
    identity=("migration", "provider"),
    why=(
        "What a migration holds keeps the server's place on its old host until the move is confirmed or reverted. "
        "Here it keeps room on another host. Mostly the server's allocation was on the wrong host, or on two, before "
        "the move began. A confirmation removes this part; a revert gives it back to the server."
    ),
    exceptions=(
        "a server that was evacuated before: all its hosts move to the migration",
        "evacuations, whose migrations hold nothing",
        "sharing providers, one that lost its trait included, and neutron segments",
        "bare metal nodes",
        "a source whose compute node or provider is gone",
        "migrations that are over, or whose server is gone: those are findings of their own",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {migration}",
        "openstack resource provider allocation show {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    whole_cloud=True,
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            migrations.c.cell,
            migrations.c.status,
            migrations.c.source_node,
            case((_holds_source, "holds beside it"), else_="holds in place of it").label("holds"),
            held(claims.c.consumer_id, resource_providers.c.id).label("held"),
            literal(
                "Confirming or reverting the move takes this part away or gives it back to the server: wait for that, "
                "and look then at what the server itself holds"
            ).label("withheld"),
            newest(claims.c.newest, migrations.c.updated_at, migrations.c.created_at).label("newest_change"),
        )
        .select_from(migrations)
        .join(claims, claims.c.consumer_id == migrations.c.uuid)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .where(in_progress(migrations), func.coalesce(migrations.c.migration_type, "") != "evacuation")
        # Devices and ports of a host count, too.
        .where(claims.c.own > 0, or_(claims.c.core > 0, of_a_host(resource_providers)))
        .where(~storage_alone(resource_providers))
        .where(_source_is_known, ~_is_source)
        .where(exists().where(_server.c.uuid == migrations.c.instance_uuid))
        .where(
            ~exists().where(
                _evacuation.c.instance_uuid == migrations.c.instance_uuid,
                _evacuation.c.migration_type == "evacuation",
            )
        )
        .where(~exists().where(_twin.c.uuid == migrations.c.uuid, _twin.c.cell > migrations.c.cell))
        .order_by("migration", "provider")
    ),
)
