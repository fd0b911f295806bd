from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.relations import doubled, newest, nodes, not_ironic, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, migrations, resource_providers

_server, _node = servers(), nodes()
_later, _there, _anywhere = migrations.alias("later"), claims.alias("there"), claims.alias("anywhere")
# Nova gives the part back before it says that the evacuation is completed; that writes all that the server holds.
_last_claim = (
    select(func.max(claims.c.newest)).where(claims.c.consumer_id == migrations.c.instance_uuid).scalar_subquery()
)
_moved_on = exists().where(
    _later.c.instance_uuid == migrations.c.instance_uuid,
    or_(
        _later.c.created_at > migrations.c.created_at,
        and_(_later.c.cell == migrations.c.cell, _later.c.id > migrations.c.id),
    ),
)
_lost = (
    select(
        migrations.c.instance_uuid,
        migrations.c.source_node,
        resource_providers.c.uuid.label("provider"),
        resource_providers.c.name.label("provider_name"),
        place_of(migrations.c.instance_uuid, resource_providers.c.uuid).label("place"),
        newest(migrations.c.updated_at, migrations.c.created_at, _server.c.updated_at, _last_claim).label("changed"),
    )
    .select_from(migrations)
    .join(_server, and_(_server.c.uuid == migrations.c.instance_uuid, _server.c.cell == migrations.c.cell))
    .join(
        _node,
        and_(
            _node.c.cell == migrations.c.cell,
            _node.c.hypervisor_hostname == migrations.c.source_node,
            _node.c.host == migrations.c.source_compute,
            not_ironic(_node),
        ),
    )
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .where(
        migrations.c.deleted == 0,
        migrations.c.migration_type == "evacuation",
        migrations.c.status == "done",
        placed(_server),
        _server.c.host == migrations.c.dest_compute,
        _server.c.host != migrations.c.source_compute,
        ~_moved_on,
        # The host was there when the evacuation began, and has not been installed anew since.
        _node.c.created_at < migrations.c.created_at,
        resource_providers.c.created_at < migrations.c.created_at,
        ~exists().where(
            _there.c.consumer_id == migrations.c.instance_uuid, _there.c.root_id == resource_providers.c.id
        ),
        exists().where(
            _anywhere.c.consumer_id == migrations.c.instance_uuid, _anywhere.c.core + _anywhere.c.pooled > 0
        ),
        ~doubled(_server),
    )
    .subquery("lost")
)

CHECK = Check(
    code="X30",
    name="evacuated-part-missing",
    impact=Impact.INFO,
    title="Evacuated servers that no longer hold their old host",
    message="{servers} servers were evacuated from {provider_name} and no longer hold anything there: {sample}",
    identity=("provider",),
    why=(
        "Until the old host is back, an evacuated server keeps its part there, since its disk may still be there. "
        "Somebody removed that part, by hand or with nova-manage placement audit --delete. Nothing has to be done: "
        "nova-compute cleans up when the host returns."
    ),
    exceptions=(
        "evacuations whose old host is back (status completed)",
        "a server that was moved again since, or whose allocation was written just now",
        "an old host whose compute node or provider is gone, or was made anew since",
        "a server that holds nothing anywhere, which is a finding of its own",
    ),
    remedy=(
        "openstack server migration list --server {first}",
        "openstack resource provider allocation show {first}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/evacuate.html",),
    query=(
        select(
            _lost.c.provider,
            _lost.c.provider_name,
            func.count().label("servers"),
            sample(_lost.c.instance_uuid, _lost.c.place).label("sample"),
            func.max(case((_lost.c.place == 1, _lost.c.instance_uuid))).label("first"),
            literal(
                "nothing has to be done: nova-compute cleans up when the old host is back, whether or not the "
                "part is held"
            ).label("withheld"),
            func.min(_lost.c.changed).label("newest_change"),
        )
        .group_by(_lost.c.provider, _lost.c.provider_name)
        .order_by("provider")
    ),
)
