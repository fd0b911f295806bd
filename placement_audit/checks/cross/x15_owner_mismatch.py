from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, or_, select

from placement_audit.checks.deployment import is_on, setting
from placement_audit.checks.healing import held_rows, refused_again, with_devices, writable
from placement_audit.checks.relations import (
    busy,
    changed,
    doubled,
    impact,
    moving,
    newest,
    place_of,
    placed,
    sample,
    servers,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import NOBODY, consumers, instances, projects, users

_server = servers()


def _differs(kept: ColumnElement[str], owner: ColumnElement[str], nobody: str) -> ColumnElement[bool]:
    # Without case: a database that does not tell upper from lower keeps the spelling that came first.
    known = kept != func.coalesce(setting(nobody), NOBODY)
    return and_(kept != NOBODY, known, kept != owner, func.lower(kept) != func.lower(owner))


# What heal_allocations takes up: a server on a host that nothing is being done to. One with devices stops it.
_at_rest = and_(
    *(placed(_server), _server.c.task_state.is_(None), ~busy(_server), ~moving(_server)),
    _server.c.uuid.not_in(refused_again()),
)
_of_another_project = _differs(projects.c.external_id, _server.c.project_id, "incomplete_consumer_project_id")
_differing = (
    select(
        _server.c.uuid,
        _server.c.project_id.label("project"),
        case((_of_another_project, projects.c.external_id), else_=_server.c.project_id).label("placement_project"),
        case((_of_another_project, literal("project")), else_=literal("user")).label("owner"),
        case((and_(_at_rest, ~with_devices(_server.c.uuid)), _server.c.uuid)).label("healable"),
        case((and_(_at_rest, with_devices(_server.c.uuid), writable(_server.c.uuid)), _server.c.uuid)).label(
            "settable"
        ),
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

_found = (
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
        func.min(_listed.c.settable).label("first_settable"),
        # The oldest: one that is young must not hold back those that were there before.
        func.min(_listed.c.changed).label("newest_change"),
        impact((is_on("count_usage_from_placement"), "M"), otherwise="L").label("impact"),
    )
    .group_by(_listed.c.owner, _listed.c.project, _listed.c.placement_project)
    .subquery("found")
)
_owner = instances.alias("owner_row")
_user = (
    select(func.max(_owner.c.user_id))
    .where(_owner.c.uuid == _found.c.first_settable, _owner.c.deleted == 0)
    .scalar_subquery()
)

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
        # All that it holds, and its owner.
        "openstack --os-placement-api-version 1.28 resource provider allocation set {allocation_words}"
        " --project-id {project} --user-id {first_user} {first_settable}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    members=select(*_group, _differing.c.uuid.label("instance")),
    query=(
        select(
            _found,
            case((_found.c.first_healable.is_(None), held_rows(_found.c.first_settable))).label("allocation_words"),
            case((_found.c.first_healable.is_(None), _user)).label("first_user"),
            case(
                (
                    _found.c.first_healable.is_not(None),
                    "What is shown is a dry run. Once it names the right owner, run it without --dry-run, for each of "
                    "these servers in its turn.",
                ),
                (
                    _found.c.first_settable.is_(None),
                    "None of these servers can be written now: each has a task or no host, holds something twice, or "
                    "is on a provider of which more is held than there is, which placement refuses before release 14.",
                ),
            ).label("withheld"),
        ).order_by("owner", "project", "placement_project")
    ),
)
