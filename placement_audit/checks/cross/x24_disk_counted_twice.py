from sqlalchemy import case, func, literal, select

from placement_audit.checks.relations import bearers, newest, nodes, place_of, sample
from placement_audit.finding import Check, Impact
from placement_audit.schema import SHARING_TRAIT, inventories, reach, resource_classes, resource_providers, traits

_node, _root, _pool = nodes(), resource_providers.alias("root"), resource_providers.alias("pool")
_disk = (
    select(inventories.c.resource_provider_id, inventories.c.total, inventories.c.created_at)
    .join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)
    .where(resource_classes.c.name == "DISK_GB")
)
_local, _shared = _disk.subquery("local_disk"), _disk.subquery("shared_disk")
_both = (
    select(
        _pool.c.uuid.label("provider"),
        _pool.c.name.label("provider_name"),
        _shared.c.total,
        _root.c.uuid,
        _root.c.name,
        _local.c.total.label("local"),
        place_of(_root.c.name, _pool.c.id).label("place"),
        newest(_local.c.created_at, _shared.c.created_at, _node.c.created_at).label("changed"),
    )
    .select_from(reach)
    .join(_shared, _shared.c.resource_provider_id == reach.c.provider_id)
    .join(_pool, _pool.c.id == reach.c.provider_id)
    .join(_root, _root.c.id == reach.c.root_id)
    .join(_local, _local.c.resource_provider_id == _root.c.id)
    .join(_node, _node.c.uuid == _root.c.uuid)
    .where(_pool.c.root_provider_id != _root.c.id, _pool.c.id.in_(bearers(traits.c.name == SHARING_TRAIT)))
    .subquery("both")
)

CHECK = Check(
    code="X24",
    name="disk-counted-twice",
    impact=Impact.INFO,
    title="Hosts that offer a disk of their own beside the one they share",
    message="{hosts} hosts have DISK_GB of their own and share {provider_name}: {sample}",
    identity=("provider",),
    why=(
        "Each server's disk is taken from the one or from the other, as it comes. Nova's libvirt driver reports the "
        "space under instances_path on every host, a shared file system or pool included. Where the sharing provider "
        "stands for that same space, it is counted twice, or once more for each host."
    ),
    exceptions=("hosts that have no DISK_GB of their own", "sharing providers of other resources"),
    remedy=(
        "openstack resource provider inventory show {first} DISK_GB",
        "openstack resource provider inventory show {provider} DISK_GB",
        "# nova puts the host's DISK_GB back when it is removed: give up the sharing provider, or live with both",
    ),
    references=("https://bugs.launchpad.net/nova/+bug/1784020",),
    query=(
        select(
            _both.c.provider,
            _both.c.provider_name,
            func.count().label("hosts"),
            sample(_both.c.name, _both.c.place).label("sample"),
            func.max(case((_both.c.place == 1, _both.c.uuid))).label("first"),
            func.max(_both.c.total).label("total"),
            func.sum(_both.c.local).label("total_of_hosts"),
            literal(
                "the rows do not tell whether both are one disk: compare df of instances_path on a host with "
                "what the sharing provider stands for"
            ).label("withheld"),
            # The oldest: a host that is new must not hold back those that were there before.
            func.min(_both.c.changed).label("newest_change"),
        )
        .group_by(_both.c.provider, _both.c.provider_name)
        .order_by("provider")
    ),
)
