from sqlalchemy import String, and_, case, cast, exists, func, literal, null, or_, select

from placement_audit.checks.relations import standard_classes
from placement_audit.finding import Check, Impact
from placement_audit.schema import allocations, inventories, resource_classes

# Placement counts custom classes from here on.
_FIRST_CUSTOM = 10_000
_own, _owner = standard_classes(), standard_classes().alias("owner_of_id")
_found, _other = resource_classes.alias("found"), resource_classes.alias("other")
_displaced = and_(_own.c.id.is_not(None), _own.c.id != _found.c.id)
_intruder = and_(_own.c.id.is_(None), _owner.c.id.is_not(None))
_low_custom = and_(_found.c.name.like("CUSTOM\\_%", escape="\\"), _found.c.id < _FIRST_CUSTOM)
_free = and_(
    ~exists().where(_other.c.id == _own.c.id),
    ~exists().where(inventories.c.resource_class_id == _found.c.id),
    ~exists().where(allocations.c.resource_class_id == _found.c.id),
)
_affected = case((_displaced, _own.c.id), else_=_found.c.id)

CHECK = Check(
    code="P25",
    name="class-id-mismatch",
    impact=Impact.HIGH,
    title="Resource class whose id is not its own",
    message="resource class {resource_class} has id {found_id}, {fault}",
    identity=("resource_class",),
    why=(
        "Inventories and allocations name their class by its id, so that rows with the right id now have no class, or "
        "count as another one. A dump that is restored without NO_AUTO_VALUE_ON_ZERO does this to VCPU, whose id is "
        "0. The API keeps the classes in memory: restart it after a repair."
    ),
    exceptions=("a standard class of a later release, with an id that this version does not know",),
    remedy=(
        'mariadb placement -e "SELECT id, name FROM resource_classes ORDER BY id"',
        # Only where the right id is free and nothing was written under the wrong one.
        "# stop placement's API first and start it afterwards: it keeps the id of {restored} in memory",
        'mariadb placement -e "UPDATE resource_classes SET id = {restored_id} WHERE id = {found_id}'
        " AND name = '{restored}' AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = {found_id})"
        ' AND NOT EXISTS (SELECT * FROM allocations WHERE resource_class_id = {found_id})"',
    ),
    references=("https://docs.openstack.org/os-resource-classes/latest/",),
    absorbs={"P08": ("class_id",), "P12": ("class_id",)},
    query=(
        select(
            _found.c.name.label("resource_class"),
            _found.c.id.label("found_id"),
            _affected.label("class_id"),
            case(
                (_displaced, literal("where placement has ") + cast(_own.c.id, String)),
                (_intruder, literal("which is that of ") + _owner.c.name),
                else_=literal(f"and custom classes begin at {_FIRST_CUSTOM}"),
            ).label("fault"),
            case((and_(_displaced, _free), _own.c.id), else_=null()).label("restored_id"),
            # a name of placement's own: letters and underscores
            case((and_(_displaced, _free), _own.c.name), else_=null()).label("restored"),
            case(
                (and_(_displaced, _free), null()),
                (
                    _displaced,
                    "the right id has another class, or something was written under the wrong one since: before "
                    "anybody changes an id, find out from amounts and times which rows are of which class",
                ),
                else_="what is written under this id may be of either class: a backup tells which id this class had",
            ).label("withheld"),
            select(func.count())
            .select_from(inventories)
            .where(inventories.c.resource_class_id == _affected)
            .scalar_subquery()
            .label("inventories"),
            select(func.count())
            .select_from(allocations)
            .where(allocations.c.resource_class_id == _affected)
            .scalar_subquery()
            .label("allocations"),
            null().label("newest_change"),
        )
        .select_from(_found)
        .outerjoin(_own, _own.c.name == _found.c.name)
        .outerjoin(_owner, _owner.c.id == _found.c.id)
        .where(or_(_displaced, _intruder, _low_custom))
        .order_by("resource_class")
    ),
)
