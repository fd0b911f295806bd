from sqlalchemy import exists, func, literal, select

from placement_audit.checks.relations import computes, newest
from placement_audit.finding import Check, Impact
from placement_audit.schema import aggregate_hosts, aggregates, services

_service, _gone = computes(), services.alias("gone")
_deleted_at = select(func.max(_gone.c.deleted_at)).where(_gone.c.host == aggregate_hosts.c.host).scalar_subquery()

CHECK = Check(
    code="N13",
    name="aggregate-host-without-service",
    impact=Impact.LOW,
    title="Host of an aggregate that has no compute service",
    message="aggregate {aggregate} lists {host}, but no cell has a nova-compute service of that host",
    identity=("aggregate", "host"),
    why=(
        "The entry does nothing, until a new host of that name comes and is in the aggregate, and perhaps in its "
        "availability zone, from its first minute. The API cannot remove it, since it looks for the service first."
    ),
    exceptions=("a host whose service is down or disabled", "an aggregate or a service that changed just now"),
    remedy=(
        "openstack aggregate show {aggregate}",
        "openstack compute service list --service nova-compute --host {host}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html",),
    whole_cloud=True,
    query=(
        select(
            aggregates.c.name.label("aggregate"),
            aggregates.c.uuid.label("aggregate_uuid"),
            aggregate_hosts.c.host,
            literal(
                "nova's API refuses to remove a host whose service it does not find. It removes the entry when the "
                "service is deleted through the API. After that the entry goes only with its aggregate, or by SQL."
            ).label("withheld"),
            newest(aggregates.c.created_at, aggregate_hosts.c.created_at, _deleted_at).label("newest_change"),
        )
        .join_from(aggregate_hosts, aggregates, aggregates.c.id == aggregate_hosts.c.aggregate_id)
        .where(aggregate_hosts.c.host.is_not(None), ~exists().where(_service.c.host == aggregate_hosts.c.host))
        .order_by("aggregate", "host")
    ),
)
