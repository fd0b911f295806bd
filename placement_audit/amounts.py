"""What a flavor asks of placement (SEMANTICS E.1 to E.3): pure arithmetic, no database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from types import MappingProxyType
from typing import Any

from placement_audit.schema import STANDARD_CLASSES

_OVERRIDE = re.compile(r"resources(?P<suffix>[a-zA-Z0-9_-]{0,64}):(?P<name>.*)\Z")
_NUMBERED = re.compile(r"resources([1-9][0-9]*)?:")
_CPUS = re.compile(r"\^?\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?", re.ASCII)
# An extra spec has room for 255 digits, a database's integer for 18 of them: more than this fits nowhere anyway.
_MOST = 2**53

NO_IMAGE: Mapping[str, str] = MappingProxyType({})
STORED_BADLY = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)

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


def stored_flavor(data: Mapping[str, Any]) -> Flavor:
    """A flavor out of what nova keeps of it in JSON, the ``nova_object.data`` (SEMANTICS C.4).

    Raises one of STORED_BADLY when the data is no flavor's.
    """
    specs = (data.get("extra_specs") or {}).items()
    return Flavor(
        vcpus=int(data["vcpus"]),
        memory_mb=int(data["memory_mb"]),
        root_gb=int(data["root_gb"]),
        ephemeral_gb=int(data.get("ephemeral_gb") or 0),
        swap=int(data.get("swap") or 0),
        extra_specs={str(key): "" if value is None else str(value) for key, value in specs},
    )


def requests(
    flavor: Flavor,
    *,
    volume_backed: bool = False,
    translate_pinned: bool = True,
    image: Mapping[str, str] = NO_IMAGE,
) -> Requests:
    """Amounts by (request group suffix, resource class); zero amounts are left out.

    ``translate_pinned`` False gives the second request of a flavor with dedicated CPUs, which nova sends after the
    first; one with mixed CPUs has no second. ``image`` are the image's properties.
    """
    found = _overrides(flavor.extra_specs)
    # In nova too these replace what the flavor names in the unsuffixed group.
    for name, amount in _pinned(flavor, image, translate_pinned).items():
        found["", name] = amount
    named = {name for _, name in found}
    if not named & {"VCPU", "PCPU"}:
        found["", "VCPU"] = flavor.vcpus
    if "MEMORY_MB" not in named:
        found["", "MEMORY_MB"] = flavor.memory_mb
    if "DISK_GB" not in named:
        root = 0 if volume_backed else flavor.root_gb
        found["", "DISK_GB"] = root + flavor.ephemeral_gb + -(-flavor.swap // 1024)
    if truth(flavor.extra_specs.get("hw:mem_encryption")) or truth(image.get("hw_mem_encryption")):
        found["", "MEM_ENCRYPTION_CONTEXT"] = 1
    labels = Counter(filter(None, map(str.strip, flavor.extra_specs.get("hw:pmem", "").split(","))))
    for label, number in labels.items():
        found["", custom_name("PMEM_NAMESPACE_" + label)] = number
    return {key: min(amount, _MOST) for key, amount in found.items() if amount > 0}


def totals(found: Requests) -> dict[str, int]:
    """Amounts by resource class, summed over request groups."""
    summed: dict[str, int] = {}
    for (_, name), amount in found.items():
        summed[name] = min(summed.get(name, 0) + amount, _MOST)
    return summed


def readings(flavors: Iterable[Flavor], image: Mapping[str, str], volume: bool | None) -> Iterator[dict[str, int]]:
    """Every set of amounts by class that a server may legally hold on one host, the likeliest first (SEMANTICS E.4).

    ``flavors`` are its current one and those of a resize; ``volume`` is whether its root disk is one, None if
    nobody knows.
    """
    seen: list[dict[str, int]] = []
    for flavor, with_image, translated in product(
        [read for each in flavors for read in as_ever_read(each)],
        # heal_allocations looks at no image
        [image, NO_IMAGE] if image else [NO_IMAGE],
        # what nova-scheduler asks for when no host has dedicated CPUs, and before Train ever
        [True, False],
    ):
        dedicated = cpu_policy(flavor.extra_specs, with_image) == "dedicated"
        # Before Rocky a volume took no disk's place.
        for volume_backed in [False] if volume is False else [True, False]:
            found = totals(requests(flavor, volume_backed=volume_backed, translate_pinned=translated, image=with_image))
            forms = [found]
            if dedicated and not translated and "PCPU" not in found:
                # What nova-compute made of it when a host came to Train.
                forms.append({"PCPU" if name == "VCPU" else name: amount for name, amount in found.items()})
            for form in forms:
                if form not in seen:
                    seen.append(form)
                    yield form


def as_ever_read(flavor: Flavor) -> Iterator[Flavor]:
    """The flavor as nova reads it, and as it did until nova 24, when the suffix of a group was a number."""
    yield flavor
    specs = flavor.extra_specs
    numbered = {key: value for key, value in specs.items() if not _OVERRIDE.match(key) or _NUMBERED.match(key)}
    if len(numbered) < len(specs):
        yield replace(flavor, extra_specs=numbered)


def custom_name(words: str) -> str:
    """The name nova makes of words for a class or trait of its own."""
    return "CUSTOM_" + re.sub("[^0-9A-Za-z]+", "_", words).upper()


def _overrides(extra_specs: Mapping[str, str]) -> Requests:
    found: Requests = {}
    for key, value in extra_specs.items():
        match = _OVERRIDE.match(key)
        if match and (match["name"] in STANDARD_CLASSES or match["name"].startswith("CUSTOM_")):
            amount = _amount(value)
            if amount is not None:
                found[match["suffix"], match["name"]] = amount
    return found


def _amount(value: str) -> int | None:
    """What nova makes of a number: whatever int() takes, blanks and all, unless it is negative."""
    try:
        amount = int(value)
    except ValueError:
        return None
    return amount if amount >= 0 else None


def cpu_policy(extra_specs: Mapping[str, str], image: Mapping[str, str]) -> str | None:
    """dedicated, mixed, shared or None: the flavor's word comes first."""
    return extra_specs.get("hw:cpu_policy") or image.get("hw_cpu_policy") or None


def _pinned(flavor: Flavor, image: Mapping[str, str], translate: bool) -> dict[str, int]:
    specs = flavor.extra_specs
    emulator = specs.get("hw:emulator_threads_policy") == "isolate"
    policy = cpu_policy(specs, image)
    if policy == "dedicated" and translate:
        return {"PCPU": flavor.vcpus + emulator}
    if policy == "mixed":
        mask = specs.get("hw:cpu_dedicated_mask")
        if not mask and truth(specs.get("hw:cpu_realtime")):
            mask = image.get("hw_cpu_realtime_mask") or specs.get("hw:cpu_realtime_mask") or "0-99999"
        pinned = len(_cpus(mask, flavor.vcpus)) if mask else 0
        return {"VCPU": flavor.vcpus - pinned, "PCPU": pinned + emulator}
    return {}


def _cpus(mask: str, vcpus: int) -> set[int]:
    """The CPUs of a mask such as 0-3,^2. One that begins with an exclusion starts from all of them."""
    everything = set(range(min(vcpus, 100_000)))  # as far as _CPUS can count
    wanted: set[int] = everything if mask.strip().startswith("^") else set()
    excluded: set[int] = set()
    for part in map(str.strip, mask.split(",")):
        numbers = _CPUS.fullmatch(part)
        if numbers:
            named = set(range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1))
            if part.startswith("^"):
                excluded |= named
            else:
                wanted = wanted | named
    return (wanted - excluded) & everything


def truth(value: str | None) -> bool:
    """Whether nova takes a text for true."""
    return (value or "").strip().lower() in {"1", "t", "true", "on", "y", "yes"}
