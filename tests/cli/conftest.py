"""The command as people run it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls
from tests.support import sqlite_urls

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs placement-audit in an environment without its variables; extra ones as keywords."""

    def run_it(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLACEMENT_AUDIT_")}
        return subprocess.run(
            [sys.executable, "-m", "placement_audit", *arguments],
            env=inherited | {"TMPDIR": str(tmp_path)} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_it


@pytest.fixture
def faulty(tmp_path: Path) -> Urls:
    """A cloud with one warning: twelve hosts over capacity."""
    estate = Estate()
    for number in range(12):
        host = estate.compute(f"host-{number:02}")
        # Not offered any more: that no host takes it is not the matter here.
        flavor = estate.flavor(f"fat-{number}", 193, 1024, 1, disabled=1)
        estate.server(f"fat-{number}", host, flavor)
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    return urls


@pytest.fixture
def clean(tmp_path: Path) -> Urls:
    """A cloud with nothing to find at all."""
    estate = Estate()
    estate.server("web", estate.compute("host", reserved_mb=0))
    folder = tmp_path / "clean"
    folder.mkdir()
    urls = sqlite_urls(folder, estate.cells)
    estate.write(urls)
    return urls


def live(urls: Urls) -> list[str]:
    return ["--placement-db", urls.placement, "--api-db", urls.api]
