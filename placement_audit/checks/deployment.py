"""What nova.conf and placement.conf say, as far as they were given: conditions for checks (SEMANTICS J.12).

An option that no file named is unknown, and holds for nothing: a check must be right without it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, ScalarSelect, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from placement_audit.schema import settings


def setting(name: str) -> ScalarSelect[Any]:
    """The text of an option, NULL where it is unknown."""
    return select(settings.c.value).where(settings.c.name == name).scalar_subquery()


class _Number(FunctionElement[float]):
    """A text as a number."""

    type = Float()
    inherit_cache = True


@compiles(_Number)
def _number(element: _Number, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS FLOAT)"


@compiles(_Number, "mysql")
def _number_on_mysql(element: _Number, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} + 0e0)"


def number(name: str) -> ColumnElement[Any]:
    """An option as a number, NULL where it is unknown."""
    return _Number(setting(name))


def is_on(name: str) -> ColumnElement[bool]:
    """Whether an option is known to be true."""
    return func.coalesce(setting(name), "") == "1"


def is_off(name: str) -> ColumnElement[bool]:
    """Whether an option is known to be false."""
    return func.coalesce(setting(name), "") == "0"
