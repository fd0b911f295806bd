from sqlalchemy import case, func, literal, or_, select

from placement_audit.checks.relations import is_core, newest, nodes, place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_node = nodes()
_class = resource_classes.c.name
_custom = _class.like("CUSTOM\\_%", escape="\\")
_offered = (
    select(
        resource_providers.c.uuid,
        resource_providers.c.name,
        func.sum(case((is_core(_class), 1), else_=0)).label("core"),
        func.sum(case((_custom, 1), else_=0)).label("custom"),
        func.max(case((_custom, inventories.c.total), else_=0)).label("most"),
        func.max(newest(inventories.c.created_at, _node.c.created_at)).label("changed"),
    )
    .select_from(_node)
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .join(inventories, inventories.c.resource_provider_id == resource_providers.c.id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(_node.c.hypervisor_type == "ironic", inventories.c.total > 0)
    .group_by(resource_providers.c.uuid, resource_providers.c.name)
    .subquery("offered")
)
_shape = case(
    (_offered.c.core > 0, "offer CPUs, memory or disk, as before Stein"),
    (_offered.c.custom > 1, "offer more than one resource class"),
    else_="offer more than one of their resource class",
)
_listed = (
    select(_offered, _shape.label("shape"), place_of(_offered.c.name, _shape).label("place"))
    .where(or_(_offered.c.core > 0, _offered.c.custom > 1, _offered.c.most > 1))
    .subquery("listed")
)

CHECK = Check(
    code="X25",
    name="bare-metal-shape",
    impact=Impact.LOW,
    title="Bare metal nodes that do not offer exactly one of one class",
    message="{nodes} bare metal nodes {shape}: {sample}",
    identity=("shape",),
    why=(
        "A bare metal server takes the whole node, so a node offers one unit of its resource class. With more on "
        "offer placement can propose it for a second server, or for a virtual machine's flavor, and the boot fails."
    ),
    exceptions=("nodes without a resource class or in maintenance, which offer nothing", "reserved nodes", "traits"),
    remedy=(
        "openstack resource provider inventory list {provider}",
        "openstack baremetal node show {provider}",
    ),
    references=("https://docs.openstack.org/ironic/latest/install/configure-nova-flavors.html",),
    query=(
        select(
            _listed.c.shape,
            func.count().label("nodes"),
            sample(_listed.c.name, _listed.c.place).label("sample"),
            func.max(case((_listed.c.place == 1, _listed.c.uuid))).label("provider"),
            literal(
                "what a node offers is nova's report of ironic, which would come back: the resource class is set "
                "in ironic (openstack baremetal node show)"
            ).label("withheld"),
            # The oldest: a node that is new must not hold back those that were there before.
            func.min(_listed.c.changed).label("newest_change"),
        )
        .group_by(_listed.c.shape)
        .order_by("shape")
    ),
)
