from sqlalchemy import String, and_, case, cast, func, literal, or_, select

from placement_audit.checks.relations import impact, lone_computes, newest, nodes, steady, up
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_provider_traits, resource_providers, traits

TRAIN = 40
_node, _service = nodes(), lone_computes()
_marked = (
    select(resource_provider_traits.c.resource_provider_id, resource_provider_traits.c.created_at)
    .join(traits, traits.c.id == resource_provider_traits.c.trait_id)
    .where(traits.c.name == "COMPUTE_STATUS_DISABLED")
    .subquery("marked")
)
_disabled = func.coalesce(_service.c.disabled, 0) != 0
_has_it = _marked.c.resource_provider_id.is_not(None)
_stuck, _unmarked = and_(_has_it, ~_disabled), and_(~_has_it, _disabled)
# One service of many bare metal nodes takes minutes to write them all.
_surely = and_(up(_service), func.coalesce(_node.c.hypervisor_type, "") != "ironic")

CHECK = Check(
    code="X19",
    name="disabled-trait-mismatch",
    impact=Impact.HIGH,
    title="Host that is enabled in nova and disabled in placement, or the reverse",
    message="nova-compute on {host} is {state}, and its provider {provider_name} {marked} COMPUTE_STATUS_DISABLED",
    identity=("cell", "host", "node"),
    why=(
        "The scheduler forbids this trait in each request. One that is stuck hides an enabled host: it gets no server, "
        "and nothing in nova says so. One that is missing lets placement propose a disabled host, which the scheduler "
        "then has to throw away. Nova-compute, which runs, corrects the trait each minute unless placement refuses "
        "what it writes: its log tells."
    ),
    exceptions=(
        "a service that was enabled, disabled or started a moment ago",
        "a host that is down and disabled: the trait comes when it is back",
        "an enabled host that is down, forced down or bare metal, whose trait is stuck, is information",
        "forced_down, of which the trait does not tell",
        "a nova-compute older than Train, which does not know the trait",
        "two services of one host's name",
    ),
    remedy=(
        "openstack compute service list --long --service nova-compute --host {host}",
        "openstack --os-placement-api-version 1.6 resource provider trait list {provider}",
        "# look again after two minutes: nova-compute corrects the trait by itself while placement takes it",
        "systemctl restart nova-compute  # on {restartable}, and read in its log what placement answers",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/scheduling.html#compute-disabled-status-support",),
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            literal("COMPUTE_STATUS_DISABLED").label("trait"),
            case((_disabled, "disabled"), else_="enabled").label("state"),
            case((_has_it, "bears"), else_="does not bear").label("marked"),
            case((up(_service), "up"), else_="down").label("service"),
            case((up(_service), restartable(_node))).label("restartable"),
            case(
                (up(_service), restart_withheld(_node)),
                else_=literal("nova-compute on ")
                + cast(_node.c.host, String)
                + " is down; it corrects the trait by itself when it runs again.",
            ).label("withheld"),
            _service.c.version,
            # The service's row is written when it is enabled or disabled, and a moment later by its next sign of life.
            newest(
                _marked.c.created_at,
                _node.c.created_at,
                resource_providers.c.created_at,
                case((~steady(_service), _service.c.updated_at)),
            ).label("newest_change"),
            impact((and_(_stuck, _surely), "H"), (_unmarked, "M"), otherwise="L").label("impact"),
        )
        .select_from(_node)
        .join(resource_providers, resource_providers.c.uuid == _node.c.uuid)
        .join(_service, and_(_service.c.host == _node.c.host, _service.c.cell == _node.c.cell))
        .outerjoin(_marked, _marked.c.resource_provider_id == resource_providers.c.id)
        .where(_service.c.version >= TRAIN, or_(_stuck, and_(_unmarked, _surely)))
        .order_by("cell", "host", "node")
    ),
)
