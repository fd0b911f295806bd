from sqlalchemy import case, exists, func, literal, or_, select

from placement_audit.checks.departed import proof
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, instance_mappings, instances, migrations, resource_providers

_provider_id, _below = allocations.c.resource_provider_id, resource_providers.alias("below")
_has_children = exists().where(
    or_(_below.c.parent_provider_id == _provider_id, _below.c.root_provider_id == _provider_id)
)
_all_gone, _missing_proof = proof(allocations.c.consumer_id)

CHECK = Check(
    code="P11",
    name="allocation-without-provider",
    impact=Impact.MEDIUM,
    title="Allocation whose provider is missing",
    message="some allocations are on provider id {provider_id}, which does not exist (rows: {rows}, consumers: "
    "{consumers})",
    identity=("provider_id",),
    why=(
        "Placement shows the rows to nobody and counts them nowhere: what the consumers use is accounted for on no "
        "host. If the provider was lost in a restore, restore it and keep the rows."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM allocations WHERE resource_provider_id = {provider_id}"',
        'mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = {useless_id}'
        " AND NOT EXISTS (SELECT * FROM resource_providers WHERE {useless_id} IN (id, parent_provider_id,"
        ' root_provider_id))"  # nova has deleted the server of each consumer',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#allocations",),
    optional=(instances, migrations, instance_mappings),
    query=(
        select(
            literal("allocations").label("table"),
            _provider_id.label("provider_id"),
            func.count().label("rows"),
            func.count(allocations.c.consumer_id.distinct()).label("consumers"),
            case((_all_gone & ~_has_children, _provider_id)).label("useless_id"),
            case(
                (
                    _has_children,
                    "other providers are below the missing one, so that its row was lost and not deleted: restore that "
                    "row from a backup, and keep these",
                ),
                else_=_missing_proof,
            ).label("withheld"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .outerjoin_from(allocations, resource_providers, resource_providers.c.id == _provider_id)
        .where(resource_providers.c.id.is_(None))
        .group_by(_provider_id)
        .order_by("provider_id")
    ),
)
