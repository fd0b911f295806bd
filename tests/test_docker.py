"""The images, built without a registry, and the composition of a database with the demo cloud and an auditor."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMPOSE = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not _works("docker", "info") or not _works(*COMPOSE, "version"),
    reason="needs root, a Docker engine and docker-compose",
)


@pytest.fixture(scope="module")
def images() -> None:
    pip = Path(sys.executable).with_name("pip")
    for recipe in ("mariadb-image", "auditor-image"):
        subprocess.run(
            [ROOT / "docker" / recipe], env={**os.environ, "PIP": str(pip)}, stdin=subprocess.DEVNULL, check=True
        )


class Composition:
    """docker-compose with a project, and a port, of its own."""

    def __init__(self) -> None:
        self.project = f"pa-test-{secrets.token_hex(4)}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*COMPOSE, "-p", self.project, "-f", str(ROOT / "docker" / "compose.yaml"), *arguments]
        environment = {**os.environ, "MARIADB_PORT": str(self.port)}
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def composition(images: None) -> Iterator[Composition]:
    composed = Composition()
    try:
        yield composed
    finally:
        composed("down", "-v")


def test_the_auditor_reports_on_the_demo_cloud_once(composition: Composition) -> None:
    # a second time, the cloud is there
    for _ in range(2):
        up = composition("up", "--no-build", "--exit-code-from", "audit", "audit")
        assert up.returncode == 1, up.stdout + up.stderr
        assert "auditor:***@db/placement" in up.stdout
        assert "X34     flavor-fits-nowhere" in up.stdout
        assert "may do more than read" not in up.stdout


def test_the_auditor_is_nobody_and_cannot_write(composition: Composition) -> None:
    tried = composition("run", "--rm", "--no-deps", "--entrypoint", "sh", "audit", "-c", "id -un; touch /here")
    assert "nobody" in tried.stdout
    assert "Read-only file system" in tried.stdout + tried.stderr
