"""What a flavor asks of placement (SEMANTICS E.1 to E.3): pure arithmetic, no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from placement_audit.schema import STANDARD_CLASSES

_OVERRIDE = re.compile(r"resources(?P<suffix>[a-zA-Z0-9_-]{0,64}):(?P<name>\w+)\Z", re.ASCII)
_AMOUNT = re.compile(r"[0-9]+\Z", re.ASCII)

Requests = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Flavor:
    """The part of a flavor that says how much. MB for memory and swap, GB for disks."""

    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int = 0
    swap: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)


def requests(flavor: Flavor, *, volume_backed: bool = False, translate_pinned: bool = True) -> Requests:
    """Amounts by (request group suffix, resource class); zero amounts are left out.

    ``translate_pinned`` False gives the second request, which nova sends when pinned CPUs find no PCPU.
    Image properties are not known here.
    """
    found = _overrides(flavor.extra_specs)
    named = {name for _, name in found}
    if not named & {"VCPU", "PCPU"}:
        pinned = _pinned(flavor) if translate_pinned else 0
        emulator = pinned and flavor.extra_specs.get("hw:emulator_threads_policy") == "isolate"
        found["", "PCPU"] = pinned + bool(emulator)
        found["", "VCPU"] = flavor.vcpus - pinned
    if "MEMORY_MB" not in named:
        found["", "MEMORY_MB"] = flavor.memory_mb
    if "DISK_GB" not in named:
        root = 0 if volume_backed else flavor.root_gb
        found["", "DISK_GB"] = root + flavor.ephemeral_gb + -(-flavor.swap // 1024)
    if _true(flavor.extra_specs.get("hw:mem_encryption")):
        found["", "MEM_ENCRYPTION_CONTEXT"] = 1
    for label in filter(None, flavor.extra_specs.get("hw:pmem", "").split(",")):
        key = "", f"CUSTOM_PMEM_NAMESPACE_{label.strip().upper()}"
        found[key] = found.get(key, 0) + 1
    return {key: amount for key, amount in found.items() if amount > 0}


def _overrides(extra_specs: Mapping[str, str]) -> Requests:
    found: Requests = {}
    for key, value in extra_specs.items():
        match = _OVERRIDE.match(key)
        if match and _AMOUNT.match(value or "") and _is_class(match["name"]):
            found[match["suffix"], match["name"]] = int(value)
    return found


def _is_class(name: str) -> bool:
    return name in STANDARD_CLASSES or name.startswith("CUSTOM_")


def _pinned(flavor: Flavor) -> int:
    policy = flavor.extra_specs.get("hw:cpu_policy")
    if policy == "dedicated":
        return flavor.vcpus
    if policy == "mixed":
        mask = flavor.extra_specs.get("hw:cpu_dedicated_mask") or flavor.extra_specs.get("hw:cpu_realtime_mask")
        return min(len(_cpus(mask or "", flavor.vcpus)), flavor.vcpus)
    return 0


def _cpus(mask: str, vcpus: int) -> set[int]:
    """The CPUs of a mask such as 0-3,^2. One that only excludes starts from all (nova's realtime mask)."""
    wanted: set[int] = set()
    excluded: set[int] = set()
    for part in filter(None, (part.strip() for part in mask.split(","))):
        numbers = re.fullmatch(r"\^?(\d{1,5})(?:-(\d{1,5}))?", part)
        if numbers:
            chosen = excluded if part.startswith("^") else wanted
            chosen |= set(range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1))
    return (wanted or set(range(vcpus))) - excluded


def _true(value: str | None) -> bool:
    return (value or "").strip().lower() in {"1", "t", "true", "on", "y", "yes"}
