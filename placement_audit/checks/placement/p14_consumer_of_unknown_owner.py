from sqlalchemy import ColumnElement, and_, case, func, or_, select

from placement_audit.finding import Check, Impact
from placement_audit.schema import consumer_types, consumers, projects, users

_no_project = projects.c.id.is_(None)
_no_user = users.c.id.is_(None)
# A consumer without a type is of type "unknown", as all of nova's are.
_no_type = and_(consumers.c.consumer_type_id.is_not(None), consumer_types.c.id.is_(None))


def _named(missing: ColumnElement[bool], name: str) -> ColumnElement[str]:
    return case((missing, f" and {name}"), else_="")


# Where placement itself puts consumers whose owner it does not know, unless it is configured otherwise.
_UNKNOWN_PROJECT = (
    "INSERT IGNORE INTO projects (external_id) VALUES ('00000000-0000-0000-0000-000000000000'); "
    "UPDATE consumers SET project_id = "
    "(SELECT id FROM projects WHERE external_id = '00000000-0000-0000-0000-000000000000') "
    "WHERE project_id = {lost_project_id} AND project_id NOT IN (SELECT id FROM projects)"
)
_UNKNOWN_USER = _UNKNOWN_PROJECT.replace("project", "user")

CHECK = Check(
    code="P14",
    name="consumer-of-unknown-owner",
    impact=Impact.HIGH,
    title="Consumer whose project, user or type is missing",
    message="placement's record of {consumer} names a {missing} that placement does not have",
    identity=("consumer",),
    why=(
        "Without its project or user the API treats the consumer as unknown: what it holds counts as usage, but can be "
        "neither read nor changed nor deleted."
    ),
    exceptions=("consumers without a type",),
    remedy=(
        'mariadb placement -e "SELECT * FROM consumers WHERE project_id NOT IN (SELECT id FROM projects)'
        ' OR user_id NOT IN (SELECT id FROM users)"',
        'mariadb placement -e "SELECT * FROM consumers WHERE consumer_type_id = {lost_type_id}"',
        f'mariadb placement -e "{_UNKNOWN_PROJECT}"',
        f'mariadb placement -e "{_UNKNOWN_USER}"',
        'mariadb placement -e "UPDATE consumers SET consumer_type_id = NULL WHERE consumer_type_id = {lost_type_id}'
        ' AND consumer_type_id NOT IN (SELECT id FROM consumer_types)"',
    ),
    references=("https://docs.openstack.org/placement/latest/cli/placement-manage.html",),
    query=(
        select(
            consumers.c.uuid.label("consumer"),
            func.substr(
                _named(_no_project, "project") + _named(_no_user, "user") + _named(_no_type, "type"), len(" and ") + 1
            ).label("missing"),
            case((_no_project, consumers.c.project_id)).label("lost_project_id"),
            case((_no_user, consumers.c.user_id)).label("lost_user_id"),
            case((_no_type, consumers.c.consumer_type_id)).label("lost_type_id"),
            consumers.c.created_at.label("newest_change"),
        )
        .select_from(consumers)
        .outerjoin(projects, projects.c.id == consumers.c.project_id)
        .outerjoin(users, users.c.id == consumers.c.user_id)
        .outerjoin(consumer_types, consumer_types.c.id == consumers.c.consumer_type_id)
        .where(or_(_no_project, _no_user, _no_type))
        .order_by("consumer")
    ),
)
