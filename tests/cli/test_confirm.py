"""placement-audit audit --confirm: what people see of the second look."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls, uuid_of
from tests.cli.conftest import Run, live
from tests.support import sqlite_urls

ONLY = ("--select", "X11", "--fail-on", "info")


@pytest.fixture
def young(tmp_path: Path) -> Urls:
    """A cloud with a consumer that nobody knows, written a minute ago."""
    estate = Estate()
    estate.claim(uuid_of("ghost"), estate.compute("host").provider, {"VCPU": 1}, at=estate.ago(minutes=1))
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    return urls


def test_a_second_look_settles_and_says_so(run: Run, young: Urls) -> None:
    done = run("audit", *live(young), *ONLY, "--confirm", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert "1 info" in done.stdout.splitlines()[0]
    assert "second look after 1 s: 1 confirmed, 0 vanished" in done.stdout
    assert "IN FLIGHT" not in done.stdout
    document = json.loads(run("audit", *live(young), *ONLY, "--confirm=1", "--format", "json").stdout)
    look = {"seconds": 1, "confirmed": 1, "vanished": 0, "moving": 0, "unread": 0, "reason": None}
    assert document["run"]["second_look"] == look
    assert [(one["settled"], one["confirmed"]) for one in document["findings"]] == [(True, True)]


def test_without_it_nothing_is_said_of_a_second_look(run: Run, young: Urls) -> None:
    done = run("audit", *live(young), *ONLY)
    assert done.returncode == 0
    assert "second look" not in done.stdout
    assert json.loads(run("audit", *live(young), *ONLY, "--format", "json").stdout)["run"]["second_look"] is None


def test_with_nothing_in_doubt_it_does_not_wait(run: Run, faulty: Urls) -> None:
    """The pause of the default is longer than a test may take."""
    done = run("audit", *live(faulty), "--select", "P19", "--confirm")
    assert done.returncode == 1
    assert "second look" not in done.stdout


def test_what_is_allowed_is_not_waited_for(run: Run, young: Urls, tmp_path: Path) -> None:
    allow = tmp_path / "allow.toml"
    allow.write_text(f'[[allow]]\nuuid = "{uuid_of("ghost")}"\ncomment = "a hold"\n')
    done = run("audit", *live(young), *ONLY, "--confirm", "--allow", str(allow))
    assert done.returncode == 0
    assert "1 allowed" in done.stdout
    assert "second look" not in done.stdout


def test_a_kept_snapshot_cannot_be_read_again(run: Run, young: Urls, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.sqlite")
    assert run("snapshot", *live(young), "-o", kept).returncode == 0
    done = run("audit", "--snapshot", kept, "--confirm")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--confirm reads live databases again" in done.stderr


@pytest.mark.parametrize("seconds", ["0", "soon", "86401"])
def test_a_pause_is_a_number_of_seconds(run: Run, young: Urls, seconds: str) -> None:
    done = run("audit", *live(young), f"--confirm={seconds}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--confirm" in done.stderr


def test_the_pause_shows_on_a_terminal_and_ends_with_ctrl_c(young: Urls, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "placement_audit", "audit", *live(young), *ONLY, "--confirm"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while b"second look" not in seen and select.select([ours], [], [], 30)[0]:
            seen += os.read(ours, 4096)
        assert b"second look" in seen
        assert list(folder.iterdir())
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    rest = os.read(ours, 65536)
    os.close(ours)
    assert (process.returncode, told) == (130, b"")
    assert b"placement-audit: interrupted" in rest
    assert b"Traceback" not in rest
    assert list(folder.iterdir()) == []
