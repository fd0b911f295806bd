from sqlalchemy import case, exists, func, or_, select

from placement_audit.checks.relations import impact, reads_nova
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    claims,
    consumer_types,
    consumers,
    instances,
    inventories,
    migrations,
    resource_classes,
    resource_providers,
    trees,
    unknown_consumers,
)

# Nova writes no consumer type at all, up to 2026.2, so any other word is another service's (SEMANTICS A.9, D.16).
_foreign = func.max(consumer_types.c.name).not_in(("INSTANCE", "MIGRATION"))

_place, _offered, _class = trees.alias("place"), inventories.alias("offered"), resource_classes.alias("offered_class")
_a_host = exists().where(
    _place.c.root_id == claims.c.root_id,
    _offered.c.resource_provider_id == _place.c.provider_id,
    _class.c.id == _offered.c.resource_class_id,
    _class.c.name.in_(("VCPU", "PCPU", "MEMORY_MB")),
)

CHECK = Check(
    code="P30",
    name="several-roots",
    impact=Impact.MEDIUM,
    title="Consumer that holds compute resources on several hosts",
    message="{caveat}{consumer} holds compute resources on {roots} hosts: {providers}",
    identity=("consumer",),
    why=(
        "An evacuated server holds both hosts legally until its old host returns, and so does one on its way between "
        "them: look before anything is removed. Any other server belongs on one host, and what it keeps on another is "
        "lost to placement. Without nova's databases it cannot be told which host is right."
    ),
    exceptions=(
        "sharing providers, wherever they stand, one that lost its trait included, and neutron segments",
        "resources on another root that are no host's own (bandwidth, custom classes)",
        "a consumer that nova knows, where nova's databases are read: the checks that see both sides judge it",
        "a consumer that nova does not know, or of another service's type, is information",
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        "openstack server show {consumer}",
        "openstack server migration list --server {consumer}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    optional=(instances, migrations),
    query=(
        select(
            claims.c.consumer_id.label("consumer"),
            func.count(claims.c.root_id.distinct()).label("roots"),
            func.aggregate_strings(resource_providers.c.name, ", ").label("providers"),
            func.max(consumer_types.c.name).label("consumer_type"),
            case(
                (_foreign, "of another service than nova: "),
                (reads_nova(), "known to no cell that was read: "),
                else_="perhaps an evacuated server, or one that is being moved: ",
            ).label("caveat"),
            case(
                (_foreign, "it is another service's, and that may hold several hosts: its consumer type tells whose"),
                (
                    reads_nova(),
                    "no cell that was read has it, so that nobody here knows where it belongs: look for other cells, "
                    "and for other services that use placement",
                ),
                else_="an evacuated server holds its old host until that is back: openstack server migration list and "
                "server show tell, or an audit with nova's databases",
            ).label("withheld"),
            func.max(claims.c.newest).label("newest_change"),
            impact((_foreign, "I"), (reads_nova(), "I"), otherwise="M").label("impact"),
        )
        .select_from(claims)
        .join(resource_providers, resource_providers.c.id == claims.c.root_id)
        .outerjoin(consumers, consumers.c.uuid == claims.c.consumer_id)
        .outerjoin(consumer_types, consumer_types.c.id == consumers.c.consumer_type_id)
        .where(claims.c.consumer_id.in_(select(unknown_consumers.c.consumer_id)))
        # Disk alone may be in a pool that lost the trait of one: such a root offers neither CPUs nor memory.
        .where(claims.c.core > 0, or_(claims.c.vcpu + claims.c.pcpu + claims.c.memory_mb > 0, _a_host))
        .group_by(claims.c.consumer_id)
        .having(func.count(claims.c.root_id.distinct()) > 1)
        .order_by("consumer")
    ),
)
