"""The real nova-scheduler's request building, as the judge of ours: in a Python of its own, for nova brings eventlet.

Reads a JSON object from stdin: a list of ``cases``, and host ``aggregates`` for nova's API database. Writes for each
case the query strings that nova would send and the request spec it would store, or the name of what it raised.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Case = dict[str, Any]


def ask(cases: list[Case], aggregates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What nova makes of each case: {"queries": […], "spec": …} or {"raised": …}."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.nova_scheduler"],
        cwd=ROOT,
        env={**os.environ, "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1"},
        input=json.dumps({"cases": cases, "aggregates": aggregates}),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(run.stderr[-4000:])
    answers: list[dict[str, Any]] = json.loads(run.stdout)
    return answers


def main() -> None:
    import logging

    from nova import context, objects
    from nova.conf import CONF
    from nova.db.api import api as api_db
    from nova.db.api import models
    from nova.objects import service

    objects.register_all()
    CONF([], project="nova", default_config_files=[])
    logging.disable(logging.CRITICAL)
    CONF.set_override("connection", "sqlite:///file:nova_api?mode=memory&cache=shared&uri=true", "api_database")
    api_db.configure(CONF)
    told = json.load(sys.stdin)
    admin = context.get_admin_context()
    engine = api_db.context_manager.writer.get_engine()
    kept = engine.connect()  # a database in memory lasts as long as somebody looks at it
    models.BASE.metadata.create_all(engine)
    for number, each in enumerate(told["aggregates"], start=1):
        with engine.begin() as connection:
            row = {"id": number, "uuid": each["uuid"], "name": each["name"]}
            connection.execute(models.Aggregate.__table__.insert().values(row))
            for key, value in each["metadata"].items():
                row = {"aggregate_id": number, "key": key, "value": value}
                connection.execute(models.AggregateMetadata.__table__.insert().values(row))
    answers = []
    for case in told["cases"]:
        for name, value in case["settings"].items():
            CONF.set_override(name, value, _group(name))
        service.get_minimum_version_all_cells = lambda *_, version=case["version"]: version
        try:
            answers.append(_answer(admin, case))
        except Exception as error:
            answers.append({"raised": type(error).__name__, "said": str(error)})
        for name in case["settings"]:
            CONF.clear_override(name, _group(name))
    json.dump(answers, sys.stdout)
    kept.close()


def _group(option: str) -> str:
    return {"disable_fallback_pcpu_query": "workarounds", "pci_in_placement": "filter_scheduler"}.get(
        option, "scheduler"
    )


def _answer(admin: Any, case: Case) -> dict[str, Any]:
    from nova import objects
    from nova.conf import CONF
    from nova.scheduler import request_filter, utils

    spec = _spec(admin, case)
    spec.image = objects.ImageMeta.from_dict(case["image"])
    stored = spec._get_update_primitives()["spec"]
    spec.requested_resources = []
    if spec.pci_requests:
        spec.generate_request_groups_from_pci_requests()
    hosts = _Hosts(case["nodes"])
    request_filter.process_reqspec(admin, spec)
    found = [utils.resources_from_request_spec(admin, spec, hosts, enable_pinning_translate=True)]
    if found[0].cpu_pinning_requested and not CONF.workarounds.disable_fallback_pcpu_query:
        # as nova.scheduler.manager has it
        found.append(utils.resources_from_request_spec(admin, spec, hosts, enable_pinning_translate=False))
    return {"queries": [each.to_querystring() for each in found], "spec": stored}


def _spec(admin: Any, case: Case) -> Any:
    from nova import objects

    pci = [objects.InstancePCIRequest(**each) for each in case["pci"]]
    return objects.RequestSpec(
        admin,
        instance_uuid=case["uuid"],
        flavor=objects.Flavor(**case["flavor"]),
        is_bfv=case["volume_backed"],
        project_id=case["project"],
        availability_zone=case["zone"],
        force_hosts=case["force_hosts"],
        force_nodes=case["force_nodes"],
        scheduler_hints=case["hints"],
        ignore_hosts=None,
        pci_requests=objects.InstancePCIRequests(requests=pci, instance_uuid=case["uuid"]) if pci else None,
    )


class _Hosts:
    """The one thing that is asked of a HostManager."""

    def __init__(self, nodes: list[dict[str, str]]) -> None:
        self._nodes = nodes

    def get_compute_nodes_by_host_or_node(self, _: Any, host: str | None, node: str | None, cell: Any = None) -> Any:
        from nova import objects

        return [
            objects.ComputeNode(**each)
            for each in self._nodes
            if host in (None, each["host"]) and node in (None, each["hypervisor_hostname"])
        ]


if __name__ == "__main__":
    main()
