"""Where a start of nova-compute is offered, and what is said where it is not (nova 20 to 34, init_host)."""

from collections.abc import Callable

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Compute, Estate
from tests.support import Auditor


@pytest.fixture
def estate() -> Estate:
    return Estate()


@pytest.fixture
def empty(estate: Estate) -> Compute:
    """A host that X27 would restart."""
    host, provider = estate.compute("host"), t.inventories
    estate.rows[provider] = [row for row in estate.rows[provider] if row["resource_provider_id"] != host.provider["id"]]
    estate.compute("other")
    return host


def move(kind: str, status: str, *, away: bool = True, **fields: object) -> Callable[[Estate, Compute], None]:
    def write(estate: Estate, host: Compute) -> None:
        other = estate.compute("third")
        source, dest = (host, other) if away else (other, host)
        server = estate.server("web", source, holds=False)
        estate.migration(server, kind, status, source, dest, **fields)

    return write


def task(task_state: str | None, vm_state: str = "active", **fields: object) -> Callable[[Estate, Compute], None]:
    def write(estate: Estate, host: Compute) -> None:
        estate.server("web", host, holds=False, vm_state=vm_state, task_state=task_state, **fields)

    return write


def waiting(estate: Estate, host: Compute) -> None:
    server = estate.server("web", None, vm_state="building", task_state=None)
    estate.claim(server.uuid, host.provider, {"VCPU": 1})


def came_home(estate: Estate, host: Compute) -> None:
    """Live-migrated home, but nova did not take its new host in."""
    other = estate.compute("third")
    server = estate.server("web", other)
    estate.migration(server, "evacuation", "done", host, other)
    estate.migration(server, "live-migration", "completed", other, host)


def left_again(estate: Estate, host: Compute) -> None:
    came_home(estate, host)
    third = estate.compute("fourth")
    server = estate.rows[t.instances][-1]
    estate.add(
        t.migrations,
        **{
            **estate.rows[t.migrations][-1],
            "id": 99,
            "uuid": "0" * 8,
            "source_compute": host.name,
            "dest_compute": third.name,
        },
    )
    server["host"] = third.name


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (move("live-migration", "running"), "break off the live-migration of server"),
        (move("live-migration", "queued"), "break off the live-migration of server"),
        (move("live-migration", "preparing", away=False), "break off the live-migration of server"),
        (move("live-migration", "running (post-copy)"), "break off the live-migration of server"),
        (move("resize", "migrating"), "break off the resize of server"),
        (move("resize", "reverting", away=False), "break off the resize of server"),
        (move("resize", "confirming"), "break off the resize of server"),
        (move("migration", "post-migrating", away=False), "break off the migration of server"),
        (move("evacuation", "pre-migrating", away=False), "break off the evacuation of server"),
        (move("evacuation", "accepted"), "remove the guest of server"),
        (move("evacuation", "done"), "remove the guest of server"),
        (move("evacuation", "done", deleted=7), "remove the guest of server"),
        (came_home, "remove the guest of server"),
        (task("deleting"), "delete server"),
        (task(None, "deleted"), "delete server"),
        (task("spawning", "building"), "which is being built, into error"),
        (waiting, "which is being built, into error"),
        (task("rebuilding"), "whose task is rebuilding"),
        (task("image_uploading"), "whose task is image_uploading"),
        (task("reboot_pending"), "whose task is reboot_pending"),
        (task("resize_reverting", "resized"), "whose task is resize_reverting"),
    ],
)
def test_fires_without_a_restart_that_costs_something(
    audit: Auditor, estate: Estate, empty: Compute, state: Callable[[Estate, Compute], None], words: str
) -> None:
    state(estate, empty)
    (finding,) = audit(estate, "X27")
    assert not any("restart" in line for line in finding.remedy)
    assert finding.withheld
    assert words in finding.withheld


@pytest.mark.parametrize(
    "state",
    [
        move("resize", "finished"),
        move("resize", "finished", away=False),
        move("live-migration", "completed", away=False),
        move("live-migration", "error"),
        move("live-migration", "running", deleted=4),
        move("evacuation", "completed"),
        move("evacuation", "failed"),
        move("evacuation", "done", away=False),
        task(None),
        task(None, "error"),
        task("deleting", deleted=5),
        left_again,
    ],
)
def test_fires_with_a_restart_where_nothing_is_open(
    audit: Auditor, estate: Estate, empty: Compute, state: Callable[[Estate, Compute], None]
) -> None:
    state(estate, empty)
    (finding,) = audit(estate, "X27")
    assert finding.remedy[-1].startswith("systemctl restart nova-compute")
    assert finding.withheld is None


def test_counts_what_is_open(audit: Auditor, estate: Estate, empty: Compute) -> None:
    estate.server("deleting", empty, task_state="deleting", holds=False)
    estate.server("rebuilding", empty, task_state="rebuilding", holds=False)
    (finding,) = audit(estate, "X27")
    assert finding.withheld
    assert "delete server" in finding.withheld
    assert "(and 1 more of the kind)" in finding.withheld


@pytest.mark.parametrize(("version", "offered"), [(66, True), (67, False), (None, False)])
def test_no_start_beside_guests_whose_service_is_gone(
    audit: Auditor, estate: Estate, version: int | None, offered: bool
) -> None:
    """nova 29 to 34 refuse it (ComputeManager._sanity_check_new_host)."""
    host = estate.compute("left")
    estate.server("web", host)
    if version is None:
        estate.remove(t.services, host.service)
    else:
        host.service.update(deleted=3, deleted_at=estate.ago(days=1), version=version)
    (finding,) = audit(estate, "N04")
    assert any("start nova-compute" in line for line in finding.remedy) is offered
    assert (finding.withheld is None) is offered
