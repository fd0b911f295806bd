from sqlalchemy import and_, func, literal, select

from placement_audit.checks.relations import busy, changed, doubled, newest, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import instance_mappings

_server = servers()
# Asked first: hardly any mapping has the mark.
_marked = select(instance_mappings.c.instance_uuid).where(instance_mappings.c.queued_for_delete == 1)
_mapping = instance_mappings.alias("mapping")
_marked_at = select(func.max(_mapping.c.updated_at)).where(_mapping.c.instance_uuid == _server.c.uuid).scalar_subquery()

CHECK = Check(
    code="N16",
    name="live-server-queued-for-delete",
    impact=Impact.LOW,
    title="Server that is marked as deleted in the API database and lives on",
    message=(
        "server {instance} is {vm_state} on {host}, but the API database has it queued for deletion: a deletion was "
        "accepted and got lost"
    ),
    identity=("instance",),
    why=(
        "A deletion was accepted and failed. Where quotas are counted by placement the server is not, and while its "
        "cell is down the API takes it for deleted."
    ),
    exceptions=(
        "soft-deleted servers",
        "a deletion, restoration or another task that is in progress",
        "a server or mapping changed just now",
        "a server that a cross-cell resize hides, or that two cells show",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server event list {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/cells.html#handling-cell-failures",),
    query=(
        select(
            _server.c.uuid.label("instance"),
            _server.c.cell,
            _server.c.host,
            _server.c.vm_state,
            literal(
                "only its owner can say whether the server is to be deleted or kept; its events tell who asked for "
                "the deletion, and when"
            ).label("withheld"),
            newest(changed(_server), _marked_at).label("newest_change"),
        )
        .where(_server.c.uuid.in_(_marked))
        .where(func.coalesce(_server.c.vm_state, "").not_in(("soft-delete", "deleted")))
        .where(and_(~busy(_server), ~doubled(_server)))
        .order_by("instance")
    ),
)
