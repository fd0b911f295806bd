from sqlalchemy import case, func, null, select

from placement_audit.checks.relations import never_started, standard_to_come
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes

_class_id = inventories.c.resource_class_id

CHECK = Check(
    code="P08",
    name="inventory-of-unknown-class",
    impact=Impact.HIGH,
    title="Inventory of a resource class that is missing",
    message=(
        "some inventories have resource class id {class_id}, which does not exist (rows: {rows}, providers: "
        "{providers})"
    ),
    identity=("class_id",),
    why=(
        "Placement cannot name the class, so nobody can read the inventories of these providers, nova-compute "
        "included, and nobody can ask for the class."
    ),
    exceptions=("standard classes, as long as the API has not been started on the database",),
    remedy=(
        'mariadb placement -e "SELECT * FROM inventories WHERE resource_class_id = {class_id}"',
        "systemctl restart placement-api  # its start inserts {standard_class} as id {class_id}",
    ),
    references=("https://docs.openstack.org/os-resource-classes/latest/",),
    query=(
        select(
            _class_id.label("class_id"),
            null().label("resource_class"),
            standard_to_come(_class_id).label("standard_class"),
            case(
                (
                    standard_to_come(_class_id).is_(None),
                    "only a backup or whoever reports these providers knows the name of the class, and its row has to "
                    "come back under this id: the inventories of these providers tell nothing else",
                )
            ).label("withheld"),
            func.count().label("rows"),
            func.count(inventories.c.resource_provider_id.distinct()).label("providers"),
            func.max(inventories.c.created_at).label("newest_change"),
        )
        .select_from(inventories)
        .outerjoin(resource_classes, resource_classes.c.id == _class_id)
        .where(resource_classes.c.id.is_(None), ~never_started(_class_id))
        .group_by(_class_id)
        .order_by("class_id")
    ),
)
