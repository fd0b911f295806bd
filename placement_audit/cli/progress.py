"""A progress line on stderr, for people who watch."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown() -> Iterator[Callable[[str, int], None]]:
    """A callback for (what is being read, rows more); silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what, rows: None
        return
    from tqdm import tqdm

    from placement_audit.render.escape import plain

    with tqdm(unit=" rows", unit_scale=True, leave=False, file=sys.stderr) as bar:

        def step(what: str, rows: int) -> None:
            bar.set_description_str(plain(what), refresh=False)
            bar.update(rows)

        yield step


def waited(seconds: int) -> None:
    """Wait, counting the seconds on a terminal."""
    if not sys.stderr.isatty():
        time.sleep(seconds)
        return
    from tqdm import tqdm

    for _ in tqdm(range(seconds), "waiting for a second look", unit="s", leave=False, file=sys.stderr):
        time.sleep(1)
