"""The auditor's own login: option files as the servers' own tools read them, and what a URL leaves open."""

import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from placement_audit.errors import CannotTell
from placement_audit.source.config import from_options
from placement_audit.source.login import Login, Tls, from_option_file, password_from, password_in

# As written in the file, and what it means.
VALUES = {
    "plain": "plain",
    "a#b": "a",
    '"a#b"': "a#b",
    "'a#b' # c": "a#b",
    '"a" # say "b"': "a",
    r"a\\b": r"a\b",
    r"a\sb": "a b",
    r"a\qb": r"a\qb",
    r'"a\"b"': 'a"b',
    'a"b': 'a"b',
    '"a#b': '"a#b',
    '"a#b"c': '"a#b"c',
    "a'b#c'd": "a'b#c'd",
    r"\"a#b": '"a#b',
    "a = b:c;d": "a = b:c;d",
    " x y ": "x y",
    "pä": "pä",
    '""': "",
}


@pytest.mark.parametrize(("written", "meant"), VALUES.items())
def test_a_value_is_read_as_the_servers_own_tools_read_it(tmp_path: Path, written: str, meant: str) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"# mine\n[client]\n  user=dba\n\tpassword = {written}\n[mysql]\nprompt=x\n")
    assert from_option_file(str(file)) == Login(user="dba", password=meant)
    if tool := shutil.which("my_print_defaults"):
        done = subprocess.run([tool, f"--defaults-file={file}", "client"], capture_output=True, text=True, check=True)
        assert done.stdout.rstrip("\n") == f"--user=dba\n--password={meant}"


def test_a_suffix_adds_a_group_and_repeated_groups_are_one(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(
        "[client]\nuser=dba\nhost=db1\n[client_prod]\nhost=db2\nport=3307\nssl_ca=/ca\n[client]\npassword\n"
    )
    assert from_option_file(str(file)) == Login(user="dba", host="db1")
    assert from_option_file(str(file), "_prod") == Login(user="dba", host="db2", port=3307, tls=Tls(ca="/ca"))


@pytest.mark.parametrize(
    ("lines", "socket"),
    [
        ("socket=/s", "/s"),
        ("socket=/s\nhost=localhost", "/s"),
        ("socket=/s\nhost=db1", None),
        ("socket=/s\nhost=127.0.0.1", None),
        ("socket=/s\nprotocol=TCP", None),
    ],
)
def test_a_socket_is_for_this_machine_alone(tmp_path: Path, lines: str, socket: str | None) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\n{lines}\n")
    assert from_option_file(str(file)).socket == socket


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nuser=dba\n")
    file.chmod(0o666)
    with pytest.raises(CannotTell, match="chmod 600"):
        from_option_file(str(file))


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ("password=s3cret\n", "", "not an option file"),
        ("[client\npassword=s3cret\n", "", "not an option file"),
        ("[client]\npassword=s3cret\nport=s3cret\n", "", "port is not a number"),
        ("[client]\n!includedir /etc/mysql/conf.d\n", "", "not followed"),
        ("[client]\npassword=s3cret\n", "_prod", r"no group \[client_prod\]"),
        ("[client]\nssl-mode=VERIFY_CA\n", "", "needs ssl-ca"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_its_lines(
    tmp_path: Path, text: str, suffix: str, expected: str
) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(text)
    with pytest.raises(CannotTell, match=expected) as error:
        from_option_file(str(file), suffix)
    assert "s3cret" not in str(error.value)


def test_what_the_user_s_url_says_goes_first() -> None:
    login = Login("dba", "pw", "db1", 3307, "/run/s", Tls(verify=False, required=True))

    def completed(url: str) -> str:
        return login.completing(make_url(url)).render_as_string(hide_password=False)

    tls = "ssl_check_hostname=false"
    assert completed("mysql:///p") == f"mysql://dba:pw@db1:3307/p?{tls}&unix_socket=%2Frun%2Fs"
    assert completed("mysql://db2/p") == f"mysql://dba:pw@db2/p?{tls}"
    assert completed("mysql://me:own@db2/p?ssl_ca=x") == "mysql://me:own@db2/p?ssl_ca=x"
    assert completed("mysql:///p?unix_socket=x") == f"mysql://dba:pw@/p?{tls}&unix_socket=x"
    assert completed("sqlite:///p") == "sqlite:///p"


def test_the_login_takes_the_place_of_the_service_s_account(tmp_path: Path) -> None:
    (tmp_path / "placement.conf").write_text(
        "[placement_database]\nconnection = mysql+pymysql://placement:theirs@db:3307/placement?ssl_ca=/theirs\n"
    )
    files = [str(tmp_path / "placement.conf")]

    def url(login: Login) -> str:
        return from_options(None, None, [], files, login=login).placement.render_as_string(hide_password=False)

    assert url(Login()).startswith("mysql+pymysql://placement:theirs@db:3307/")
    assert url(Login("dba", host="other")) == "mysql+pymysql://dba@db:3307/placement?ssl_ca=%2Ftheirs"
    assert url(Login(password="asked")).startswith("mysql+pymysql://placement:asked@db:3307/")


@pytest.mark.parametrize(
    ("tls", "mysql", "postgresql"),
    [
        (Tls(), {}, {}),
        (Tls(ca="CA"), {"ssl_ca": "CA"}, {"sslmode": "verify-full", "sslrootcert": "CA"}),
        (
            Tls(ca="CA", verify=False),
            {"ssl_ca": "CA", "ssl_check_hostname": "false"},
            {"sslmode": "verify-ca", "sslrootcert": "CA"},
        ),
        (Tls(required=True), {"ssl_check_hostname": "false"}, {"sslmode": "require"}),
    ],
)
def test_tls_in_the_words_of_each_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Tls, mysql: dict[str, str], postgresql: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("CA").touch()
    assert tls.options("mysql") == mysql
    assert tls.options("postgresql") == postgresql


def test_a_missing_file_of_tls_is_named() -> None:
    with pytest.raises(CannotTell, match="TLS: cannot read /absent"):
        Tls(ca="/absent").options("mysql")


def test_a_password_from_a_file_or_a_command(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text(" with blanks \nsecond line\n")
    assert password_in(str(file)) == " with blanks "
    assert password_from(f"cat '{file}'") == " with blanks "


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/absent/program x", "cannot run /absent/program"),
        ("sh -c 'echo s3cret; exit 3'", "sh ended with 3"),
        ("true", "true: its first line"),
        ("'open s3cret", "not a command"),
    ],
)
def test_a_command_that_gives_no_password_is_named(command: str, expected: str) -> None:
    with pytest.raises(CannotTell, match=expected) as error:
        password_from(command)
    assert "s3cret" not in str(error.value)
