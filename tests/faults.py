"""What happens to a cloud's rows by mistake: lost, doubled or wrong rows of one server, and of a whole cloud.

The guests stay where they are. No fault says of a living server what nova says of a dead one: no rows could tell that.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from sqlalchemy import Table

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate, Row, uuid_of
from tests.moves import Stage

Fault = Callable[[Stage, random.Random], None]
CloudFault = Callable[[Estate, random.Random], None]
FAULTS: dict[str, Fault] = {}
# Together they look like what is gone for good: a build that was lost before it had a cell, and a server that its owner
# has deleted.
UNPROVABLE = (
    frozenset({"server_lost", "mapping_without_cell"}),
    frozenset({"server_lost", "mapping_queued_for_delete"}),
)
CLOUD_FAULTS: dict[str, CloudFault] = {}
_STATUSES = ("accepted", "pre-migrating", "migrating", "post-migrating", "finished", "confirming", "confirmed",
             "reverting", "reverted", "running", "completed", "error", "failed", "cancelled", "done")  # fmt: skip
_STATES = ("active", "stopped", "paused", "resized", "error", "shelved", "soft-delete", "building", "rescued")
_TASKS = (None, "migrating", "resize_prep", "resize_finish", "resize_reverting", "rebuilding", "spawning", "rebooting")


def fault(does: Fault) -> Fault:
    """One that befalls a server or its hosts."""
    FAULTS[does.__name__] = does
    return does


def cloud_fault(does: CloudFault) -> CloudFault:
    """One that befalls all."""
    CLOUD_FAULTS[does.__name__] = does
    return does


# --- whose rows ---


def _rows(stage: Stage, table: Table) -> list[Row]:
    """A table's rows that name the server, its migrations or one of its hosts."""
    names = set(stage.names())
    return [row for row in stage.estate.rows.get(table, []) if names & {str(value) for value in row.values()}]


def _lose(stage: Stage, table: Table, chance: random.Random) -> None:
    if rows := _rows(stage, table):
        stage.estate.remove(table, chance.choice(rows))


def _change(stage: Stage, table: Table, chance: random.Random, **fields: object) -> None:
    if rows := _rows(stage, table):
        chance.choice(rows).update(fields)


def _servers(stage: Stage) -> list[Row]:
    return [row for row in _rows(stage, t.instances) if row["uuid"] == uuid_of(stage.name) and row["deleted"] == 0]


def _host(stage: Stage, chance: random.Random) -> Compute:
    return stage.hosts[chance.choice(sorted(stage.hosts))] if stage.hosts else stage.host("other")


def _other(stage: Stage, chance: random.Random) -> Compute:
    """A host that has no guest of this stage."""
    names = sorted(set(stage.hosts) - set(stage.guest))
    return stage.host(chance.choice(names) if names else "other")


def _parts(stage: Stage) -> dict[tuple[str, int], list[Row]]:
    """What is held, by consumer and provider."""
    parts: dict[tuple[str, int], list[Row]] = {}
    for row in _rows(stage, t.allocations):
        parts.setdefault((row["consumer_id"], row["resource_provider_id"]), []).append(row)
    return parts


# --- placement ---


@fault
def allocation_lost(stage: Stage, chance: random.Random) -> None:
    """All that a consumer holds on one provider."""
    if parts := _parts(stage):
        for row in parts[chance.choice(sorted(parts))]:
            stage.estate.remove(t.allocations, row)


@fault
def allocation_elsewhere(stage: Stage, chance: random.Random) -> None:
    """All that a consumer holds on one provider is on another."""
    if parts := _parts(stage):
        other = _other(stage, chance)
        for row in parts[chance.choice(sorted(parts))]:
            row["resource_provider_id"] = other.provider["id"]


@fault
def allocation_elsewhere_too(stage: Stage, chance: random.Random) -> None:
    """A consumer holds more than it should."""
    if parts := _parts(stage):
        consumer, _ = chance.choice(sorted(parts))
        stage.estate.allocate(
            consumer, _other(stage, chance).provider, stage.estate.amounts(stage.small), stage.estate.ago(days=20)
        )


@fault
def allocation_of_other_consumer(stage: Stage, chance: random.Random) -> None:
    """What one holds is another's: of the server, of a migration, or of nobody that nova knows."""
    if parts := _parts(stage):
        others = [uuid_of(stage.name), *(str(move["uuid"]) for move in stage.moves)]
        taker = chance.choice(others)
        for row in parts[chance.choice(sorted(parts))]:
            row["consumer_id"] = taker


@fault
def amount_wrong(stage: Stage, chance: random.Random) -> None:
    if rows := _rows(stage, t.allocations):
        row = chance.choice(rows)
        row["used"] = chance.choice([0, 1, row["used"] * 2])


@fault
def consumer_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.consumers, chance)


@fault
def consumer_of_other_project(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.consumers, chance, project_id=stage.estate._owner_id(t.projects, "project-b"))


@fault
def provider_renamed(stage: Stage, chance: random.Random) -> None:
    provider = _host(stage, chance).provider
    provider["name"] = chance.choice([f"{provider['name']}.example.org", str(provider["name"]).upper()])


@fault
def provider_made_anew(stage: Stage, chance: random.Random) -> None:
    """The host's node has another uuid now, and a provider of its own; the servers' room is with the old one."""
    host = _host(stage, chance)
    old = host.provider
    old["name"] = chance.choice([f"{old['name']}-old", f"{old['name']}.example.org"])
    new = stage.estate.provider(host.name, uuid=uuid_of(f"{host.name} anew"), at=stage.estate.ago(days=3))
    for kind, total in (("VCPU", 48), ("MEMORY_MB", 262144), ("DISK_GB", 2000)):
        stage.estate.inventory(new, kind, total)
    stage.estate.trait(new, "COMPUTE_NODE")
    host.node["uuid"] = new["uuid"]


@fault
def trait_lost(stage: Stage, chance: random.Random) -> None:
    provider = stage.pool if stage.pool else _host(stage, chance).provider
    rows = stage.estate.rows[t.resource_provider_traits]
    if mine := [row for row in rows if row["resource_provider_id"] == provider["id"]]:
        stage.estate.remove(t.resource_provider_traits, chance.choice(mine))


@fault
def pool_in_no_aggregate(stage: Stage, chance: random.Random) -> None:
    if stage.pool:
        number = stage.pool["id"]
        for row in list(stage.estate.rows.get(t.resource_provider_aggregates, [])):
            if row["resource_provider_id"] == number:
                stage.estate.remove(t.resource_provider_aggregates, row)


@fault
def pool_below_a_host(stage: Stage, chance: random.Random) -> None:
    """placement allows it, and shares from there."""
    if stage.pool:
        root = chance.choice([_host(stage, chance), _other(stage, chance)]).provider
        stage.pool.update(parent_provider_id=root["id"], root_provider_id=root["id"])


@fault
def inventory_lost(stage: Stage, chance: random.Random) -> None:
    number = _host(stage, chance).provider["id"]
    if mine := [row for row in stage.estate.rows[t.inventories] if row["resource_provider_id"] == number]:
        stage.estate.remove(t.inventories, chance.choice(mine))


# --- nova ---


@fault
def server_on_other_host(stage: Stage, chance: random.Random) -> None:
    for row in _servers(stage):
        host = _other(stage, chance)
        row.update(host=host.name, node=host.node["hypervisor_hostname"], compute_id=host.node["id"])


@fault
def server_on_other_host_but_not_node(stage: Stage, chance: random.Random) -> None:
    for row in _servers(stage):
        row.update(host=_other(stage, chance).name)


@fault
def server_on_no_host(stage: Stage, chance: random.Random) -> None:
    """In error it would look like one that never came to a host, of which nothing is left."""
    for row in _servers(stage):
        if row["vm_state"] != "error":
            row.update(host=None, node=None, compute_id=None)


@fault
def server_lost(stage: Stage, chance: random.Random) -> None:
    """One that its owner has not deleted: nova would be about to remove it."""
    if not any(row.get("queued_for_delete") for row in _rows(stage, t.instance_mappings)):
        for row in _servers(stage):
            stage.estate.remove(t.instances, row)


@fault
def server_in_other_state(stage: Stage, chance: random.Random) -> None:
    for row in _servers(stage):
        row.update(vm_state=chance.choice(_STATES))


@fault
def server_in_other_task(stage: Stage, chance: random.Random) -> None:
    for row in _servers(stage):
        row.update(task_state=chance.choice(_TASKS))


@fault
def migration_lost(stage: Stage, chance: random.Random) -> None:
    """Where nova has the guest on another host than its own, no other row tells."""
    hosts = {stage.host(name).name for name in stage.guest}
    if all(row["host"] in hosts for row in _servers(stage) if hosts):
        _lose(stage, t.migrations, chance)


@fault
def migration_marked_deleted(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.migrations, chance, deleted=1, deleted_at=stage.estate.ago(days=2))


@fault
def migration_in_other_state(stage: Stage, chance: random.Random) -> None:
    """None is confirmed by mistake while the source has a guest: nova says so when that has been destroyed."""
    if rows := _rows(stage, t.migrations):
        row = chance.choice(rows)
        on_source = row["source_compute"] in {stage.host(name).name for name in stage.guest}
        row["status"] = chance.choice([word for word in _STATUSES if word != "confirmed" or not on_source])


@fault
def evacuation_recorded(stage: Stage, chance: random.Random) -> None:
    """Of a server that came back, or never left."""
    if _servers(stage):
        host, other = _host(stage, chance), _other(stage, chance)
        status = chance.choice(["accepted", "pre-migrating", "done", "completed", "failed"])
        stage.estate.migration(stage.server, "evacuation", status, host, other, at=stage.estate.ago(days=3))


@fault
def mapping_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.instance_mappings, chance)


@fault
def mapping_without_cell(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.instance_mappings, chance, cell_id=None)


@fault
def mapping_to_other_cell(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.instance_mappings, chance, cell_id=chance.choice([1, 3, 9]))


@fault
def mapping_queued_for_delete(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.instance_mappings, chance, queued_for_delete=1)


@fault
def request_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.request_specs, chance)


@fault
def build_request_left(stage: Stage, chance: random.Random) -> None:
    stage.estate.add(t.build_requests, instance_uuid=uuid_of(stage.name), created_at=stage.estate.ago(days=5))


@fault
def host_mapping_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.host_mappings, chance)


@fault
def host_mapped_to_other_cell(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.host_mappings, chance, cell_id=chance.choice([1, 2, 3]))


@fault
def node_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.compute_nodes, chance)


@fault
def node_marked_deleted(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.compute_nodes, chance, deleted=77, deleted_at=stage.estate.ago(days=2))


@fault
def node_of_other_uuid(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.compute_nodes, chance, uuid=uuid_of(f"{stage.name} other"))


@fault
def node_of_other_host(stage: Stage, chance: random.Random) -> None:
    _change(stage, t.compute_nodes, chance, host=_other(stage, chance).name)


@fault
def host_renamed(stage: Stage, chance: random.Random) -> None:
    """Service and node go by another name, the servers by the old one."""
    host = _host(stage, chance)
    name = f"{host.name}.example.org"
    host.service["host"] = host.node["host"] = name
    host.node["hypervisor_hostname"] = name
    if chance.random() < 0.5:
        host.provider["name"] = name
    if chance.random() < 0.5:
        host.mapping["host"] = name


@fault
def host_registered_anew(stage: Stage, chance: random.Random) -> None:
    """The service was deleted, with its node, and made itself anew under the same name."""
    host = _host(stage, chance)
    host.node.update(deleted=78, deleted_at=stage.estate.ago(days=3))
    host.service.update(deleted=78, deleted_at=stage.estate.ago(days=3))
    stage.estate.service(host.name, cell=host.cell, at=stage.estate.ago(days=3))
    stage.estate.compute_node(host.name, host.name, cell=host.cell, uuid=uuid_of(f"{host.name} 2nd"))


@fault
def service_lost(stage: Stage, chance: random.Random) -> None:
    _lose(stage, t.services, chance)


@fault
def service_down(stage: Stage, chance: random.Random) -> None:
    seen = stage.estate.ago(days=45)
    _change(stage, t.services, chance, last_seen_up=seen, updated_at=seen)


@fault
def service_up(stage: Stage, chance: random.Random) -> None:
    seen = stage.estate.ago(seconds=5)
    _change(stage, t.services, chance, last_seen_up=seen, updated_at=seen)


# --- all of a cloud ---


def _written(row: Row) -> str:
    return str(row.get("created_at") or row.get("start_time") or row.get("updated_at") or "")


@cloud_fault
def nothing(estate: Estate, chance: random.Random) -> None:
    """As it is."""


@cloud_fault
def cell_unmapped(estate: Estate, chance: random.Random) -> None:
    """Nobody knows of the last cell any more."""
    gone, estate.cells = estate.cells[-1], estate.cells[:-1]
    for table, rows in estate.rows.items():
        estate.rows[table] = [row for row in rows if row.get("cell") != gone]


@cloud_fault
def cell_emptied(estate: Estate, chance: random.Random) -> None:
    gone = chance.choice(["cell1", "cell2"])
    for table, rows in estate.rows.items():
        estate.rows[table] = [row for row in rows if row.get("cell") != gone]


@cloud_fault
def nova_restored(estate: Estate, chance: random.Random) -> None:
    """Nova is what it was days ago, and placement is not."""
    since = estate.ago(days=chance.choice([0.5, 30, 46]))
    for table, rows in estate.rows.items():
        if table.info["home"] is not t.Role.PLACEMENT and table not in (t.flavors, t.flavor_extra_specs):
            estate.rows[table] = [row for row in rows if _written(row) < since]


@cloud_fault
def nova_cell_restored(estate: Estate, chance: random.Random) -> None:
    """One cell is what it was days ago."""
    since, cell = estate.ago(days=chance.choice([0.5, 30, 46])), chance.choice(["cell1", "cell2"])
    for table, rows in estate.rows.items():
        estate.rows[table] = [row for row in rows if row.get("cell") != cell or _written(row) < since]


@cloud_fault
def nova_api_restored(estate: Estate, chance: random.Random) -> None:
    for table in (t.instance_mappings, t.request_specs, t.host_mappings):
        rows = estate.rows.get(table, [])
        estate.rows[table] = rows[: chance.randrange(len(rows) + 1)]


@cloud_fault
def clock_ahead(estate: Estate, chance: random.Random) -> None:
    """All that nova's services wrote last is old: a replica that lags."""
    for row in estate.rows.get(t.services, []):
        row.update(last_seen_up=estate.ago(minutes=40), updated_at=estate.ago(minutes=40))
