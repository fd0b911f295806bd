"""The catalogue: every module below that has a CHECK, found by walking the packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from functools import cache

from placement_audit.errors import CannotTell
from placement_audit.finding import Check


@cache
def catalogue() -> tuple[Check, ...]:
    """All checks, by code. Raises RuntimeError when two share a code or a name."""
    found: list[Check] = []
    for family in ("placement", "nova", "cross"):
        package = importlib.import_module(f"{__name__}.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            found.append(importlib.import_module(f"{package.__name__}.{module.name}").CHECK)
    if len({check.code for check in found}) < len(found) or len({check.name for check in found}) < len(found):
        raise RuntimeError("two checks share a code or a name")
    return tuple(sorted(found, key=lambda check: check.code))


def chosen(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks named by code or name (all when ``select`` is empty), without the ignored. Raises CannotTell."""
    everything = catalogue()
    if select and not _words(select):
        raise CannotTell("--select names no check")
    wanted = [named(word) for word in _words(select)] or list(everything)
    unwanted = [named(word) for word in _words(ignore)]
    left = tuple(check for check in everything if check in wanted and check not in unwanted)
    if not left:
        raise CannotTell("--select and --ignore leave no check to run")
    return left


def named(word: str) -> Check:
    """The check with this code or name, in any case. Raises CannotTell for an unknown one."""
    for check in catalogue():
        if word.casefold() in {check.code.casefold(), check.name.casefold()}:
            return check
    import difflib

    words = [name for check in catalogue() for name in (check.code, check.name)]
    near = difflib.get_close_matches(word, words, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise CannotTell(f"no check has the code or name {word!r}{hint} 'placement-audit checks' lists them all")


def _words(items: Iterable[str]) -> list[str]:
    return [word.strip() for item in items for word in item.split(",") if word.strip()]
