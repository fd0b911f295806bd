from sqlalchemy import case, exists, func, literal, select

from placement_audit.checks.deployment import is_off
from placement_audit.checks.relations import changed, doubled, newest, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import aggregate_hosts, aggregate_metadata

_server = servers()
# Any key that begins so; the value is one project, for the request filter splits no list (SEMANTICS G.3).
_tag = aggregate_metadata.c.key.like("filter\\_tenant\\_id%", escape="\\")
_projects = (
    select(
        func.lower(aggregate_metadata.c.value).label("project"), func.max(changed(aggregate_metadata)).label("changed")
    )
    .join(aggregate_hosts, aggregate_hosts.c.aggregate_id == aggregate_metadata.c.aggregate_id)
    .where(_tag)
    .group_by(func.lower(aggregate_metadata.c.value))
    .cte("tagged_projects")
)
_home = (
    select(func.lower(aggregate_metadata.c.value).label("project"), func.lower(aggregate_hosts.c.host).label("host"))
    .join(aggregate_hosts, aggregate_hosts.c.aggregate_id == aggregate_metadata.c.aggregate_id)
    .where(_tag)
    .distinct()
    .cte("tagged_hosts")
)
_outside = (
    select(
        _server.c.project_id.label("project"),
        _server.c.uuid,
        _server.c.host,
        place_of(_server.c.uuid, _server.c.project_id).label("place"),
        newest(changed(_server), _projects.c.changed).label("changed"),
    )
    .join_from(_projects, _server, func.lower(_server.c.project_id) == _projects.c.project)
    .where(placed(_server), ~doubled(_server), ~is_off("limit_tenants_to_placement_aggregate"))
    .where(~exists().where(_home.c.project == _projects.c.project, _home.c.host == func.lower(_server.c.host)))
    .subquery("outside")
)

CHECK = Check(
    code="X23",
    name="server-outside-tenant-aggregate",
    impact=Impact.INFO,
    title="Servers outside the aggregates that are set aside for their project",
    message="{servers} servers of project {project} are on {hosts} hosts outside the project's aggregates: {sample}",
    identity=("project",),
    why=(
        "With [scheduler] limit_tenants_to_placement_aggregate new servers of the project go to the aggregates whose "
        "filter_tenant_id it is, and to no others. Those outside were there before, or were moved by an "
        "administrator; Where that option is not set, or where the aggregates are only to keep other projects out, "
        "this means nothing."
    ),
    exceptions=(
        "projects without a tagged aggregate, and tags on aggregates without hosts",
        "values that list several projects, which only the older filter understands",
        "servers on no host, or that two cells show",
        "a nova.conf given that turns limit_tenants_to_placement_aggregate off",
    ),
    remedy=("openstack aggregate list --long", "openstack server show {first}"),
    references=("https://docs.openstack.org/nova/latest/admin/aggregates.html#tenant-isolation-with-placement",),
    members=select(_outside.c.project, _outside.c.uuid.label("instance")),
    query=(
        select(
            _outside.c.project,
            func.count().label("servers"),
            func.count(_outside.c.host.distinct()).label("hosts"),
            sample(_outside.c.uuid, _outside.c.place).label("sample"),
            func.max(case((_outside.c.place == 1, _outside.c.uuid))).label("first"),
            literal(
                "nothing has to be done where an administrator put the servers there; whether the option is set "
                "is in nova.conf of the schedulers"
            ).label("withheld"),
            # The oldest: one that is new must not hold back those that were there before.
            func.min(_outside.c.changed).label("newest_change"),
        )
        .group_by(_outside.c.project)
        .order_by("project")
    ),
)
