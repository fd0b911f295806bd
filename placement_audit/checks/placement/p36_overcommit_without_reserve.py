from sqlalchemy import and_, case, func, literal, or_, select

from placement_audit.checks.deployment import number
from placement_audit.checks.relations import capacity, impact, invalid, place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_memory, _disk = resource_classes.c.name == "MEMORY_MB", resource_classes.c.name == "DISK_GB"
_listed = (
    select(
        resource_classes.c.name.label("resource_class"),
        resource_classes.c.id.label("class_id"),
        inventories.c.allocation_ratio,
        resource_providers.c.uuid,
        resource_providers.c.name,
        capacity(inventories).label("promised"),
        inventories.c.total,
        inventories.c.reserved,
        inventories.c.created_at,
        place_of(resource_providers.c.name, resource_classes.c.name, inventories.c.allocation_ratio).label("place"),
    )
    .select_from(inventories)
    .join(resource_providers, resource_providers.c.id == inventories.c.resource_provider_id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(
        ~invalid(inventories),
        inventories.c.allocation_ratio > 1,
        or_(_disk, and_(_memory, inventories.c.reserved == 0)),
    )
    .subquery("overcommitted")
)

_configured = case(
    (_listed.c.resource_class == "MEMORY_MB", number("ram_allocation_ratio")),
    else_=number("disk_allocation_ratio"),
)
# Said twice, in so many words: that much is promised, and nothing is kept for the host.
_meant = and_(
    func.abs(_configured - _listed.c.allocation_ratio) <= _listed.c.allocation_ratio * 1e-5,
    or_(_listed.c.resource_class != "MEMORY_MB", number("reserved_host_memory_mb") == 0),
)

CHECK = Check(
    code="P36",
    name="overcommit-without-reserve",
    impact=Impact.MEDIUM,
    title="Memory or disk promised beyond what exists",
    message=(
        "{providers} providers may promise {promised} {resource_class} where {total} exist and {reserved} are "
        "reserved (ratio {allocation_ratio}): {sample}"
    ),
    identity=("resource_class", "allocation_ratio"),
    why=(
        "When servers use what they were promised, the host swaps, kills processes or fills its disk. The host itself "
        "needs memory too: set reserved_host_memory_mb and ram_allocation_ratio (for disk: disk_allocation_ratio) in "
        "nova.conf on the host, for nova writes back what is only changed in placement."
    ),
    exceptions=(
        "memory above the ratio of 1 with a reserve for the host",
        "it is information where --config-file gives a nova.conf that sets this ratio and reserved_host_memory_mb = 0",
        "an inventory with numbers that the API would refuse is reported as such",
    ),
    remedy=(
        'mariadb placement -e "SELECT uuid, name, total, reserved, allocation_ratio FROM inventories'
        " JOIN resource_providers ON resource_providers.id = resource_provider_id"
        ' WHERE resource_class_id = {class_id} AND allocation_ratio > 1"',
        "openstack resource provider inventory show {first} {resource_class}",
    ),
    references=("https://docs.openstack.org/nova/latest/configuration/config.html",),
    query=(
        select(
            _listed.c.resource_class,
            _listed.c.allocation_ratio,
            func.min(_listed.c.class_id).label("class_id"),
            func.count().label("providers"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            func.max(case((_listed.c.place == 1, _listed.c.uuid))).label("first"),
            func.sum(_listed.c.promised).label("promised"),
            func.sum(_listed.c.total).label("total"),
            func.sum(_listed.c.reserved).label("reserved"),
            literal(
                "nova-compute writes back what is changed in placement alone, and the rows do not tell what the "
                "hosts need for themselves: set it in nova.conf on each host"
            ).label("withheld"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_listed.c.created_at).label("newest_change"),
            impact((_meant, "I"), (_listed.c.resource_class == "MEMORY_MB", "M"), otherwise="L").label("impact"),
        )
        .group_by(_listed.c.resource_class, _listed.c.allocation_ratio)
        .order_by("resource_class", "allocation_ratio")
    ),
)
