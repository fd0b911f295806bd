from sqlalchemy import and_, case, exists, func, literal, or_, select

from placement_audit.checks.deployment import is_on, setting
from placement_audit.checks.healing import refused_again, with_devices
from placement_audit.checks.relations import impact, place_of, placed, reads_nova, sample, servers
from placement_audit.finding import Check, Impact
from placement_audit.schema import NOBODY, consumers, instances, projects, users

_their_project, _their_user = setting("incomplete_consumer_project_id"), setting("incomplete_consumer_user_id")
# It may have been set later than the first of them were written.
_nobodys_project = select(projects.c.id).where(projects.c.external_id.in_((NOBODY, _their_project)))
_nobodys_user = select(users.c.id).where(users.c.external_id.in_((NOBODY, _their_user)))
_default = and_(
    func.coalesce(_their_project, literal(NOBODY)) == NOBODY, func.coalesce(_their_user, literal(NOBODY)) == NOBODY
)
_server = servers()
# What heal_allocations takes up: a server on a host that nothing is being done to. One with devices stops it.
_healable = and_(
    exists().where(_server.c.uuid == consumers.c.uuid, placed(_server), _server.c.task_state.is_(None)),
    ~with_devices(consumers.c.uuid),
    consumers.c.uuid.not_in(refused_again()),
)
_listed = (
    select(
        literal("consumers").label("table"),
        consumers.c.uuid,
        consumers.c.created_at,
        case((_healable, consumers.c.uuid)).label("server"),
        place_of(consumers.c.uuid).label("place"),
    )
    .where(or_(consumers.c.project_id.in_(_nobodys_project), consumers.c.user_id.in_(_nobodys_user)))
    .subquery("without_owner")
)

CHECK = Check(
    code="P15",
    name="consumer-without-owner",
    impact=Impact.LOW,
    title="Consumers that belong to nobody in placement",
    message="{consumers} consumers have no project or user in placement: {sample}",
    identity=("table",),
    why=(
        "A client of microversion 1.7 or less wrote them, or the online migration made their records. Placement "
        "reports their usage for no project: where nova counts quotas in placement, it counts these servers for "
        "nobody. heal_allocations gives a server that is on a host its owner back; without --instance it goes "
        "through all servers, and stops at the first with a VGPU or a device profile."
    ),
    exceptions=(
        "a placeholder owner other than the default (incomplete_consumer_project_id, incomplete_consumer_user_id), "
        "unless --config-file gives placement.conf",
        "it is information unless --config-file gives a nova.conf that sets count_usage_from_placement",
    ),
    remedy=(
        'mariadb {where_default} -e "SELECT uuid, consumers.created_at FROM consumers'
        " JOIN projects ON projects.id = project_id JOIN users ON users.id = user_id"
        " WHERE '00000000-0000-0000-0000-000000000000' IN (projects.external_id, users.external_id)\"",
        "openstack resource provider allocation show {first}",
        "nova-manage placement heal_allocations --dry-run --verbose --instance {first_server}",
    ),
    references=("https://docs.openstack.org/nova/latest/cli/nova-manage.html#placement-heal-allocations",),
    optional=(instances,),
    members=select(_listed.c.table, _listed.c.uuid.label("consumer")),
    query=(
        select(
            _listed.c.table,
            func.count().label("consumers"),
            case((reads_nova(), func.count(_listed.c.server))).label("servers"),
            func.min(_listed.c.uuid).label("first"),
            case((_default, "placement")).label("where_default"),
            func.min(_listed.c.server).label("first_server"),
            case(
                (~reads_nova(), "Whose they are only nova knows: audit its databases, too."),
                (
                    func.count(_listed.c.server) == 0,
                    "None of them is a server that heal_allocations takes up: on a host, without a task and without "
                    "devices, where no more is held than there is. For others write what they hold once more, with "
                    "their owner, by allocation set.",
                ),
                else_="What is shown is a dry run. Once it names the right owner, run it without --dry-run, for each "
                "server in its turn.",
            ).label("withheld"),
            sample(_listed.c.uuid, _listed.c.place).label("sample"),
            # The oldest: one that is young must not hold back those that were there before.
            func.min(_listed.c.created_at).label("newest_change"),
            impact((is_on("count_usage_from_placement"), "M"), otherwise="L").label("impact"),
        )
        .group_by(_listed.c.table)
        .order_by("table")
    ),
)
