from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, or_, select

from placement_audit.checks.deployment import is_on, setting
from placement_audit.checks.relations import changed, doubled, impact, newest, place_of, placed, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import NOBODY, consumers, projects, users

_server = servers()


def _differs(kept: ColumnElement[str], owner: ColumnElement[str], nobody: str) -> ColumnElement[bool]:
    # Without case: a database that does not tell upper from lower keeps the spelling that came first.
    known = kept != func.coalesce(setting(nobody), NOBODY)
    return and_(kept != NOBODY, known, kept != owner, func.lower(kept) != func.lower(owner))


_of_another_project = _differs(projects.c.external_id, _server.c.project_id, "incomplete_consumer_project_id")
_differing = (
    select(
        _server.c.uuid,
        _server.c.project_id.label("project"),
        case((_of_another_project, projects.c.external_id), else_=_server.c.project_id).label("placement_project"),
        case((_of_another_project, literal("project")), else_=literal("user")).label("owner"),
        # What heal_allocations takes up: a server on a host that nothing is being done to.
        case((and_(placed(_server), _server.c.task_state.is_(None)), _server.c.uuid)).label("healable"),
        newest(consumers.c.created_at, changed(_server)).label("changed"),
    )
    .select_from(_server)
    .join(consumers, consumers.c.uuid == _server.c.uuid)
    .join(projects, projects.c.id == consumers.c.project_id)
    .join(users, users.c.id == consumers.c.user_id)
    .where(
        or_(_of_another_project, _differs(users.c.external_id, _server.c.user_id, "incomplete_consumer_user_id")),
        ~doubled(_server),
    )
    .subquery("differing")
)
_group = (_differing.c.owner, _differing.c.project, _differing.c.placement_project)
_listed = select(_differing, place_of(_differing.c.uuid, *_group).label("place")).subquery("listed")

CHECK = Check(
    code="X15",
    name="owner-mismatch",
    impact=Impact.LOW,
    title="Servers that belong to somebody else in placement",
    message="{servers} servers of project {project} have another {owner} in placement, {told}: {sample}",
    identity=("owner", "project", "placement_project"),
    why=(
        "Placement reports their usage for the wrong owner, which matters where nova counts quotas in placement "
        "([quota] count_usage_from_placement). It comes of a server that changed hands by SQL, or whose request did "
        "not name its user, so that the administrator who moved it was written down instead."
    ),
    exceptions=(
        "consumers without an owner, which are a finding of their own",
        "owners that differ in case alone",
        "a server that a cross-cell resize hides, or that two cells show",
        "consumers of migrations",
    ),
    remedy=(
        "openstack server show {first}",
        "openstack --os-placement-api-version 1.12 resource provider allocation show {first}",
        "nova-manage placement heal_allocations --dry-run --verbose --instance {first_healable}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    members=select(*_group, _differing.c.uuid.label("instance")),
    query=(
        select(
            _listed.c.owner,
            _listed.c.project,
            _listed.c.placement_project,
            case(
                (_listed.c.owner == "project", literal("project ") + cast(_listed.c.placement_project, String)),
                else_="though of the same project",
            ).label("told"),
            func.count().label("servers"),
            sample(_listed.c.uuid, _listed.c.place).label("sample"),
            func.min(_listed.c.uuid).label("first"),
            func.min(_listed.c.healable).label("first_healable"),
            # The oldest: one that is young must not hold back those that were there before.
            func.min(_listed.c.changed).label("newest_change"),
            impact((is_on("count_usage_from_placement"), "M"), otherwise="L").label("impact"),
        )
        .group_by(_listed.c.owner, _listed.c.project, _listed.c.placement_project)
        .order_by("owner", "project", "placement_project")
    ),
)
