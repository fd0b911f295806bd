"""Servers of Debian's packages as processes of their own: installed where they are missing, in a folder, on a port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path


class Unavailable(Exception):
    """One way to a server is closed; the next may be open."""


def installed(package: str, program: str) -> str:
    """Install a Debian package and give the path of a program in it."""
    get = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    print(f"placement-audit's tests: installing Debian's {package} with {' '.join(get)}", file=sys.stderr)
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", package]):
        try:
            subprocess.run(
                [*get, *arguments],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"Debian's {package}: {error}") from error
    if path := program_named(program):
        return path
    raise Unavailable(f"Debian's {package}: it brought no {program}")


def program_named(*names: str) -> str | None:
    """The path of the first of these programs that there is."""
    # MariaDB's server lives in sbin, which an ordinary user's PATH may lack, PostgreSQL's in no PATH at all
    newest = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", *newest])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def roomy_folder() -> str | None:
    """Give memory in place of a disk where there is enough of it."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30
    return str(memory) if enough else None


def free_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a server and wait for it."""
    process.send_signal(how)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
