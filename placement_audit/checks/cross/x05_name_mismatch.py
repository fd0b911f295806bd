from sqlalchemy import ColumnElement, String, and_, case, cast, exists, func, literal, or_, select

from placement_audit.checks.relations import impact, lone_computes, newest, nodes, up
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, odd_servers, resource_providers

_node, _service, _twin = nodes(), lone_computes(), nodes().alias("twin_node")
_namesake = resource_providers.alias("namesake")


def _exactly(name: ColumnElement[str]) -> ColumnElement[str]:
    """A name that is compared with its case. On SQLite a CAST alone keeps the column's collation."""
    return cast(name.concat(""), String)


_name_is_taken = exists().where(
    _namesake.c.name == _node.c.hypervisor_hostname, _namesake.c.id != resource_providers.c.id
)
_doubled = exists().where(
    or_(_twin.c.uuid == _node.c.uuid, _twin.c.hypervisor_hostname == _node.c.hypervisor_hostname),
    or_(_twin.c.cell != _node.c.cell, _twin.c.id != _node.c.id),
)
# Then it may be the compute node whose name is wrong.
_old_name_is_used = exists().where(
    instances.c.uuid.in_(select(odd_servers.c.uuid)),
    instances.c.deleted == 0,
    instances.c.node == resource_providers.c.name,
    instances.c.node != _node.c.hypervisor_hostname,
)
_runs = func.coalesce(up(_service), 0) == 1
_new_name = cast(_node.c.hypervisor_hostname, String)

CHECK = Check(
    code="X05",
    name="name-mismatch",
    impact=Impact.HIGH,
    title="Provider with another name than its compute node",
    message="the provider of compute node {node} of {host} is called {provider_name}",
    identity=("provider",),
    why=(
        "Nova finds the provider by its uuid, and then looks for the node's name in what it found, upper and lower "
        "case told apart (nova 20 to 34). It fails each minute and with each server that is to be built there: 'No "
        "such provider'. What placement knows of the host stays as it was, and aggregates are not mirrored to it."
    ),
    exceptions=("a warning while nova-compute is down there",),
    remedy=(
        "openstack resource provider show {provider}",
        "openstack resource provider set --name {new_name} {provider}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    # What is wrong with the host in placement cannot be put right before.
    absorbs={
        "X16": ("provider",),
        "X18": ("cell", "host", "node"),
        "X19": ("cell", "host", "node"),
        "X27": ("cell", "host", "node"),
    },
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            _node.c.uuid.label("node_uuid"),
            case((~or_(_name_is_taken, _doubled, _old_name_is_used), _node.c.hypervisor_hostname)).label("new_name"),
            case(
                (
                    _name_is_taken,
                    literal("another provider is already called ")
                    + _new_name
                    + ", and names are unique in placement: see with 'openstack resource provider list --name "
                    + _new_name
                    + "' whose that is, and settle what is found about it first.",
                ),
                (
                    _doubled,
                    literal("two compute nodes have the name or the uuid of ")
                    + _new_name
                    + ": find out which of them runs before a provider is renamed for one.",
                ),
                (
                    _old_name_is_used,
                    literal("servers still name ")
                    + cast(resource_providers.c.name, String)
                    + " as their node, so that it may be the compute node that has the wrong name: see what the host "
                    "calls itself (hostname, and [DEFAULT]host in nova.conf) first.",
                ),
            ).label("withheld"),
            # Their updated_at never rests: the one moves every minute, the other with every allocation.
            newest(_node.c.created_at, resource_providers.c.created_at).label("newest_change"),
            impact((_runs, "H"), otherwise="M").label("impact"),
        )
        .select_from(_node)
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .outerjoin(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .where(_exactly(resource_providers.c.name) != _exactly(_node.c.hypervisor_hostname))
        .order_by("provider")
    ),
)
