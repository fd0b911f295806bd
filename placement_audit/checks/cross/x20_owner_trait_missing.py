from sqlalchemy import and_, case, func, literal, select, union_all

from placement_audit.checks.relations import (
    impact,
    lone_computes,
    newest,
    nodes,
    not_ironic,
    oldest_compute,
    place_of,
    sample,
    steady,
    up,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_provider_traits, resource_providers, traits

_node, _service = nodes(), lone_computes()
# Since when each is expected, by services.version (SEMANTICS 0.1, G.5).
_due = union_all(
    select(literal("OWNER_NOVA").label("trait"), literal(73).label("everywhere"), literal(73).label("here")),
    select(literal("COMPUTE_NODE"), literal(0), literal(51)),
).subquery("due")
_borne = (
    select(resource_provider_traits.c.resource_provider_id, traits.c.name)
    .join(traits, traits.c.id == resource_provider_traits.c.trait_id)
    .where(traits.c.name.in_(("OWNER_NOVA", "COMPUTE_NODE")))
    .subquery("borne")
)
_lacking = (
    select(
        _due.c.trait,
        resource_providers.c.uuid,
        resource_providers.c.name,
        place_of(resource_providers.c.name, _due.c.trait).label("place"),
        newest(_node.c.created_at, resource_providers.c.created_at).label("changed"),
    )
    .select_from(_due)
    .join(_node, not_ironic(_node))
    .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
    .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
    .outerjoin(_borne, and_(_borne.c.resource_provider_id == resource_providers.c.id, _borne.c.name == _due.c.trait))
    .where(_borne.c.name.is_(None), up(_service), steady(_service))
    .where(_service.c.version >= _due.c.here, func.coalesce(oldest_compute(), 0) >= _due.c.everywhere)
    .subquery("lacking")
)

CHECK = Check(
    code="X20",
    name="owner-trait-missing",
    impact=Impact.HIGH,
    title="Compute hosts without a trait that nova gives all of them",
    message="{hosts} hosts lack {trait}{effect}: {sample}",
    identity=("trait",),
    why=(
        "Nova-compute puts COMPUTE_NODE (Ussuri) and OWNER_NOVA (2026.2) on its providers each minute. As soon as "
        "every nova-compute of the cloud is new enough, the scheduler asks for OWNER_NOVA in each request. These "
        "services run, so placement refuses what they write: the log tells."
    ),
    exceptions=(
        "while any nova-compute of any cell is older, OWNER_NOVA is not asked for",
        "a host whose nova-compute is down, older, or has just been started",
        "bare metal",
        "two services of one host's name",
    ),
    remedy=(
        "openstack --os-placement-api-version 1.6 resource provider trait list {first}",
        "# read in the log of nova-compute on these hosts what placement answers",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html",),
    whole_cloud=True,
    query=(
        select(
            _lacking.c.trait,
            func.count().label("hosts"),
            case(
                (_lacking.c.trait == "OWNER_NOVA", ", which each request asks for, and get no server"), else_=""
            ).label("effect"),
            sample(_lacking.c.name, _lacking.c.place).label("sample"),
            func.max(case((_lacking.c.place == 1, _lacking.c.uuid))).label("first"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_lacking.c.changed).label("newest_change"),
            impact((_lacking.c.trait == "OWNER_NOVA", "H"), otherwise="L").label("impact"),
            literal(
                "nova-compute sets the trait by itself within a minute, as soon as placement takes what it writes: "
                "settle what its log says."
            ).label("withheld"),
        )
        .group_by(_lacking.c.trait)
        .order_by("trait")
    ),
)
