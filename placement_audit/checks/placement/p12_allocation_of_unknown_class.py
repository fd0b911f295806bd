from sqlalchemy import and_, case, exists, func, literal, null, or_, select

from placement_audit.checks.departed import proof
from placement_audit.checks.relations import never_started, standard_to_come
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    STANDARD_CLASSES,
    allocations,
    instance_mappings,
    instances,
    inventories,
    migrations,
    resource_classes,
)

_class_id = allocations.c.resource_class_id
_supplied = exists().where(inventories.c.resource_class_id == _class_id)
# A custom class that nobody has any more was deleted on purpose: the last allocations of deleted servers stand for
# nothing.
_may_be_custom = and_(_class_id >= len(STANDARD_CLASSES), ~_supplied)
_all_gone, _missing_proof = proof(allocations.c.consumer_id)

CHECK = Check(
    code="P12",
    name="allocation-of-unknown-class",
    impact=Impact.HIGH,
    title="Allocation of a resource class that is missing",
    message=(
        "some allocations have resource class id {class_id}, which does not exist (rows: {rows}, consumers: "
        "{consumers}, providers: {providers})"
    ),
    identity=("class_id",),
    why=(
        "Placement cannot name the class and answers 404 when it is asked what these consumers hold. Nova cannot move "
        "or resize such a server."
    ),
    exceptions=("standard classes, as long as the API has not been started on the database",),
    remedy=(
        'mariadb placement -e "SELECT * FROM allocations WHERE resource_class_id = {class_id}"',
        "systemctl restart placement-api  # its start inserts {standard_class} as id {class_id}",
        'mariadb placement -e "DELETE FROM allocations WHERE resource_class_id = {useless_class_id}'
        " AND NOT EXISTS (SELECT * FROM resource_classes WHERE id = {useless_class_id})"
        ' AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = {useless_class_id})"',
    ),
    references=("https://docs.openstack.org/os-resource-classes/latest/",),
    optional=(instances, migrations, instance_mappings),
    members=select(_class_id.label("class_id"), allocations.c.consumer_id.label("consumer")).where(
        _class_id.not_in(select(resource_classes.c.id))
    ),
    query=(
        select(
            _class_id.label("class_id"),
            null().label("resource_class"),
            standard_to_come(_class_id).label("standard_class"),
            case((and_(_may_be_custom, _all_gone), _class_id)).label("useless_class_id"),
            case(
                (or_(standard_to_come(_class_id).is_not(None), and_(_may_be_custom, _all_gone)), null()),
                (
                    _may_be_custom,
                    literal("while the class has no name these consumers cannot be written anew; ") + _missing_proof,
                ),
                else_="providers still offer the class, or it is one of placement's own: its row has to come back "
                "under this id, by a backup or by whoever knows its name",
            ).label("withheld"),
            func.count().label("rows"),
            func.count(allocations.c.consumer_id.distinct()).label("consumers"),
            func.count(allocations.c.resource_provider_id.distinct()).label("providers"),
            func.max(allocations.c.created_at).label("newest_change"),
        )
        .outerjoin_from(allocations, resource_classes, resource_classes.c.id == _class_id)
        .where(resource_classes.c.id.is_(None), ~never_started(_class_id))
        .group_by(_class_id)
        .order_by("class_id")
    ),
)
