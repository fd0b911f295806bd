"""A progress line on stderr, for people who watch."""

from __future__ import annotations

import sys
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
