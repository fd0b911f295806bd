from sqlalchemy import String, case, cast, func, literal, select

from placement_audit.checks.deployment import number
from placement_audit.checks.relations import newest, nodes, not_ironic, place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import inventories, resource_classes, resource_providers

_OPTIONS = {
    "VCPU": "cpu_allocation_ratio",
    "MEMORY_MB": "ram_allocation_ratio",
    "DISK_GB": "disk_allocation_ratio",
}
_node = nodes()
_class, _ratio = resource_classes.c.name, inventories.c.allocation_ratio
_of_nova = case(
    (_class == "VCPU", _node.c.cpu_allocation_ratio),
    (_class == "MEMORY_MB", _node.c.ram_allocation_ratio),
    (_class == "DISK_GB", _node.c.disk_allocation_ratio),
)
_differing = (
    select(
        _class.label("resource_class"),
        _ratio.label("ratio"),
        _of_nova.label("nova_ratio"),
        resource_providers.c.uuid,
        resource_providers.c.name,
        place_of(resource_providers.c.name, _class, _ratio, _of_nova).label("place"),
        newest(inventories.c.created_at, _node.c.created_at).label("changed"),
    )
    .select_from(_node)
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .join(inventories, inventories.c.resource_provider_id == resource_providers.c.id)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(_class.in_(("VCPU", "MEMORY_MB", "DISK_GB")), not_ironic(_node), _of_nova > 0)
    # A FLOAT is read with six digits.
    .where(func.abs(_ratio - _of_nova) > _of_nova * 1e-5, _ratio != 0)
    .subquery("differing")
)

_option = case(
    *((_differing.c.resource_class == name, literal(option)) for name, option in _OPTIONS.items()),
)
_configured, _initial = (
    case(*((_differing.c.resource_class == name, number(prefix + option)) for name, option in _OPTIONS.items()))
    for prefix in ("", "initial_")
)
# Zero is as good as nothing.
_outlook = case(
    (_configured > 0, literal("; ") + _option + " = " + cast(_configured, String) + ", which the next report applies"),
    (_initial > 0, literal("; initial_") + _option + " = " + cast(_initial, String) + " is for new hosts alone"),
    else_="",
)

CHECK = Check(
    code="X17",
    name="ratio-unlike-node",
    impact=Impact.INFO,
    title="Hosts with another allocation ratio in placement than in nova",
    message=(
        "{hosts} hosts have ratio {ratio} for {resource_class} in placement, and {nova_ratio} in nova{outlook}: "
        "{sample}"
    ),
    identity=("resource_class", "ratio", "nova_ratio"),
    why=(
        "Placement's is the one that counts. Nova leaves it alone while nova.conf on the host sets none, so that a "
        "ratio which somebody set in placement, or the default of an earlier release, lives on; nova's own number is "
        "then the default for new hosts. With cpu_, ram_ or disk_allocation_ratio set, the next report overwrites it."
    ),
    exceptions=(
        "a ratio that nova does not know",
        "a ratio of 0 in placement, which is a finding of its own",
        "bare metal",
        "differences in the seventh digit",
    ),
    remedy=("openstack resource provider inventory show {first} {resource_class}",),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#allocation-ratios",),
    query=(
        select(
            _differing.c.resource_class,
            _differing.c.ratio,
            _differing.c.nova_ratio,
            _outlook.label("outlook"),
            func.count().label("hosts"),
            sample(_differing.c.name, _differing.c.place).label("sample"),
            func.max(case((_differing.c.place == 1, _differing.c.uuid))).label("first"),
            literal(
                "the rows do not tell which ratio is meant: it is set in nova.conf on the hosts, and where that "
                "is silent, placement's own is right as it is"
            ).label("withheld"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_differing.c.changed).label("newest_change"),
        )
        .group_by(_differing.c.resource_class, _differing.c.ratio, _differing.c.nova_ratio)
        .order_by("resource_class", "ratio", "nova_ratio")
    ),
)
