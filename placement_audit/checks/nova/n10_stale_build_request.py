from sqlalchemy import case, exists, select

from placement_audit.checks.relations import before, every_cell_is_read, impact
from placement_audit.finding import Check, Impact
from placement_audit.schema import build_requests, instances

_built = exists().where(instances.c.uuid == build_requests.c.instance_uuid)

CHECK = Check(
    code="N10",
    name="stale-build-request",
    impact=Impact.MEDIUM,
    title="Build of a server that was accepted and never carried out",
    message="the build of {instance} was accepted at {newest_change}, and {state}",
    identity=("instance",),
    why=(
        "Its owner sees a server that is building for ever. The order was lost on its way to the conductor, or waits "
        "in a queue that nobody reads."
    ),
    exceptions=(
        "any build, for an hour",
        "a request that is left over although a cell has its server is information",
    ),
    remedy=(
        "openstack server show {instance}",
        "nova-manage cell_v2 verify_instance --uuid {instance}",
        "# with no order left in the queues and its owner's consent: openstack server delete {unbuilt}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-verify-instance",),
    optional=(instances,),
    query=(
        select(
            build_requests.c.instance_uuid.label("instance"),
            case(
                (_built, "the request is still there, although a cell has the server"),
                (every_cell_is_read(), "no cell has the server"),
                else_="no cell that was read has the server",
            ).label("state"),
            case((every_cell_is_read() & ~_built, build_requests.c.instance_uuid)).label("unbuilt"),
            impact((_built, "L"), otherwise="M").label("impact"),
            build_requests.c.created_at.label("newest_change"),
        )
        .where(build_requests.c.created_at < before(hours=1))
        .order_by("instance")
    ),
)
