from sqlalchemy import func, literal, select

from placement_audit.checks.relations import computes
from placement_audit.finding import Check, Impact

_service = computes()

CHECK = Check(
    code="N20",
    name="duplicate-compute-service",
    impact=Impact.LOW,
    title="Host with more than one compute service",
    message="{services} nova-compute services call their host {host}: {spelled}",
    identity=("host",),
    why=(
        "Nova maps a host's name to one cell, and databases differ in whether they tell upper from lower case: orders "
        "for one of them may reach the other. Usually one is left over from a host that was renamed or moved."
    ),
    exceptions=("services of another kind, such as conductors, of which each cell may have one on the same host",),
    remedy=("openstack compute service list --service nova-compute --host {host}",),
    references=("https://docs.openstack.org/nova/latest/admin/cells.html",),
    query=(
        select(
            func.lower(_service.c.host).label("host"),
            func.count().label("services"),
            func.aggregate_strings(_service.c.host + literal(" in ") + _service.c.cell, ", ").label("spelled"),
            literal(
                "the API goes by the host's name: deleting one of them would remove the host mapping and the "
                "aggregates of the other. See which of them is up and which has servers ('openstack server list "
                "--all-projects --host'): the other can only be removed in its cell's database."
            ).label("withheld"),
            func.max(_service.c.created_at).label("newest_change"),
        )
        .group_by(func.lower(_service.c.host))
        .having(func.count() > 1)
        .order_by("host")
    ),
)
