"""The grammar of GET /allocation_candidates: by example, and against placement's own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_audit.candidates.grammar import found, from_options, parsed
from placement_audit.candidates.request import NEWEST, Group, Microversion, Refused, Request
from placement_audit.demo.estate import Estate, uuid_of
from tests.openstack_schemas import make_placement
from tests.placement_service import Placement
from tests.support import sqlite_urls

AZ, RACK = uuid_of("az"), uuid_of("rack")


def group(query: str, microversion: Microversion = NEWEST) -> Group:
    """The only group of a request."""
    (only,) = parsed(query, microversion).groups
    return only


def refusal(query: str, microversion: Microversion = NEWEST) -> str:
    """Why a query is refused; the message begins with the parameter at fault, where it is one's."""
    with pytest.raises(Refused) as caught:
        parsed(query, microversion)
    refused = caught.value
    assert refused.parameter is None or refused.message.startswith(refused.parameter)
    return refused.message


def verdict(query: str, microversion: Microversion = NEWEST) -> Request | Refused:
    """The request, or the refusal itself."""
    try:
        return parsed(query, microversion)
    except Refused as refused:
        return refused


# --- query strings ---


def test_the_request_of_an_ordinary_server() -> None:
    query = f"limit=1000&member_of={AZ}&required=%21COMPUTE_STATUS_DISABLED&resources=MEMORY_MB%3A2048%2CVCPU%3A2"
    assert parsed(query, (1, 36)) == Request(
        groups=(
            Group(
                resources={"MEMORY_MB": 2048, "VCPU": 2},
                forbidden=frozenset({"COMPUTE_STATUS_DISABLED"}),
                member_of=(frozenset({AZ}),),
            ),
        ),
        limit=1000,
        microversion=(1, 36),
    )


def test_percent_signs_are_optional() -> None:
    assert parsed("resources=VCPU:1,DISK_GB:2") == parsed("resources=VCPU%3A1%2CDISK_GB%3A2")


def test_separators_blanks_and_empty_values_are_webobs() -> None:
    request = parsed(";&resources=VCPU:+4;;limit=5&")
    assert request.groups[0].resources == {"VCPU": 4}
    assert request.limit == 5
    assert refusal("resources=VCPU:1&required").startswith('required: "": an empty trait')


def test_groups_come_in_the_order_of_their_suffixes() -> None:
    request = parsed("in_tree2=" + AZ + "&resources1=VCPU:1&resources=DISK_GB:1&resources2=VGPU:1&group_policy=none")
    assert [group.suffix for group in request.groups] == ["2", "1", ""]


def test_of_repeated_classes_resources_and_trees_the_last_wins() -> None:
    last = group(f"resources=VGPU:1&resources=VCPU:1,DISK_GB:3,VCPU:2&in_tree={AZ}&in_tree=+{RACK}+")
    assert last == Group(resources={"VCPU": 2, "DISK_GB": 3}, in_tree=RACK)


def test_of_repeated_limits_and_policies_the_first_wins() -> None:
    request = parsed("resources=VCPU:1&limit=7&limit=2&group_policy=isolate&group_policy=none")
    assert (request.limit, request.group_policy) == (7, "isolate")


def test_required_traits_all_any_and_none_of() -> None:
    traits = group("resources=VCPU:1&required=B,!!C&required=in:D,+E&required=A&required=in:F")
    assert traits.required == ({"A"}, {"B"}, {"F"}, {"D", "E"})
    assert traits.forbidden == {"C"}


def test_of_repeated_required_only_the_last_counts_before_1_39() -> None:
    assert group("resources=VCPU:1&required=,,&required=A", (1, 38)).required == ({"A"},)


def test_aggregates_any_all_and_none_of() -> None:
    aggregates = group(f"resources=VCPU:1&member_of=in:{AZ},{RACK}&member_of={AZ}&member_of=!in:{RACK}")
    assert aggregates.member_of == ({AZ, RACK}, {AZ})
    assert aggregates.forbidden_aggregates == {RACK}


@pytest.mark.parametrize("uuid", [AZ.upper(), AZ.replace("-", ""), "{" + AZ + "}", "urn:uuid:" + AZ])
def test_uuids_are_kept_as_they_are_written(uuid: str) -> None:
    assert group(f"resources=VCPU:1&in_tree={uuid}").in_tree == uuid


def test_subtrees_and_roots() -> None:
    request = parsed(
        "resources_NIC=VGPU:1&required_SW=CUSTOM_A&same_subtree=_NIC,+_SW&same_subtree=_NIC"
        "&root_required=A,!B&group_policy=none"
    )
    assert request.same_subtree == ({"_NIC", "_SW"}, {"_NIC"})
    assert (request.root_required, request.root_forbidden) == ({"A"}, {"B"})


@pytest.mark.parametrize("amount", ["4", "04", "+4", " 4 ", "0_4", "٤"])
def test_amounts_are_what_int_reads(amount: str) -> None:
    assert group(f"resources=VCPU:{quote(amount)}").resources == {"VCPU": 4}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("resources=VCPU:0", "resources: VCPU:0: an amount must be at least 1"),
        ("resources=VCPU:-1", "resources: VCPU:-1: an amount must be at least 1"),
        ("resources=VCPU:two", "resources: VCPU:two: an amount must be a whole number"),
        ("resources=VCPU:" + "9" * 5000, "an amount must be a whole number"),
        ("resources=", 'resources: "": expected CLASS:AMOUNT'),
        ("resources=VCPU:1,", 'resources: "": expected CLASS:AMOUNT'),
        ("resources=VCPU", "resources: VCPU: expected CLASS:AMOUNT"),
        ("resources=VCPU:1:2", "resources: VCPU:1:2: expected CLASS:AMOUNT"),
        ("resources=VCPU%ff:1", r"VCPU\xff:1: not UTF-8"),
        ("resources=VCPU:1\udcff", "not UTF-8"),
        ("resource=VCPU:1", "resource: no such parameter; there are resources, limit"),
        ("", "resources: missing: at least one group"),
        ("resources$=VCPU:1", "resources$: a suffix is 1 to 64 of"),
        ("resources" + "x" * 65 + "=VCPU:1", "a suffix is 1 to 64 of"),
        ("resources=VCPU:1&limit=0", "limit: 0: must be a whole number of at least 1"),
        ("resources=VCPU:1&limit=", 'limit: "": must be a whole number of at least 1'),
        ("resources=VCPU:1&limit=abc&limit=2", "limit: abc: is not a whole number that placement can read"),
        ("resources=VCPU:1&limit=-2&limit=2", "limit: -2: must be a whole number of at least 1"),
        ("resources=VCPU:1&required=A,,B", "required: A,,B: an empty trait"),
        ("resources=VCPU:1&required=!", "required: !: an empty trait"),
        ("resources=VCPU:1&required=in:", "required: in:: an empty trait"),
        ("resources=VCPU:1&required=in:A,!B", "required: in:A,!B: in: and ! do not go together"),
        ("resources=VCPU:1&required=A,!A", "required: both required and forbidden: A"),
        ("resources=VCPU:1&required=in:A,B&required=!B,!A", "required: both required and forbidden: A, B"),
        ("resources=VCPU:1&member_of=az", "member_of: az: az is not the uuid of an aggregate"),
        (f"resources=VCPU:1&member_of={AZ},{RACK}", "several aggregates need in: or !in: in front"),
        (f"resources=VCPU:1&member_of=in:{AZ},!{RACK}", f"!{RACK} is not the uuid of an aggregate"),
        (f"resources=VCPU:1&in_tree=!{AZ}", f"in_tree: !{AZ}: must be one uuid"),
        ("resources1=VCPU:1&resources2=VCPU:1", "group_policy: missing: more than one group with a suffix"),
        ("resources=VCPU:1&group_policy=any", "group_policy: any: must be none or isolate"),
        (
            "resources=VCPU:1&required1=A",
            "required1: the group wants no resources; add resources1=CLASS:AMOUNT or list 1",
        ),
        ("resources1=VCPU:1&required=A", "required: the group wants no resources; add resources=CLASS:AMOUNT"),
        ("required1=A&same_subtree=1", "resources: missing: at least one group"),
        ("resources1=VCPU:1&same_subtree=1,2", "same_subtree: 2: no group has this suffix; there are 1"),
        ("resources1=VCPU:1&same_subtree=1,", "same_subtree: 1,: an empty suffix"),
        ("resources=VCPU:1&root_required=A&root_required=B", "root_required: may be given only once"),
        ("resources=VCPU:1&root_required=A,!A", "root_required: A,!A: both required and forbidden: A"),
        ("resources=VCPU:1&root_required=in:A,B", "root_required: in:A,B: in: is not for root_required"),
    ],
)
def test_refused(query: str, message: str) -> None:
    assert message in refusal(query)


@pytest.mark.parametrize(
    ("query", "since"),
    [
        ("resources=VCPU:1&limit=5", (1, 16)),
        ("resources=VCPU:1&required=A", (1, 17)),
        (f"resources=VCPU:1&member_of={AZ}", (1, 21)),
        ("resources=VCPU:1&required=!A", (1, 22)),
        (f"resources=VCPU:1&member_of={AZ}&member_of={RACK}", (1, 24)),
        ("resources=VCPU:1&resources1=VCPU:1", (1, 25)),
        ("resources=VCPU:1&group_policy=none", (1, 25)),
        (f"resources=VCPU:1&in_tree={AZ}", (1, 31)),
        (f"resources1=VCPU:1&in_tree1={AZ}", (1, 31)),
        (f"resources=VCPU:1&member_of=!{AZ}", (1, 32)),
        ("resources_NIC=VCPU:1&resources=VCPU:1", (1, 33)),
        ("resources=VCPU:1&root_required=A", (1, 35)),
        ("resources1=VCPU:1&same_subtree=1", (1, 36)),
        ("resources=VCPU:1&required=in:A,B", (1, 39)),
    ],
)
def test_refused_before_its_microversion(query: str, since: Microversion) -> None:
    parsed(query, since)
    parsed(query)
    before = (1, since[1] - 1)
    assert f"came with microversion 1.{since[1]}, this is 1.{before[1]}" in refusal(query, before)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("resources=VCPU:1&required1=A", "required1"),
        (f"resources=VCPU:1&member_of1={AZ}&required1=!A", "member_of1"),
        (f"resources=VCPU:1&in_tree1={AZ}&required2=A", "required2"),
        (f"in_tree1={AZ}&resources=VCPU:1&required1=!A", "in_tree1"),
        ("limit=5", "resources"),
    ],
)
def test_before_1_36_each_group_wants_resources(query: str, parameter: str) -> None:
    assert refusal(query, (1, 35)).startswith(parameter + ": ")


@pytest.mark.parametrize("microversion", [(1, 0), (1, 9), (1, 40), (2, 1)])
def test_only_microversions_that_have_the_question(microversion: Microversion) -> None:
    assert "is known from 1.10 to 1.39" in refusal("resources=VCPU:1", microversion)


def test_the_same_fault_is_told_first_as_by_placement() -> None:
    faults = ["required=,", "resources=x", "same_subtree=,", "root_required=,", "group_policy=x", "limit=0", "foo=1"]
    while faults:
        # the groups in their own order, then what was told before them
        first = faults[-1] if len(faults) > 2 else faults[0]
        assert refusal("&".join(faults)).startswith(first.partition("=")[0] + ": ")
        faults.remove(first)


@pytest.mark.parametrize(
    "query",
    [
        "resources=" + ",".join(f"CUSTOM_{n}:1" for n in range(70_000)),
        "resources=VCPU:1" + "&required=A" * 90_000,
        "resources=VCPU:1" + f"&member_of={AZ}" * 20_000,
        "resources=VCPU:" + "9" * 1_000_000,
        "resources=" + "%" * 1_000_000,
        "resources" + "1" * 1_000_000 + "=VCPU:1",
        "x" * 1_000_000,
        "&" * 1_000_000,
        "&".join(f"resources{n}=VCPU:1" for n in range(1, 40_000)),
    ],
    ids=lambda query: query[:30],
)
def test_a_megabyte_is_read_or_refused_in_no_time(query: str) -> None:
    start = time.perf_counter()
    assert len(getattr(verdict(query), "message", "")) < 500
    assert time.perf_counter() - start < 5


# --- what else people hold in their hands ---

QUERY = "limit=1000&resources=VCPU%3A64"


@pytest.mark.parametrize(
    ("text", "microversion"),
    [
        (QUERY, None),
        ("?" + QUERY, None),
        (f"  '{QUERY}'\n", None),
        ("/allocation_candidates?" + QUERY, None),
        ("/placement/allocation_candidates?" + QUERY, None),
        (f"https://cloud:8778/placement/allocation_candidates?{QUERY}#top", None),
        (
            "2026-11-24 10:00:00.123 12 INFO placement.requestlog [req-fe0a2d5c-7e4c-4a4a-8a4e-b7b3f6a4b0d1 - - - - -] "
            f'10.0.0.1 "GET /allocation_candidates?{QUERY}" status: 200 len: 53 microversion: 1.36',
            (1, 36),
        ),
        (
            f'DEBUG placement.requestlog [-] Starting request: 10.0.0.1 "GET /placement/allocation_candidates?{QUERY}"',
            None,
        ),
        (
            f'10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /placement/allocation_candidates?{QUERY} HTTP/1.1" 200 53 '
            '"-" "nova-scheduler keystoneauth1/5.6.0 python-requests/2.31.0 CPython/3.11.7"',
            None,
        ),
        (
            "[pid: 12|app: 0|req: 3/5] 10.0.0.1 () {64 vars in 1300 bytes} [Tue Nov 24 10:00:00 2026] "
            f"GET /placement/allocation_candidates?{QUERY} => generated 53 bytes in 10 msecs (HTTP/1.1 200)",
            None,
        ),
        # keystoneauth1 puts quotes around the address only if it made the query itself
        (
            f"DEBUG keystoneauth REQ: curl -g -i -X GET http://10.0.0.1/placement/allocation_candidates?{QUERY} "
            '-H "Accept: application/json" -H "OpenStack-API-Version: placement 1.36" -H "X-Auth-Token: {SHA256}9f"',
            (1, 36),
        ),
        (
            'REQ: curl -g -i -X GET -H "openstack-api-version: placement latest" '
            f'"http://10.0.0.1/placement/allocation_candidates?{QUERY}"',
            NEWEST,
        ),
        (
            f"GET call to placement for http://10.0.0.1/placement/allocation_candidates?{QUERY} used request id req-1",
            None,
        ),
        (
            f'curl -H "OpenStack-API-Version: placement 1.29" \\\n  "http://10.0.0.1/allocation_candidates?{QUERY}"',
            (1, 29),
        ),
        (
            r'{"message":"10.0.0.1 \"GET /allocation_candidates?limit=1000\u0026resources=VCPU%3A64\" status: 200 '
            r'len: 53 microversion: 1.36"}',
            (1, 36),
        ),
    ],
)
def test_found(text: str, microversion: Microversion | None) -> None:
    assert found(text) == (QUERY, microversion)


def test_of_several_lines_the_last_with_a_request() -> None:
    lines = (
        '10.0.0.1 "GET /allocation_candidates?resources=VCPU%3A1" status: 200 len: 53 microversion: 1.36',
        '10.0.0.1 "GET /allocation_candidates?resources=VCPU%3A2" status: 200 len: 53 microversion: 1.29',
        '10.0.0.1 "GET /resource_providers?resources=VCPU%3A3" status: 200 len: 53 microversion: 1.14',
        "",
    )
    assert found("\r\n".join(lines)) == ("resources=VCPU%3A2", (1, 29))


def test_an_unknown_parameter_is_for_the_parser_to_refuse() -> None:
    assert found("foo=1&resources=VCPU:1") == ("foo=1&resources=VCPU:1", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no request in this: give the query"),
        ("VCPU:4", "no request in this"),
        ("/placement/resource_providers?resources=VCPU:1", "no request in this"),
        ("File nova/scheduler/client/report.py, line 348, in get_allocation_candidates", "no request in this"),
        (
            "2026-11-24 10:00:00 7 INFO nova.scheduler.manager [None req-fe0a2d5c-7e4c-4a4a-8a4e-b7b3f6a4b0d1 admin] "
            "Got no allocation candidates from the Placement API. This could be due to insufficient resources",
            "of req-fe0a2d5c-7e4c-4a4a-8a4e-b7b3f6a4b0d1 is in placement's log",
        ),
        (
            "ERROR nova.scheduler.client.report Failed to retrieve allocation candidates from placement API for "
            "filters: RequestGroup(aggregates=[],resources={VCPU=1},use_same_provider=False)\nGot 400: {…}.",
            '"GET /allocation_candidates?…" is in placement\'s log',
        ),
    ],
)
def test_nothing_found(text: str, message: str) -> None:
    with pytest.raises(Refused, match=re.escape(message)) as caught:
        found(text)
    assert caught.value.parameter is None


# --- osc-placement's options ---


def tokens(options: str) -> list[tuple[str, str]]:
    words = options.split(" ")
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ("--resource VCPU=64", "resources=VCPU:64"),
        ("--resource VCPU=4 --limit 5 --resource DISK_GB=64", "limit=5&resources=VCPU:4,DISK_GB:64"),
        (
            "--required A --resource VCPU=1 --forbidden B --required C,D --required E",
            "resources=VCPU:1&required=in:C,D&required=A,E,!B",
        ),
        (
            f"--resource VCPU=1 --member-of {AZ},{RACK} --member-of {AZ}",
            f"resources=VCPU:1&member_of=in:{AZ},{RACK}&member_of=in:{AZ}",
        ),
        (
            f"--resource VCPU=1 --aggregate-uuid {AZ} --aggregate-uuid {RACK}",
            f"resources=VCPU:1&member_of=in:{AZ},{RACK}",
        ),
        (f"--resource VCPU=1 --in-tree {AZ}", f"resources=VCPU:1&in_tree={AZ}"),
        ("--resource VCPU=1 --group-policy isolate", "resources=VCPU:1"),
        (
            f"--resource VCPU=1 --required A --group 1 --resource VGPU=2 --forbidden B --group 2 --in-tree {AZ} "
            "--resource VGPU=1",
            f"group_policy=none&resources=VCPU:1&required=A&resources1=VGPU:2&required1=!B&resources2=VGPU:1&in_tree2={AZ}",
        ),
        ("--group 1 --group-policy isolate --resource VGPU=2", "group_policy=isolate&resources1=VGPU:2"),
        ("--resource A&limit=1", "resources=A%26limit:1"),
    ],
)
def test_options_make_the_query_of_osc_placement(options: str, query: str) -> None:
    assert from_options(tokens(options)) == query
    parsed(query)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--limit 5", "--resource: missing"),
        ("--resource VCPU", "--resource: VCPU: expected CLASS=AMOUNT"),
        ("--resource VCPU=1,DISK_GB=2", "--resource: VCPU=1,DISK_GB=2: expected CLASS=AMOUNT"),
        ("--resource VCPU=0", "--resource: VCPU:0: an amount must be at least 1"),
        ("--resource VCPU=1 --limit 0", "--limit: 0: must be a whole number of at least 1"),
        ("--resource VCPU=1 --group-policy any", "--group-policy: any: must be none or isolate"),
        ("--resource VCPU=1 --required ", "--required: needs a value"),
        ("--resource VCPU=1 --required A,", "--required: in:A,: an empty trait"),
        ("--resource VCPU=1 --forbidden A,B", "--forbidden: A,B: one trait each"),
        ("--resource VCPU=1 --member-of az", "--member-of: in:az: az is not the uuid of an aggregate"),
        (f"--resource VCPU=1 --member-of {AZ} --aggregate-uuid {AZ}", "--aggregate-uuid: not together"),
        ("--resource VCPU=1 --in-tree host", "--in-tree: host: must be one uuid"),
        ("--resource VCPU=1 --group a/b", "--group: a/b: must be 1 to 64"),
        ("--group 1 --resource VCPU=1 --group 1", "--group: 1: given twice"),
        ("--resource VCPU=1 --group 1 --required A", "--resource: missing after --group 1"),
        ("--required A --group 1 --resource VCPU=1", "--resource: missing before the first --group"),
    ],
)
def test_options_are_refused_by_name(options: str, message: str) -> None:
    with pytest.raises(Refused, match=re.escape(message)) as caught:
        from_options(tokens(options))
    assert message.startswith(f"{caught.value.parameter}: ")


def test_a_list_of_traits_is_an_option_since_1_39() -> None:
    with pytest.raises(Refused, match=r"^--required: in:A,B: in: came with microversion 1\.39, this is 1\.36"):
        from_options(tokens("--resource VCPU=1 --required A,B"), (1, 36))


# --- against placement itself ---


@pytest.fixture(scope="module")
def placement(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placement]:
    estate = Estate()
    host = estate.compute("host")
    estate.trait(host.provider, "CUSTOM_A")
    estate.trait(host.provider, "CUSTOM_B")
    estate.aggregate("az", host.provider)
    urls = sqlite_urls(tmp_path_factory.mktemp("placement"), estate.cells)
    make_placement(urls.placement)
    estate.write(urls)
    service = Placement(urls.placement)
    yield service
    service.close()


@contextmanager
def listening() -> Iterator[list[Request]]:
    """What placement understands meanwhile. It finds nothing then: to look would take most of the time."""
    from jsonschema import Draft202012Validator
    from placement.objects.allocation_candidate import AllocationCandidates

    requests: list[Request] = []

    def nothing(context: Any, groups: Any, wide: Any, nested_aware: bool) -> AllocationCandidates:
        requests.append(as_ours(groups, wide))
        return AllocationCandidates(allocation_requests=[], provider_summaries=[])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AllocationCandidates, "get_by_requests", nothing)
        # jsonschema validates placement's schema anew for each request
        patch.setattr(Draft202012Validator, "check_schema", lambda schema, **_: None)
        yield requests


GOOD = {
    "resources": ["VCPU:1", "VCPU:1,MEMORY_MB:512", "DISK_GB:1"],
    "required": ["CUSTOM_A", "CUSTOM_A,CUSTOM_B", "!CUSTOM_B", "CUSTOM_A,!CUSTOM_B", "in:CUSTOM_A,CUSTOM_B"],
    "member_of": [AZ, f"in:{AZ},{RACK}", f"!{RACK}", f"!in:{AZ},{RACK}", f"in:{AZ}"],
    "in_tree": [AZ, RACK],
    "limit": ["1", "1000"],
    "group_policy": ["none", "isolate"],
    "root_required": ["CUSTOM_A", "!CUSTOM_B", "CUSTOM_A,!CUSTOM_B"],
    "same_subtree": ["1", "1,2", "_X", "2,_X"],
}
ODD = {
    "resources": [
        *("", " ", "VCPU", "VCPU:", ":1", "VCPU:0", "VCPU:-1", "VCPU:1:2", "VCPU:1,", ",", "VCPU:x", "VCPU:1.0"),
        *("VCPU: 1 ", "VCPU:+1", "VCPU:1_0", "VCPU:1__0", "VCPU:٣", "VCPU:0x1", "VCPU:1,VCPU:2", " VCPU:1", "vcpu:1"),
        *(
            "VCPU:9223372036854775807",
            "VCPU:" + "9" * 4301,
            "in:VCPU:1",
            "VCPU:1;MEMORY_MB:1",
            "VCPU:1\n",
            "VCPU:\x001",
        ),
    ],
    "required": [
        *("", " ", "!", "!!", "! ", "in:", "in:,", "in:!", "in:CUSTOM_A", "in: CUSTOM_A , CUSTOM_B", "in:!CUSTOM_A"),
        *("in:CUSTOM_A,!CUSTOM_B", "!in:CUSTOM_A", " in:CUSTOM_A", "CUSTOM_A,in:CUSTOM_B", "CUSTOM_A,", ",CUSTOM_A"),
        *("!!CUSTOM_A", "! CUSTOM_A", "CUSTOM_A,!CUSTOM_A", "!CUSTOM_A,!CUSTOM_B", "CUSTOM_A,CUSTOM_A", "custom_a"),
        *("IN:CUSTOM_A", "in:in:CUSTOM_A", "NONE_SUCH", "é"),
    ],
    "member_of": [
        *("", "in:", "!", "!in:", "az", f"{AZ},{RACK}", f"!{AZ},{RACK}", f"in:{AZ},", f"in:{AZ}, {RACK}", f" {AZ}"),
        *(f"in:{AZ},!{RACK}", f"!!{AZ}", f"!!in:{AZ}", AZ.upper(), AZ.replace("-", ""), f"urn:uuid:{AZ}", f"{{{AZ}}}"),
        *(AZ[:-1], AZ + "0", f"in:{AZ},{AZ}", f"IN:{AZ}", f"{AZ}\n", AZ.replace("-", "--"), "1_" * 16, "\uff11" * 32),
    ],
    "in_tree": ["", "!" + AZ, f"in:{AZ}", f" {AZ}\t", f"{AZ},{RACK}", AZ.upper(), AZ.replace("-", ""), "host"],
    "limit": ["", "0", "00", "01", "abc", "5\n", " 5", "1_0", "+5", "1.5", "٣", "9" * 4301, "9" * 30],
    "group_policy": ["", "None", "isolate ", "both"],
    "root_required": ["", "!", "CUSTOM_A,", "CUSTOM_A,!CUSTOM_A", "in:CUSTOM_A,CUSTOM_B", "!!CUSTOM_A", " CUSTOM_A "],
    "same_subtree": ["", ",", "1,", " 1 , 2 ", "3", "1,1", "_x"],
}
WIDE = ("limit", "root_required", "same_subtree")
SUFFIXED = ("resources", "required", "member_of", "in_tree")
SUFFIXES = ["", "1", "2", "_X"]
ODD_SUFFIXES = ["0", "01", "10", "a-B", "x" * 64, "x" * 65, ".", "é", " ", "1 ", "[]"]
STRANGE = [("foo", "1"), ("", "x"), ("Resources", "VCPU:1"), ("resource", "VCPU:1"), ("limit1", "5"), ("limit\n", "5")]
STRANGE += [("resources1\n", "VCPU:1"), ("in_tree1\n", AZ), ("resources\n\n", "VCPU:1"), ("root_required1", "CUSTOM_A")]
BROKEN = ["%", "%4", "%zz", "%ff", "%c3%a9", "+", "&&", ";", "=", "%00", "é", "?", "#"]
SINCE = {"required": 17, "member_of": 21, "in_tree": 31, "limit": 16, "group_policy": 25, "root_required": 35}
SINCE |= {"resources": 10, "same_subtree": 36}
# The newest as often as all before it.
MICROVERSIONS = [(1, 10), *((1, minor) for minor in range(15, 39)), *[(1, 39)] * 25]


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, Microversion]:
    """A query and its microversion: mostly well formed, then spoilt a little."""

    def seldom(one_in: int) -> bool:
        return draw(st.integers(1, one_in)) == one_in

    def value(name: str) -> str:
        return draw(st.sampled_from(ODD[name] if seldom(10) else GOOD[name]))

    microversion = draw(st.sampled_from(MICROVERSIONS))
    allowed = 39 if seldom(10) else microversion[1]
    suffixes = SUFFIXES[: 1 if allowed < 25 else 3 if allowed < 33 else 4]
    suffixes = draw(st.lists(st.sampled_from(suffixes), min_size=1, max_size=3, unique=True))
    if seldom(20):
        suffixes.append(draw(st.sampled_from(ODD_SUFFIXES)))
    pairs = []
    for suffix in suffixes:
        if not seldom(12):
            pairs.append(("resources" + suffix, value("resources")))
        names = draw(st.lists(st.sampled_from([name for name in SUFFIXED if SINCE[name] <= allowed]), max_size=2))
        pairs += [(name + suffix, value(name)) for name in names]
    wide = [name for name in WIDE if SINCE[name] <= allowed and seldom(4)]
    pairs += [(name, value(name)) for name in wide]
    if len(suffixes) > 1 and not seldom(8):
        pairs.append(("group_policy", value("group_policy")))
    if seldom(4):
        again, _ = draw(st.sampled_from(pairs or [("limit", "")]))
        pairs.append((again, value(next(name for name in SINCE if again.startswith(name)))))
    if seldom(20):
        pairs.append(draw(st.sampled_from(STRANGE)))
    if seldom(2):
        pairs = draw(st.permutations(pairs))
    encode = draw(st.sampled_from([str, quote, quote_plus, lambda text: quote(text, safe="")]))
    query = (";" if seldom(5) else "&").join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    if seldom(20):
        position = draw(st.integers(0, len(query)))
        query = query[:position] + draw(st.sampled_from(BROKEN)) + query[position:]
    return query, microversion


# What placement 16 says, and which parameters it can be about. The order matters.
ABOUT = [
    (r"'resources' is a required property", "resources"),
    (r"codec can't decode", "None"),
    (r"in schema\['properties'\]\['limit'\]", "limit"),
    (r"in schema\['properties'\]\['group_policy'\]", "group_policy"),
    (r"invalid literal for int|Exceeds the limit .* for integer string", "limit"),
    (r"group_policy", "group_policy"),
    (r"`same_subtree` query param", "resources.*|required.*|member_of.*|in_tree.*"),
    (r"same_subtree", "same_subtree"),
    (r"'root_required' may|found in root_required", "root_required"),
    (r"There must be at least one resources|At least one request group", "resources"),
    (r"orphaned traits keys: (?P<key>[\w-]+)|traits found in the following traits keys: (?P<keys>[\w-]+)", ""),
    (r"orphaned member_of keys: (?P<key>[\w-]+)", ""),
    (r"All request groups must specify resources", "required.*|in_tree.*"),
    (r"Badly formed resources|Requested resource", "resources.*"),
    (r"(Multiple|Forbidden) (?P<key>member_of[\w-]*) parameters", ""),
    (r"'member_of'", "member_of.*"),
    (r"'in_tree'", "in_tree.*"),
    (r"Expected 'required' parameter|'in:HW_CPU_X86_VMX,CUSTOM_MAGIC'", "(root_)?required.*"),
]


def is_about(detail: str, parameter: str | None) -> bool:
    """Whether placement's refusal is about the parameter that ours is about."""
    unexpected = re.search(
        r"Invalid query string parameters: (.*?)( do(es)? not match any| was unexpected| were)", detail
    )
    if unexpected:
        return repr(parameter) in unexpected[1]
    for pattern, parameters in ABOUT:
        match = re.search(pattern, detail)
        if match:
            key = next(filter(None, match.groupdict().values()), None)
            return re.fullmatch(re.escape(key) if key else parameters, str(parameter), re.DOTALL) is not None
    raise AssertionError(detail)


def as_ours(groups: Mapping[str, Any], wide: Any) -> Request:
    """Placement's RequestGroups and RequestWideParams in our words."""
    return Request(
        groups=tuple(
            Group(
                suffix=suffix,
                resources=group.resources,
                required=tuple(
                    sorted(set(map(frozenset, group.required_traits)), key=lambda t: (len(t) > 1, sorted(t)))
                ),
                forbidden=frozenset(group.forbidden_traits),
                member_of=tuple(map(frozenset, group.member_of)),
                forbidden_aggregates=frozenset(group.forbidden_aggs),
                in_tree=group.in_tree,
            )
            for suffix, group in groups.items()
        ),
        # placement asks of the policy only whether it is "isolate", of the limit only whether it is true
        group_policy=(wide.group_policy if wide.group_policy == "isolate" else "none") if wide.group_policy else None,
        root_required=frozenset(wide.anchor_required_traits or ()),
        root_forbidden=frozenset(wide.anchor_forbidden_traits or ()),
        same_subtree=tuple(map(frozenset, wide.same_subtrees)),
        limit=wide.limit or None,
    )


def agrees(placement: Placement, query: str, microversion: Microversion) -> None:
    """Both refuse for the same reason, or both read the same, which survives being written and read again."""
    with listening() as asked:
        answer = placement.get(on_the_wire(query), microversion)
    ours = verdict(query, microversion)
    if isinstance(ours, Refused):
        detail = answer.body["errors"][0]["detail"]
        assert answer.status == (500 if "placement can read" in ours.message else 400), (ours, detail)
        assert is_about(detail, ours.parameter), (ours, detail)
    else:
        assert answer.status == 200, answer.body
        assert [replace(request, microversion=microversion) for request in asked] == [ours]
        assert parsed(ours.query, microversion) == ours


@pytest.mark.parametrize("microversion", [(1, 20), (1, 23), (1, 31), NEWEST])
@pytest.mark.parametrize("name", ODD)
def test_each_oddity_alone_and_repeated(placement: Placement, name: str, microversion: Microversion) -> None:
    for odd in ODD[name]:
        for values in ([odd], [odd, GOOD[name][0]], [GOOD[name][0], odd]):
            parameters = [("resources", "VGPU:1"), *((name, value) for value in values)]
            agrees(placement, urlencode(parameters), microversion)


@pytest.mark.parametrize("microversion", [(1, 25), (1, 31), NEWEST])
def test_each_strange_name_and_each_stray_character(placement: Placement, microversion: Microversion) -> None:
    for name, value in [*STRANGE, *((f"required{suffix}", "CUSTOM_A") for suffix in ODD_SUFFIXES)]:
        agrees(placement, urlencode([("resources", "VGPU:1"), (name, value)]), microversion)
    for stray in BROKEN:
        for query in (f"{stray}resources=VGPU:1", f"resources{stray}=VGPU:1", f"resources=VGPU:1{stray}"):
            agrees(placement, query, microversion)
            agrees(placement, query + "&required=CUSTOM_A", microversion)


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(question=questions())
def test_refuses_and_reads_exactly_as_placement(placement: Placement, question: tuple[str, Microversion]) -> None:
    agrees(placement, *question)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(question=questions())
def test_of_what_is_accepted_placement_refuses_only_unknown_names(
    placement: Placement, question: tuple[str, Microversion]
) -> None:
    query, microversion = question
    answer = placement.get(on_the_wire(query), microversion)
    if isinstance(verdict(query, microversion), Refused):
        assert answer.status in (400, 500)
    elif answer.status != 200:
        assert re.search("No such (resource class|trait)", answer.body["errors"][0]["detail"])


def on_the_wire(query: str) -> str:
    """A server hands bytes on as latin-1."""
    return query.encode().decode("latin-1")
