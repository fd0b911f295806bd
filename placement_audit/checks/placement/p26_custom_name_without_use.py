from sqlalchemy import case, exists, func, literal, null, select, union_all

from placement_audit.checks.relations import place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import (
    allocations,
    flavor_extra_specs,
    inventories,
    resource_classes,
    resource_provider_traits,
    traits,
)

_key = flavor_extra_specs.c.key
# resources:CUSTOM_GOLD, trait_DISK:CUSTOM_SSD
_in_flavors = select(func.substr(_key, func.instr(_key, ":") + 1)).where(_key.like("%:CUSTOM\\_%", escape="\\"))
_unused = union_all(
    select(
        literal("resource_classes").label("table"),
        literal("resource classes").label("kind"),
        resource_classes.c.name,
        place_of(resource_classes.c.name).label("place"),
    ).where(
        resource_classes.c.name.like("CUSTOM\\_%", escape="\\"),
        ~exists().where(inventories.c.resource_class_id == resource_classes.c.id),
        resource_classes.c.id.not_in(select(allocations.c.resource_class_id)),
        resource_classes.c.name.not_in(_in_flavors),
    ),
    select(literal("traits"), literal("traits"), traits.c.name, place_of(traits.c.name))
    .select_from(traits)
    .where(
        traits.c.name.like("CUSTOM\\_%", escape="\\"),
        traits.c.id.not_in(select(resource_provider_traits.c.trait_id)),
        traits.c.name.not_in(_in_flavors),
    ),
).subquery("unused")

CHECK = Check(
    code="P26",
    name="custom-name-without-use",
    impact=Impact.INFO,
    title="Custom resource classes and traits that nothing has",
    message="{names} custom {kind} are on no provider, though something may still ask for them: {sample}",
    identity=("table",),
    why=(
        "Placement keeps the names until somebody deletes them (openstack resource class delete, openstack trait "
        "delete). Before that look through what asks for names: images, flavors where they were not read, the copies "
        "of flavors that servers keep and every move uses, neutron's ports (CUSTOM_PHYSNET_*, CUSTOM_VNIC_TYPE_*), and "
        "cyborg's device profiles. A request for a name that placement does not know is an error, not an empty answer."
    ),
    exceptions=("names that a flavor asks for, where nova's API database is read",),
    remedy=(
        "mariadb placement -e \"SELECT name FROM {classes} WHERE name LIKE 'CUSTOM%' AND id NOT IN"
        ' (SELECT resource_class_id FROM inventories UNION SELECT resource_class_id FROM allocations)"',
        "mariadb placement -e \"SELECT name FROM {traits} WHERE name LIKE 'CUSTOM%' AND id NOT IN"
        ' (SELECT trait_id FROM resource_provider_traits)"',
    ),
    references=("https://docs.openstack.org/osc-placement/latest/cli/index.html",),
    optional=(flavor_extra_specs,),
    query=(
        select(
            _unused.c.table,
            _unused.c.kind,
            # For the one command that fits.
            case((_unused.c.table == "resource_classes", _unused.c.table)).label("classes"),
            case((_unused.c.table == "traits", _unused.c.table)).label("traits"),
            func.count().label("names"),
            sample(_unused.c.name, _unused.c.place).label("sample"),
            literal(
                "images, copies of flavors that servers keep, neutron's ports and cyborg's device profiles may "
                "ask for a name, and are not in these rows: look through them before you delete one"
            ).label("withheld"),
            null().label("newest_change"),
        )
        .group_by(_unused.c.table, _unused.c.kind)
        .order_by("table")
    ),
)
