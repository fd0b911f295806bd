from sqlalchemy import func, literal, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, resource_providers

_provider_id = allocations.c.resource_provider_id

CHECK = Check(
    code="P11",
    name="allocation-without-provider",
    impact=Impact.MEDIUM,
    title="Allocation whose provider is missing",
    message="allocations are on provider id {provider_id}, which does not exist (rows: {rows}, consumers: {consumers})",
    identity=("provider_id",),
    why=(
        "Placement shows the rows to nobody and counts them nowhere: what the consumers use is accounted for on no "
        "host. If the provider was lost in a restore, restore it and keep the rows."
    ),
    remedy=(
        'mariadb placement -e "SELECT * FROM allocations WHERE resource_provider_id = {provider_id}"',
        'mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = {provider_id}'
        ' AND NOT EXISTS (SELECT * FROM resource_providers WHERE id = {provider_id})"',
    ),
    references=("https://docs.openstack.org/api-ref/placement/#allocations",),
    query=(
        select(
            literal("allocations").label("table"),
            _provider_id.label("provider_id"),
            func.count().label("rows"),
            func.count(allocations.c.consumer_id.distinct()).label("consumers"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .outerjoin_from(allocations, resource_providers, resource_providers.c.id == _provider_id)
        .where(resource_providers.c.id.is_(None))
        .group_by(_provider_id)
        .order_by("provider_id")
    ),
)
