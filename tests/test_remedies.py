"""Each command of the catalogue that changes something, run once as it is printed, against the real thing.

The real placement application, nova-manage, placement-manage and clients take it; after that the finding is gone, and
no other has come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import make_url

from placement_audit import schema as t
from placement_audit.audit import Report, live_report
from placement_audit.checks import catalogue, chosen
from placement_audit.demo.estate import Compute, Estate, Row, Server, Urls, uuid_of
from placement_audit.finding import Finding, Severity, changes_something
from placement_audit.source.config import from_options
from placement_audit.source.connect import Limits
from tests.conftest import RealSchemas
from tests.operator_shell import Shell, neutron_without_ports
from tests.placement_service import Placement

pytest.importorskip("openstackclient")
pytest.importorskip("osc_placement")

SMALL = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
CHILDREN = re.compile(r"^# delete the children of (\S+) before it, deepest first$")


@dataclass(frozen=True)
class Case:
    """``write`` makes the state. ``runs``: of each line that is run, words by which its template is known.

    ``then``: codes of information that is there afterwards, as the command itself says.
    """

    code: str
    write: Callable[[Estate], object]
    runs: tuple[str, ...]
    then: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.code}-{self.write.__name__.strip('_')}"


CASES: list[Case] = []
# Of the templates that no case runs: code, words in it, and why it cannot be run here.
NOT_RUN = (
    ("N04", "start nova-compute", "a service that starts needs a hypervisor: tests/test_nova_cloud.py"),
    ("N07", "next start of nova-compute", "the same"),
    ("N17", "next start of nova-compute", "the same; it says what the start does, and does not ask for one"),
    ("N10", "openstack server delete", "nova's API is not here"),
    ("N10", "and only then", "it is what a deletion may leave"),
    ("N21", "server migrate --live-migration", "nova's API is not here"),
    ("N23", "systemctl restart nova-compute", "a service that starts needs a hypervisor"),
    ("P28", "systemctl restart nova-compute", "a service that starts needs a hypervisor"),
    ("X01", "systemctl restart nova-compute", "the same"),
    ("X16", "systemctl restart nova-compute", "the same"),
    ("X18", "systemctl restart nova-compute", "the same"),
    ("X19", "systemctl restart nova-compute", "the same"),
    ("X26", "systemctl restart nova-compute", "the same"),
    ("X27", "systemctl restart nova-compute", "the same"),
)


def case(
    code: str, *runs: str, then: tuple[str, ...] = ()
) -> Callable[[Callable[[Estate], object]], Callable[[Estate], object]]:
    """A state in which a check offers these commands."""

    def take(write: Callable[[Estate], object]) -> Callable[[Estate], object]:
        CASES.append(Case(code, write, runs, then))
        return write

    return take


def _gone(estate: Estate) -> Row:
    """Of a server that was deleted."""
    at = estate.ago(days=3)
    return {"vm_state": "deleted", "deleted": 4711, "deleted_at": at, "updated_at": at}


# --- nova's mappings ---


@case("N02", "map_instances")
def _not_mapped(estate: Estate) -> None:
    server = estate.server("web", estate.compute("host"))
    estate.remove(t.instance_mappings, server.mapping)


@case("N03", "discover_hosts")
def _host_not_mapped(estate: Estate) -> None:
    estate.server("db", estate.compute("neighbour"))
    host = estate.compute("host")
    estate.remove(t.host_mappings, host.mapping)


@case("N03", "delete_host")
def _mapping_without_service(estate: Estate) -> None:
    estate.server("db", estate.compute("neighbour"))
    estate.host_mapping("sold", "cell1")


# --- placement's rows ---


@case("P01", "SET root_provider_id")
def _no_root(estate: Estate) -> None:
    estate.compute("host").provider["root_provider_id"] = None


@case("P02", "SET root_provider_id")
def _root_unlike_parent(estate: Estate) -> None:
    child = estate.provider("gpu", parent=estate.compute("host").provider)
    estate.inventory(child, "VGPU", 4)
    child["root_provider_id"] = estate.compute("other").provider["id"]


@case("P02", "SET parent_provider_id = NULL, root_provider_id")
def _host_of_another_root(estate: Estate) -> None:
    estate.compute("host").provider["root_provider_id"] = estate.compute("other").provider["id"]


@case("P03", "SET parent_provider_id")
def _its_own_parent(estate: Estate) -> None:
    provider = estate.compute("host").provider
    provider["parent_provider_id"] = provider["id"]


@case("P04", "SET generation")
def _no_generation(estate: Estate) -> None:
    estate.compute("host").provider["generation"] = None


@case("P05", "resource provider set --name")
def _no_name(estate: Estate) -> None:
    estate.compute("host").provider["name"] = ""


@case("P07", "DELETE FROM inventories")
def _inventory_of_nobody(estate: Estate) -> None:
    estate.inventory({"id": 4711}, "VCPU", 4)


def _class_row(estate: Estate, name: str) -> Row:
    return next(row for row in estate.rows[t.resource_classes] if row["name"] == name)


@case("P08", "systemctl restart placement-api")
def _inventory_of_no_class(estate: Estate) -> None:
    estate.inventory(estate.compute("host").provider, t.STANDARD_CLASSES[-1], 4)
    estate.remove(t.resource_classes, _class_row(estate, t.STANDARD_CLASSES[-1]))


@case("P09", "inventory set --amend")
def _step_of_zero(estate: Estate) -> None:
    estate.inventory(estate.compute("host").provider, "VGPU", 4, step_size=0)


@case("P11", "DELETE FROM allocations", then=("P16",))
def _held_of_nobody(estate: Estate) -> None:
    server = estate.server("web", estate.compute("host"), holds=False, **_gone(estate))
    estate.claim(server.uuid, {"id": 4711}, {"VCPU": 1})


@case("P12", "systemctl restart placement-api")
def _held_of_no_class(estate: Estate) -> None:
    server = estate.server("web", estate.compute("host"))
    device = estate.provider("device")
    estate.inventory(device, t.STANDARD_CLASSES[-1], 4)
    estate.allocate(server.uuid, device, {t.STANDARD_CLASSES[-1]: 1})
    estate.remove(t.resource_classes, _class_row(estate, t.STANDARD_CLASSES[-1]))


@case("P12", "DELETE FROM allocations", then=("P16",))
def _held_of_a_class_that_was_deleted(estate: Estate) -> None:
    host = estate.compute("host")
    estate.claim(estate.server("web", host, holds=False, **_gone(estate)).uuid, host.provider, {"CUSTOM_GONE": 1})
    estate.remove(t.resource_classes, _class_row(estate, "CUSTOM_GONE"))


# placement does not know whose it is, and says so; heal_allocations tells it
@case("P13", "online_data_migrations", then=("P15", "P32"))
def _no_consumer(estate: Estate) -> None:
    server = estate.server("web", estate.compute("host"))
    estate.rows[t.consumers] = [row for row in estate.rows[t.consumers] if row["uuid"] != server.uuid]


def _consumer(estate: Estate) -> Row:
    server = estate.server("web", estate.compute("host"))
    return next(row for row in estate.rows[t.consumers] if row["uuid"] == server.uuid)


@case("P14", "INSERT IGNORE INTO projects", then=("P15",))
def _of_no_project(estate: Estate) -> None:
    _consumer(estate)["project_id"] = 4711


@case("P14", "INSERT IGNORE INTO users", then=("P15",))
def _of_no_user(estate: Estate) -> None:
    _consumer(estate)["user_id"] = 4711


@case("P14", "SET consumer_type_id = NULL")
def _of_no_type(estate: Estate) -> None:
    _consumer(estate)["consumer_type_id"] = 4711


@case("P17", "--resource-class {class_to_unset}")
def _nothing_held(estate: Estate) -> None:
    host = estate.compute("host")
    estate.inventory(host.provider, "VGPU", 4)
    estate.allocate(estate.server("web", host).uuid, host.provider, {"VGPU": 0})


@case("P22", "DELETE FROM {useless}")
def _aggregate_of_nobody(estate: Estate) -> None:
    estate.compute("host")
    estate.aggregate("left", {"id": 4711})
    estate.aggregate("left", estate.provider("member"))


@case("P25", "UPDATE resource_classes SET id")
def _class_numbered_anew(estate: Estate) -> None:
    estate.server("web", estate.compute("host"))
    _class_row(estate, "VCPU")["id"] = 10_000


@case("P29", "UPDATE allocations AS undated")
def _no_time(estate: Estate) -> None:
    server = estate.server("web", estate.compute("host"))
    next(row for row in estate.rows[t.allocations] if row["consumer_id"] == server.uuid)["created_at"] = None


@case("P34", "systemctl restart placement-api")
def _no_trait(estate: Estate) -> None:
    estate.rows[t.traits] = [row for row in estate.rows[t.traits] if row["name"] != t.SHARING_TRAIT]


# --- providers and nodes ---


def _cards(estate: Estate, parent: Row) -> None:
    """Two generations of children."""
    card = estate.provider(f"{parent['name']}_card", parent=parent)
    estate.provider(f"{parent['name']}_port", parent=card)


@case("X02", "delete the children of {with_children}", "resource provider delete {removable}")
def _set_up_again(estate: Estate) -> None:
    estate.server("db", estate.compute("neighbour"))
    old = estate.compute("host").provider
    old["uuid"] = uuid_of("host before")
    estate.compute_node("host", "host", uuid=old["uuid"], deleted_at=estate.ago(days=9))
    _cards(estate, old)


@case("X03", "delete the children of {removable_parent}", "resource provider delete {removable}")
def _no_node(estate: Estate) -> None:
    estate.server("db", estate.compute("neighbour"))
    host = estate.compute("sold")
    estate.trait(host.provider, "COMPUTE_NET_ATTACH_INTERFACE")
    _cards(estate, host.provider)
    host.service.update(deleted=7, deleted_at=estate.ago(days=2))
    for table, row in ((t.compute_nodes, host.node), (t.host_mappings, host.mapping)):
        estate.remove(table, row)


@case("X04", "delete the children of {removable_parent}", "resource provider delete {removable}")
def _node_deleted(estate: Estate) -> None:
    estate.server("db", estate.compute("neighbour"))
    host = estate.compute("sold")
    _cards(estate, host.provider)
    for row in (host.node, host.service):
        row.update(deleted=7, deleted_at=estate.ago(days=2))
    estate.remove(t.host_mappings, host.mapping)


@case("X05", "resource provider set --name")
def _other_name(estate: Estate) -> None:
    estate.server("web", estate.compute("host"))
    estate.compute("left").provider["name"] = "left.example.org"


@case("X21", "sync_aggregates --verbose")
def _aggregate_not_mirrored(estate: Estate) -> None:
    one, two = estate.compute("one"), estate.compute("two")
    estate.nova_aggregate("north", one, two, metadata={"availability_zone": "north"})
    for row in list(estate.rows[t.resource_provider_aggregates]):
        if row["resource_provider_id"] == two.provider["id"]:
            estate.remove(t.resource_provider_aggregates, row)


@case("X21", *(f"aggregate set {{set_{number}_words}}" for number in range(1, 6)))
def _aggregate_not_mirrored_beside_one_without_uuid(estate: Estate) -> None:
    hosts = [estate.compute(f"host-{number}") for number in range(6)]
    estate.nova_aggregate("north", *hosts, metadata={"availability_zone": "north"})
    missing = {host.provider["id"] for host in hosts[1:]}
    rows = estate.rows[t.resource_provider_aggregates]
    estate.rows[t.resource_provider_aggregates] = [row for row in rows if row["resource_provider_id"] not in missing]
    estate.nova_aggregate("old")
    estate.rows[t.aggregates][-1]["uuid"] = None


@case("X22", "aggregate set {set_words}")
def _pool_outside_the_zone(estate: Estate) -> None:
    host = estate.compute("diskless", disk_gb=0)
    estate.nova_aggregate("racks in the north", host, metadata={"availability_zone": "north"})
    estate.shared("nfs", 1000, host.provider)


# --- what servers hold ---


@case("X06", "heal_allocations")
def _holds_nothing(estate: Estate) -> None:
    host = estate.compute("host")
    estate.server("db", host)
    estate.server("web", host, holds=False)


@case("X06", "allocation set {allocation_words}")
def _holds_nothing_of_host_and_pool(estate: Estate) -> None:
    host = estate.compute("host", disk_gb=0)
    pool = estate.shared("pool", 1000, host.provider)
    other = estate.server("db", host, holds=False)
    estate.claim(other.uuid, host.provider, {"VCPU": 2, "MEMORY_MB": 4096})
    estate.claim(other.uuid, pool, {"DISK_GB": 20})
    estate.server("web", host, holds=False)


@case("X07", "allocation delete")
def _of_a_deleted_server(estate: Estate) -> None:
    host = estate.compute("host")
    estate.server("db", host)
    estate.server("web", host, **_gone(estate))


@case("X08", "allocation set --allocation")
def _on_the_wrong_host(estate: Estate) -> None:
    here, there = estate.compute("here"), estate.compute("there")
    server = estate.server("web", here, holds=False)
    estate.claim(server.uuid, there.provider, SMALL)


@case("X09", "for provider in", "--provider {root_part}")
def _on_two_hosts(estate: Estate) -> None:
    here, there = estate.compute("here"), estate.compute("there")
    estate.inventory(card := estate.provider("there_card", parent=there.provider), "VGPU", 4)
    server = estate.server("web", here)
    estate.claim(server.uuid, there.provider, SMALL)
    estate.claim(server.uuid, card, {"VGPU": 1})


@case("X10", "allocation set {allocation_words}")
def _too_little(estate: Estate) -> None:
    host = estate.compute("host")
    server = estate.server("web", host, holds=False)
    estate.claim(server.uuid, host.provider, SMALL | {"MEMORY_MB": 512})


@case("X11", "allocation delete")
def _unknown(estate: Estate) -> None:
    host = estate.compute("host")
    estate.server("web", host)
    estate.claim(uuid_of("ghost"), host.provider, SMALL, kind="INSTANCE")


@case("X15", "allocation set {allocation_words}")
def _of_another_project(estate: Estate) -> None:
    host = estate.compute("host")
    estate.inventory(card := estate.provider("host_card", parent=host.provider), "VGPU", 4)
    flavor = estate.flavor("vgpu", 2, 4096, 20, extra_specs={"resources:VGPU": "1"})
    server = estate.server("web", host, flavor, holds=False)
    estate.claim(server.uuid, host.provider, SMALL, project="project-b")
    estate.claim(server.uuid, card, {"VGPU": 1})


def _moved(estate: Estate, status: str) -> tuple[Server, Row, Compute]:
    source, dest = estate.compute("source"), estate.compute("dest")
    server = estate.server("web", dest)
    move = estate.migration(server, "live-migration", status, source, dest, at=estate.ago(days=4))
    estate.claim(move["uuid"], source.provider, SMALL)
    return server, move, dest


@case("X12", "allocation delete")
def _left_by_a_migration(estate: Estate) -> None:
    _moved(estate, "completed")


@case("X13", "allocation delete")
def _left_by_a_migration_of_a_deleted_server(estate: Estate) -> None:
    server, _, _ = _moved(estate, "running")
    server.instance.update(_gone(estate))
    server.mapping["queued_for_delete"] = 1
    for table, column in ((t.allocations, "consumer_id"), (t.consumers, "uuid")):
        estate.rows[table] = [row for row in estate.rows[table] if row[column] != server.uuid]


# --- running them ---


class Cloud:
    """The databases, the shell, and placement on the other end."""

    def __init__(self, schemas: RealSchemas, shell: Shell, placement: Placement) -> None:
        self.schemas, self.shell, self.placement = schemas, shell, placement

    def write(self, estate: Estate) -> None:
        estate.write(Urls(self.schemas.placement, self.schemas.api, self.schemas.cells))
        # what nova needs of a cell, and the auditor does not read
        self.sql(
            "UPDATE cell_mappings SET transport_url = IF(name = 'cell0', 'none:///', 'fake:///')", self.schemas.api
        )

    def sql(self, statement: str, url: str) -> list[tuple[object, ...]]:
        return list(self.schemas.server.execute(statement, str(make_url(url).database)))

    def audit(self) -> Report:
        sources = from_options(self.schemas.placement, self.schemas.api, [])
        return live_report(sources, Limits(), chosen(()), timedelta(minutes=10), lambda *_: None)

    def follow(self, finding: Finding) -> Iterator[str]:
        """Do all that a finding says; gives what of it changes something."""
        for line in finding.remedy:
            if changes_something(line):
                yield line
            if match := CHILDREN.match(line):
                self._delete_children(match[1])
                continue
            ran = self.shell.run(line)
            assert not (ran.code and changes_something(line)), f"{line}\n{ran.output}"
            for word in self.shell.restarts():
                assert word == "restart placement-api"
                self.placement.start()

    def _delete_children(self, uuid: str) -> None:
        """As somebody who reads the comment does."""
        rows = self.sql("SELECT id, uuid, parent_provider_id FROM resource_providers", self.schemas.placement)
        below = {number: (str(of), parent) for number, of, parent in rows}
        order = [number for number, (of, _) in below.items() if of == uuid]
        for number in order:
            order += [child for child, (_, parent) in below.items() if parent == number]
        for number in reversed(order[1:]):
            ran = self.shell.run(f"openstack resource provider delete {below[number][0]}")
            assert not ran.code, ran.output


@pytest.fixture(scope="module")
def service(real_schemas: RealSchemas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    placement = Placement(real_schemas.placement)
    with ExitStack() as stack:
        url = stack.enter_context(placement.served())
        neutron = stack.enter_context(neutron_without_ports())
        yield Cloud(real_schemas, Shell(tmp_path_factory.mktemp("home"), real_schemas, url, neutron), placement)
    placement.close()


@pytest.fixture
def cloud(service: Cloud, empty_cloud: RealSchemas) -> Cloud:
    del empty_cloud
    return service


@pytest.mark.parametrize("one", CASES, ids=str)
def test_a_command_does_what_it_should(cloud: Cloud, one: Case) -> None:
    estate = Estate(cells=tuple(cloud.schemas.cells))
    one.write(estate)
    cloud.write(estate)
    before = cloud.audit()
    assert not before.gaps
    [finding] = [finding for finding in before.findings if finding.code == one.code]
    ran = list(cloud.follow(finding))
    assert [template for template in _templates(one.code) if any(map(_pattern(template).search, ran))] == [
        template for template in _templates(one.code) if any(words in template for words in one.runs)
    ], ran
    after = {finding.identity: finding for finding in cloud.audit().findings}
    assert finding.identity not in after, after
    known = {identity for other in before.findings for identity in (other.identity, *other.absorbed)}
    new = [other for identity, other in after.items() if identity not in known]
    assert {(other.code, other.severity) for other in new} == {(code, Severity.INFO) for code in one.then}, new


def _templates(code: str) -> list[str]:
    return [line for check in catalogue() if check.code == code for line in check.remedy if changes_something(line)]


def _pattern(template: str) -> re.Pattern[str]:
    """What a template looks like when it is printed."""
    parts = (re.escape(part) for part in re.split(r"{\w+}", template.removeprefix("mariadb placement")))
    return re.compile(".+".join(parts) + "$")


def test_every_command_is_run_or_cannot_be() -> None:
    known = [(one.code, words) for one in CASES for words in one.runs] + [(code, words) for code, words, _ in NOT_RUN]
    offered = [(check.code, line) for check in catalogue() for line in _templates(check.code)]
    assert [
        (code, line) for code, line in offered if not any(of == code and words in line for of, words in known)
    ] == []
    # and what is said of none is of none any more
    assert [
        (code, words) for code, words in known if not any(of == code and words in line for of, line in offered)
    ] == []
