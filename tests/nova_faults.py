"""What goes wrong within nova, played by its real services. Imported in the Python of tests/nova_cloud.py alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fixtures
from nova import exception
from sqlalchemy import create_engine, text

from tests.nova_scenarios import URLS, Scenarios

COMPUTE = "nova.compute.manager.ComputeManager."
DRIVER = "nova.virt.fake.FakeDriver."
NETWORK = "nova.network.neutron.API."
TRACKER = "nova.compute.resource_tracker.ResourceTracker."
TO_COMPUTE = "nova.compute.rpcapi.ComputeAPI."
TO_CONDUCTOR = "nova.conductor.rpcapi.ComputeTaskAPI."


class Faults(Scenarios):
    """Each ends as it began: nothing is held, nothing runs. A server is called by what goes wrong with it."""

    def setUp(self) -> None:
        super().setUp()
        self.larger = self._create_flavor(id="larger", name="larger", vcpu=1, memory_mb=1024, disk=1)

    @contextmanager
    def breaking(self, method: str) -> Iterator[None]:
        """A part of nova raises."""

        def fail(*_: Any, **__: Any) -> None:
            raise exception.NovaException("as the scenario wants")

        with fixtures.MonkeyPatch(method, fail):
            yield

    @contextmanager
    def losing(self, method: str) -> Iterator[None]:
        """A message is lost, or whoever should do this dies."""
        with fixtures.MonkeyPatch(method, lambda *_, **__: None):
            yield

    def sql(self, statement: str) -> None:
        """What somebody writes by hand into cell1."""
        engine = create_engine(URLS["cells"]["cell1"])
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def cut_off(self, host: str, down: bool) -> None:
        """Nova takes a host for down while its nova-compute goes on, as when its network fails for a while."""
        self.sql(f"UPDATE services SET forced_down = {down} WHERE host = '{host}'")

    def server(self, name: str, **options: Any) -> Any:
        return self._create_server(name=name, networks="none", **{"host": "host1", "flavor_id": "1", **options})

    def resized(self, name: str) -> Any:
        server = self.server(name)
        self.act(server, "resize", flavorRef=self.larger)
        return self._wait_for_state_change(server, "VERIFY_RESIZE")

    def reset(self) -> None:
        for server in self.api.get_servers():
            self.act(server, "os-resetState", state="active")
        self.audit("states reset")

    def restart(self, host: str) -> None:
        self.computes[host] = self.restart_compute_service(self.computes[host])

    def erased(self) -> None:
        """All servers are deleted. What nova leaves of them goes, too."""
        for server in self.api.get_servers():
            self.act(server, "os-resetState", state="active")
            self._delete_server(server)
        self.audit("servers deleted")
        for compute in self.computes.values():
            compute.manager.driver.instances.clear()
        for provider in self.placement.get("/resource_providers").body["resource_providers"]:
            held = self.placement.get(f"/resource_providers/{provider['uuid']}/allocations").body["allocations"]
            for consumer in held:
                self.placement.delete(f"/allocations/{consumer}")

    # --- resizes ---

    def reverts(self) -> None:
        for name, method in (
            ("at its network", NETWORK + "migrate_instance_start"),
            ("at its volumes", COMPUTE + "_terminate_volume_connections"),
        ):
            server = self.resized(name)
            with self.breaking(method):
                self.act(server, "revertResize")
                self._wait_for_state_change(server, "ERROR")
        server = self.resized("lost")
        with self.losing(TO_COMPUTE + "finish_revert_resize"):
            self.act(server, "revertResize")
        for host in ("host1", "host2"):
            self.restart(host)
        self.audit("reverted")
        self.reset()
        self.erased()

    def resizes_that_do_not_arrive(self) -> None:
        server = self.server("in the driver")
        with self.failing("finish_migration"):
            self.act(server, "resize", flavorRef=self.larger)
            self._wait_for_state_change(server, "ERROR")
        server = self.server("at the cast")
        with self.breaking(TO_COMPUTE + "finish_resize"):
            self.act(server, "resize", flavorRef=self.larger)
            self._wait_for_state_change(server, "ERROR")
        server = self.server("lost")
        with self.losing(TO_COMPUTE + "finish_resize"):
            self.act(server, "resize", flavorRef=self.larger)
        for host in ("host1", "host2"):
            self.restart(host)
        self.audit("resized")
        self.reset()
        self.erased()

    def confirmations(self) -> None:
        self.resized("waits")
        server = self.resized("in placement")
        with self.breaking(COMPUTE + "_delete_allocation_after_move"):
            self.act(server, "confirmResize")
            self._wait_for_state_change(server, "ERROR")
        server = self.resized("lost")
        with self.losing(TO_COMPUTE + "confirm_resize"):
            self.act(server, "confirmResize")
        self.audit("confirmed")
        self.reset()
        self.erased()

    def destination_dies(self) -> None:
        server = self.resized("guest")
        self._start_compute("host4", "cell1")
        self.crash("host2")
        self.act(server, "os-resetState", state="error")
        self.act(server, "evacuate", host="host4")
        self._wait_for_server_parameter(server, {"OS-EXT-SRV-ATTR:host": "host4", "OS-EXT-STS:task_state": None})
        self.audit("evacuated")
        self.come_back("host2")
        self.audit("the destination came back")
        self.erased()
        self.remove("host4")

    # --- live migrations ---

    def live_migrate(self, server: Any) -> None:
        self.act(server, "os-migrateLive", host="host2", block_migration="auto")

    def ends_of_live_migrations(self) -> None:
        for name, method in (
            ("in the driver", DRIVER + "live_migration"),
            ("in the driver of the destination", DRIVER + "post_live_migration_at_destination"),
            ("at the network of the destination", NETWORK + "migrate_instance_finish"),
            ("at the call", TO_COMPUTE + "post_live_migration_at_destination"),
            ("at the volumes of the source", COMPUTE + "_post_live_migration_remove_source_vol_connections"),
            ("in placement", COMPUTE + "_delete_allocation_after_move"),
        ):
            server = self.server(name)
            with self.breaking(method):
                self.live_migrate(server)
                self._wait_for_migration_status(server, ["error"])
        self.audit("live migrated")
        self.erased()

    def source_restarts(self) -> None:
        def prepare(manager: Any, ctxt: Any, dest: Any, server: Any, block: Any, migration: Any, data: Any) -> None:
            manager._set_migration_status(migration, "preparing")

        with self.losing(TO_COMPUTE + "live_migration"):
            self.live_migrate(self.server("accepted"))
        for name, dies in (("queued", lambda *_, **__: None), ("preparing", prepare)):
            server = self.server(name)
            with fixtures.MonkeyPatch(COMPUTE + "_do_live_migration", dies):
                self.live_migrate(server)
                self._wait_for_migration_status(server, [name])
        for name in ("running", "moves on"):
            server = self.server(name)
            with self.losing(DRIVER + "live_migration"):
                self.live_migrate(server)
                self._wait_for_migration_status(server, ["running"])
        self.audit("under way")
        self.moved_live(server["id"], "host1", "host2")  # hypervisors need nobody to come to an end
        self.restart("host1")
        self.audit("the source was restarted")
        self.erased()

    # --- evacuations ---

    def evacuation_records(self) -> None:
        """Of servers that are back, or never left, when nova-compute starts on the host that they were to leave."""
        ways = ("live", "cold", "to be confirmed", "evacuated again", "record deleted", "moved off")
        servers = {name: self.server(name) for name in (*ways, "never began", "died")}
        self.cut_off("host1", True)
        for name in ways:
            self._evacuate_server(servers[name], expected_host="host2")
            self._start_server(servers[name])
        with self.losing(TO_CONDUCTOR + "rebuild_instance"):
            self.act(servers["never began"], "evacuate")
        with self.losing(COMPUTE + "_do_rebuild_instance"), self.losing(TRACKER + "finish_evacuation"):
            self.act(servers["died"], "evacuate")
        self.cut_off("host1", False)
        self.audit("evacuated")
        for name in ("live", "record deleted", "moved off"):
            self._live_migrate(servers[name], host="host1")
        for name in ("cold", "to be confirmed"):
            self._migrate_server(servers[name], "host1")
        self._confirm_resize(servers["cold"])
        # nova evacuates to no host whose hypervisor has the server still: somebody has seen to that
        del self.computes["host1"].manager.driver.instances[servers["evacuated again"]["id"]]
        self.cut_off("host2", True)
        self._evacuate_server(servers["evacuated again"], expected_host="host1")
        self._start_server(servers["evacuated again"])
        self.cut_off("host2", False)
        deleted = servers["record deleted"]["id"]
        self.sql(
            "UPDATE migrations SET deleted = id, deleted_at = now()"
            f" WHERE migration_type = 'evacuation' AND instance_uuid = '{deleted}'"
        )
        for name in ("never began", "died"):
            self.act(servers[name], "os-resetState", state="active")
        self.audit("back")
        self._live_migrate(servers["moved off"], host="host2")  # as N21 advises
        self.restart("host1")
        self.audit("restarted")
        self.erased()

    # --- names and identities ---

    def rename(self, name: str, to: str) -> None:
        [provider] = self.placement.get(f"/resource_providers?name={name}").body["resource_providers"]
        self.placement.put(f"/resource_providers/{provider['uuid']}", {"name": to})

    def renamed_provider(self) -> None:
        server = self.server("guest")
        self.rename("host1", "host1.example.com")
        self._run_periodics()
        self.audit("renamed")
        self.restart("host1")
        self.audit("restarted")
        failed = self.server("new", expected_state="ERROR")
        self._delete_server(failed)
        self.rename("host1.example.com", "HOST1")
        self.restart("host1")
        self.audit("differs in case")
        self.api.delete_server(server["id"])
        self._wait_for_state_change(server, "ERROR")
        self.audit("a deletion failed")
        self.rename("HOST1", "host1")
        self.restart("host1")
        self.audit("named as before")
        self.erased()

    def refuses_to_start(self, host: str) -> None:
        try:
            self.restart(host)
        except exception.InvalidConfiguration as refusal:
            self.audit(str(refusal))
        else:
            raise AssertionError(f"nova-compute starts on {host}")

    def lost_identity(self) -> None:
        self.server("guest")
        driver = self.computes["host1"].manager.driver
        names = dict.fromkeys(driver.get_nodenames_by_uuid(), "host1.example.com")
        self.sql("UPDATE compute_nodes SET deleted = id, deleted_at = now() WHERE host = 'host1'")
        self.audit("compute node deleted")
        self._run_periodics()
        self.audit("compute node made again")
        with fixtures.MonkeyPatch("nova.virt.driver.load_compute_driver", lambda *_, **__: driver):
            try:
                self.start_service("compute", host="host1.example.com", cell_name="cell1")
            except exception.InvalidConfiguration as refusal:
                self.audit(f"another name: {refusal}")
        driver.get_nodenames_by_uuid = lambda refresh=False: names
        self.refuses_to_start("host1")
        del driver.get_nodenames_by_uuid
        self.sql("UPDATE services SET deleted = id, deleted_at = now() WHERE host = 'host1'")
        self.audit("service deleted")
        self.refuses_to_start("host1")
        driver.instances.clear()
        self.restart("host1")
        self.audit("started without guests")
        self.erased()

    # --- builds ---

    def stuck_build(self) -> None:
        """The conductor dies between the scheduler's claim and the server's row."""

        def dies(client: Any, ctxt: Any, build_requests: Any, request_specs: Any, *_: Any, **__: Any) -> None:
            uuids = [request.instance_uuid for request in build_requests]
            self.conductor.manager.compute_task_mgr._schedule_instances(ctxt, request_specs[0], uuids)

        with fixtures.MonkeyPatch(TO_CONDUCTOR + "schedule_and_build_instances", dies):
            server = self.api.post_server({"server": self._build_server(networks="none", host="host1", flavor_id="1")})
        self.audit("stuck")
        self.api.delete_server(server["id"])
        self.audit("deleted")
