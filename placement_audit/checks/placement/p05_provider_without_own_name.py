from sqlalchemy import case, exists, func, literal, or_, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import compute_nodes, resource_providers

_provider = resource_providers.c
_twin, _holder = resource_providers.alias("twin"), resource_providers.alias("holder")
_none = func.coalesce(_provider.name, "") == ""
# The column compares without case; what is put together from it does not.
_shared = exists().where(
    _twin.c.name == _provider.name,
    _twin.c.name.concat("") == _provider.name.concat(""),
    _twin.c.id != _provider.id,
)
_node_name = (
    select(func.max(compute_nodes.c.hypervisor_hostname))
    .where(compute_nodes.c.uuid == _provider.uuid, compute_nodes.c.deleted == 0)
    .scalar_subquery()
)
_is_taken = exists().where(_holder.c.name == _node_name)

CHECK = Check(
    code="P05",
    name="provider-without-own-name",
    impact=Impact.LOW,
    title="Provider without a name of its own",
    message="provider {provider} {fault}",
    identity=("provider",),
    why=(
        "Placement goes by the uuid and works. Whoever goes by the name, as host aggregates, blazar, zun and people "
        "do, misses the provider or takes it for another. The API requires a name, and the table requires that it is "
        "unique: somebody wrote this by SQL, or restored the table without its keys."
    ),
    exceptions=("names that differ in case alone, where the database takes them for different",),
    remedy=(
        "openstack resource provider show {provider}",
        "openstack resource provider set --name {new_name} {provider}",
    ),
    references=("https://docs.openstack.org/api-ref/placement/#resource-providers",),
    absorbs={"X05": ("provider",)},
    optional=(compute_nodes,),
    query=(
        select(
            _provider.uuid.label("provider"),
            _provider.name.label("provider_name"),
            case(
                (_none, "has no name"),
                else_=literal("is called ") + _provider.name + ", and so is another",
            ).label("fault"),
            # Of a compute node's provider it is known.
            case((~_is_taken, _node_name)).label("new_name"),
            case(
                (
                    _node_name.is_(None),
                    "its name is not known here: nova has it where the uuid is a compute node's (openstack hypervisor "
                    "list --long), else whoever made the provider",
                ),
                (
                    _is_taken,
                    literal("its compute node is called ")
                    + _node_name
                    + ", and another provider has that name: openstack resource provider list --name tells which",
                ),
            ).label("withheld"),
            _provider.created_at.label("newest_change"),
        )
        .where(or_(_none, _shared))
        .order_by("provider")
    ),
)
