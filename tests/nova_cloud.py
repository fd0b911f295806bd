"""A cloud of the real nova: API, conductor, scheduler and computes of nova's functional tests, on our MariaDB.

In a Python of its own, for nova's settings are global. The URLs come as JSON in the environment. Each line of stdin
names a scenario; after each operation of it a line of JSON comes through a pipe, and it waits for a line of stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parent.parent


class Cloud:
    """The other end: plays scenarios and calls back after each operation."""

    def __init__(self, process: subprocess.Popen[str], told: TextIO, log: Path) -> None:
        self._process, self._told, self._log = process, told, log
        # per host the servers that its hypervisor has, and whether they run, as of the last step
        self.guests: dict[str, dict[str, bool]] = {}
        # what nova has logged as an error since the step before
        self.errors: list[str] = []

    def play(self, scenario: str, after: Callable[[str], None]) -> None:
        """Play one scenario. Raises RuntimeError when nova does not do what the scenario wants."""
        self._say(scenario)
        while True:
            line = self._told.readline()
            if not line:
                raise RuntimeError(f"nova ended in {scenario}:\n{self._log.read_text()[-6000:]}")
            told = json.loads(line)
            if "failed" in told:
                raise RuntimeError(f"nova failed in {scenario}:\n{told['failed']}")
            if "done" in told:
                return
            self.guests, self.errors = told["guests"], told["errors"]
            after(told["step"])
            self._say("go on")

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


@contextmanager
def running_cloud(placement: str, api: str, cells: dict[str, str]) -> Iterator[Cloud]:
    """Services of a cloud on empty databases of the real schemas."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        read, write = os.pipe()
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.nova_cloud"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
                    "CLOUD_TELLS": str(write),
                    "CLOUD_URLS": json.dumps({"placement": placement, "api": api, "cells": cells}),
                },
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[write],
                text=True,
            )
        os.close(write)
        try:
            with os.fdopen(read) as told:
                yield Cloud(process, told, log)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main() -> None:
    import unittest

    import nova.tests.functional  # noqa: F401  chooses between threads and eventlet, before anything else of nova

    from tests.nova_faults import Faults

    result = unittest.TestResult()
    Faults("play").run(result)
    for _, trace in (*result.errors, *result.failures):
        print(trace, file=sys.stderr)


if __name__ == "__main__":
    main()
