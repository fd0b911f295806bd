"""What a check is and what it finds: frozen records without behaviour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import Select, Table


class Severity(str, Enum):
    """What counts for the exit code."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Impact(str, Enum):
    """The letters of SEMANTICS H."""

    CLOUD = "C"  # breaks the placement API or scheduling for everybody
    HIGH = "H"  # capacity lost, a live server unaccounted, a host unusable
    MEDIUM = "M"  # wrong accounting, blocks some operations
    LOW = "L"  # cosmetic or latent
    INFO = "I"


SEVERITY: Mapping[Impact, Severity] = {
    Impact.CLOUD: Severity.ERROR,
    Impact.HIGH: Severity.ERROR,
    Impact.MEDIUM: Severity.WARNING,
    Impact.LOW: Severity.INFO,
    Impact.INFO: Severity.INFO,
}

# What a command that changes or stops something contains. A comment that tells somebody to do such a thing counts, too.
_CHANGES = re.compile(
    r"allocation (delete|set|unset)\b|inventory (delete|set)\b|aggregate (set|add|remove)\b|trait (delete|set)\b"
    r"|resource provider (delete|set)\b|server (delete|stop|evacuate|migrate|rebuild|set|resize)\b"
    r"|server migration abort"
    r"|service (delete|set)\b|compute agent|baremetal node set|delete_host|delete_cell|map_instances|discover_hosts"
    r"|heal_allocations(?! --dry-run)|sync_aggregates|online_data_migrations"
    r"|\b(DELETE FROM|UPDATE|INSERT)\b|systemctl|(re)?start (of )?nova-compute|the children of"
)

_REMOVES = re.compile(
    r"allocation (delete|unset)\b|inventory delete\b|resource provider delete\b|server delete\b|service delete\b"
    r"|delete_host|delete_cell|\bDELETE FROM\b|the children of"
)

# The column names of a check's row that say what the finding is about; all others are its evidence.
SUBJECTS = (
    "consumer",
    "provider",
    "provider_name",
    "instance",
    "migration",
    "host",
    "node",
    "cell",
    "resource_class",
    "flavor",
    "aggregate",
    "trait",
    "project",
    "user",
    "database",
    "table",
)


@dataclass(frozen=True, eq=False)
class Check:
    """One invariant.

    ``query`` yields one row per violation. Its columns fill the placeholders of ``message`` and ``remedy``;
    ``newest_change`` (a clock, or NULL), ``impact`` (a letter that overrides the check's) and ``withheld`` (a sentence
    or NULL) are special.
    A line of ``remedy`` is left out when one of its placeholders is NULL in the row; one whose name ends in ``_words``
    stands for several words, all others for one. Where that leaves no command that
    changes anything, ``withheld`` says what is missing for the proof that it is safe, and how a person finds that out.
    ``exceptions``: what looks like a violation, is legal, and stays unreported.
    ``optional``: tables that are used when their database was read, and taken as empty otherwise.
    ``absorbs``: codes whose findings have the same cause when they agree in the named columns, none of which is NULL
    (SEMANTICS J.11);
    ``whole_cloud``: cannot be judged while any cell is unreadable (SEMANTICS J.4).
    ``members``: of a finding that sums up many, the columns of its identity and, a row each, whom it is about
    (consumer, instance, provider), to be read again by key. With ``absorbs``: the columns of that are theirs.
    """

    code: str
    name: str
    impact: Impact
    title: str
    message: str
    identity: tuple[str, ...]
    why: str
    query: Select[Any]
    exceptions: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    absorbs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: tuple[Table, ...] = ()
    whole_cloud: bool = False
    members: Select[Any] | None = None


@dataclass(frozen=True)
class Finding:
    """One violation. ``identity`` is stable between runs; ``also`` names what it absorbed, as code and count.

    ``absorbed`` are the identities of that: what a baseline knows of them is not new when they stand alone again.
    ``withheld``: why no command that changes anything is among ``remedy``, and how a person finds out.
    ``confirmed``: settled by a second look.
    """

    code: str
    name: str
    severity: Severity
    impact: Impact
    settled: bool
    newest_change: str | None
    message: str
    subject: Mapping[str, Any]
    evidence: Mapping[str, Any]
    remedy: tuple[str, ...]
    identity: str
    also: Mapping[str, int] = field(default_factory=dict)
    absorbed: tuple[str, ...] = ()
    withheld: str | None = None
    confirmed: bool = False


# Of a row in which a value is NULL that no sound row lacks.
INCOMPLETE_ROW = "the rows lack a value that the command needs: read them first"


def removes_something(command: str) -> bool:
    """Whether a line of a remedy removes what nothing is said to depend on, or tells somebody to do so."""
    return bool(_REMOVES.search(command))


def changes_something(command: str) -> bool:
    """Whether a line of a remedy writes, removes or restarts something, or tells somebody to do so."""
    return bool(_CHANGES.search(command))
