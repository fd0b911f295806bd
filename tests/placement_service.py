"""The real placement application, in process, as the judge of what a request gets."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server


@dataclass(frozen=True)
class Answer:
    """What placement said: status code and, for a 200, its body."""

    status: int
    body: dict[str, Any]

    @property
    def requests(self) -> set[str]:
        """The allocation requests with their mappings, each as text that compares."""
        return {one_spelling(request) for request in self.body["allocation_requests"]}


def one_spelling(request: dict[str, Any]) -> str:
    """An allocation request as text: the same for the same providers, amounts and mappings."""
    mappings = {suffix: sorted(set(providers)) for suffix, providers in request.get("mappings", {}).items()}
    allocations = request["allocations"]
    if isinstance(allocations, list):  # before 1.12
        allocations = {one["resource_provider"]["uuid"]: {"resources": one["resources"]} for one in allocations}
    return json.dumps([allocations, mappings], sort_keys=True)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Placement:
    """The application on one database. Placement's engine is global to the process: each question sets its own."""

    def __init__(self, url: str, **options: Any) -> None:
        from oslo_config import cfg
        from oslo_db.sqlalchemy import enginefacade
        from oslo_log import log
        from placement import conf, db_api, deploy, policy

        config = cfg.ConfigOpts()
        conf.register_opts(config)
        log.register_options(config)
        config.set_override("auth_strategy", "noauth2", group="api")
        config.set_override("connection", url, group="placement_database")
        for name, value in options.items():
            config.set_override(name, value, group="workarounds" if name.startswith("optimize") else "placement")
        config([], project="placement", default_config_files=[], default_config_dirs=[])
        options_of_engine = {k: v for k, v in dict(config.placement_database.items()).items() if k != "sync_on_startup"}
        engine = enginefacade.transaction_context()
        engine.configure(**options_of_engine)
        self._manager, self._engine, self._config = db_api.placement_context_manager, engine, config
        policy.init(config)
        self.application: Callable[..., Any] = deploy.deploy(config)

    def start(self) -> None:
        """What it writes when it is started."""
        from placement import deploy
        from placement.objects import resource_class, trait

        # as in a process of its own, which has not done so yet
        resource_class._RESOURCE_CLASSES_SYNCED = trait._TRAITS_SYNCED = False
        undo = self._manager.patch_factory(self._engine)
        try:
            deploy.update_database(self._config)
        finally:
            undo()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.writer.get_engine().dispose()

    def get(self, query: str, microversion: tuple[int, int] = (1, 39)) -> Answer:
        """GET /allocation_candidates."""
        path, _, query = ("/allocation_candidates?" + query).partition("?")
        caught: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            caught["status"] = int(status[:3])

        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "placement",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "HTTP_X_AUTH_TOKEN": "admin",
            "HTTP_ACCEPT": "application/json",
            "HTTP_OPENSTACK_API_VERSION": "placement {}.{}".format(*microversion),
        }
        body = b"".join(self(environ, start_response))
        return Answer(caught["status"], json.loads(body) if body else {})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """The WSGI application, on this database."""
        undo = self._manager.patch_factory(self._engine)
        try:
            return list(self.application(environ, start_response))
        finally:
            undo()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Listen on the loopback interface; gives the URL. One request at a time, as the engine is the process's."""
        with make_server("127.0.0.1", 0, self, handler_class=_Quiet) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
