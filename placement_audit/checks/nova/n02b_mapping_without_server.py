from sqlalchemy import case, exists, literal, select

from placement_audit.checks.relations import mapped_cells
from placement_audit.finding import Check, Impact
from placement_audit.schema import build_requests, instance_mappings, instances, shadow_instances

_cell = mapped_cells("mapped_cell")
_queued = instance_mappings.c.queued_for_delete == 1

CHECK = Check(
    code="N02b",
    name="mapping-without-server",
    impact=Impact.LOW,
    title="Mapping of a server that no cell has",
    message=(
        "nova maps server {instance} to {cell}, but neither the tables nor the archive of any cell has it: {standing}"
    ),
    identity=("instance",),
    why=(
        "A mapping that is queued for deletion is a leftover: the server was deleted and purged. Any other says that "
        "nova still believes in the server. Its row was removed by hand, or a database is older than the others."
    ),
    exceptions=(
        "servers that are deleted, archived or being built",
        "what nova-manage map_instances keeps as its bookmark",
        "mappings changed just now, as archiving removes them after the rows",
    ),
    remedy=("nova-manage cell_v2 verify_instance --uuid {instance}",),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-verify-instance",),
    whole_cloud=True,
    query=(
        select(
            instance_mappings.c.instance_uuid.label("instance"),
            instance_mappings.c.instance_uuid.label("consumer"),
            _cell.c.cell,
            case(
                (_queued, "its deletion was accepted, and the mapping is what is left"),
                else_="no deletion of it was accepted",
            ).label("standing"),
            case(
                (_queued, "no command removes one mapping, and this one does no harm"),
                else_=literal(
                    "that the row is missing proves no deletion: the hosts tell whether a guest is left, and a backup "
                    "of that database whether the row was lost"
                ),
            ).label("withheld"),
            instance_mappings.c.updated_at.label("newest_change"),
        )
        .join(_cell, _cell.c.cell_id == instance_mappings.c.cell_id)
        .where(
            ~exists().where(instances.c.uuid == instance_mappings.c.instance_uuid),
            ~exists().where(shadow_instances.c.uuid == instance_mappings.c.instance_uuid),
            ~exists().where(build_requests.c.instance_uuid == instance_mappings.c.instance_uuid),
            # The bookmark is the uuid of a server with blanks for its dashes.
            instance_mappings.c.instance_uuid.not_like("% %"),
        )
        .order_by("instance")
    ),
)
