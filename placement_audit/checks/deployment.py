"""What nova.conf and placement.conf say, as far as they were given: conditions for checks (SEMANTICS J.12).

An option that no file named is unknown, and holds for nothing: a check must be right without it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, ScalarSelect, cast, func, select

from placement_audit.schema import settings


def setting(name: str) -> ScalarSelect[Any]:
    """The text of an option, NULL where it is unknown."""
    return select(settings.c.value).where(settings.c.name == name).scalar_subquery()


def number(name: str) -> ColumnElement[Any]:
    """An option as a number, NULL where it is unknown."""
    return cast(setting(name), Float)


def is_on(name: str) -> ColumnElement[bool]:
    """Whether an option is known to be true."""
    return func.coalesce(setting(name), "") == "1"


def is_off(name: str) -> ColumnElement[bool]:
    """Whether an option is known to be false."""
    return func.coalesce(setting(name), "") == "0"
