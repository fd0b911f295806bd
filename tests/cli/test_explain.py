"""placement-audit explain, as people run it."""

import json
import sqlite3
from pathlib import Path

import pytest

from placement_audit import schema as t
from placement_audit.demo.estate import Estate, Urls, uuid_of
from tests.cli.conftest import Run, live
from tests.support import sqlite_urls


@pytest.fixture
def cloud(tmp_path: Path) -> Urls:
    """Three hosts of 48 cores, of which one is full of memory and one is disabled; a flavor of 64 cores."""
    estate = Estate()
    full, _, disabled = (estate.compute(f"host-{number}") for number in (1, 2, 3))
    estate.claim(uuid_of("ghost"), full.provider, {"MEMORY_MB": 250000})
    estate.trait(disabled.provider, "COMPUTE_STATUS_DISABLED")
    estate.flavor("m1.64core", 64, 1024, 1)
    pinned = estate.flavor("pinned", 4, 1024, 1, extra_specs={"hw:cpu_policy": "dedicated"})
    server = estate.server("web", full, pinned)
    estate.request_spec(server)
    urls = sqlite_urls(tmp_path, estate.cells)
    estate.write(urls)
    return urls


def test_why_64_cores_never_fit(run: Run, cloud: Urls) -> None:
    done = run("explain", "resources=VCPU:64", *live(cloud))
    assert done.returncode == 1
    assert done.stdout.startswith("placement-audit 0.1.0: NO CANDIDATES\n")
    assert "max_unit is 48 on all 3 hosts" in done.stdout
    assert "allocation_ratio 4 makes capacity 192 and leaves max_unit at 48" in done.stdout
    assert "VCPU 48 in place of 64 is the largest amount below it that fits now, on 3 hosts" in done.stdout


@pytest.mark.parametrize(
    "asked",
    [
        "/allocation_candidates?resources=VCPU%3A64",
        "http://placement:8778/allocation_candidates?resources=VCPU%3A64",
        '10.0.0.1 "GET /allocation_candidates?resources=VCPU%3A64" status: 200 len: 53 microversion: 1.36',
    ],
)
def test_a_request_as_it_is_at_hand(run: Run, cloud: Urls, asked: str) -> None:
    done = run("explain", asked, *live(cloud))
    assert done.returncode == 1
    assert "resources=VCPU:64" in done.stdout
    assert ("microversion 1.36" in done.stdout) == ("1.36" in asked)


def test_a_log_on_stdin(cloud: Urls, tmp_path: Path) -> None:
    import subprocess
    import sys

    line = b'2026-11-24 10:00:00 12 INFO placement [-] 10.0.0.1 "GET /allocation_candidates?resources=VCPU%3A64"'
    done = subprocess.run(
        [sys.executable, "-m", "placement_audit", "explain", "-", *live(cloud)],
        input=b"\xff\xfe\n" + line + b" status: 200 len: 53 microversion: 1.36\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"max_unit is 48" in done.stdout


def test_options_of_osc_placement_with_groups(run: Run, cloud: Urls) -> None:
    done = run(
        *("explain", "--resource", "VCPU=1", "--group", "1", "--resource", "DISK_GB=5", "--required", "CUSTOM_SSD"),
        *("--group-policy", "none", *live(cloud)),
    )
    assert done.returncode == 2
    assert "resources=VCPU:1&resources1=DISK_GB:5&required1=CUSTOM_SSD" in done.stdout
    assert "required1: placement knows no trait CUSTOM_SSD" in done.stdout


def test_candidates_as_json(run: Run, cloud: Urls) -> None:
    done = run("explain", "resources=VCPU:2&limit=2", "--format", "json", *live(cloud))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["format"] == "placement-audit-explain/1"
    assert told["status"] == "candidates"
    assert told["candidates"]["count"] == 3
    first, second = told["candidates"]["allocation_requests"]
    assert first["allocations"] == {uuid_of("host-1"): {"resources": {"VCPU": 2}}}
    assert first["mappings"] == {"": [uuid_of("host-1")]}
    assert first != second
    [group] = told["groups"]
    assert {"name": "VCPU max_unit", "passed": 3, "failed": 0, "only_failed": 0} in group["constraints"]


def test_each_culprit_is_counted(run: Run, cloud: Urls) -> None:
    query = "resources=VCPU:1,MEMORY_MB:100000&root_required=!COMPUTE_STATUS_DISABLED"
    told = json.loads(run("explain", query, "--format", "json", *live(cloud)).stdout)
    only = {row["name"]: row["only_failed"] for row in told["groups"][0]["constraints"] if row["only_failed"]}
    assert only == {"MEMORY_MB capacity": 1, "root_required !COMPUTE_STATUS_DISABLED": 1}


def test_what_if(run: Run, cloud: Urls) -> None:
    done = run("explain", "resources=VCPU:64", "--what-if", "VCPU.max_unit=64@host-*", *live(cloud))
    assert done.returncode == 0
    assert "NO CANDIDATES; with the change: 3 CANDIDATES, such as on host-1, host-2, host-3" in done.stdout
    assert "VCPU.max_unit=64@host-*: alters 3 inventories" in done.stdout
    query = "resources=VCPU:1&root_required=!COMPUTE_STATUS_DISABLED"
    done = run("explain", query, "--what-if", "-trait:COMPUTE_STATUS_DISABLED@host-3", "--format", "json", *live(cloud))
    told = json.loads(done.stdout)
    assert (told["candidates"]["count"], told["what_if"]["candidates"]["count"]) == (2, 3)
    done = run("explain", "resources=VCPU:1", "--what-if", "VCPU.max=3", *live(cloud))
    assert done.returncode == 2
    assert "no field max" in done.stderr
    done = run("explain", "resources=VCPU:1", "--what-if", "VCPU.max_unit=3@hsot-*", *live(cloud))
    assert done.returncode == 2
    assert "no provider of that name or uuid" in done.stderr
    done = run("explain", "resources=VCPU:1", "--what-if", "-trait:COMPUTE_STATUS_DISABLED@host-1", *live(cloud))
    assert "-trait:COMPUTE_STATUS_DISABLED@host-1: alters nothing" in done.stdout


def test_one_provider(run: Run, cloud: Urls) -> None:
    done = run("explain", "resources=VCPU:1,MEMORY_MB:100000", "--provider", "host-1", *live(cloud))
    assert "Provider host-1" in done.stdout
    assert "MEMORY_MB 100000: 7024 free (251024 used of 258048)" in done.stdout
    done = run("explain", "resources=VCPU:1", "--provider", "host", *live(cloud))
    assert done.returncode == 2
    assert "host-1, host-2, host-3 begin so" in done.stderr
    done = run("explain", "resources=VCPU:1", "--provider", "nobody", *live(cloud))
    assert "no provider of that uuid" in done.stderr


def test_a_flavor(run: Run, cloud: Urls) -> None:
    done = run("explain", "--flavor", "m1.64core", *live(cloud))
    assert done.returncode == 1
    assert "max_unit is 48 on all 3 hosts" in done.stdout
    assert "compute_status_filter (always on)" in done.stdout
    done = run("explain", "--flavor", "m1.64cores", *live(cloud))
    assert done.returncode == 2
    assert "m1.64core" in done.stderr
    done = run("explain", "--flavor", "m1.64core", "--placement-db", cloud.placement)
    assert "give --api-db" in done.stderr


def test_pinned_cpus_are_asked_for_twice(run: Run, cloud: Urls) -> None:
    done = run("explain", "--server", uuid_of("web"), *live(cloud))
    assert done.returncode == 0
    assert "first request: NO CANDIDATES" in done.stdout
    assert "second request, with VCPU for PCPU: 2 CANDIDATES" in done.stdout
    told = json.loads(run("explain", "--server", uuid_of("web"), "--format", "json", *live(cloud)).stdout)
    assert told["status"] == "none"
    assert told["fallback"]["status"] == "candidates"


def test_what_placement_refuses(run: Run, cloud: Urls) -> None:
    done = run("explain", "resources=VCPU:0", *live(cloud))
    assert done.returncode == 2
    assert "REFUSED" in done.stdout
    assert "resources" in done.stdout
    told = json.loads(run("explain", "resources=VCPU:0", "--format", "json", *live(cloud)).stdout)
    assert told["status"] == "invalid"
    assert told["error"]["parameter"] == "resources"
    told = json.loads(run("explain", "resources=vcpu:1", "--format", "json", *live(cloud)).stdout)
    assert told["error"]["parameter"] == "resources"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one request"),
        (["resources=VCPU:1", "--resource", "VCPU=1"], "give one request"),
        (["resources=VCPU:1", "--az", "nova"], "go with --flavor"),
        (["resources=VCPU:1", "--snapshot", "x"], "takes the place of live databases"),
        (["resources=VCPU:1", "--limit", "0"], "--limit 0"),
        (["resources=VCPU:1", "--microversion", "new"], "expected 1.10 to 1.39, or latest"),
        (["--resource", "VCPU:1"], "--resource"),
        (["m1.64core"], "--flavor"),
        (["-"], "nothing to explain on stdin"),
    ],
)
def test_wrong_use(run: Run, cloud: Urls, arguments: list[str], said: str) -> None:
    done = run("explain", *arguments, *live(cloud))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_snapshot_is_asked_the_same(run: Run, cloud: Urls, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.sqlite")
    assert run("snapshot", "-o", kept, *live(cloud)).returncode == 0
    query = "resources=VCPU:1,MEMORY_MB:100000&root_required=!COMPUTE_STATUS_DISABLED"
    ours = json.loads(run("explain", query, "--format", "json", "--snapshot", kept).stdout)
    theirs = json.loads(run("explain", query, "--format", "json", *live(cloud)).stdout)
    assert {key: ours[key] for key in ours if key != "source"} == {
        key: theirs[key] for key in theirs if key != "source"
    }
    assert run("explain", "--flavor", "m1.64core", "--snapshot", kept).returncode == 1


def test_strangers_texts_stay_texts(run: Run, cloud: Urls) -> None:
    with sqlite3.connect(cloud.placement.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE resource_providers SET name = 'evil\x1b[31m\n' || id")
    connection.close()
    done = run("explain", "resources=VCPU:64&required=\x1b[31m", "--provider", uuid_of("host-1"), *live(cloud))
    assert "\x1b" not in done.stdout + done.stderr
    assert "evil\\x1b[31m\\n1" in done.stdout


def test_an_empty_cloud(run: Run, tmp_path: Path) -> None:
    urls = sqlite_urls(tmp_path, ("cell0", "cell1"))
    Estate().write(urls)
    done = run("explain", "resources=VCPU:1", *live(urls))
    assert done.returncode == 1
    assert "no provider has an inventory of VCPU" in done.stdout


@pytest.fixture
def disabled(tmp_path: Path) -> tuple[Estate, Urls]:
    """A host that placement has as disabled, and a small flavor."""
    estate = Estate()
    estate.trait(estate.compute("host").provider, "COMPUTE_STATUS_DISABLED")
    estate.flavor("m1.tiny", 1, 512, 1)
    return estate, sqlite_urls(tmp_path, estate.cells)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("in_nova", ["enabled", "disabled"])
def test_a_disabled_host_as_nova_has_it(
    run: Run, disabled: tuple[Estate, Urls], tmp_path: Path, in_nova: str, kept: bool
) -> None:
    estate, urls = disabled
    estate.rows[t.services][0]["disabled"] = int(in_nova == "disabled")
    estate.write(urls)
    if kept:
        assert run("snapshot", "--output", str(tmp_path / "kept.sqlite"), *live(urls)).returncode == 0
    source = ["--snapshot", str(tmp_path / "kept.sqlite")] if kept else live(urls)
    done = run("explain", "--flavor", "m1.tiny", "--format", "json", *source)
    (told,) = (line for one in json.loads(done.stdout)["nearest"] for line in one["lacks"])
    assert (
        told
        == {
            "disabled": "its nova-compute service is disabled (trait COMPUTE_STATUS_DISABLED)",
            "enabled": "placement has it as disabled (trait COMPUTE_STATUS_DISABLED), and nova as enabled: "
            "the trait is stuck (X19)",
        }[in_nova]
    )


def test_a_disabled_host_where_nova_is_not_at_hand(run: Run, disabled: tuple[Estate, Urls]) -> None:
    estate, urls = disabled
    estate.write(urls)
    done = run("explain", "resources=VCPU:1&root_required=!COMPUTE_STATUS_DISABLED", "--placement-db", urls.placement)
    assert "its nova-compute service is disabled" not in done.stdout
    assert "nova may have it enabled: openstack compute service list --service nova-compute" in " ".join(
        done.stdout.split()
    )
