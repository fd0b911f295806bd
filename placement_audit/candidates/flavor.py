"""From a flavor or a server to what nova-scheduler asks of placement, as nova 34 does (SEMANTICS E, G.5).

Rows do not tell all of it: what neutron, cyborg and the hosts' nova.conf would add is named in notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, inspect, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.expression import ColumnElement

from placement_audit import schema as t
from placement_audit.amounts import (
    NO_IMAGE,
    STORED_BADLY,
    Flavor,
    cpu_policy,
    custom_name,
    requests,
    stored_flavor,
    truth,
)
from placement_audit.candidates.request import Group, Microversion, Request
from placement_audit.errors import CannotTell
from placement_audit.source.config import SETTINGS, settings_in
from placement_audit.source.connect import reason_of

MICROVERSION: Microversion = (1, 36)
# services.version from which on nova-compute gives its providers the trait OWNER_NOVA: nova 34.
OWNER_VERSION = 73


@dataclass(frozen=True)
class Settings:
    """The options of nova-scheduler that shape its request, with the defaults of nova 34.

    ``query_placement_for_availability_zone`` None: there is no such option, as from nova 28 on. Until then the
    default was True from nova 24 on, and False before. ``release`` is nova-scheduler's: request filters that came
    later are left out.
    """

    release: int = 34
    limit_tenants_to_placement_aggregate: bool = False
    placement_aggregate_required_for_tenants: bool = False
    query_placement_for_availability_zone: bool | None = None
    query_placement_for_image_type_support: bool = False
    enable_isolated_aggregate_filtering: bool = False
    image_metadata_prefilter: bool = False
    query_placement_for_routed_network_aggregates: bool = False
    max_placement_results: int = 1000
    disable_fallback_pcpu_query: bool = False
    pci_in_placement: bool = False


_OPTIONS = {
    name: kind
    for options in SETTINGS.values()
    for name, kind in options.items()
    if name in Settings.__dataclass_fields__
}


@dataclass(frozen=True)
class Applied:
    """What one of nova's request filters does here. ``option`` and ``value`` are None where it is always on."""

    name: str
    option: str | None
    value: bool | None
    applies: bool
    says: str

    @property
    def line(self) -> str:
        """All of it in one line for people."""
        return f"{self.name} ({self.switch}): {self.says}"

    @property
    def switch(self) -> str:
        """The option that turns it on or off, and how it is set."""
        return f"[scheduler] {self.option} = {self.value}" if self.option else "always on"


@dataclass(frozen=True)
class Asked:
    """The requests nova sends, in its order: the candidates of all of them count.

    ``refused``: why nova turns the server down before it asks placement; then there are no requests.
    """

    requests: tuple[Request, ...]
    filters: tuple[Applied, ...]
    notes: tuple[str, ...]
    refused: str | None = None


class _Refusal(Exception):
    """Nova turns the server down before it asks placement."""


@dataclass(frozen=True)
class _Boot:
    """A server to be placed. ``cells``: where services and compute_nodes are, empty if nobody can tell."""

    flavor: Flavor
    image: Mapping[str, str]
    image_known: bool
    volume_backed: bool
    project: str | None
    zone: str | None
    settings: Settings
    api: Connection
    cells: Sequence[Connection]
    limit: int | None
    in_tree: str | None = None
    devices: tuple[Group, ...] = ()

    @property
    def specs(self) -> Mapping[str, str]:
        return self.flavor.extra_specs


def flavor_request(
    connection: Connection,
    name_or_id: str,
    *,
    settings: Settings,
    project: str | None = None,
    az: str | None = None,
    image_properties: Mapping[str, str] = NO_IMAGE,
    volume_backed: bool = False,
    cells: Sequence[Connection] | None = None,
) -> Asked:
    """What nova asks for a new server of a flavor, named by its flavorid or its name.

    ``connection`` is to nova's API database or a snapshot, ``cells`` are to the cells; a snapshot has them itself.
    ``image_properties`` may have the image's disk_format too. Raises CannotTell.
    """
    with _reading("nova's API database"):
        boot = _Boot(
            flavor=_flavor(connection, name_or_id),
            image=_current(image_properties),
            image_known=bool(image_properties),
            volume_backed=volume_backed,
            project=project,
            zone=az,
            settings=settings,
            api=connection,
            cells=_cells(connection, cells),
            limit=settings.max_placement_results,
        )
        return _asked(boot, _hardware_notes(boot))


def server_request(
    connection: Connection, uuid: str, settings: Settings, *, cells: Sequence[Connection] | None = None
) -> Asked:
    """What nova asked for a server when it was made, and asks when it moves; connections as in ``flavor_request``.

    Raises CannotTell when nova has no record of the request, or a snapshot is all there is.
    """
    with _reading("nova's API database"):
        if _is_snapshot(connection):
            raise CannotTell("a snapshot holds no request_specs; ask nova's API database itself")
        data = _request_spec(connection, uuid)
        try:
            boot, notes = _boot_of(data, settings, connection, _cells(connection, cells))
        except STORED_BADLY:
            raise CannotTell(f"server {uuid}: its row in request_specs cannot be understood") from None
        try:
            boot, more = _aimed(boot, data)
        except _Refusal as refusal:
            return Asked((), (), tuple(notes), str(refusal))
        return _asked(boot, [*notes, *more])


def settings_of(config_files: Sequence[str], config_dirs: Sequence[str]) -> Settings:
    """The settings out of nova-scheduler's configuration files. Raises CannotTell.

    A query_placement_for_availability_zone that a file still names is taken at its word; nova 28 and later do not
    look at it.
    """
    return _of(settings_in(config_files, config_dirs))


def settings_kept(snapshot: Connection) -> Settings:
    """The settings that a snapshot was taken with."""
    return _of({row.name: int(row.value) for row in snapshot.execute(select(t.settings)) if row.name in _OPTIONS})


def _of(given: Mapping[str, Any]) -> Settings:
    return Settings(**{name: _OPTIONS[name](value) for name, value in given.items() if name in _OPTIONS})


# --- reading -----------------------------------------------------------------------------------------------


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise CannotTell(f"{what}: {reason_of(error)}") from None


def _is_snapshot(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite" and inspect(connection).has_table(t.snapshot.name)


def _cells(connection: Connection, cells: Sequence[Connection] | None) -> Sequence[Connection]:
    if cells is not None:
        return cells
    return [connection] if _is_snapshot(connection) else []


def _flavor(connection: Connection, name_or_id: str) -> Flavor:
    columns = t.flavors.c
    for column in (columns.flavorid, columns.name):
        row = connection.execute(select(t.flavors).where(column == name_or_id)).first()
        if row is not None:
            break
    else:
        known = {str(name) for pair in connection.execute(select(columns.flavorid, columns.name)) for name in pair}
        near = get_close_matches(name_or_id, sorted(known))
        advice = f"; near it: {', '.join(map(repr, near))}" if near else ""
        raise CannotTell(f"nova has no flavor of id or name {name_or_id!r}{advice}")
    extra = t.flavor_extra_specs.c
    specs = connection.execute(select(extra.key, extra.value).where(extra.flavor_id == row.id))
    return Flavor(
        vcpus=row.vcpus or 0,
        memory_mb=row.memory_mb or 0,
        root_gb=row.root_gb or 0,
        ephemeral_gb=row.ephemeral_gb or 0,
        swap=row.swap or 0,
        extra_specs={key or "": value or "" for key, value in specs},
    )


def _request_spec(connection: Connection, uuid: str) -> dict[str, Any]:
    try:
        wanted = str(UUID(uuid))
    except ValueError:
        raise CannotTell(f"{uuid!r} is no server's uuid") from None
    stored = t.whole_request_specs.c
    text = connection.scalar(select(stored.spec).where(stored.instance_uuid == wanted))
    if text is None:
        raise CannotTell(f"server {wanted}: nova has no request_specs row for it: never made, or deleted since")
    try:
        data: dict[str, Any] = json.loads(text)["nova_object.data"]
        return data
    except STORED_BADLY:
        raise CannotTell(f"server {wanted}: its row in request_specs cannot be understood") from None


def _boot_of(
    data: dict[str, Any], settings: Settings, api: Connection, cells: Sequence[Connection]
) -> tuple[_Boot, list[str]]:
    pci = [each["nova_object.data"] for each in _inside(data.get("pci_requests")).get("requests") or []]
    devices = [each for each in pci if each.get("alias_name") is not None]  # a port's have no alias
    # Affinity looks at candidates that a limit might cut off.
    unlimited = {"group", "same_host", "different_host"} & set(data.get("scheduler_hints") or {})
    boot = _Boot(
        flavor=stored_flavor(_inside(data["flavor"])),
        image=_stored_image(_inside(data.get("image"))),
        image_known=True,
        volume_backed=bool(data.get("is_bfv")),
        project=data.get("project_id"),
        zone=data.get("availability_zone"),
        settings=settings,
        api=api,
        cells=cells,
        limit=None if unlimited else settings.max_placement_results,
        devices=tuple(_of_devices(devices)) if settings.pci_in_placement else (),
    )
    notes = list(_hardware_notes(boot, aliases=bool(devices) and not settings.pci_in_placement))
    if len(devices) < len(pci):
        notes.append("devices of ports: the scheduler looks for them among its hosts, not in placement")
    return boot, notes


def _inside(stored: Any) -> dict[str, Any]:
    """What is in an object that nova keeps as JSON, nothing if there is none."""
    return dict(stored["nova_object.data"]) if stored else {}


def _stored_image(data: Mapping[str, Any]) -> dict[str, str]:
    properties = _inside(data.get("properties"))
    image = {f"trait:{name}": "required" for name in properties.pop("traits_required", None) or ()}
    if data.get("disk_format"):
        image["disk_format"] = str(data["disk_format"])
    for name, value in properties.items():
        if isinstance(value, bool):
            image[name] = str(value).lower()
        elif isinstance(value, (str, int)):
            image[name] = str(value)
    return image


def _aimed(boot: _Boot, data: dict[str, Any]) -> tuple[_Boot, list[str]]:
    """The boot, bound to the host or node that an administrator has named."""
    host, node = ((data.get(key) or [None])[0] for key in ("force_hosts", "force_nodes"))
    if not host and not node:
        return boot, []
    where = f"host {host or 'any'}, node {node or 'any'}"
    if not boot.cells:
        return boot, [f"made for {where} alone: no cell's compute_nodes are at hand, so in_tree is missing here"]
    columns = t.compute_nodes.c
    query = select(columns.uuid).where(columns.deleted == 0)
    if host:
        query = query.where(columns.host == host)
    if node:
        query = query.where(columns.hypervisor_hostname == node)
    found = [uuid for cell in boot.cells for uuid in cell.scalars(query)]
    if not found:
        raise _Refusal(f"made for {where} alone, and there is no such compute node")
    notes = [f"made for {where} alone; a move of the server is not bound to it any more"]
    if len(found) > 1:  # in_tree takes one uuid; the scheduler picks among all candidates
        return replace(boot, limit=None), notes
    return replace(boot, in_tree=found[0]), notes


# --- the request -------------------------------------------------------------------------------------------


def _asked(boot: _Boot, notes: Iterable[str]) -> Asked:
    applied: list[Applied] = []
    effects: list[_Effect] = []
    try:
        for each in _FILTERS:
            effect = each.on(boot)
            effects.append(effect)
            applied.append(each.applied(boot, effect))
        found = [_request(boot, effects, pinned=True)]
        dedicated = cpu_policy(boot.specs, boot.image) == "dedicated"
        if dedicated and not boot.settings.disable_fallback_pcpu_query:
            found.append(_request(boot, effects, pinned=False))
    except _Refusal as refusal:
        return Asked((), tuple(applied), tuple(notes), str(refusal))
    more = (effect.note for effect in effects if effect.note)
    return Asked(tuple(found), tuple(applied), (*more, *notes, *_mistakes(found[0])))


def _request(boot: _Boot, effects: Sequence[_Effect], pinned: bool) -> Request:
    groups = _groups(boot, effects, pinned)
    return Request(
        groups=tuple(groups),
        group_policy=_group_policy(boot.specs, sum(1 for group in groups if group.suffix)),
        root_required=_all(effect.root_required for effect in effects),
        root_forbidden=_all(effect.root_forbidden for effect in effects),
        limit=boot.limit,
        microversion=MICROVERSION,
    )


def _groups(boot: _Boot, effects: Sequence[_Effect], pinned: bool) -> list[Group]:
    """All groups, the unsuffixed one first. ``pinned``: dedicated CPUs are asked for as such."""
    resources: dict[str, dict[str, int]] = {}
    amounts = requests(boot.flavor, volume_backed=boot.volume_backed, translate_pinned=pinned, image=boot.image)
    for (suffix, name), amount in amounts.items():
        resources.setdefault(suffix, {})[name] = amount
    required, forbidden = _named_traits(boot.specs)
    required.setdefault("", set()).update(_image_traits(boot.image), _derived_traits(boot))
    if pinned:
        threads = _thread_policy(boot)
        if threads:
            {"require": required, "isolate": forbidden}[threads].setdefault("", set()).add("HW_CPU_HYPERTHREADING")
    plain = Group(
        resources=resources.pop("", {}),
        required=_each(required.pop("", set())),
        forbidden=frozenset(forbidden.pop("", set())),
        member_of=tuple(effect.member_of for effect in effects if effect.member_of),
        forbidden_aggregates=_all(effect.forbidden_aggregates for effect in effects),
        in_tree=boot.in_tree,
    )
    found = [plain] if plain != Group() else []
    for suffix in sorted({*resources, *required, *forbidden}):
        found.append(
            Group(
                suffix=suffix,
                resources=resources.get(suffix, {}),
                required=_each(required.get(suffix, set())),
                forbidden=frozenset(forbidden.get(suffix, set())),
            )
        )
    on_devices = _each(_all(effect.on_devices for effect in effects))
    return found + [replace(group, required=group.required + on_devices) for group in boot.devices]


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _each(traits: Iterable[str]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset((trait,)) for trait in sorted(traits))


_KEY = re.compile(r"(?P<kind>resources|trait)(?P<suffix>[a-zA-Z0-9_-]{0,64}):(?P<name>.*)\Z")


def _named_traits(specs: Mapping[str, str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Traits that the flavor requires and forbids outright, by suffix."""
    found: dict[str, dict[str, set[str]]] = {"required": {}, "forbidden": {}}
    for key, value in specs.items():
        match = _KEY.match(key)
        if match and match["kind"] == "trait" and value in found:
            found[value].setdefault(match["suffix"], set()).add(match["name"])
    return found["required"], found["forbidden"]


def _image_traits(image: Mapping[str, str]) -> Iterator[str]:
    for key, value in image.items():
        if key.startswith("trait:") and value == "required":
            yield key.removeprefix("trait:")


def _group_policy(specs: Mapping[str, str], suffixed: int) -> str | None:
    policy = specs.get("group_policy")
    if policy in ("none", "isolate"):
        return policy
    # Even a suffix of which nothing comes makes a group of the flavor's.
    from_flavor = {match["suffix"] for match in map(_KEY.match, specs) if match and match["suffix"]}
    return "none" if suffixed > 1 >= len(from_flavor) else None


_ENCRYPTION_TRAITS = {
    "amd-sev": "HW_CPU_X86_AMD_SEV",
    "amd-sev-es": "HW_CPU_X86_AMD_SEV_ES",
    "amd-sev-snp": "HW_CPU_X86_AMD_SEV_SNP",
    "intel-tdx": "HW_CPU_X86_INTEL_TDX",
}


def _derived_traits(boot: _Boot) -> Iterator[str]:
    """Traits of the unsuffixed group that stand for what flavor or image say in other words."""
    if _switched(boot, "mem_encryption"):
        model = _agreed(boot, "mem_encryption_model", _ENCRYPTION_TRAITS) or "amd-sev"
        _fit_for_encryption(boot, model)
        yield _ENCRYPTION_TRAITS[model]
    version = _tpm_version(boot)
    if version:
        model = _agreed(boot, "tpm_model", ("tpm-tis", "tpm-crb")) or "tpm-tis"
        if model == "tpm-crb" and version != "2.0":
            raise _Refusal("a TPM of model tpm-crb is one of version 2.0")
        yield "COMPUTE_SECURITY_TPM_" + model.removeprefix("tpm-").upper()
        yield "COMPUTE_SECURITY_TPM_" + version.replace(".", "_")
    if _agreed(boot, "pci_numa_affinity_policy", ("legacy", "preferred", "required", "socket")) == "socket":
        yield "COMPUTE_SOCKET_PCI_NUMA_AFFINITY"
    if _agreed(boot, "secure_boot", ("required", "disabled", "optional"), prefix="os") == "required":
        yield "COMPUTE_SECURITY_UEFI_SECURE_BOOT"
    address = _agreed(boot, "maxphysaddr_mode", ("passthrough", "emulate"))
    if address:
        yield "COMPUTE_ADDRESS_SPACE_" + {"passthrough": "PASSTHROUGH", "emulate": "EMULATED"}[address]
    if _stateless(boot.image):
        yield "COMPUTE_SECURITY_STATELESS_FIRMWARE"


def _tpm_version(boot: _Boot) -> str | None:
    return _agreed(boot, "tpm_version", ("1.2", "2.0"))


def _stateless(image: Mapping[str, str]) -> bool:
    return image.get("hw_firmware_type") == "uefi" and truth(image.get("hw_firmware_stateless"))


def _fit_for_encryption(boot: _Boot, model: str) -> None:
    """Refuse an image that cannot have its memory encrypted; one of which nothing is known is let pass."""
    image = boot.image
    if not boot.image_known:
        return
    if image.get("hw_firmware_type") != "uefi":
        raise _Refusal("memory encryption needs an image with hw_firmware_type=uefi")
    if "q35" not in image.get("hw_machine_type", "q35"):
        raise _Refusal("memory encryption needs an image whose hw_machine_type is a q35")
    if model in ("amd-sev-snp", "intel-tdx") and not _stateless(image):
        raise _Refusal(f"memory encryption by {model} needs an image with hw_firmware_stateless=true")
    if model == "intel-tdx" and image.get("hw_video_model") != "none":
        raise _Refusal(f"memory encryption by {model} needs an image with hw_video_model=none")


def _thread_policy(boot: _Boot) -> str | None:
    """require, isolate or None; refuses CPU policies on which flavor and image differ."""
    policies = ("dedicated", "shared", "mixed")
    ours, theirs = _said(boot, "cpu_policy", policies)
    if (ours, theirs) in (("mixed", "dedicated"), ("shared", "mixed"), ("shared", "dedicated")):
        raise _Refusal(f"the flavor has hw:cpu_policy={ours}, the image hw_cpu_policy={theirs}")
    if boot.specs.get("hw:emulator_threads_policy") not in (None, "", "isolate", "share"):
        raise _Refusal("hw:emulator_threads_policy is neither isolate nor share")
    ours, theirs = _said(boot, "cpu_thread_policy", ("prefer", "isolate", "require"))
    if ours in (None, "prefer"):
        policy = ours or theirs
    elif theirs not in (None, ours):
        raise _Refusal(f"the flavor has hw:cpu_thread_policy={ours}, the image hw_cpu_thread_policy={theirs}")
    else:
        policy = ours
    return None if policy == "prefer" else policy


def _said(boot: _Boot, key: str, allowed: Iterable[str], prefix: str = "hw") -> tuple[str | None, str | None]:
    """What the flavor says about something, and what the image says; refuses values that nova does not know."""
    ours = boot.specs.get(f"{prefix}:{key}") or None
    theirs = boot.image.get(f"{prefix}_{key}") or None
    for name, value in ((f"{prefix}:{key}", ours), (f"{prefix}_{key}", theirs)):
        if value is not None and value not in allowed:
            raise _Refusal(f"{name}={value} is none of {', '.join(allowed)}")
    return ours, theirs


def _agreed(boot: _Boot, key: str, allowed: Iterable[str], prefix: str = "hw") -> str | None:
    """The one value that flavor or image give; refuses two."""
    ours, theirs = _said(boot, key, allowed, prefix)
    if ours and theirs and ours != theirs:
        raise _Refusal(f"the flavor has {prefix}:{key}={ours}, the image {prefix}_{key}={theirs}")
    return ours or theirs


def _switched(boot: _Boot, key: str) -> bool:
    """Whether flavor or image turn something on; refuses when they differ."""
    ours, theirs = boot.specs.get(f"hw:{key}"), boot.image.get(f"hw_{key}")
    if ours is not None and theirs is not None and truth(ours) != truth(theirs):
        raise _Refusal(f"the flavor has hw:{key}={ours}, the image hw_{key}={theirs}")
    return truth(ours) or truth(theirs)


def _of_devices(wanted: Iterable[Mapping[str, Any]]) -> Iterator[Group]:
    """A group for each PCI device that an alias has asked for (nova 27 and later)."""
    for each in wanted:
        [spec] = each["spec"]
        name = (spec.get("resource_class") or "CUSTOM_PCI_{vendor_id}_{product_id}".format(**spec)).upper()
        if name not in t.STANDARD_CLASSES and not name.startswith("CUSTOM_"):
            name = custom_name(name)
        traits = {_trait_name(trait) for trait in (spec.get("traits") or "").split(",") if trait}
        for number in range(int(each["count"])):
            yield Group(suffix=f"{each['request_id']}-{number}", resources={name: 1}, required=_each(traits))


# os-traits' own names all begin so; nova makes a custom trait of any other.
_STANDARD_TRAIT = re.compile(r"(COMPUTE|HW|MISC|OWNER|STORAGE)_[A-Z0-9_]+\Z")


def _trait_name(word: str) -> str:
    if _STANDARD_TRAIT.match(word) or word.upper().startswith("CUSTOM_"):
        return word.upper()
    return custom_name(word)


# --- nova's request filters --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Effect:
    """What a filter says, and what it adds to the request."""

    says: str
    member_of: frozenset[str] = frozenset()
    forbidden_aggregates: frozenset[str] = frozenset()
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    on_devices: frozenset[str] = frozenset()
    # What people should know although nothing is added.
    note: str = ""

    @property
    def adds(self) -> bool:
        return bool(self.member_of or self.forbidden_aggregates or self.root_required or self.root_forbidden)


@dataclass(frozen=True)
class _Filter:
    name: str
    effect: Callable[[_Boot], _Effect]
    since: int
    option: str | None = None

    def on(self, boot: _Boot) -> _Effect:
        if self.since > boot.settings.release:
            return _Effect(f"not before nova {self.since}")
        return _Effect("off") if self._value(boot) is False else self.effect(boot)

    def applied(self, boot: _Boot, effect: _Effect) -> Applied:
        value = self._value(boot)
        return Applied(self.name, self.option if value is not None else None, value, effect.adds, effect.says)

    def _value(self, boot: _Boot) -> bool | None:
        value: bool | None = getattr(boot.settings, self.option) if self.option else None
        return value


def _aggregates(boot: _Boot, *conditions: ColumnElement[bool]) -> dict[str, str]:
    """Uuid and name of host aggregates with such metadata."""
    query = (
        select(t.aggregates.c.uuid, t.aggregates.c.name)
        .join_from(t.aggregates, t.aggregate_metadata, t.aggregate_metadata.c.aggregate_id == t.aggregates.c.id)
        .where(t.aggregates.c.uuid.is_not(None), *conditions)
        .distinct()
    )
    return {row.uuid: row.name for row in boot.api.execute(query)}


def _words(aggregates: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} ({uuid})" for uuid, name in sorted(aggregates.items(), key=lambda item: item[1]))
    return f"{'one of ' if len(aggregates) > 1 else ''}the aggregate{'s' * (len(aggregates) > 1)} {named}"


def _tenant(boot: _Boot) -> _Effect:
    if boot.project is None:
        return _Effect("no project is given")
    found: dict[str, str] = {}
    metadata = t.aggregate_metadata.c
    keys = boot.api.scalars(select(metadata.key).where(metadata.value == boot.project).distinct())
    # Nova looks at the case of the key, and the server does not.
    names = [key for key in keys if key.startswith("filter_tenant_id")]
    if names:
        found = _aggregates(boot, metadata.value == boot.project, metadata.key.in_(names))
    if found:
        return _Effect(f"only {_words(found)}, kept for the project", member_of=frozenset(found))
    if boot.settings.placement_aggregate_required_for_tenants:
        raise _Refusal(
            "no aggregate is kept for the project, and [scheduler] placement_aggregate_required_for_tenants demands one"
        )
    return _Effect("no aggregate is kept for the project")


def _zone(boot: _Boot) -> _Effect:
    if not boot.zone:
        return _Effect("no availability zone is asked for")
    metadata = t.aggregate_metadata.c
    found = _aggregates(boot, metadata.key == "availability_zone", metadata.value == boot.zone)
    if not found:
        said = f"no aggregate makes up the availability zone {boot.zone}"
        return _Effect(said, note=f"{said}: placement is asked as if none had been named")
    return _Effect(f"only {_words(found)}: availability zone {boot.zone}", member_of=frozenset(found))


_IMAGE_TYPES = ("aki", "ami", "ari", "iso", "qcow2", "raw", "vdi", "vhd", "vhdx", "vmdk", "ploop")


def _image_type(boot: _Boot) -> _Effect:
    if boot.volume_backed:
        return _Effect("the server boots from a volume")
    kind = boot.image.get("disk_format")
    if not kind:
        return _Effect("the image's disk_format is not given")
    if kind.lower() not in _IMAGE_TYPES:
        return _Effect(f"there is no trait for images of type {kind}")
    return _root(f"COMPUTE_IMAGE_TYPE_{kind.upper()}")


def _root(*traits: str) -> _Effect:
    return _Effect(f"the root must have {', '.join(traits)}", root_required=frozenset(traits))


def _status(boot: _Boot) -> _Effect:
    trait = "COMPUTE_STATUS_DISABLED"
    return _Effect(f"the root must not have {trait}", root_forbidden=frozenset((trait,)))


def _isolated(boot: _Boot) -> _Effect:
    asked = {f"trait:{trait}" for group in _groups(boot, (), True) for traits in group.required for trait in traits}
    metadata = t.aggregate_metadata.c
    found = _aggregates(
        boot, metadata.value == "required", metadata.key.like("trait:%"), metadata.key.not_in(sorted(asked))
    )
    if not found:
        return _Effect("no aggregate is kept for traits that are not asked for")
    return _Effect(f"not {_words(found)}, kept for other traits", forbidden_aggregates=frozenset(found))


_METADATA_TRAITS = {
    "hw_cdrom_bus": "COMPUTE_STORAGE_BUS",
    "hw_disk_bus": "COMPUTE_STORAGE_BUS",
    "hw_video_model": "COMPUTE_GRAPHICS_MODEL",
    "hw_vif_model": "COMPUTE_NET_VIF_MODEL",
    "hw_architecture": "HW_ARCH",
    "hw_emulation_architecture": "COMPUTE_ARCH",
    "hw_viommu_model": "COMPUTE_VIOMMU",
}
_EMULATED = ("aarch64", "mipsel", "ppc64le", "riscv64", "s390x", "x86_64")


def _has_trait(key: str, value: str) -> bool:
    """Whether os-traits has the trait that nova makes of a known value."""
    if key == "hw_viommu_model":
        return False  # the traits are COMPUTE_VIOMMU_MODEL_…, and nova 34 leaves MODEL out
    if key == "hw_architecture":
        return value != "armv7l"
    return key != "hw_emulation_architecture" or value in _EMULATED


def _image_metadata(boot: _Boot) -> _Effect:
    said = {key: boot.image[key] for key in _METADATA_TRAITS if key in boot.image}
    unknown = [f"{key}={value}" for key, value in said.items() if not _has_trait(key, value)]
    if unknown:
        return _Effect(f"nova gives up on all properties: no trait for {', '.join(unknown)}")
    if not said:
        return _Effect("the image has none of the properties that it looks at")
    return _root(*sorted({f"{_METADATA_TRAITS[key]}_{_upper(value)}" for key, value in said.items()}))


def _upper(value: str) -> str:
    return value.replace("-", "_").upper()


def _accelerators(boot: _Boot) -> _Effect:
    if not boot.specs.get("accel:device_profile"):
        return _Effect("the flavor names no device profile")
    return _root("COMPUTE_ACCELERATORS")


def _packed_virtqueue(boot: _Boot) -> _Effect:
    return _root("COMPUTE_NET_VIRTIO_PACKED") if _switched(boot, "virtio_packed_ring") else _Effect("not asked for")


def _routed_networks(boot: _Boot) -> _Effect:
    return _Effect("the aggregates of the server's networks, which neutron knows, are missing here")


def _remote_managed_ports(boot: _Boot) -> _Effect:
    return _Effect("for ports of type remote-managed, which neutron knows")


def _ephemeral_encryption(boot: _Boot) -> _Effect:
    if not _switched(boot, "ephemeral_encryption"):
        return _Effect("not asked for")
    kind = _agreed(boot, "ephemeral_encryption_format", ("plain", "luks", "luksv2"))
    trait = "COMPUTE_EPHEMERAL_ENCRYPTION"
    return _root(trait, f"{trait}_{kind.upper()}") if kind else _root(trait)


_SOUND_MODELS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")


def _virtio_sound(boot: _Boot) -> _Effect:
    if _agreed(boot, "sound_model", _SOUND_MODELS) != "virtio":
        return _Effect("not asked for")
    return _root("COMPUTE_SOUND_MODEL_VIRTIO")


def _tpm_secret(boot: _Boot) -> _Effect:
    if not _tpm_version(boot):
        return _Effect("no TPM is asked for")
    security = boot.specs.get("hw:tpm_secret_security") or "user"
    if security not in ("user", "host", "deployment"):
        raise _Refusal(f"hw:tpm_secret_security={security} is none of user, host, deployment")
    return _root(f"COMPUTE_SECURITY_TPM_SECRET_SECURITY_{security.upper()}")


def _owner(boot: _Boot) -> _Effect:
    if not boot.cells:
        return _Effect("only once every nova-compute is of nova 34; the cells' services are not at hand")
    unread = sorted(name for cell in boot.cells for name in _unread(cell))
    caveat = f", as far as can be told without {', '.join(unread)}" if unread else ""
    oldest = min((version for cell in boot.cells for version in _oldest_computes(cell)), default=0)
    if not oldest:
        return _Effect(f"no nova-compute is known{caveat}")
    if oldest < OWNER_VERSION:
        return _Effect(f"not yet: a nova-compute has service version {oldest}, and {OWNER_VERSION} is needed")
    effect = _root("OWNER_NOVA")
    return replace(effect, says=effect.says + caveat, on_devices=effect.root_required)


def _unread(cell: Connection) -> Iterator[str]:
    if _is_snapshot(cell):
        yield from cell.scalars(
            select(t.sources.c.name).where(t.sources.c.role == t.Role.CELL.value, t.sources.c.status != "read")
        )


def _oldest_computes(connection: Connection) -> Iterator[int]:
    """The lowest service version of each cell. What is forced down does not count, nor does a cell with a 0 in it."""
    services = t.services.c
    cell = services.cell if _is_snapshot(connection) else literal("").label("cell")
    query = select(cell, services.version, services.forced_down).where(
        services.binary == "nova-compute", services.deleted == 0
    )
    versions: dict[str, list[int]] = {}
    for row in connection.execute(query):
        # Looked at here: PostgreSQL compares no truth value with a number.
        if row.forced_down is not None and not row.forced_down:
            versions.setdefault(row.cell, []).append(row.version or 0)
    yield from filter(None, map(min, versions.values()))


# In nova's order, with the release that brought each (SEMANTICS G.5).
_FILTERS = (
    _Filter("require_tenant_aggregate", _tenant, 18, "limit_tenants_to_placement_aggregate"),
    _Filter("map_az_to_placement_aggregate", _zone, 18, "query_placement_for_availability_zone"),
    _Filter("require_image_type_support", _image_type, 20, "query_placement_for_image_type_support"),
    _Filter("compute_status_filter", _status, 20),
    _Filter("isolate_aggregates", _isolated, 20, "enable_isolated_aggregate_filtering"),
    _Filter("transform_image_metadata", _image_metadata, 21, "image_metadata_prefilter"),
    _Filter("accelerators_filter", _accelerators, 21),
    _Filter("packed_virtqueue_filter", _packed_virtqueue, 29),
    _Filter("routed_networks_filter", _routed_networks, 23, "query_placement_for_routed_network_aggregates"),
    _Filter("remote_managed_ports_filter", _remote_managed_ports, 25),
    _Filter("ephemeral_encryption_filter", _ephemeral_encryption, 26),
    _Filter("virtio_sound_filter", _virtio_sound, 32),
    _Filter("tpm_secret_security_filter", _tpm_secret, 33),
    _Filter("owner_nova_filter", _owner, 34),
)


# --- the image ---------------------------------------------------------------------------------------------

_ARCHITECTURES = {"amd64": "x86_64"} | dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686")
_VIF_MODELS = {
    "virtuale1000": "e1000",
    "virtuale1000e": "e1000e",
    "virtualpcnet32": "pcnet",
    "virtualsriovethernetcard": "sriov",
    "virtualvmxnet": "vmxnet",
    "virtualvmxnet3": "vmxnet3",
}


def _current(properties: Mapping[str, str]) -> dict[str, str]:
    """An image's properties as glance has them, in the names and values that nova goes by."""
    image = dict(properties)
    if "architecture" in image:
        image.setdefault("hw_architecture", image["architecture"])
    if image.get("vmware_adaptertype"):
        image.setdefault("hw_disk_bus", "ide" if image["vmware_adaptertype"] == "ide" else "scsi")
    for key, names in (
        ("hw_architecture", _ARCHITECTURES),
        ("hw_emulation_architecture", _ARCHITECTURES),
        ("hw_vif_model", _VIF_MODELS),
    ):
        if key in image:
            image[key] = names.get(image[key].lower(), image[key].lower())
    return image


# --- what rows do not tell ---------------------------------------------------------------------------------


def _hardware_notes(boot: _Boot, *, aliases: bool | None = None) -> Iterator[str]:
    yield "ports: neutron may add groups for their bandwidth and packet rate; they are missing here"
    profile = boot.specs.get("accel:device_profile")
    if profile:
        yield f"accel:device_profile={profile}: cyborg adds the profile's groups; they are missing here"
    alias = boot.specs.get("pci_passthrough:alias")
    if alias and not boot.settings.pci_in_placement:
        yield (
            f"pci_passthrough:alias={alias}: the scheduler looks for devices among its hosts, not in placement "
            "([filter_scheduler] pci_in_placement = False)"
        )
    elif alias and aliases is None:
        yield (
            f"pci_passthrough:alias={alias}: adds a group a device, of the class that [pci] alias in nova.conf names; "
            "they are missing here"
        )
    if truth(boot.specs.get("hw:mem_encryption")) and not boot.image_known:
        yield "hw:mem_encryption: nova refuses any image without hw_firmware_type=uefi"


def _mistakes(request: Request) -> Iterator[str]:
    """What makes placement answer 400."""
    for group in request.groups:
        if not group.resources:
            yield (
                f"nova sends resources{group.suffix} without an amount: placement refuses the request (400); "
                "ask for one in the flavor"
            )
        for trait in sorted(_all(group.required) & group.forbidden):
            yield f"{trait} is both required and forbidden: placement refuses the request (400)"
    if sum(1 for group in request.groups if group.suffix) > 1 and request.group_policy is None:
        yield "more than one suffixed group and no group_policy in the flavor: placement refuses the request (400)"
