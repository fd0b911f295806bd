from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, String, and_, case, cast, exists, func, literal, or_, select

from placement_audit.checks.evidence import removable, why_not_removable
from placement_audit.checks.relations import children, computes, consumers_in, impact
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, compute_nodes, instances, migrations, resource_providers, trees

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
_live, _dead, _move = instances.alias("live"), instances.alias("dead"), migrations.alias("holding_move")
_is_live = exists().where(_live.c.uuid == claims.c.consumer_id, _live.c.deleted == 0)
_is_here = exists().where(
    _live.c.uuid == claims.c.consumer_id,
    _live.c.deleted == 0,
    or_(_live.c.host == _gone.c.host, _live.c.node == _gone.c.node),
)
_is_move = exists().where(_move.c.uuid == claims.c.consumer_id)
_is_dead = and_(~_is_live, exists().where(_dead.c.uuid == claims.c.consumer_id))


def _holders(*which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return (
        select(func.count(claims.c.consumer_id.distinct()))
        .where(claims.c.root_id == resource_providers.c.id, *which)
        .correlate_except(claims)
        .scalar_subquery()
    )


_example = (
    select(func.min(claims.c.consumer_id))
    .where(claims.c.root_id == resource_providers.c.id)
    .correlate_except(claims)
    .scalar_subquery()
)
_here, _elsewhere = _holders(_is_here), _holders(_is_live, ~_is_here)
_deleted, _moves = _holders(_is_dead), _holders(_is_move)
_unknown = _holders(~_is_live, ~_is_dead, ~_is_move)
_service, _shared = computes(), trees.alias("shared_below")
_any_of_it = compute_nodes.alias("any_row_of_it")
_returns = exists().where(_any_of_it.c.uuid == _gone.c.uuid, _service.c.host == _any_of_it.c.host)
_shares = exists().where(_shared.c.root_id == resource_providers.c.id, _shared.c.shared == 1)
_removable = and_(_consumers == 0, removable(resource_providers), ~_returns, ~_shares)

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
        "placement goes on offering a host that is gone, and quotas that placement counts stay used. 'nova-manage "
        "placement audit' calls every consumer of such a provider orphaned, live servers as well."
    ),
    exceptions=("a compute node that came back, in any cell", "sharing providers"),
    remedy=(
        "openstack resource provider show --allocations {provider}",
        "openstack server show {example}",
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
            _example.label("example"),
            _here.label("servers_here"),
            _elsewhere.label("servers_elsewhere"),
            _deleted.label("deleted_servers"),
            _moves.label("migrations"),
            _unknown.label("unknown"),
            case((_child_count > 0, resource_providers.c.uuid)).label("with_children"),
            case((_removable, resource_providers.c.uuid)).label("removable"),
            case((and_(_removable, _child_count > 0), resource_providers.c.uuid)).label("removable_parent"),
            case(
                (
                    _consumers > 0,
                    literal("of those who hold something there nova knows ")
                    + cast(_here, String)
                    + " as live servers of that host, "
                    + cast(_elsewhere, String)
                    + " as live servers elsewhere, "
                    + cast(_deleted, String)
                    + " as deleted servers, "
                    + cast(_moves, String)
                    + " as migrations and "
                    + cast(_unknown, String)
                    + " not at all. What a live server of that host holds is all that accounts for it: see for each "
                    "with 'openstack server show' where it is, and settle the findings about it first.",
                ),
                (
                    _returns,
                    literal("nova-compute of ")
                    + cast(_gone.c.host, String)
                    + " is still registered, and since 2023.1 its next start takes the compute node back, with this "
                    "provider: see with 'openstack compute service list' whether the host is to come back.",
                ),
                (
                    _shares,
                    literal(
                        "something below it is shared with other hosts: see with 'openstack resource provider list "
                        "--in-tree' what that is, and who uses it."
                    ),
                ),
                else_=why_not_removable(resource_providers),
            ).label("withheld"),
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
