"""What people hold in their hands, to a Request: query strings, URLs, log lines, osc-placement's options.

Refuses what placement refuses by the request alone, in placement's order (SEMANTICS B.5 and B.9). Names of
classes and traits are not looked up here: whether they exist, only the database knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from placement_audit.candidates.request import NEWEST, Group, Microversion, Refused, Request, written

OLDEST: Microversion = (1, 10)
_MULTIPLE_MEMBER_OF: Microversion = (1, 24)
_FORBIDDEN_TRAITS: Microversion = (1, 22)
_SUFFIXES: Microversion = (1, 25)
_FORBIDDEN_AGGREGATES: Microversion = (1, 32)
_NAMED_SUFFIXES: Microversion = (1, 33)
_SUBTREES: Microversion = (1, 36)
_ANY_TRAITS: Microversion = (1, 39)

_SINCE: dict[str, Microversion] = {
    "resources": OLDEST,
    "limit": (1, 16),
    "required": (1, 17),
    "member_of": (1, 21),
    "group_policy": _SUFFIXES,
    "in_tree": (1, 31),
    "root_required": (1, 35),
    "same_subtree": _SUBTREES,
}
_KINDS = "resources|required|member_of|in_tree"
_NAME = "[a-zA-Z0-9_-]{1,64}"
# "$" and not "\Z": placement's own patterns let a line feed at the end pass.
_NUMBERED_KEY = re.compile(rf"({_KINDS})([1-9][0-9]*)?$")
_NAMED_KEY = re.compile(rf"({_KINDS})({_NAME})?$")
_LIMIT = re.compile(r"[1-9][0-9]*$")


def parsed(query: str, microversion: Microversion = NEWEST) -> Request:
    """The request that a query string makes. Raises Refused as placement answers 400 (or 500: limit)."""
    if not OLDEST <= microversion <= NEWEST:
        raise Refused(
            None,
            f"microversion {_dotted(microversion)}: "
            f"GET /allocation_candidates is known from {_dotted(OLDEST)} to {_dotted(NEWEST)}",
        )
    pairs = _pairs(query)
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    _check_names(values, microversion)
    _check_last_values(values)
    limit = _first_limit(values)
    group_policy = _first_policy(values)
    root_required, root_forbidden = _root_traits(values.get("root_required", []))
    same_subtree = tuple(_listed_suffixes(value) for value in values.get("same_subtree", []))
    groups = _groups(pairs, values, microversion)
    if microversion >= _SUBTREES:
        _check_subtrees(groups, frozenset().union(*same_subtree), pairs)
    else:
        _check_orphans(groups, pairs)
    _check_conflicts(groups)
    if group_policy is None and sum(bool(suffix) for suffix in groups) > 1:
        raise Refused("group_policy", "group_policy: missing: more than one group with a suffix needs none or isolate")
    return Request(
        groups=tuple(groups.values()),
        group_policy=group_policy,
        root_required=root_required,
        root_forbidden=root_forbidden,
        same_subtree=same_subtree,
        limit=limit,
        microversion=microversion,
    )


# --- the query string ---


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values as webob 1.8 reads them: ``+`` is a blank, ``;`` separates too, no value is an empty one."""
    pairs = []
    for part in re.split(b"[&;]", query.encode("utf-8", "surrogatepass").replace(b"+", b" ")):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def _unquoted(text: bytes) -> str:
    raw = re.sub(rb"%([^%]{0,2})", _byte, text)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        shown = raw.decode("utf-8", "backslashreplace")
        raise Refused(None, f"{_short(shown)}: not UTF-8 once its percent signs are decoded") from None


def _byte(match: re.Match[bytes]) -> bytes:
    # int() and not two hexadecimal digits: webob takes "%4" for byte 4, and leaves a percent sign alone otherwise.
    try:
        return bytes([int(match[1], 16)])
    except ValueError:
        return match[0]


# --- names, and the values that placement's JSON schema looks at ---


def _check_names(values: Mapping[str, list[str]], microversion: Microversion) -> None:
    if microversion < _SUFFIXES and "resources" not in values:
        raise Refused("resources", "resources: missing: say what is wanted, e.g. resources=VCPU:4,MEMORY_MB:2048")
    for name in values:
        if not _known(name, microversion):
            raise Refused(name, f"{_short(name)}: {_why_unknown(name, microversion)}")


def _known(name: str, microversion: Microversion) -> bool:
    match = _group_key(name, microversion) if microversion >= _SUFFIXES else None
    since = _SINCE.get(match[1] if match else name)
    return since is not None and since <= microversion


def _group_key(name: str, microversion: Microversion) -> re.Match[str] | None:
    return (_NAMED_KEY if microversion >= _NAMED_SUFFIXES else _NUMBERED_KEY).match(name)


def _why_unknown(name: str, microversion: Microversion) -> str:
    kind = re.match(_KINDS, name)
    if name in _SINCE:
        since = _SINCE[name]
    elif kind and _NAMED_KEY.match(name):
        since = max(_SINCE[kind[0]], _SUFFIXES if _NUMBERED_KEY.match(name) else _NAMED_SUFFIXES)
    elif kind:
        return "a suffix is 1 to 64 of a-z, A-Z, 0-9, _ and -"
    else:
        return f"no such parameter; there are {', '.join(_SINCE)}"
    return f"came with microversion {_dotted(since)}, this is {_dotted(microversion)}"


def _check_last_values(values: Mapping[str, list[str]]) -> None:
    """The last limit and the last group_policy must be well formed, although placement then uses the first."""
    if "limit" in values and not _LIMIT.match(values["limit"][-1]):
        raise _refused("limit", values["limit"][-1], "must be a whole number of at least 1")
    if "group_policy" in values and values["group_policy"][-1] not in ("none", "isolate"):
        raise _refused("group_policy", values["group_policy"][-1], "must be none or isolate")


def _first_limit(values: Mapping[str, list[str]]) -> int | None:
    if "limit" not in values:
        return None
    first = values["limit"][0]
    try:
        limit = int(first)
    except ValueError:
        raise _refused("limit", first, "is not a whole number that placement can read, and would be a 500") from None
    if limit < 0:
        # Reached only by repetition; placement 16 then drops the last so many candidates, or answers 500.
        raise _refused("limit", first, "must be a whole number of at least 1")
    return limit or None


def _first_policy(values: Mapping[str, list[str]]) -> str | None:
    first = values.get("group_policy", [""])[0]
    if not first:
        return None
    # What is not "isolate" isolates nothing; only by repetition can it be other than "none".
    return "isolate" if first == "isolate" else "none"


def _root_traits(values: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    if not values:
        return frozenset(), frozenset()
    if len(values) > 1:
        raise Refused("root_required", "root_required: may be given only once; put commas between its traits")
    every, forbidden = _traits("root_required", values[0], NEWEST)
    required = frozenset().union(*every)
    if required & forbidden:
        raise _refused("root_required", values[0], _conflict(required & forbidden))
    return required, forbidden


def _listed_suffixes(value: str) -> frozenset[str]:
    suffixes = frozenset(suffix.strip() for suffix in value.split(","))
    if "" in suffixes:
        raise _refused("same_subtree", value, "an empty suffix; the group without one cannot be in a subtree")
    return suffixes


# --- groups ---


def _groups(
    pairs: Sequence[tuple[str, str]], values: Mapping[str, list[str]], microversion: Microversion
) -> dict[str, Group]:
    """The groups in the order in which their suffixes are first met."""
    groups: dict[str, Group] = {}
    read: set[tuple[str, str]] = set()
    for name, value in pairs:
        match = _group_key(name, microversion)
        if not match:
            continue
        kind, suffix = match[1], match[2] or ""
        group = groups.get(suffix) or Group(suffix)
        if kind == "resources":
            group = replace(group, resources=_resources(name, value))
        elif kind == "in_tree":
            group = replace(group, in_tree=_tree(name, value))
        elif (kind, suffix) not in read:
            # Both are read whole where the first of them stands.
            read.add((kind, suffix))
            repeated = values.get(kind + suffix, [])
            with_these = _with_traits if kind == "required" else _with_aggregates
            group = with_these(group, repeated, microversion)
        groups[suffix] = group
    return groups


def _resources(parameter: str, value: str) -> dict[str, int]:
    amounts = {}
    for item in value.split(","):
        name, colon, amount = item.partition(":")
        if not colon or ":" in amount:
            raise _refused(parameter, item, "expected CLASS:AMOUNT[,CLASS:AMOUNT…], e.g. VCPU:4,MEMORY_MB:2048")
        try:
            number = int(amount)
        except ValueError:
            raise _refused(parameter, item, "an amount must be a whole number") from None
        if number < 1:
            raise _refused(parameter, item, "an amount must be at least 1")
        amounts[name] = number
    return amounts


def _with_traits(group: Group, values: Sequence[str], microversion: Microversion) -> Group:
    required: set[frozenset[str]] = set()
    forbidden: frozenset[str] = frozenset()
    for value in values if microversion >= _ANY_TRAITS else values[-1:]:
        more, not_these = _traits("required" + group.suffix, value, microversion)
        required |= more
        forbidden |= not_these
    in_order = sorted(required, key=lambda traits: (len(traits) > 1, sorted(traits)))
    return replace(group, required=tuple(in_order), forbidden=forbidden)


def _traits(parameter: str, value: str, microversion: Microversion) -> tuple[set[frozenset[str]], frozenset[str]]:
    """What one value requires (each set by any of its members) and what it forbids."""
    any_of = value.startswith("in:")
    names = [name.strip() for name in value.removeprefix("in:").split(",")]
    if any_of and parameter == "root_required":
        raise _refused(parameter, value, "in: is not for root_required, in no microversion")
    if any_of and microversion < _ANY_TRAITS:
        raise _too_new(parameter, value, "in:", _ANY_TRAITS, microversion)
    negated = [name for name in names if name.startswith("!")]
    # "!!T" forbids T as well: placement strips every "!".
    forbidden = frozenset(name.lstrip("!") for name in negated)
    if "" in names or ("" in forbidden and not any_of):
        raise _refused(parameter, value, "an empty trait; expected TRAIT,!TRAIT… or in:TRAIT,TRAIT…")
    if any_of and negated:
        raise _refused(parameter, value, "in: and ! do not go together; forbid traits in a value of their own")
    if forbidden and microversion < _FORBIDDEN_TRAITS:
        raise _too_new(parameter, value, "forbidding a trait with !", _FORBIDDEN_TRAITS, microversion)
    if any_of:
        return {frozenset(names)}, frozenset()
    return {frozenset({name}) for name in names if not name.startswith("!")}, forbidden


def _with_aggregates(group: Group, values: Sequence[str], microversion: Microversion) -> Group:
    parameter = "member_of" + group.suffix
    if len(values) > 1 and microversion < _MULTIPLE_MEMBER_OF:
        raise _too_new(parameter, values[1], "a second member_of", _MULTIPLE_MEMBER_OF, microversion)
    member_of = []
    forbidden: frozenset[str] = frozenset()
    for value in values:
        aggregates = _aggregates(parameter, value)
        if not value.startswith("!"):
            member_of.append(aggregates)
        elif microversion < _FORBIDDEN_AGGREGATES:
            raise _too_new(parameter, value, "forbidding an aggregate with !", _FORBIDDEN_AGGREGATES, microversion)
        else:
            forbidden |= aggregates
    return replace(group, member_of=tuple(member_of), forbidden_aggregates=forbidden)


def _aggregates(parameter: str, value: str) -> frozenset[str]:
    """The aggregates of ``U``, ``in:U,U``, ``!U`` or ``!in:U,U``."""
    text = value.removeprefix("!")
    aggregates = text.removeprefix("in:").split(",") if text.startswith("in:") else [text]
    if "," in value and not text.startswith("in:"):
        raise _refused(parameter, value, "several aggregates need in: or !in: in front")
    for aggregate in aggregates:
        if not _uuid_like(aggregate):
            raise _refused(parameter, value, f"{_short(aggregate)} is not the uuid of an aggregate")
    return frozenset(aggregates)


def _tree(parameter: str, value: str) -> str:
    if not _uuid_like(value.strip()):
        raise _refused(parameter, value, "must be one uuid, of any provider in the tree")
    return value.strip()


def _uuid_like(text: str) -> bool:
    """As oslo_utils.uuidutils.is_uuid_like: capitals, braces, urn:uuid:, dashes anywhere or nowhere are all right."""
    digits = text.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "")
    return re.fullmatch("[0-9a-fA-F]{32}", digits) is not None


# --- what must hold between groups ---


def _check_subtrees(groups: Mapping[str, Group], listed: frozenset[str], pairs: Sequence[tuple[str, str]]) -> None:
    empty = [suffix for suffix, group in groups.items() if not group.resources]
    if len(empty) == len(groups):
        raise Refused("resources", "resources: missing: at least one group must want resources, e.g. resources=VCPU:4")
    for suffix in empty:
        if suffix not in listed:
            key = _key_of(suffix, pairs)
            cure = f" or list {suffix} in a same_subtree" if suffix else ""
            raise Refused(key, f"{key}: the group wants no resources; add resources{suffix}=CLASS:AMOUNT{cure}")
    for suffix in sorted(listed):
        if suffix not in groups:
            raise _refused("same_subtree", suffix, f"no group has this suffix; there are {_listing(groups)}")


def _check_orphans(groups: Mapping[str, Group], pairs: Sequence[tuple[str, str]]) -> None:
    """Before 1.36 each group must want resources; placement speaks of required, then of member_of, then of the rest."""
    empty = [group for group in groups.values() if not group.resources]
    keys = [
        *(f"required{group.suffix}" for group in empty if group.required),
        *(f"member_of{group.suffix}" for group in empty if group.member_of or group.forbidden_aggregates),
        *(_key_of(group.suffix, pairs) for group in empty),
    ]
    if keys:
        raise Refused(
            keys[0], f"{keys[0]}: the group wants no resources, which is allowed from {_dotted(_SUBTREES)} on"
        )
    if not groups:
        raise Refused("resources", "resources: missing: at least one group must want resources, e.g. resources=VCPU:4")


def _key_of(suffix: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The first key that speaks of a group."""
    keys = {kind + suffix for kind in _KINDS.split("|")}
    return next(name for name, _ in pairs if name.rstrip("\n") in keys)


def _check_conflicts(groups: Mapping[str, Group]) -> None:
    for suffix, group in groups.items():
        for traits in group.required:
            if traits <= group.forbidden:
                raise Refused(f"required{suffix}", f"required{suffix}: {_conflict(traits)}")


# --- words ---


def _refused(parameter: str, value: str, why: str) -> Refused:
    return Refused(parameter, f"{_short(parameter)}: {_short(value)}: {why}")


def _too_new(parameter: str, value: str, what: str, since: Microversion, microversion: Microversion) -> Refused:
    return _refused(
        parameter, value, f"{what} came with microversion {_dotted(since)}, this is {_dotted(microversion)}"
    )


def _conflict(traits: frozenset[str]) -> str:
    return f"both required and forbidden: {_listing(traits)}"


def _listing(names: Mapping[str, Group] | frozenset[str]) -> str:
    return _short(", ".join(sorted(name for name in names if name)) or "none")


def _short(text: str) -> str:
    return (text if len(text) <= 80 else text[:79] + "…") or '""'


def _dotted(microversion: Microversion) -> str:
    return "{}.{}".format(*microversion)


# --- log lines ---

# An HTTP request line holds no blanks; quotes, bare backslashes and angle brackets only frame it.
_REQUEST = re.compile(r"""(?<!\w)allocation_candidates\?([^\s"'\\<>#]*)""")
_BARE = re.compile(rf"(?:(?:{'|'.join(_SINCE)})[\w-]*=|[^\s=/?]+=\S*$)")
# placement.requestlog, and the header in a curl command as keystoneauth1 logs it.
_MICROVERSION = re.compile(
    r"(?:microversion: |openstack-api-version.{1,60}?placement )(latest|[0-9]{1,3}\.[0-9]{1,3})(?![0-9])",
    re.IGNORECASE,
)
_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def found(text: str) -> tuple[str, Microversion | None]:
    """The query in a query string, a URL, a curl command or a log, and the microversion if that is told.

    Of several lines the last that has one. Raises Refused when there is none.
    """
    # A curl command may go on after a backslash; encoders of JSON logs write & so.
    for line in reversed(text.replace("\\\n", " ").replace("\\u0026", "&").split("\n")):
        query = _query_in(line)
        if query is not None:
            told = _MICROVERSION.findall(line)
            return query, _microversion(told[-1]) if told else None
    raise Refused(None, _why_none(text))


def _query_in(line: str) -> str | None:
    requests = _REQUEST.findall(line)
    if requests:
        return str(requests[-1])
    bare = line.strip().strip("\"'").removeprefix("?")
    return bare if _BARE.match(bare) else None


def _microversion(text: str) -> Microversion:
    if text.lower() == "latest":
        return NEWEST
    major, minor = text.split(".")
    return int(major), int(minor)


def _why_none(text: str) -> str:
    request_id = _REQUEST_ID.search(text)
    if "allocation candidates" in text:
        # nova 34: "Got no allocation candidates from the Placement API", "Failed to retrieve allocation candidates …"
        by = f" of {request_id[0]}" if request_id else ""
        return (
            "nova-scheduler does not write down what it asked; "
            f'the line "GET /allocation_candidates?…"{by} is in placement\'s log'
        )
    return (
        "no request in this: give the query of GET /allocation_candidates (resources=VCPU:4&…), "
        "its URL, or the line of placement's log that shows it; --flavor NAME asks for a flavor's"
    )


# --- osc-placement's options ---


def from_options(tokens: Sequence[tuple[str, str]], microversion: Microversion = NEWEST) -> str:
    """The query that ``openstack allocation candidate list`` makes of its options, given in their order.

    Facts of osc-placement 4: options belong to the ``--group`` before them; ``--required A,B`` is any of the two;
    each ``--member-of`` is any of its list, each ``--aggregate-uuid`` one more of a single list; a policy is sent,
    ``none`` unless told, as soon as there is a group with a suffix. ``--in-tree`` is ours. Raises Refused, which
    names the option.
    """
    wide: dict[str, str] = {}
    groups: dict[str, list[tuple[str, str]]] = {}
    current = ""
    for option, value in tokens:
        if not value.strip():
            raise Refused(option, f"{option}: needs a value")
        if option == "--group":
            current = _new_group(value, groups)
        elif option in ("--limit", "--group-policy"):
            wide[option] = value
        else:
            groups.setdefault(current, []).append((option, value))
    _check_exclusive(tokens)
    return written([*_wide_parameters(wide, groups), *_group_parameters(groups, microversion)])


def _new_group(value: str, groups: dict[str, list[tuple[str, str]]]) -> str:
    if not re.fullmatch(_NAME, value):
        raise _refused("--group", value, "must be 1 to 64 of a-z, A-Z, 0-9, _ and -")
    if value in groups:
        raise _refused("--group", value, "given twice; osc-placement forgets what the first one said")
    groups[value] = []
    return value


def _check_exclusive(tokens: Sequence[tuple[str, str]]) -> None:
    given = {option for option, _ in tokens}
    if {"--aggregate-uuid", "--member-of"} <= given:
        raise Refused("--aggregate-uuid", "--aggregate-uuid: not together with --member-of, which replaced it")


def _wide_parameters(wide: Mapping[str, str], groups: Mapping[str, list[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    if "--limit" in wide:
        if not re.fullmatch("[1-9][0-9]*", wide["--limit"]):
            raise _refused("--limit", wide["--limit"], "must be a whole number of at least 1")
        yield "limit", wide["--limit"]
    policy = wide.get("--group-policy", "none")
    if policy not in ("none", "isolate"):
        raise _refused("--group-policy", policy, "must be none or isolate")
    if any(groups):
        yield "group_policy", policy


def _group_parameters(
    groups: Mapping[str, list[tuple[str, str]]], microversion: Microversion
) -> Iterator[tuple[str, str]]:
    if not groups:
        raise Refused("--resource", "--resource: missing: say what is wanted, e.g. --resource VCPU=4")
    for suffix, options in groups.items():
        by_name: dict[str, list[str]] = {}
        for option, value in options:
            by_name.setdefault(option, []).append(value)
        if "--resource" not in by_name:
            where = f"after --group {suffix}" if suffix else "before the first --group"
            raise Refused("--resource", f"--resource: missing {where}: each group must want resources")
        yield f"resources{suffix}", ",".join(_resource(value) for value in by_name["--resource"])
        for value in _trait_values(by_name, microversion):
            yield f"required{suffix}", value
        for value in _aggregate_values(by_name):
            yield f"member_of{suffix}", value
        for value in by_name.get("--in-tree", []):
            yield f"in_tree{suffix}", _tree("--in-tree", value)


def _resource(value: str) -> str:
    if value.count("=") != 1:
        raise _refused("--resource", value, "expected CLASS=AMOUNT, e.g. VCPU=4")
    text = value.replace("=", ":")
    _resources("--resource", text)
    return text


def _trait_values(by_name: Mapping[str, list[str]], microversion: Microversion) -> Iterator[str]:
    required = by_name.get("--required", [])
    forbidden = by_name.get("--forbidden", [])
    for value in required:
        if "," in value:
            _traits("--required", f"in:{value}", microversion)
            yield f"in:{value}"
    for value in forbidden:
        if "," in value:
            raise _refused(
                "--forbidden", value, "one trait each; osc-placement would forbid the first, require the rest"
            )
    each = [*(value for value in required if "," not in value), *(f"!{value}" for value in forbidden)]
    if each:
        yield ",".join(each)


def _aggregate_values(by_name: Mapping[str, list[str]]) -> Iterator[str]:
    for option, lists in (
        ("--member-of", by_name.get("--member-of", [])),
        ("--aggregate-uuid", [",".join(uuids)] if (uuids := by_name.get("--aggregate-uuid")) else []),
    ):
        for uuids_of_one in lists:
            _aggregates(option, f"in:{uuids_of_one}")
            yield f"in:{uuids_of_one}"
