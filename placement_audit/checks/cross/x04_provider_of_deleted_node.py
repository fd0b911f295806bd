from sqlalchemy import and_, case, func, select

from placement_audit.checks.relations import children, consumers_in, impact
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, compute_nodes, migrations, resource_providers, trees

_gone = (
    select(
        compute_nodes.c.uuid,
        func.min(compute_nodes.c.cell).label("cell"),
        func.min(compute_nodes.c.host).label("host"),
        func.min(compute_nodes.c.hypervisor_hostname).label("node"),
        func.max(compute_nodes.c.deleted_at).label("deleted_at"),
    )
    .group_by(compute_nodes.c.uuid)
    .having(func.sum(case((compute_nodes.c.deleted == 0, 1), else_=0)) == 0)
    .subquery("gone")
)
_children = children()
_consumers = consumers_in(resource_providers.c.id)
_child_count = func.coalesce(_children.c.children, 0)
_evacuated = (
    select(func.count(claims.c.consumer_id.distinct()))
    .join(
        migrations,
        and_(
            migrations.c.instance_uuid == claims.c.consumer_id,
            migrations.c.deleted == 0,
            migrations.c.migration_type == "evacuation",
            migrations.c.status == "done",
        ),
    )
    .where(claims.c.root_id == resource_providers.c.id, migrations.c.source_node == _gone.c.node)
    .scalar_subquery()
)

CHECK = Check(
    code="X04",
    name="provider-of-deleted-node",
    impact=Impact.MEDIUM,
    title="Provider of a compute node that is deleted",
    message=(
        "compute node {node} was deleted at {deleted_at}, and its provider is left with {consumers} consumers, "
        "{evacuated} of them evacuated servers, and {children} child providers"
    ),
    identity=("provider",),
    why=(
        "Deleting a compute service leaves the provider behind when something is held there, without a word; before "
        "nova 25 also what evacuated servers still hold. Nobody cleans it later, unless the service comes back: "
        "placement goes on offering a host that is gone, and quotas that placement counts stay used."
    ),
    exceptions=("a compute node that came back, in any cell", "sharing providers"),
    remedy=(
        "openstack resource provider show --allocations {provider}",
        "nova-manage placement audit --verbose --resource_provider {occupied}",
        "openstack --os-placement-api-version 1.14 resource provider list --in-tree {with_children}",
        "# delete the children of {removable_parent} before it, deepest first",
        "openstack resource provider delete {removable}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    whole_cloud=True,
    query=(
        select(
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _gone.c.cell,
            _gone.c.host,
            _gone.c.node,
            _gone.c.deleted_at,
            _consumers.label("consumers"),
            _evacuated.label("evacuated"),
            _child_count.label("children"),
            case((_consumers > 0, resource_providers.c.uuid)).label("occupied"),
            case((_child_count > 0, resource_providers.c.uuid)).label("with_children"),
            case((_consumers == 0, resource_providers.c.uuid)).label("removable"),
            case((and_(_consumers == 0, _child_count > 0), resource_providers.c.uuid)).label("removable_parent"),
            _gone.c.deleted_at.label("newest_change"),
            impact((_consumers > 0, "H"), otherwise="M").label("impact"),
        )
        .join_from(_gone, resource_providers, resource_providers.c.uuid == _gone.c.uuid)
        .join(trees, and_(trees.c.provider_id == resource_providers.c.id, trees.c.shared == 0))
        .outerjoin(_children, _children.c.root_id == resource_providers.c.id)
        .where(resource_providers.c.parent_provider_id.is_(None))
        .order_by("provider")
    ),
)
