from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from placement_audit.checks.identity import same_machine, service_hosts, short, stranded
from placement_audit.checks.relations import changed, computes, consumers_in, newest, nodes, not_ironic, servers
from placement_audit.checks.restarts import restart_withheld, restartable
from placement_audit.finding import Check, Impact
from placement_audit.schema import compute_nodes, resource_providers

# services.version of nova 27 (2023.1), the first that finds its deleted compute node again.
_KNOWS_ITSELF = 65
_group, _service = stranded(), computes()


def _one(column: ColumnElement[Any], *which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(func.min(column)).where(*which).scalar_subquery()


# --- servers on a host and node that are no compute node ---

_taker, _other, _gone = nodes().alias("taker"), nodes().alias("only_node"), compute_nodes.alias("gone_node")
_taker_of = (
    _taker.c.cell == _group.c.cell,
    _taker.c.hypervisor_hostname == _group.c.node,
    _taker.c.host != _group.c.host,
    not_ironic(_taker),
)
_taken_by = _one(_taker.c.host, *_taker_of)
_only = (
    select(func.min(_other.c.hypervisor_hostname))
    .where(_other.c.cell == _group.c.cell, _other.c.host == _group.c.host, not_ironic(_other))
    .having(func.count() == 1)
    .scalar_subquery()
)
_deleted_at = (
    select(func.max(_gone.c.deleted_at))
    .where(_gone.c.cell == _group.c.cell, _gone.c.host == _group.c.host, _gone.c.hypervisor_hostname == _group.c.node)
    .where(_gone.c.deleted != 0, not_ironic(_gone))
    .scalar_subquery()
)
_heir, _itself = service_hosts().alias("heir"), service_hosts().alias("itself")
_heir_of = (
    _heir.c.cell == _group.c.cell,
    _heir.c.short == short(_group.c.host),
    func.lower(_heir.c.host) != func.lower(_group.c.host),
    or_(func.lower(_heir.c.host) == _heir.c.short, func.lower(_group.c.host) == _heir.c.short),
    _heir.c.runs == 1,
    ~exists()
    .where(
        _itself.c.cell == _group.c.cell,
        _itself.c.host == _group.c.host,
        or_(_itself.c.runs == 1, _itself.c.seen > _heir.c.since),
    )
    .correlate_except(_itself),
)
_looks_like = _one(_heir.c.host, *_heir_of)
_stranded = select(
    _group.c.cell,
    _group.c.host,
    _group.c.node,
    _group.c.servers,
    _group.c.example,
    case(
        (and_(_taken_by.is_not(None), _only.is_not(None)), "halves"),
        (_taken_by.is_not(None), "taken"),
        (_only.is_not(None), "node renamed"),
        (_looks_like.is_not(None), "host renamed"),
        else_="deleted",
    ).label("kind"),
    func.coalesce(_taken_by, case((_only.is_(None), _looks_like))).label("new_host"),
    _only.label("new_node"),
    func.coalesce(
        _one(_taker.c.uuid, *_taker_of),
        _one(_other.c.uuid, _other.c.cell == _group.c.cell, _other.c.host == _group.c.host, not_ironic(_other)),
    ).label("node_uuid"),
    null().label("lost_node"),
    _deleted_at.label("deleted_at"),
    newest(_group.c.changed, _deleted_at).label("newest_change"),
).where(or_(_taken_by.is_not(None), _only.is_not(None), _deleted_at.is_not(None), _looks_like.is_not(None)))

# --- servers on a compute node that is there, but whose machine has another name by now ---

_node, _namesake, _server = nodes(), nodes().alias("namesake_node"), servers()
_old, _new, _its = service_hosts().alias("old"), service_hosts().alias("new"), service_hosts().alias("its")
_takes = and_(_its.c.runs == 1, _its.c.since >= func.coalesce(_old.c.seen, ""))
_renamed = (
    select(
        _server.c.cell,
        _server.c.host,
        _server.c.node,
        func.count(_server.c.uuid.distinct()).label("servers"),
        func.min(_server.c.uuid).label("example"),
        func.max(case((_takes, "same node"), else_="host renamed")).label("kind"),
        func.min(case((_takes, _its.c.host), else_=_new.c.host)).label("new_host"),
        null().label("new_node"),
        func.min(case((_takes, _namesake.c.uuid))).label("node_uuid"),
        func.min(case((_takes, func.lower(_node.c.hypervisor_hostname)))).label("lost_node"),
        null().label("deleted_at"),
        newest(
            func.max(case((_takes, _its.c.since), else_=_new.c.since)),
            func.max(_old.c.seen),
            func.max(case((_takes, _namesake.c.created_at))),
        ).label("newest_change"),
    )
    .select_from(_node)
    .join(
        _server,
        and_(
            _server.c.cell == _node.c.cell,
            _server.c.host == _node.c.host,
            _server.c.node == _node.c.hypervisor_hostname,
        ),
    )
    .outerjoin(_old, and_(_old.c.cell == _node.c.cell, _old.c.host == _node.c.host))
    .outerjoin(
        _namesake,
        and_(
            _namesake.c.hypervisor_hostname == _node.c.hypervisor_hostname,
            _namesake.c.cell == _node.c.cell,
            _namesake.c.host != _node.c.host,
            not_ironic(_namesake),
        ),
    )
    .outerjoin(_its, and_(_its.c.cell == _namesake.c.cell, _its.c.host == _namesake.c.host))
    .outerjoin(_new, same_machine(_old, _new))
    .where(not_ironic(_node), func.coalesce(_old.c.runs, 0) == 0)
    .where(or_(_takes, _new.c.host.is_not(None)))
    .group_by(_server.c.cell, _server.c.host, _server.c.node)
)

# --- a compute node that was made anew under the same name, while its first provider accounts for the servers ---

_anew, _former, _own = nodes().alias("anew"), compute_nodes.alias("former"), resource_providers.alias("own_provider")
_made_anew = (
    select(
        _server.c.cell,
        _server.c.host,
        _server.c.node,
        func.count(_server.c.uuid.distinct()).label("servers"),
        func.min(_server.c.uuid).label("example"),
        literal("uuid").label("kind"),
        null().label("new_host"),
        null().label("new_node"),
        func.min(_anew.c.uuid).label("node_uuid"),
        null().label("lost_node"),
        func.max(_former.c.deleted_at).label("deleted_at"),
        newest(func.max(_anew.c.created_at), func.max(_former.c.deleted_at)).label("newest_change"),
    )
    .select_from(_former)
    .join(resource_providers, resource_providers.c.uuid == _former.c.uuid)
    .join(
        _anew,
        and_(
            _anew.c.cell == _former.c.cell,
            _anew.c.host == _former.c.host,
            _anew.c.hypervisor_hostname == _former.c.hypervisor_hostname,
            _anew.c.uuid != _former.c.uuid,
        ),
    )
    .join(
        _server,
        and_(
            _server.c.cell == _anew.c.cell,
            _server.c.host == _anew.c.host,
            _server.c.node == _anew.c.hypervisor_hostname,
        ),
    )
    .where(_former.c.deleted != 0, not_ironic(_anew), consumers_in(resource_providers.c.id) > 0)
    .where(~exists().where(_own.c.uuid == _anew.c.uuid))
    .group_by(_server.c.cell, _server.c.host, _server.c.node)
)

# --- bare metal, of which the service that the servers name is dead, while another one has the node ---

_metal, _dead = nodes().alias("metal"), service_hosts().alias("dead")
_bare = (
    select(
        _server.c.cell,
        _server.c.host,
        null().label("node"),
        func.count(_server.c.uuid.distinct()).label("servers"),
        func.min(_server.c.uuid).label("example"),
        literal("bare metal").label("kind"),
        func.min(_metal.c.host).label("new_host"),
        null().label("new_node"),
        null().label("node_uuid"),
        null().label("lost_node"),
        null().label("deleted_at"),
        newest(func.min(changed(_server)), func.max(_dead.c.seen), func.max(_dead.c.deleted_at)).label("newest_change"),
    )
    .select_from(_metal)
    .join(_server, and_(_server.c.cell == _metal.c.cell, _server.c.node == _metal.c.hypervisor_hostname))
    .outerjoin(_dead, and_(_dead.c.cell == _server.c.cell, _dead.c.host == _server.c.host))
    .where(_metal.c.hypervisor_type == "ironic", _metal.c.host.is_not(None), _server.c.host.is_not(None))
    .where(_server.c.host != _metal.c.host, func.coalesce(_dead.c.runs, 0) == 0)
    .group_by(_server.c.cell, _server.c.host)
)

_row = union_all(_stranded, _renamed, _made_anew, _bare).subquery("row")
_was, _is = service_hosts().alias("was"), service_hosts().alias("is_now")


def _word(service: Any) -> ColumnElement[str]:
    return case(
        (service.c.runs == 1, literal("up")),
        (service.c.alive == 1, literal("down")),
        (service.c.host.is_not(None), literal("deleted")),
        else_=literal("not there"),
    )


_host, _its_node = cast(_row.c.host, String), cast(_row.c.node, String)
_kind, _to = _row.c.kind, cast(_row.c.new_host, String)
_on = literal("are on node ") + _its_node + " of host " + _host + " in " + _row.c.cell
_state = case(
    (
        _kind == "halves",
        literal("name ")
        + _host
        + " and "
        + _its_node
        + ", but the compute node of that host is "
        + _row.c.new_node
        + ", and "
        + _its_node
        + " is that of "
        + _to,
    ),
    (_kind == "taken", _on + ", but that compute node is now the one of " + _to),
    (_kind == "node renamed", _on + ", but the compute node of that host is called " + _row.c.new_node + " now"),
    (_kind == "same node", _on + ", and " + _to + " has a compute node of that name now"),
    (_kind == "host renamed", _on + ", and " + _to + " looks like the same machine"),
    (_kind == "uuid", _on + ", whose compute node was deleted and made anew under another uuid"),
    (
        _kind == "bare metal",
        literal("name ") + _host + " in " + _row.c.cell + " as their host, while " + _to + " has their bare metal node",
    ),
    else_=_on + ", whose compute node was deleted at " + func.coalesce(_row.c.deleted_at, "an unknown time"),
)
_services = (
    literal(" (nova-compute of ")
    + _host
    + ": "
    + _word(_was)
    + case((_to.is_not(None), literal(", of ") + _to + ": " + _word(_is)), else_=literal(""))
    + ")"
)
_young = exists().where(
    _service.c.cell == _row.c.cell, _service.c.host == _row.c.host, _service.c.version >= _KNOWS_ITSELF
)
_comes_back = and_(_kind == "deleted", _young)
_no_renaming = literal(
    "nova has no supported way to rename a host that has servers. See on the machine which guests run there ('virsh "
    "list --all'). Move away what was built under the new name, then give the machine its former name back (hostname, "
    "and [DEFAULT]host in nova.conf). Until then delete no service, compute node or provider of either name: before "
    "2023.1 nova-compute itself deletes the compute node of the other name, together with what its servers hold."
)
_withheld = case(
    (
        _kind == "halves",
        literal(
            "host and node of these servers do not belong together, as if one had been changed in the database without "
            "the other. See with 'virsh list --all' on both machines where the guests run; a DBA then sets host and "
            "node to that one's."
        ),
    ),
    (
        _kind == "uuid",
        literal(
            "the provider of the former uuid is all that accounts for these servers, so it cannot be deleted, and "
            "beside it nova-compute cannot make its own. Move the servers away until it is empty; or, with "
            "nova-compute stopped, a DBA gives the compute node its former uuid back, which is that provider's, and "
            "since 2023.1 the file compute_id on the host gets it, too."
        ),
    ),
    (
        _kind == "bare metal",
        literal("bring nova-compute of ")
        + _host
        + " back under that name: orders for these servers go to it alone. If it is gone for good, a DBA gives them "
        "the host that has their node; 'nova-manage db ironic_compute_node_move' (since 2023.2) does both, but only "
        "before another service has taken the node.",
    ),
    (_comes_back, restart_withheld(_row)),
    (
        _kind == "deleted",
        literal(
            "before 2023.1, and without a service record, a start of nova-compute makes a compute node of another "
            "uuid, for which placement has no room. A DBA takes the deletion back first (deleted = 0 in compute_nodes "
            "and, if it is gone as well, services), where the rows were not archived."
        ),
    ),
    else_=_no_renaming,
)

CHECK = Check(
    code="N23",
    name="lost-host-identity",
    impact=Impact.HIGH,
    title="Servers of a host that nova knows by another name, or no longer",
    message="{servers} servers, {example} among them, {state}",
    identity=("cell", "host", "node"),
    why=(
        "A host with servers that is renamed, whose [DEFAULT]host is changed, or whose service or compute node is "
        "deleted, is a new host to nova. Its servers still name the old one, which no service answers for: no order "
        "reaches them, and placement counts them not at all or twice. Since 2023.1 nova-compute refuses to start when "
        "it notices that."
    ),
    exceptions=(
        "a host that is merely down, and one that was replaced while it had no servers",
        "two hosts whose full names begin alike, or that once ran side by side",
        "bare metal that another service has taken over, while the service that its servers name is up",
        "a server with a task or an open migration, on a host that is no compute node",
        "a change of the last minutes",
    ),
    remedy=(
        "openstack compute service list --service nova-compute --host {host}",
        "openstack compute service list --service nova-compute --host {new_host}",
        "openstack hypervisor list --matching {node}",
        "openstack server list --all-projects --host {host}",
        "systemctl restart nova-compute  # on {undeletable}: since 2023.1 it finds its compute node by its uuid, and"
        " takes the deletion back",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/compute-node-identification.html",),
    absorbs={
        "N03": ("cell", "new_host"),
        "N04": ("cell", "host"),
        "N05": ("cell", "lost_node"),
        "N06": ("cell", "host", "node"),
        "N07": ("cell", "host", "node"),
        "N13": ("host",),
        "X01": ("node_uuid",),
        "X02": ("node_uuid",),
        "X03": ("provider",),
        "X04": ("provider",),
        "X05": ("node_uuid",),
        "X06": ("cell", "host", "node"),
        "X08": ("provider",),
        "X09": ("provider",),
    },
    query=(
        select(
            _row.c.cell,
            _row.c.host,
            _row.c.node,
            _row.c.servers,
            _row.c.example,
            (_state + _services).label("state"),
            func.lower(_row.c.new_host).label("new_host"),
            _row.c.new_node,
            _row.c.node_uuid,
            _row.c.lost_node,
            _one(resource_providers.c.uuid, resource_providers.c.name == _row.c.node).label("provider"),
            case((_comes_back, restartable(_row))).label("undeletable"),
            _withheld.label("withheld"),
            _row.c.newest_change,
        )
        .select_from(_row)
        .outerjoin(_was, and_(_was.c.cell == _row.c.cell, _was.c.host == _row.c.host))
        .outerjoin(_is, and_(_is.c.cell == _row.c.cell, _is.c.host == _row.c.new_host))
        .order_by("cell", "host", "node")
    ),
)
