from sqlalchemy import literal

from placement_audit.checks.relations import misfit_sums, servers, unlike_flavor
from placement_audit.finding import Check, Impact
from placement_audit.schema import flavors, resource_providers

_sums, _server, _own = misfit_sums(), servers(), resource_providers.alias("own_provider")

CHECK = Check(
    code="X31",
    name="pinned-cpus-in-no-legal-form",
    impact=Impact.MEDIUM,
    title="Server with pinned CPUs that holds neither the PCPU nor the VCPU of its flavor",
    message="server {instance} ({vm_state} on {node}) has pinned CPUs and {verdict}",
    identity=("instance",),
    why=(
        "Dedicated CPUs are counted as PCPU, or as VCPU where the host offers no others. With any other amount "
        "placement gives away CPUs that only this server may use, or keeps back CPUs that nobody uses."
    ),
    exceptions=(
        "dedicated CPUs as PCPU, as VCPU, or from before Train, without one more for the emulator",
        "mixed CPUs as the mask of their flavor says",
        "pinned CPUs that the image asks for, which healing does not see",
        "a migration, resize, evacuation or another task of the server is in progress",
        "the flavor before a resize and the one after it, as long as nova keeps both",
        "a server whose memory or disk differs, too, which is a finding of its own",
        "too much of both, or a server in error, is information",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack server migration list --server {instance}",
        "openstack resource provider allocation show {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/cpu-topologies.html",),
    optional=(flavors,),
    query=(
        unlike_flavor(_sums, _server, _own)
        .add_columns(
            literal(
                "The rows do not tell whether its CPUs are dedicated or shared on this host, nor, therefore, whether "
                "it should hold PCPU or VCPU. Look on the host (virsh vcpupin) and at what other servers of the "
                "flavor hold there; write that, and all else that it holds, with allocation set."
            ).label("withheld")
        )
        .where(_sums.c.classes > 0, _sums.c.pinned == 1, _sums.c.cpus == _sums.c.classes)
    ),
)
