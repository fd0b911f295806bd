"""Altered rows to ask about: ``VCPU.max_unit=64``, ``MEMORY_MB.allocation_ratio=1.5@compute-*``, ``-trait:T@host``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from placement_audit.errors import CannotTell

_INVENTORY = re.compile(r"(?P<name>[A-Z0-9_]+)\.(?P<field>[a-z_]+)=(?P<value>[^@]+)(?:@(?P<at>.+))?")
_TRAIT = re.compile(r"(?P<sign>[+-])trait:(?P<name>[A-Z0-9_]+)(?:@(?P<at>.+))?")
# What placement's API takes (SEMANTICS B.2).
_LEAST = {"total": 1, "reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1}
_LARGEST = 2147483647
_GREATEST_RATIO = 3.40282347e38  # a FLOAT holds no more


@dataclass(frozen=True)
class InventoryChange:
    """A field of every inventory of a class set to a value; ``at`` narrows it to providers (uuid, or name with *)."""

    resource_class: str
    field: str
    value: float
    at: str | None


@dataclass(frozen=True)
class TraitChange:
    """A trait given to providers, or taken from them."""

    name: str
    given: bool
    at: str | None


@dataclass(frozen=True)
class Changes:
    """All that is to be imagined."""

    inventories: tuple[InventoryChange, ...] = ()
    traits: tuple[TraitChange, ...] = ()


NOTHING = Changes()


def understood(texts: Iterable[str]) -> Changes:
    """What ``--what-if`` asks for. Raises CannotTell."""
    inventories, traits = [], []
    for text in texts:
        if match := _TRAIT.fullmatch(text.strip()):
            traits.append(TraitChange(match["name"], match["sign"] == "+", match["at"]))
        elif match := _INVENTORY.fullmatch(text.strip()):
            value = _value(text, match["field"], match["value"])
            inventories.append(InventoryChange(match["name"], match["field"], value, match["at"]))
        else:
            raise CannotTell(
                f"--what-if {text}: expected CLASS.FIELD=VALUE such as VCPU.max_unit=64, or +trait:NAME or "
                "-trait:NAME, each with @PROVIDER behind it to narrow it down (a uuid, or a name with *)"
            )
    return Changes(tuple(inventories), tuple(traits))


def _value(text: str, field: str, value: str) -> float:
    try:
        if field == "allocation_ratio":
            ratio = float(value)
            if 0 <= ratio <= _GREATEST_RATIO:
                return ratio
            raise CannotTell(f"--what-if {text}: an allocation_ratio is a number from 0 to 3.4e38")
        if field in _LEAST:
            number = int(value)
            if _LEAST[field] <= number <= _LARGEST:
                return number
            raise CannotTell(f"--what-if {text}: {field} is a whole number from {_LEAST[field]} to {_LARGEST}")
    except ValueError:
        raise CannotTell(f"--what-if {text}: {value} is no number") from None
    raise CannotTell(f"--what-if {text}: no field {field}; there are {', '.join([*_LEAST, 'allocation_ratio'])}")
