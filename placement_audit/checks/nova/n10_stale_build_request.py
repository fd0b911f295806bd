from sqlalchemy import and_, case, exists, func, literal, select

from placement_audit.checks.evidence import mapped_to_a_cell, mapped_to_no_cell
from placement_audit.checks.relations import before, every_cell_is_read, held_in_all, impact, oldest_compute
from placement_audit.finding import Check, Impact
from placement_audit.schema import build_requests, claims, instances, services

# services.version of nova 27: in older releases a server that is deleted while it is built may keep its claim.
_2023_1 = 66
_uuid = build_requests.c.instance_uuid
_built = exists().where(instances.c.uuid == _uuid)
_holds = exists().where(claims.c.consumer_id == _uuid)
# Live in a cell, and the API shows the request in its place (N02 leaves it to this check).
_hidden = and_(exists().where(instances.c.uuid == _uuid, instances.c.deleted == 0), mapped_to_no_cell(_uuid))
_complete = every_cell_is_read()
_unbuilt = and_(_complete, ~_built, ~mapped_to_a_cell(_uuid))
_keeps_its_claim = and_(_unbuilt, _holds, func.coalesce(oldest_compute(), 0) < _2023_1)

CHECK = Check(
    code="N10",
    name="stale-build-request",
    impact=Impact.MEDIUM,
    title="Build of a server that was accepted and never carried out",
    message="the build of {instance} was accepted at {newest_change}, and {state}; it holds {held}",
    identity=("instance",),
    why=(
        "Its owner sees a server that is building for ever. The order was lost on its way to the conductor, or waits "
        "in a queue that nobody reads. What the scheduler claimed for it stays claimed until it is deleted."
    ),
    exceptions=(
        "any build, for an hour",
        "a request that is left over although nova maps the server to its cell is information",
    ),
    remedy=(
        "openstack server show {instance}",
        "nova-manage cell_v2 verify_instance --uuid {instance}",
        "# with no order left in the queues and its owner's consent: openstack server delete {unbuilt}",
        "# nova before 2023.1 may keep the claim: look with openstack resource provider allocation show {claimed}, and "
        "only then, with the server gone, use openstack resource provider allocation delete {claimed}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-verify-instance",),
    optional=(instances, services),
    query=(
        select(
            _uuid.label("instance"),
            case(
                (_hidden, "a cell has the server, but nova maps it to none and shows it as building"),
                (_built, "the request is still there, although a cell has the server"),
                (_complete, "no cell has the server"),
                else_="no cell that was read has the server",
            ).label("state"),
            func.coalesce(held_in_all(_uuid), "nothing").label("held"),
            case((_unbuilt, _uuid)).label("unbuilt"),
            case((_keeps_its_claim, _uuid)).label("claimed"),
            case(
                (_unbuilt, None),
                (
                    _built,
                    literal(
                        "a cell has the server, so that its row there counts; the request that is left over can only "
                        "be removed by hand"
                    ),
                ),
                (~_complete, literal("a cell that was not read may have the server: verify_instance tells")),
                else_=literal(
                    "nova maps the server to a cell that does not have it: whether the row was lost a backup of that "
                    "cell's database tells"
                ),
            ).label("withheld"),
            impact((_hidden, "H"), (_built, "L"), otherwise="M").label("impact"),
            build_requests.c.created_at.label("newest_change"),
        )
        .where(build_requests.c.created_at < before(hours=1))
        .order_by("instance")
    ),
)
