from sqlalchemy import exists, select

from placement_audit.checks.relations import mapped_cells
from placement_audit.finding import Check, Impact
from placement_audit.schema import build_requests, instance_mappings, instances, shadow_instances

_cell = mapped_cells("mapped_cell")

CHECK = Check(
    code="N02b",
    name="mapping-without-server",
    impact=Impact.LOW,
    title="Mapping to a cell of a server that no cell has",
    message="nova maps server {instance} to {cell}, but neither the tables nor the archive of any cell has it",
    identity=("instance",),
    why=(
        "Nothing is held or shown for it. Usually its row was purged by hand and the mapping forgotten; many of them "
        "after a restore mean that a database is older than the others."
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
            _cell.c.cell,
            instance_mappings.c.queued_for_delete,
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
