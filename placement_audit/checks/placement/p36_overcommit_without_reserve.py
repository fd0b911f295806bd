from sqlalchemy import and_, or_, select

from placement_audit.checks.relations import capacity, impact, invalid
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_memory, _disk = resource_classes.c.name == "MEMORY_MB", resource_classes.c.name == "DISK_GB"

CHECK = Check(
    code="P36",
    name="overcommit-without-reserve",
    impact=Impact.MEDIUM,
    title="Memory or disk promised beyond what exists",
    message=(
        "{provider_name} may promise {promised} {resource_class} where {total} exist and {reserved} are reserved "
        "(ratio {allocation_ratio})"
    ),
    identity=("provider", "resource_class"),
    why=(
        "When servers use what they were promised, the host swaps, kills processes or fills its disk. The host itself "
        "needs memory too: set reserved_host_memory_mb and ram_allocation_ratio (for disk: disk_allocation_ratio) in "
        "nova.conf on the host, for nova writes back what is only changed in placement."
    ),
    exceptions=(
        "memory above the ratio of 1 with a reserve for the host",
        "an inventory with numbers that the API would refuse is reported as such",
    ),
    remedy=("openstack resource provider inventory show {provider} {resource_class}",),
    references=("https://docs.openstack.org/nova/latest/configuration/config.html",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            resource_classes.c.name.label("resource_class"),
            capacity(inventories).label("promised"),
            inventories.c.total,
            inventories.c.reserved,
            inventories.c.allocation_ratio,
            inventories.c.created_at.label("newest_change"),
            impact((_memory, "M"), otherwise="L").label("impact"),
        )
        .select_from(inventories)
        .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
        .where(
            ~invalid(inventories),
            inventories.c.allocation_ratio > 1,
            or_(_disk, and_(_memory, inventories.c.reserved == 0)),
        )
        .order_by("provider_name", "provider", "resource_class")
    ),
)
