"""What the real nova leaves when something goes wrong in it: the rows, the guests, and what the audit says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from placement_audit import schema as t
from placement_audit.finding import Finding, Severity, changes_something
from tests import moves
from tests.conftest import CloudUrls, RealSchemas
from tests.nova_cloud import Cloud, running_cloud
from tests.nova_rows import Left, flavors_in, harms, left, words
from tests.test_nova_cloud import Watcher

RESIZED = Left(
    server="resized - host2",
    flavors="cur 1024 old 512 new 1024",
    moves="resize finished host1>host2",
    claims="resize 512 on host1, server 1024 on host2",
    actions="resize",
    guests="off on host1, runs on host2",
)
REVERTED = replace(
    RESIZED,
    server="error - host2",
    moves="resize error host1>host2",
    actions="resize, revertResize Error",
    guests="off on host1",
)
REVERT_LOST = replace(
    REVERTED,
    server="resized resize_reverting host2",
    moves="resize reverted host1>host2",
    actions="resize, revertResize",
)
CONFIRMED = replace(REVERTED, actions="resize, confirmResize Error", guests="runs on host2")
CONFIRM_LOST = replace(RESIZED, moves="resize confirming host1>host2", actions="resize, confirmResize")
NOT_ARRIVED = replace(
    RESIZED,
    server="error - host2",
    flavors="cur 512 old 512 new 1024",
    moves="resize error host1>host2",
    claims="server 512 on host1",
    actions="resize Error",
    guests="off on host1",
)
NOT_ARRIVED_LOST = replace(
    NOT_ARRIVED,
    server="active resize_migrated host2",
    moves="resize post-migrating host1>host2",
    claims=RESIZED.claims,
    actions="resize",
)
TWICE_MOVED = replace(
    RESIZED,
    server="active - host4",
    moves=RESIZED.moves + ", evacuation done host2>host4",
    claims="resize 512 on host1, server 1024 on host2, server 1024 on host4",
    actions="resize, resetState, evacuate",
    guests="off on host1, off on host2, runs on host4",
)
LIVE = Left(
    server="active migrating host1",
    flavors="cur 512",
    moves="live-migration running host1>host2",
    claims="live-migration 512 on host1, server 512 on host2",
    actions="live-migration",
    guests="runs on host1",
)
FAILED_AFTER = replace(LIVE, server="error - host2", moves="live-migration error host1>host2", guests="runs on host2")
EVACUATED = Left(
    server="active - host2",
    flavors="cur 512",
    moves="evacuation done host1>host2",
    claims="server 512 on host1, server 512 on host2",
    actions="evacuate, start",
    # nova-compute of the first host never stopped
    guests="runs on host1, runs on host2",
)
BACK = replace(EVACUATED, server="active - host1", claims="server 512 on host1", guests="runs on host1")
NEVER_BEGAN = replace(BACK, server="active rebuilding host1", moves="evacuation accepted host1>", actions="evacuate")
DIED = replace(NEVER_BEGAN, moves="evacuation pre-migrating host1>host2", claims=EVACUATED.claims)


def reset(state: Left) -> Left:
    """The same after `openstack server set --state active`, which nova writes down, too."""
    *_, host = state.server.split()
    return replace(state, server=f"active - {host}", actions=words(state.actions + ",", "resetState"))


def restarted(state: Left) -> Left:
    """The same after nova-compute was started on the host that evacuations left: the guest there is gone."""
    claims = [claim for claim in state.claims.split(", ") if claim != "server 512 on host1"]
    records = state.moves.split(", ")
    first = records[0].replace("accepted", "completed").replace("pre-migrating", "completed")
    records[0] = first.replace("done", "completed")
    guests = [guest for guest in state.guests.split(", ") if not guest.endswith("host1")]
    return replace(state, claims=", ".join(claims), moves=", ".join(records), guests=", ".join(guests))


def back(moves_home: str, orders: str, record: str = "") -> Left:
    """A server that was evacuated and is back."""
    moved = words(EVACUATED.moves, record) + ", " + moves_home
    return replace(BACK, moves=moved, actions=f"{EVACUATED.actions}, {orders}")


TO_BE_CONFIRMED = replace(
    back("migration finished host2>host1", "migrate"),
    server="resized - host1",
    flavors="cur 512 old 512 new 512",
    claims="migration 512 on host1, server 512 on host1, migration 512 on host2",
    guests="runs on host1, off on host2",
)
AGAIN = replace(
    back("evacuation done host2>host1", "evacuate, start"), claims=EVACUATED.claims, guests=EVACUATED.guests
)
HOME = {
    "live": back("live-migration completed host2>host1", "live-migration"),
    "cold": back("migration confirmed host2>host1", "migrate, confirmResize"),
    "moved off": back("live-migration completed host2>host1", "live-migration"),
    "to be confirmed": TO_BE_CONFIRMED,
    "evacuated again": AGAIN,
    "record deleted": back("live-migration completed host2>host1", "live-migration", "deleted"),
    "never began": reset(NEVER_BEGAN),
    "died": reset(DIED),
}
# The guest of one that was moved off in time is the only one that is still there.
MOVED_OFF = replace(
    restarted(HOME["moved off"]),
    server="active - host2",
    moves="evacuation completed host1>host2, live-migration completed host2>host1,"
    " live-migration completed host1>host2",
    claims="server 512 on host2",
    actions=HOME["moved off"].actions + ", live-migration",
    guests="runs on host2",
)
GUEST = Left(server="active - host1", flavors="cur 512", claims="server 512 on host1", guests="runs on host1")
LEAVES: dict[str, dict[str, dict[str, Left]]] = {
    "reverts": {
        "reverted": {
            # not a row tells that the guest was not destroyed yet
            "at its network": replace(REVERTED, guests=RESIZED.guests),
            "at its volumes": REVERTED,
            "lost": REVERT_LOST,
        },
        "states reset": {
            "at its network": replace(reset(REVERTED), guests=RESIZED.guests),
            "at its volumes": reset(REVERTED),
            "lost": reset(REVERT_LOST),
        },
    },
    "resizes_that_do_not_arrive": {
        "resized": {
            "in the driver": replace(NOT_ARRIVED, claims="server 1024 on host2"),
            "at the cast": NOT_ARRIVED,
            "lost": NOT_ARRIVED_LOST,
        },
        "states reset": {
            "in the driver": reset(replace(NOT_ARRIVED, claims="server 1024 on host2")),
            "at the cast": reset(NOT_ARRIVED),
            "lost": reset(NOT_ARRIVED_LOST),
        },
    },
    "confirmations": {
        "confirmed": {"in placement": CONFIRMED, "lost": CONFIRM_LOST, "waits": RESIZED},
        "states reset": {"in placement": reset(CONFIRMED), "lost": reset(CONFIRM_LOST), "waits": reset(RESIZED)},
    },
    "destination_dies": {
        "evacuated": {"guest": TWICE_MOVED},
        "the destination came back": {
            "guest": replace(
                TWICE_MOVED,
                moves=RESIZED.moves + ", evacuation completed host2>host4",
                claims="resize 512 on host1, server 1024 on host4",
                guests="off on host1, runs on host4",
            )
        },
    },
    "ends_of_live_migrations": {
        "live migrated": {
            "in the driver": replace(FAILED_AFTER, server="error - host1", guests="runs on host1"),
            "in the driver of the destination": replace(FAILED_AFTER, actions="live-migration Error"),
            "at the network of the destination": replace(FAILED_AFTER, actions="live-migration Error"),
            "at the call": FAILED_AFTER,
            "at the volumes of the source": FAILED_AFTER,
            "in placement": FAILED_AFTER,
        },
    },
    "source_restarts": {
        "under way": {
            **{
                status: replace(LIVE, moves=f"live-migration {status} host1>host2")
                for status in ("accepted", "queued", "preparing", "running")
            },
            "moves on": LIVE,
        },
        "the source was restarted": {
            **{
                status: replace(LIVE, server="active - host1", moves=f"live-migration {status} host1>host2")
                for status in ("accepted", "queued", "preparing")
            },
            # the rows are the same wherever the guest is
            "running": replace(LIVE, server="active - host1", moves="live-migration error host1>host2"),
            "moves on": replace(
                LIVE, server="active - host1", moves="live-migration error host1>host2", guests="runs on host2"
            ),
        },
    },
    "evacuation_records": {
        "evacuated": {
            **dict.fromkeys(HOME, EVACUATED),
            "never began": NEVER_BEGAN,
            "died": DIED,
        },
        "back": HOME,
        "restarted": {name: restarted(state) for name, state in HOME.items()} | {"moved off": MOVED_OFF},
    },
    "renamed_provider": {
        "renamed": {"guest": replace(GUEST, claims="server 512 on host1.example.com")},
        "restarted": {"guest": replace(GUEST, claims="server 512 on host1.example.com")},
        "differs in case": {"guest": replace(GUEST, claims="server 512 on HOST1")},
        "a deletion failed": {
            "guest": replace(
                GUEST, server="error - host1", claims="server 512 on HOST1", actions="delete Error", guests=""
            )
        },
    },
    "lost_identity": {
        "compute node deleted": {"guest": GUEST},
        "compute node made again": {"guest": GUEST},
        "service deleted": {"guest": GUEST},
        "started without guests": {"guest": replace(GUEST, guests="")},
    },
    "stuck_build": {"stuck": {"unknown": Left(claims="unknown 512 on host1")}, "deleted": {}},
}
# Errors and warnings of each step, by server; those of no server are a host's. The rest is silence.
SAYS: dict[str, dict[str, dict[str, str]]] = {
    "reverts": {
        "reverted": dict.fromkeys(("at its network", "at its volumes"), "X12"),
        "states reset": dict.fromkeys(("at its network", "at its volumes", "lost"), "X12"),
    },
    "resizes_that_do_not_arrive": {"resized": {"at the cast": "X08"}, "states reset": {"at the cast": "X08"}},
    "confirmations": {
        "confirmed": {"in placement": "X12"},
        "states reset": {"in placement": "X12", "waits": "N22"},
    },
    "destination_dies": {step: {"guest": "N22"} for step in LEAVES["destination_dies"]},
    "ends_of_live_migrations": {
        "live migrated": {
            "in the driver": "X08 X12",
            **dict.fromkeys(
                (
                    "in the driver of the destination",
                    "at the network of the destination",
                    "at the call",
                    "at the volumes of the source",
                    "in placement",
                ),
                "X12",
            ),
        },
    },
    "source_restarts": {
        "under way": {},
        "the source was restarted": dict.fromkeys(("running", "moves on"), "X08 X12"),
    },
    "evacuation_records": {"evacuated": {}, "back": dict.fromkeys(HOME, "N21"), "restarted": {"": "X32"}},
    "renamed_provider": {step: {"": "X05"} for step in LEAVES["renamed_provider"]},
    "lost_identity": {
        "compute node deleted": {"": "N23"},
        "compute node made again": {},
        "service deleted": {"": "N04"},
        "started without guests": {},
    },
    "stuck_build": {"stuck": {}, "deleted": {}},
}
# Of what nova logs as errors.
LOGS = {
    "renamed_provider": {"restarted": "No such provider host1", "differs in case": "No such provider host1"},
    "source_restarts": {"the source was restarted": "Failed to abort live-migration"},
}
EXISTING = (
    "My hypervisor has existing instances, but I appear to be a new service in this database."
    " Possible database configuration error, refusing to start!"
)


@pytest.fixture(scope="module")
def nova(real_schemas: RealSchemas) -> Iterator[Cloud]:
    real_schemas.clear()
    with running_cloud(real_schemas.placement, real_schemas.api, real_schemas.cells) as cloud:
        yield cloud
    real_schemas.clear()


class Witness(Watcher):
    """Keeps what nova left after each step, and the harm that a command of ours would do."""

    def __init__(self, urls: CloudUrls, schemas: RealSchemas, cloud: Cloud) -> None:
        super().__init__(urls, schemas, timedelta(0))  # nothing hides behind the clock
        self._cloud = cloud
        self.left: dict[str, dict[str, Left]] = {}
        self.harm: dict[str, list[str]] = {}
        self.errors: dict[str, str] = {}
        self.says: dict[str, dict[str, str]] = {}

    def __call__(self, step: str) -> None:
        super().__call__(step)
        self.left[step] = left(self._schemas, self._cloud.guests)
        self.errors[step] = "\n".join(self._cloud.errors)
        commands = [line for finding in self.last for line in finding.remedy if changes_something(line)]
        if harm := harms(self._schemas, self._cloud.guests, commands):
            self.harm[step] = harm
        codes: defaultdict[str, set[str]] = defaultdict(set)
        for finding in self.last:
            if finding.severity != Severity.INFO:
                codes[self._server(finding)].add(finding.code)
        self.says[step] = {name: " ".join(sorted(found)) for name, found in codes.items()}

    def _server(self, finding: Finding) -> str:
        uuids = {str(value) for value in finding.subject.values()}
        for url in self._schemas.cells.values():
            database = url.rpartition("/")[2]
            for name, server, migration in self._schemas.server.execute(
                "SELECT display_name, instances.uuid, migrations.uuid FROM instances"
                " LEFT JOIN migrations ON instance_uuid = instances.uuid",
                database,
            ):
                if {server, migration} & uuids:
                    return str(name)
        return ""


@pytest.mark.parametrize("scenario", LEAVES)
def test_what_nova_leaves(nova: Cloud, real_schemas: RealSchemas, auditor_urls: CloudUrls, scenario: str) -> None:
    witness = Witness(auditor_urls, real_schemas, nova)
    nova.play(scenario, witness)
    assert {step: witness.left[step] for step in LEAVES[scenario]} == LEAVES[scenario]
    assert witness.harm == {}
    for step, line in LOGS.get(scenario, {}).items():
        assert line in witness.errors[step]
    if scenario == "lost_identity":
        refusals = [step for step in witness.steps if "refusing to start" in step]
        assert [EXISTING in one for one in refusals] == [True, False, True]
        assert "Possible rename detected" in refusals[1]
    assert {step: witness.says[step] for step in LEAVES[scenario]} == SAYS[scenario]


# The same steps of the walk: what nova leaves is what the estate writes.
WALK = [
    ("reverts", "reverted", "at its network", "revert_fails_before_the_guest_is_destroyed", "in error"),
    ("reverts", "reverted", "at its volumes", "revert_fails_after_the_guest_is_destroyed", "in error"),
    ("reverts", "states reset", "at its volumes", "revert_fails_after_the_guest_is_destroyed", "state reset"),
    ("reverts", "reverted", "lost", "revert_is_lost", "reverted"),
    ("reverts", "states reset", "lost", "revert_is_lost", "state reset"),
    ("resizes_that_do_not_arrive", "resized", "at the cast", "cast_of_finish_resize_fails", "in error"),
    ("resizes_that_do_not_arrive", "states reset", "at the cast", "cast_of_finish_resize_fails", "state reset"),
    ("resizes_that_do_not_arrive", "resized", "lost", "resize", "handed over"),
    ("confirmations", "confirmed", "waits", "resize", "VERIFY_RESIZE"),
    ("confirmations", "confirmed", "lost", "resize", "confirming"),
    ("confirmations", "confirmed", "in placement", "confirm_fails_late", "in error"),
    ("confirmations", "states reset", "waits", "state_reset_in_verify_resize", "state reset"),
    ("destination_dies", "evacuated", "guest", "destination_dies_in_verify_resize", "evacuated"),
    ("ends_of_live_migrations", "live migrated", "in the driver", "live_migration_breaks", "in error"),
    ("ends_of_live_migrations", "live migrated", "at the call", "live_migration_fails_after_the_switch", "in error"),
    ("source_restarts", "under way", "accepted", "live_migration", "claimed"),
    ("source_restarts", "under way", "queued", "live_migration", "queued"),
    ("source_restarts", "under way", "preparing", "live_migration", "preparing"),
    ("source_restarts", "under way", "running", "live_migration", "running"),
    ("source_restarts", "the source was restarted", "preparing", "live_migration_hangs", "preparing"),
    (
        "source_restarts",
        "the source was restarted",
        "running",
        "live_migration_survives_a_restart",
        "migration in error",
    ),
    ("evacuation_records", "evacuated", "live", "evacuation", "done"),
]
ORDERS = ("confirmResize", "revertResize")


@pytest.mark.parametrize(("scenario", "after", "server", "sequence", "step"), WALK)
def test_walk_writes_what_nova_leaves(scenario: str, after: str, server: str, sequence: str, step: str) -> None:
    by_nova, written = LEAVES[scenario][after][server], _written(sequence, step)
    orders = ", ".join(one for one in by_nova.actions.split(", ") if one.startswith(ORDERS))
    assert replace(written, guests="") == replace(by_nova, actions=orders, guests="")
    # the walk has a guest wherever it may be, and none where nova-compute has yet to remove it
    assert any(host in by_nova.guests for host in written.guests.split(", "))


def _written(sequence: str, step: str) -> Left:
    """A step of the walk in the words of what nova leaves."""
    play = moves.SEQUENCES[sequence]
    for steps in range(1, moves.length(play, moves.begin()) + 1):
        estate = moves.begin()
        stage, told = moves.played(estate, "guest", play, steps, timedelta(hours=1))
        if told.name == step:
            break
    else:
        raise ValueError(f"{sequence} has no step {step}")
    names = {"src": "host1", "dst": "host2", "third": "host4"}
    hosts = {host.name: names[name] for name, host in stage.hosts.items()}
    memory = {stage.small["memory_mb"]: 512, stage.large["memory_mb"]: 1024}
    server = stage.server.instance
    [extra] = [row for row in estate.rows[t.instance_extra] if row["instance_uuid"] == server["uuid"]]
    kinds = {str(move["uuid"]): move["migration_type"] for move in stage.moves}
    provider_names = {
        row["id"]: hosts[row["name"]] for row in estate.rows[t.resource_providers] if row["name"] in hosts
    }
    claims = sorted(
        (provider_names[row["resource_provider_id"]], kinds.get(row["consumer_id"], "server"), memory[row["used"]])
        for row in estate.rows[t.allocations]
        if row["resource_class_id"] == t.STANDARD_CLASSES.index("MEMORY_MB")
    )
    return Left(
        server=words(server["vm_state"], server["task_state"] or "-", hosts[server["host"]]),
        flavors=words(*(f"{name} {memory[size]}" for name, size in flavors_in(extra["flavor"]).items())),
        moves=", ".join(
            f"{move['migration_type']} {move['status']} {hosts[move['source_compute']]}"
            f">{hosts.get(move['dest_compute'], '')}"
            for move in stage.moves
        ),
        claims=", ".join(f"{kind} {size} on {host}" for host, kind, size in claims),
        actions=", ".join(
            words(row["action"], row["message"])
            for row in estate.rows.get(t.instance_actions, [])
            if row["action"] in ORDERS
        ),
        guests=", ".join(sorted(names[name] for name in stage.guest)),
    )
