from sqlalchemy import String, and_, case, cast, exists, func, literal, select

from placement_audit.checks.evidence import of_this_nova
from placement_audit.checks.relations import children, consumers_in, every_cell_is_read, newest, nodes
from placement_audit.finding import Check, Impact
from placement_audit.schema import resource_providers, trees

_node, _other_node, _children = nodes(), nodes().alias("other_node"), children()
_own = resource_providers.alias("own")
_consumers = consumers_in(resource_providers.c.id)
_child_count = func.coalesce(_children.c.children, 0)
# The same host name twice: in two cells, or under a short and a full name.
_in_use = exists().where(_other_node.c.uuid == resource_providers.c.uuid)
_shares = exists().where(trees.c.root_id == resource_providers.c.id, trees.c.shared == 1)
_removable = and_(~_in_use, _consumers == 0, ~_shares, of_this_nova(resource_providers), every_cell_is_read())
_called = literal("provider ") + cast(resource_providers.c.uuid, String)

CHECK = Check(
    code="X02",
    name="node-uuid-mismatch",
    impact=Impact.HIGH,
    title="Compute node whose name belongs to a provider with another uuid",
    message=(
        "compute node {node} of {host} is {node_uuid}, but the provider of that name is {provider}, which {standing}"
    ),
    identity=("cell", "host", "node"),
    why=(
        "Names are unique in placement: nova-compute cannot make a provider of its own, fails again every minute, and "
        "the host gets no server. What the old provider offers is a host that is not there."
    ),
    exceptions=("names that differ in case alone are the same name",),
    remedy=(
        "openstack resource provider show --allocations {provider}",
        "openstack --os-placement-api-version 1.14 resource provider list --in-tree {with_children}",
        "# delete the children of {with_children} before it, deepest first",
        "openstack resource provider delete {removable}",
        "# nova-compute then makes a new provider in place of {removable}. It is in no aggregate: audit once more, "
        "X21 names those that it lacks",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    absorbs={
        "X01": ("cell", "host", "node"),
        "X03": ("provider",),
        "X04": ("provider",),
        "X06": ("cell", "host", "node"),
        "X08": ("provider",),
    },
    query=(
        select(
            _node.c.cell,
            _node.c.host,
            _node.c.hypervisor_hostname.label("node"),
            _node.c.uuid.label("node_uuid"),
            resource_providers.c.uuid.label("provider"),
            resource_providers.c.name.label("provider_name"),
            _consumers.label("consumers"),
            _child_count.label("children"),
            case(
                (_in_use, "another live compute node uses: two of them have one name"),
                (_consumers > 0, literal("still holds the allocations of ") + cast(_consumers, String) + " consumers"),
                else_="holds nothing",
            ).label("standing"),
            case((_in_use, func.lower(_node.c.hypervisor_hostname))).label("name_in_two_places"),
            case((_removable, resource_providers.c.uuid)).label("removable"),
            case((and_(_removable, _child_count > 0), resource_providers.c.uuid)).label("with_children"),
            case(
                (_removable, None),
                (
                    _in_use,
                    literal("another live compute node uses ")
                    + _called
                    + ": of two hosts of one name one has to get another, which is only safe before it has servers.",
                ),
                (
                    _consumers > 0,
                    _called
                    + " is all that accounts for its "
                    + cast(_consumers, String)
                    + " consumers, servers of this host as a rule. See with 'openstack server show' of each which of "
                    "them live, and move those to another host: then their part goes from here by itself.",
                ),
                (
                    _shares,
                    literal("something below ")
                    + _called
                    + " is shared with other hosts: see with 'openstack resource provider list --in-tree' what that "
                    "is, and who uses it.",
                ),
                (
                    ~of_this_nova(resource_providers),
                    literal("no cell remembers a compute node of that uuid, so ")
                    + _called
                    + " may be another cloud's. Look at its generation twice, some minutes apart ('openstack resource "
                    "provider show'): if it grows, somebody's nova-compute writes it.",
                ),
                else_=literal("not every cell was read, and a host of one of those may be the owner of ")
                + _called
                + ": audit again with all cells.",
            ).label("withheld"),
            # Their updated_at never rests: the one moves every minute, the other with every allocation.
            newest(_node.c.created_at, resource_providers.c.created_at).label("newest_change"),
        )
        .join_from(_node, resource_providers, resource_providers.c.name == _node.c.hypervisor_hostname)
        .outerjoin(_children, _children.c.root_id == resource_providers.c.id)
        .where(
            resource_providers.c.parent_provider_id.is_(None),
            resource_providers.c.uuid != _node.c.uuid,
            # With a provider of its own uuid the host works, whatever that is called (X05).
            ~exists().where(_own.c.uuid == _node.c.uuid),
        )
        .order_by("cell", "host", "node")
    ),
)
