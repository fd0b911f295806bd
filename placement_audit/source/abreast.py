"""Several servers at a time: a thread waits for each, and what they send is taken in one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    number: int
    error: BaseException | None = None


def abreast(sources: Sequence[Generator[T, None, None]], break_off: Callable[[int], None]) -> Generator[T, None, None]:
    """The items of all sources as they come; a single source is asked in the caller's own thread.

    The first error of any of them ends all, and so does ``close``: ``break_off`` is then told the number of each that
    may be waiting for its server, and is to let it fail. Raises what the sources raise.
    """
    if len(sources) < 2:
        for source in sources:
            yield from source
        return
    # The rows of a fast server are not to pile up in memory.
    coming: Queue[T | _End] = Queue(2)
    stopped = Event()

    def pump(number: int) -> None:
        error = None
        try:
            with closing(sources[number]) as source:
                for item in source:
                    if stopped.is_set():
                        return
                    coming.put(item)
        except BaseException as raised:
            error = raised
        coming.put(_End(number, error))

    with ThreadPoolExecutor(len(sources)) as pool:
        left = set(range(len(sources)))
        pumps = [pool.submit(pump, number) for number in left]
        try:
            while left:
                item = coming.get()
                if not isinstance(item, _End):
                    yield item
                    continue
                left.remove(item.number)
                if item.error is not None:
                    raise item.error
        except BaseException:
            stopped.set()
            for number in left:
                break_off(number)
            while not all(each.done() for each in pumps):
                with suppress(Empty):  # nobody is to wait for room in it
                    coming.get(timeout=0.1)
            raise
