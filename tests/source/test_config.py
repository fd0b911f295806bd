"""Sources from options, the environment's stand-ins, and the services' own files."""

from pathlib import Path

import pytest

from placement_audit.errors import CannotTell
from placement_audit.source.config import SETTINGS, from_options, masked, url_of

PLACEMENT_CONF = "[placement_database]\nconnection = mysql+pymysql://p:pw@db/placement?charset=utf8\n"
NOVA_CONF = """\
[api_database]
connection = mysql://n:pw@db:3307/nova_api
[database]
connection = mysql+pymysql://n:pw@db/nova_cell0
"""


def test_both_files_of_the_services(tmp_path: Path) -> None:
    (tmp_path / "placement.conf").write_text(PLACEMENT_CONF)
    (tmp_path / "nova.conf").write_text(NOVA_CONF)
    sources = from_options(None, None, [], [str(tmp_path / "placement.conf"), str(tmp_path / "nova.conf")])
    assert sources.placement.database == "placement"
    assert sources.api is not None
    assert sources.api.drivername == "mysql+pymysql"
    assert sources.api.port == 3307
    assert sources.base == "mysql+pymysql://n:pw@db/nova_cell0"


def test_a_folder_of_files_and_an_option_that_wins(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text(PLACEMENT_CONF)
    (tmp_path / "two.conf").write_text(NOVA_CONF)
    sources = from_options("sqlite:///other.db", None, [], [], [str(tmp_path)])
    assert sources.placement.database == "other.db"
    assert sources.api is not None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "no placement database given"),
        ({"a.conf": NOVA_CONF}, "name no [placement_database]/connection"),
        ({"a.conf": "not a file\n[of\n"}, "cannot understand the configuration file"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CannotTell) as error:
        from_options(None, None, [], [str(tmp_path / name) for name in files])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match=r"absent\.conf"):
        from_options(None, None, [], [str(tmp_path / "absent.conf")])


@pytest.mark.parametrize("item", ["cell1", "=sqlite:///x", "mysql://u:secret@h/d"])
def test_a_cell_needs_name_and_url(item: str) -> None:
    with pytest.raises(CannotTell) as error:
        from_options("sqlite:///p.db", None, [item])
    assert "NAME=URL" in str(error.value)
    assert "secret" not in str(error.value)


def test_passwords_and_options_are_not_shown() -> None:
    url = url_of("mysql+pymysql://u:s3cret@h/d?ssl_key=/root/key", "test")
    assert masked(url) == "mysql+pymysql://u:***@h/d"


def test_settings_are_what_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "placement.conf").write_text(PLACEMENT_CONF + "[placement]\nincomplete_consumer_user_id = nobody\n")
    (tmp_path / "nova.conf").write_text(
        NOVA_CONF
        + "[DEFAULT]\ncpu_allocation_ratio = 8\nservice_down_time = 30\n"
        + "[scheduler]\nlimit_tenants_to_placement_aggregate = no\nworkers = 3\n[pci]\nreport_in_placement = on\n"
    )
    sources = from_options(None, None, [], [str(tmp_path / "placement.conf"), str(tmp_path / "nova.conf")])
    assert sources.settings == {
        "cpu_allocation_ratio": 8.0,
        "service_down_time": 30,
        "limit_tenants_to_placement_aggregate": False,
        "report_in_placement": True,
        "incomplete_consumer_user_id": "nobody",
    }
    assert from_options("sqlite:///placement.db", None, []).settings == {}


def test_a_setting_that_is_none_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "nova.conf").write_text("[DEFAULT]\nservice_down_time = long\n")
    with pytest.raises(CannotTell, match="service_down_time"):
        from_options("sqlite:///placement.db", None, [], [str(tmp_path / "nova.conf")])


def test_no_name_of_a_setting_is_in_two_groups() -> None:
    names = [name for options in SETTINGS.values() for name in options]
    assert len(names) == len(set(names))
