from sqlalchemy import func, or_, select

from placement_audit.checks.relations import (
    busy,
    doubled,
    evacuated_from,
    held,
    held_below,
    last_move,
    moving,
    newest,
    nodes,
    on_node,
    servers,
    storage_alone,
)
from placement_audit.finding import Check, Impact
from placement_audit.schema import claims, resource_providers

_server, _node = servers(), nodes()
_right, _extra = resource_providers.alias("right_root"), resource_providers.alias("extra_root")
_here, _there = claims.alias("here"), claims.alias("there")

# Asked first, so that all the rest is asked of these few: the planner cannot know that they are few.
_several = select(claims.c.consumer_id).group_by(claims.c.consumer_id).having(func.count() > 1)

CHECK = Check(
    code="X09",
    name="extra-root",
    impact=Impact.MEDIUM,
    title="Server that holds allocations on a second host",
    message="server {instance} runs on {node} and also holds {held} on {provider_name}, where it is not",
    identity=("instance", "provider"),
    why="The second host looks fuller than it is: placement offers less of it than is free.",
    exceptions=(
        "a migration, resize, evacuation or another task of the server is in progress",
        "an evacuated server, until its old host is back (migration status done)",
        "sharing providers, one that lost its trait included, and neutron segments",
        "a server that two cells show, so that nobody can tell which host is right",
    ),
    remedy=(
        "openstack server show {instance}",
        "openstack resource provider allocation show {instance}",
        # Unset takes one provider's part, not a tree's; after the root's is gone nothing would point to the rest.
        "for provider in $(echo {children}); do openstack --os-placement-api-version 1.12"
        ' resource provider allocation unset --provider "$provider" {instance}; done',
        "openstack --os-placement-api-version 1.28 resource provider allocation unset --provider {provider} {instance}",
    ),
    references=("https://docs.openstack.org/nova/latest/admin/troubleshooting/orphaned-allocations.html",),
    # The placement-only view of the same thing.
    absorbs={"P30": ("consumer",)},
    query=(
        select(
            _server.c.uuid.label("consumer"),
            _server.c.uuid.label("instance"),
            _extra.c.uuid.label("provider"),
            _extra.c.name.label("provider_name"),
            _server.c.cell,
            _server.c.host,
            _server.c.node,
            _server.c.vm_state,
            _right.c.uuid.label("right_provider"),
            held(_server.c.uuid, _extra.c.id).label("held"),
            held_below(_server.c.uuid, _extra.c.id).label("children"),
            newest(
                _there.c.newest,
                _here.c.newest,
                _server.c.updated_at,
                _server.c.created_at,
                last_move(_server.c.uuid),
            ).label("newest_change"),
        )
        .select_from(_server)
        .join(_node, on_node(_server, _node))
        .join(_right, _right.c.uuid == _node.c.uuid)
        .join(_here, (_here.c.consumer_id == _server.c.uuid) & (_here.c.root_id == _right.c.id))
        .join(_there, (_there.c.consumer_id == _server.c.uuid) & (_there.c.root_id != _right.c.id))
        .join(_extra, _extra.c.id == _there.c.root_id)
        .where(_server.c.uuid.in_(_several))
        .where(_there.c.shared == 0, _there.c.core > 0, func.coalesce(_server.c.vm_state, "") != "shelved_offloaded")
        # With nothing but a port's bandwidth on its own host, the extra part is all that accounts for it: X08's.
        .where(or_(_here.c.core > 0, _node.c.hypervisor_type == "ironic"), ~storage_alone(_extra))
        .where(~busy(_server), ~moving(_server), ~doubled(_server), ~evacuated_from(_server, _extra))
        .order_by("instance", "provider")
    ),
)
