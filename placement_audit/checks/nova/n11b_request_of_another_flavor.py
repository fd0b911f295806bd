from sqlalchemy import exists, func, literal, select

from placement_audit.checks.relations import changed, in_progress, last_move, newest, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import instance_flavors, instances, migrations, request_flavors

_server, _twin = servers(), instances.alias("twin")
# Until a resize is confirmed or reverted the request has the new flavor (SEMANTICS C.4).
_resizing = exists().where(migrations.c.instance_uuid == _server.c.uuid, in_progress(migrations))

CHECK = Check(
    code="N11b",
    name="request-of-another-flavor",
    impact=Impact.LOW,
    title="Server whose request has another flavor than the server",
    message="server {instance} is of flavor {flavor}, and nova asks for flavor {requested} when it moves",
    identity=("instance",),
    why=(
        "A resize that fails on a host leaves the new flavor in the request. When the server is migrated, evacuated "
        "or unshelved, the scheduler looks for a host for the wrong amounts. The next resize that succeeds corrects "
        "it."
    ),
    exceptions=(
        "a resize or another task of the server is in progress, one that waits for its confirmation included",
        "servers in error",
        "a flavor of either that cannot be read; databases on PostgreSQL",
        "servers that were never resized",
        "a server that a cross-cell resize hides, or that two cells show",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "# only another resize corrects the request; otherwise write it by hand",
    ),
    references=("https://docs.openstack.org/nova/latest/reference/scheduling.html",),
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            instance_flavors.c.flavorid.label("flavor"),
            request_flavors.c.flavorid.label("requested"),
            literal(
                "nova has no command that corrects the request but a resize, which its owner has to order: "
                "openstack server show tells the flavor that the server has"
            ).label("withheld"),
            newest(changed(_server), last_move(_server.c.uuid)).label("newest_change"),
        )
        .select_from(request_flavors)
        .join(_server, _server.c.uuid == request_flavors.c.instance_uuid)
        .join(instance_flavors, instance_flavors.c.instance_uuid == _server.c.uuid)
        .where(instance_flavors.c.cell == _server.c.cell)
        .where(func.lower(instance_flavors.c.flavorid) != func.lower(request_flavors.c.flavorid))
        .where(func.coalesce(_server.c.vm_state, "error").not_in(("error", "resized", "building")))
        .where(_server.c.task_state.is_(None), ~_resizing)
        # A resize between cells leaves rows in both: until it is over, neither tells.
        .where(~exists().where(_twin.c.uuid == _server.c.uuid, _twin.c.cell != _server.c.cell, _twin.c.deleted == 0))
        .order_by("instance")
    ),
)
