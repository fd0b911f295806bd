from sqlalchemy import case, exists, func, null, or_, select

from placement_audit.checks.relations import class_name
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, resource_classes, resource_providers

_bad = (
    select(
        allocations.c.consumer_id,
        allocations.c.resource_provider_id,
        allocations.c.resource_class_id,
        func.sum(allocations.c.used).label("used"),
        func.max(allocations.c.created_at).label("newest"),
    )
    .where(allocations.c.used <= 0)
    .group_by(allocations.c.consumer_id, allocations.c.resource_provider_id, allocations.c.resource_class_id)
    .subquery("bad")
)
# The command takes all rows of the class off the provider, good ones too.
_has_good_rows = exists().where(
    allocations.c.consumer_id == _bad.c.consumer_id,
    allocations.c.resource_provider_id == _bad.c.resource_provider_id,
    allocations.c.resource_class_id == _bad.c.resource_class_id,
    allocations.c.used > 0,
)
# The command writes back all that is left, which placement refuses while another row is as bad.
_other_bad = allocations.alias("other_bad")
_has_other_bad_rows = exists().where(
    _other_bad.c.consumer_id == _bad.c.consumer_id,
    _other_bad.c.used <= 0,
    or_(
        _other_bad.c.resource_provider_id != _bad.c.resource_provider_id,
        _other_bad.c.resource_class_id != _bad.c.resource_class_id,
    ),
)

CHECK = Check(
    code="P17",
    name="nonpositive-allocation",
    impact=Impact.MEDIUM,
    title="Allocation of nothing, or of less",
    message="{consumer} holds {used} {resource_class} on {provider_name}",
    identity=("consumer", "provider", "resource_class"),
    why=(
        "Placement accepts no such amount: somebody wrote it by SQL. A negative one makes the provider look emptier "
        "than it is."
    ),
    remedy=(
        "openstack resource provider allocation show {consumer}",
        # 1.28 keeps a write of somebody else in between from being lost.
        "openstack --os-placement-api-version 1.28 resource provider allocation unset --provider {provider}"
        " --resource-class {class_to_unset} {consumer}",
    ),
    references=("https://docs.openstack.org/api-ref/placement/#allocations",),
    query=(
        select(
            _bad.c.consumer_id.label("consumer"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            class_name(_bad.c.resource_class_id).label("resource_class"),
            _bad.c.used,
            case((~or_(_has_good_rows, _has_other_bad_rows), resource_classes.c.name)).label("class_to_unset"),
            case(
                (
                    _has_good_rows,
                    "The command would remove a good row of the same class as well. Write all that the consumer shall "
                    "hold with allocation set, which replaces every row.",
                ),
                (
                    resource_classes.c.name.is_(None),
                    "Placement has no name for the class, and no command works without the name: see P12 first.",
                ),
                (
                    _has_other_bad_rows,
                    "The consumer has another row of nothing, and placement refuses to write that back. Write all that "
                    "the consumer shall hold with allocation set, which replaces every row.",
                ),
                else_=null(),
            ).label("withheld"),
            _bad.c.newest.label("newest_change"),
        )
        .select_from(_bad)
        .join(resource_providers, resource_providers.c.id == _bad.c.resource_provider_id)
        .outerjoin(resource_classes, resource_classes.c.id == _bad.c.resource_class_id)
        .order_by("consumer", "provider", "resource_class")
    ),
)
