from sqlalchemy import and_, case, exists, func, literal, or_, select, tuple_

from placement_audit.checks.relations import before, changed, in_progress
from placement_audit.finding import Check, Impact
from placement_audit.schema import instances, migrations

_twin, _ahead, _server = migrations.alias("twin_migration"), migrations.alias("ahead"), instances.alias("server")
_changed = changed(migrations)
_evacuation = func.coalesce(migrations.c.migration_type, "") == "evacuation"
# A step of the control plane alone; what waits for a host, or copies a guest, may take much longer.
_step = or_(
    migrations.c.status.in_(("preparing", "reverting", "confirming")),
    and_(migrations.c.status.in_(("accepted", "pre-migrating")), ~_evacuation),
)
_work = or_(
    migrations.c.status.in_(("queued", "migrating", "post-migrating")),
    migrations.c.status.like("running%"),
    and_(migrations.c.status.in_(("accepted", "pre-migrating")), _evacuation),
)
# A host migrates one guest after the other: while one is moving, the next ones wait their turn.
_moves_now = select(_ahead.c.cell, _ahead.c.source_compute).where(
    or_(_ahead.c.status == "preparing", _ahead.c.status.like("running%")),
    in_progress(_ahead),
    changed(_ahead) >= before(hours=1),
    _ahead.c.source_compute.is_not(None),
)
# A list, made once: a look for each queued migration would be quadratic.
_waits = func.coalesce(
    and_(
        migrations.c.status == "queued",
        tuple_(migrations.c.cell, migrations.c.source_compute).in_(_moves_now),
    ),
    False,
)
# Its own cell has it, too, if any has.
_exists = exists().where(_server.c.uuid == migrations.c.instance_uuid, _server.c.deleted == 0)
_source = func.coalesce(migrations.c.source_compute, "the source")
_target = func.coalesce(migrations.c.dest_compute, "the destination")
_both = _source + literal(" and ") + _target + " (virsh list --all --uuid)"
_log = literal("read in the log of nova-compute on ") + _source + " whether it still works on it"
_live = func.coalesce(migrations.c.migration_type, "") == "live-migration"
_withheld = case(
    (
        ~_exists,
        literal("nova aborts no migration of a server that is gone; what it may still hold is a finding of its own"),
    ),
    (
        _evacuation,
        literal("The guest may be on either host, and the next start of nova-compute on ")
        + _source
        + " removes one that is there: look on "
        + _both
        + " before that service is started or the state is reset",
    ),
    (
        and_(_live, migrations.c.status.like("running%")),
        literal("The copy may still go on: an abort would end it, and a reset would hide it. See on ")
        + _source
        + " with virsh domjobinfo whether it does, and on which host the guest is",
    ),
    (
        _live,
        literal(
            "Only the nova-compute that still has the migration in its queue can end it, and a reset leaves both "
            "hosts claimed: "
        )
        + _log
        + ", and look for the guest on both hosts, "
        + _both,
    ),
    (
        migrations.c.status == "confirming",
        literal("The guest is on ")
        + _target
        + ", but what is left on "
        + _source
        + " is removed only by a confirmation, and nova accepts that only for a finished move: "
        + _log,
    ),
    (
        migrations.c.status == "reverting",
        literal("The guest may be gone from ")
        + _target
        + " already, and a reset makes nova look for it there: look on "
        + _both,
    ),
    else_=literal("The disk or the guest may be on either host, and a reset moves neither: look on ")
    + _both
    + ", and "
    + _log,
)

CHECK = Check(
    code="N08",
    name="stuck-migration",
    impact=Impact.MEDIUM,
    title="Migration that has not moved on for long",
    message="{migration_type} of {instance} from {host} to {dest_host} has been {status} since {newest_change}{server}",
    identity=("cell", "migration_id"),
    why=(
        "While it is open the server takes no other move, both hosts keep room for it, and their services cannot be "
        "deleted. A compute service that died in between never takes it up again."
    ),
    exceptions=(
        "a resize or cold migration that waits for its confirmation, however long",
        "a step that copies a guest or waits for a host: for a day; any other step: for an hour",
        "live migrations that wait while another of the same host goes on",
        "states that this version does not know",
    ),
    remedy=(
        "openstack server show {present}",
        "openstack server migration list --server {present}",
        "# look into the logs of nova-compute on both hosts before a migration is aborted or reset",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/live-migration-usage.html",),
    absorbs={"N09": ("instance",), "N19": ("cell", "migration_id")},
    query=(
        select(
            migrations.c.cell,
            migrations.c.id.label("migration_id"),
            migrations.c.uuid.label("migration"),
            migrations.c.instance_uuid.label("instance"),
            migrations.c.source_compute.label("host"),
            migrations.c.dest_compute.label("dest_host"),
            func.coalesce(migrations.c.migration_type, "migration").label("migration_type"),
            migrations.c.status,
            case((_exists, ""), else_="; its server is gone").label("server"),
            case((_exists, migrations.c.instance_uuid)).label("present"),
            _withheld.label("withheld"),
            _changed.label("newest_change"),
        )
        .where(in_progress(migrations))
        .where(or_(and_(_step, _changed < before(hours=1)), and_(_work, _changed < before(days=1))))
        .where(~_waits)
        # A cross-cell resize has its row in two cells, and the one that changed last speaks for both.
        .where(
            ~exists().where(
                _twin.c.uuid == migrations.c.uuid,
                or_(
                    changed(_twin) > _changed,
                    and_(changed(_twin) == _changed, _twin.c.cell > migrations.c.cell),
                ),
            )
        )
        .order_by("cell", "migration_id")
    ),
)
