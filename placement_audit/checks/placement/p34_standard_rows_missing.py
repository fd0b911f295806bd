from sqlalchemy import case, exists, literal, null, or_, select, union_all

from placement_audit.checks.relations import placement_at, standard_classes
from placement_audit.finding import Check, Impact
from placement_audit.schema import SHARING_TRAIT, TRAIN_CLASSES, resource_classes, traits

_standard = standard_classes(TRAIN_CLASSES)
_taken = resource_classes.alias("taken")
_missing = union_all(
    select(
        literal("resource class").label("kind"),
        _standard.c.name.label("missing"),
        # The start fails while another class has the id; that is P25's.
        case((~exists().where(_taken.c.id == _standard.c.id), _standard.c.name)).label("inserted"),
        _standard.c.name.label("resource_class"),
        null().label("trait"),
        _standard.c.id.label("class_id"),
        case(
            (
                exists().where(_taken.c.id == _standard.c.id),
                "another class has its id, so that placement's start cannot insert it: that class comes first (P25)",
            )
        ).label("withheld"),
    ).where(
        ~exists().where(resource_classes.c.name == _standard.c.name),
        ~placement_at("b4ed3a175331"),  # Stein's list is shorter
    ),
    select(
        literal("trait"), literal(SHARING_TRAIT), literal(SHARING_TRAIT), null(), literal(SHARING_TRAIT), null(), null()
    ).where(~exists().where(traits.c.name == SHARING_TRAIT)),
).subquery("missing")
_api_has_run = or_(exists().where(resource_classes.c.id.is_not(None)), exists().where(traits.c.id.is_not(None)))

CHECK = Check(
    code="P34",
    name="standard-rows-missing",
    impact=Impact.CLOUD,
    title="Resource class or trait of placement itself is missing",
    message="placement has no row for its own {kind} {missing}",
    identity=("resource_class", "trait"),
    why=(
        "Without the trait of sharing providers every request for allocation candidates is answered 400, and without "
        "a class every one that asks for it. The API inserts what is missing of its own rows each time it starts."
    ),
    exceptions=("a database whose API was never started, with neither classes nor traits",),
    remedy=(
        "openstack --os-placement-api-version 1.2 resource class show {resource_class}",
        "openstack --os-placement-api-version 1.6 trait show {trait}",
        "systemctl restart placement-api  # its start inserts {inserted}",
    ),
    references=("https://docs.openstack.org/placement/latest/admin/index.html",),
    absorbs={"P08": ("class_id",), "P12": ("class_id",)},
    query=(select(_missing, null().label("newest_change")).where(_api_has_run).order_by("resource_class", "trait")),
)
