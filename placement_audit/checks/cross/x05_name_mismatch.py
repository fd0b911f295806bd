from sqlalchemy import case, exists, select

from placement_audit.checks.relations import newest, nodes
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers

_node, _namesake = nodes(), resource_providers.alias("namesake")
_name_is_taken = exists().where(_namesake.c.name == _node.c.hypervisor_hostname)

CHECK = Check(
    code="X05",
    name="name-mismatch",
    impact=Impact.LOW,
    title="Provider with another name than its compute node",
    message="the provider of compute node {node} is called {provider_name}",
    identity=("provider",),
    why=(
        "Nova finds the provider by uuid and works. What finds it by name does not: host aggregates are no longer "
        "mirrored to it, and blazar and zun miss the host."
    ),
    exceptions=("names that differ in case alone are the same name",),
    remedy=(
        "openstack resource provider show {provider}",
        "openstack resource provider set --name {new_name} {provider}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html#aggregates-in-placement",),
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            case((~_name_is_taken, _node.c.hypervisor_hostname)).label("new_name"),
            # Their updated_at never rests: the one moves every minute, the other with every allocation.
            newest(_node.c.created_at, resource_providers.c.created_at).label("newest_change"),
        )
        .join_from(_node, resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .where(resource_providers.c.name != _node.c.hypervisor_hostname)
        .order_by("provider")
    ),
)
