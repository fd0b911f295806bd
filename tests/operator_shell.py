"""A shell as an operator has it: the real clients, each of which finds its cloud by itself.

``openstack`` and ``nova-manage`` speak to the real placement application on the loopback interface, ``mariadb`` to the
server of the tests. There is no systemd: what is restarted is written down.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import make_server

from sqlalchemy import URL

from tests.conftest import RealSchemas
from tests.mariadb import client
from tests.placement_service import _Quiet


@dataclass(frozen=True)
class Ran:
    """What a line ended with."""

    code: int
    output: str


class Shell:
    """``folder`` is its home."""

    def __init__(self, folder: Path, schemas: RealSchemas, placement: str, neutron: str) -> None:
        self.folder = folder
        self.restarted = folder / "restarted"
        programs = Path(sys.executable).parent
        self.bin = folder / "bin"
        self.bin.mkdir()
        nova = self._secret(
            "nova.conf",
            f"[DEFAULT]\nstate_path = {folder}\n"
            f"[api_database]\nconnection = {schemas.api}\n"
            f"[database]\nconnection = {schemas.cells['cell0']}\n"
            f"[placement]\nauth_type = admin_token\ntoken = admin\nendpoint = {placement}\n"
            f"[neutron]\nauth_type = admin_token\ntoken = admin\nendpoint = {neutron}\nendpoint_override = {neutron}\n",
        )
        of_placement = self._secret("placement.conf", f"[placement_database]\nconnection = {schemas.placement}\n")
        root: URL = schemas.server.root_url
        self._secret(".my.cnf", f"[client]\nuser = {root.username}\npassword = {root.password}\nprotocol = tcp\n")
        self._program("openstack", f'exec {programs}/openstack "$@"')
        self._program("nova-manage", f'exec {programs}/nova-manage --config-file {nova} "$@"')
        self._program("placement-manage", f'exec {programs}/placement-manage --config-file {of_placement} "$@"')
        self._program("mariadb", f'exec {client()} "$@"')
        self._program("systemctl", f'echo "$@" >> {shlex.quote(str(self.restarted))}')
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
            "HOME": str(folder),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "OS_AUTH_TYPE": "admin_token",
            "OS_TOKEN": "admin",
            "OS_ENDPOINT": placement,
        }

    def _secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text)
        return path

    def _program(self, name: str, line: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def run(self, line: str) -> Ran:
        """One line, as it is printed."""
        done = subprocess.run(
            ["bash", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
            check=False,
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    def restarts(self) -> list[str]:
        """What was restarted since this was last asked."""
        if not self.restarted.exists():
            return []
        lines = self.restarted.read_text().splitlines()
        self.restarted.unlink()
        return lines


def _no_ports(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    name = environ["PATH_INFO"].rstrip("/").rpartition("/")[2].removesuffix(".json")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: []}).encode()]


@contextmanager
def neutron_without_ports() -> Iterator[str]:
    """Whoever asks neutron for anything is told that there is none; gives the URL."""
    with make_server("127.0.0.1", 0, _no_ports, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
