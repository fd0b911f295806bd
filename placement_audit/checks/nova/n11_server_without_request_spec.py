from sqlalchemy import exists, literal, or_, select

from placement_audit.checks.relations import cell0s, changed, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, request_specs

_server = servers()
# Asked first, so that all the rest is asked of these few.
_without = select(instances.c.uuid).where(
    instances.c.deleted == 0, ~exists().where(request_specs.c.instance_uuid == instances.c.uuid)
)
# Since Newton every server gets one; older ones got theirs by a migration of data that Train no longer has.
_SURE_SINCE = "2017-03-01"

CHECK = Check(
    code="N11",
    name="server-without-request-spec",
    impact=Impact.MEDIUM,
    title="Server whose request nova has lost",
    message="server {instance} is {vm_state} on {host}, but nova no longer knows what was asked for it",
    identity=("instance",),
    why=(
        "The scheduler needs the request to find another host: the server can neither be migrated, evacuated, resized "
        "nor unshelved, which is noticed when its host fails."
    ),
    exceptions=(
        "servers that were made before the end of Newton",
        "servers in error on no host, and in cell0: a build that fails may take its request along",
        "a server made or changed just now",
    ),
    remedy=(
        "openstack server show {instance}",
        "# no command brings the request back: write it by hand, or make the server anew",
    ),
    references=("https://docs.openstack.org/nova/latest/reference/scheduling.html",),
    whole_cloud=True,
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            literal(
                "nova has no command that brings a request back: a copy in a backup of nova_api.request_specs "
                "tells what it was"
            ).label("withheld"),
            changed(_server).label("newest_change"),
        )
        .where(_server.c.uuid.in_(_without))
        .where(
            _server.c.created_at >= _SURE_SINCE,
            _server.c.cell.not_in(cell0s()),
            or_(_server.c.host.is_not(None), _server.c.vm_state != "error"),
        )
        .order_by("instance")
    ),
)
