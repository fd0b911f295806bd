"""Logging in as DBAs do, on real servers; and no secret comes out anywhere."""

import os
import pty
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import URL, make_url

from tests.cli.conftest import Run
from tests.conftest import CloudUrls, RealSchemas
from tests.mariadb import Server, of_its_own

AWKWARD = "p#'\"\\ ä=;%s" + secrets.token_hex(8)


@pytest.fixture(scope="module")
def account(mariadb: Server, real_schemas: RealSchemas) -> Iterator[str]:
    """An account with a password of every kind of character."""
    name = f"awkward_{secrets.token_hex(4)}"
    quoted = AWKWARD.replace("\\", "\\\\").replace("'", "\\'")
    mariadb.execute(f"CREATE USER {name} IDENTIFIED BY '{quoted}'")
    for database in real_schemas.databases():
        mariadb.execute(f"GRANT SELECT ON `{database}`.* TO {name}")
    yield name
    mariadb.execute(f"DROP USER {name}")


def without_login(url: str) -> URL:
    return make_url(url)._replace(username=None, password=None)


def option_file(folder: Path, **options: str | int) -> str:
    written = {
        name: '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"' for name, value in options.items()
    }
    file = folder / "my.cnf"
    file.write_text("[client]\n" + "".join(f"{name} = {value}\n" for name, value in written.items()))
    return str(file)


def test_all_comes_from_an_option_file(run: Run, empty_cloud: RealSchemas, account: str, tmp_path: Path) -> None:
    """Of the URLs only the names of the databases are left; cells use the same account."""
    url = make_url(empty_cloud.placement)
    file = option_file(tmp_path, user=account, password=AWKWARD, host=str(url.host), port=url.port or 3306)
    bare = [f"mysql:///{make_url(one).database}" for one in (empty_cloud.placement, empty_cloud.api)]
    done = run("audit", "--defaults-file", file, "--placement-db", bare[0], "--api-db", bare[1], "--format", "json")
    assert done.returncode != 2 or "placement-audit:" not in done.stderr, done.stderr
    assert f"mysql+pymysql://{account}:***@" in done.stdout
    assert "process list" not in done.stdout


def test_a_password_in_a_file_from_a_command_and_in_the_environment(
    run: Run, empty_cloud: RealSchemas, account: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(AWKWARD + "\n")
    url = without_login(empty_cloud.placement).set(username=account)
    whole = url.set(password=AWKWARD).render_as_string(hide_password=False)
    bare = url.render_as_string()
    for options in (["--password-file", str(secret)], ["--password-command", f"cat {secret}"]):
        done = run("doctor", "--placement-db", bare, *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert "process list" not in done.stdout
    assert run("doctor", PLACEMENT_AUDIT_PLACEMENT_DB=whole).returncode == 0
    shown = run("doctor", "--placement-db", whole)
    assert shown.returncode == 0
    assert "the password in --placement-db shows in this machine's process list" in " ".join(shown.stdout.split())
    assert run("doctor", "--placement-db", bare).returncode == 2


def test_a_password_is_asked_for_at_the_terminal(empty_cloud: RealSchemas, account: str, run: Run) -> None:
    bare = without_login(empty_cloud.placement).set(username=account).render_as_string()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(
            sys.executable, [sys.executable, "-m", "placement_audit", "doctor", "--ask-pass", "--placement-db", bare]
        )
    said = b""
    while b"Password of the auditor's account: " not in said:
        said += os.read(terminal, 1000)
    # It has said so before it turned the echo off and threw away what was typed ahead.
    time.sleep(0.2)
    os.write(terminal, AWKWARD.encode() + b"\n")
    try:
        while more := os.read(terminal, 1000):
            said += more
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    assert b"SELECT only" in said
    assert AWKWARD.encode() not in said


def test_without_a_terminal_nothing_is_asked(empty_cloud: RealSchemas) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "placement_audit", "doctor", "--ask-pass", "--placement-db", "mysql://dba@127.0.0.1/p"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 2
    assert "--ask-pass needs a terminal" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_one_way_to_a_password(run: Run) -> None:
    done = run("doctor", "--ask-pass", "--password-file", "x", "--placement-db", "mysql://dba@127.0.0.1/p")
    assert done.returncode == 2
    assert "give one of" in done.stderr


def test_a_unix_socket_and_an_account_without_a_password(
    run: Run, mariadb: Server, empty_cloud: RealSchemas, tmp_path: Path
) -> None:
    [(socket,)] = mariadb.execute("SELECT @@socket")
    if not Path(socket).exists():
        pytest.skip("the server under test shares no socket with this machine")
    name = f"socket_{secrets.token_hex(4)}"
    mariadb.execute(f"CREATE USER {name}@localhost IDENTIFIED BY ''")
    try:
        database = make_url(empty_cloud.placement).database
        mariadb.execute(f"GRANT SELECT ON `{database}`.* TO {name}@localhost")
        file = option_file(tmp_path, user=name, socket=socket)
        done = run("doctor", "--defaults-file", file, "--placement-db", f"mysql:///{database}")
        assert (done.returncode, done.stderr) == (0, "")
        given = run("doctor", "--placement-db", f"mysql://{name}@/{database}?unix_socket={socket}")
        assert (given.returncode, given.stderr) == (0, "")
    finally:
        mariadb.execute(f"DROP USER {name}@localhost")


def certificate(folder: Path, name: str, issuer: str | None = None) -> Path:
    """A certificate and its key, signed by another one or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    if issuer is None:
        signer, by = key, subject
    else:
        signer = serialization.load_pem_private_key((folder / f"{issuer}.key").read_bytes(), None)
        by = x509.load_pem_x509_certificate((folder / f"{issuer}.pem").read_bytes()).subject
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    )
    (folder / f"{name}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    for file in (folder / f"{name}.pem", folder / f"{name}.key"):
        file.chmod(0o644)
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def encrypted() -> Iterator[tuple[Server, Path]]:
    """A server that takes an account over TLS alone, with that account's own certificate, and its folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # for the account that the server runs as
        for name, issuer in (("authority", None), ("localhost", "authority"), ("me", "authority"), ("other", None)):
            certificate(folder, name, issuer)
        server = of_its_own(
            stack,
            f"--ssl-ca={folder}/authority.pem",
            f"--ssl-cert={folder}/localhost.pem",
            f"--ssl-key={folder}/localhost.key",
        )
        server.execute("CREATE USER tls IDENTIFIED BY 'pw' REQUIRE X509")
        server.execute("CREATE DATABASE empty")
        server.execute("GRANT SELECT ON empty.* TO tls")
        yield server, folder


CONNECTED = "no tables that this account can see"


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("localhost", {"ca": "authority", "cert": "me", "key": "me"}, CONNECTED),
        ("127.0.0.1", {"ca": "authority", "cert": "me", "key": "me"}, "takes a certificate of another name"),
        ("127.0.0.1", {"ca": "authority", "cert": "me", "key": "me", "no": "x"}, CONNECTED),
        ("localhost", {"ca": "other", "cert": "me", "key": "me"}, "--ssl-ca names its authority"),
        ("localhost", {"ca": "authority"}, "Access denied"),
        ("localhost", {"cert": "me", "key": "me"}, CONNECTED),
    ],
)
def test_tls(
    run: Run, encrypted: tuple[Server, Path], tmp_path: Path, host: str, options: dict[str, str], expected: str
) -> None:
    server, folder = encrypted
    given = {
        "ca": lambda name: ["--ssl-ca", f"{folder}/{name}.pem"],
        "cert": lambda name: ["--ssl-cert", f"{folder}/{name}.pem"],
        "key": lambda name: ["--ssl-key", f"{folder}/{name}.key"],
        "no": lambda _: ["--no-ssl-verify-identity"],
    }
    (tmp_path / "pw").write_text("pw")
    arguments = [part for option, name in options.items() for part in given[option](name)]
    url = server.root_url.set(host=host, username="tls", database="empty")._replace(password=None)
    done = run("doctor", "--placement-db", url.render_as_string(), "--password-file", str(tmp_path / "pw"), *arguments)
    assert done.returncode == 2
    assert expected in " ".join(done.stdout.split())


def test_no_secret_is_shown_anywhere(
    run: Run, empty_cloud: RealSchemas, account: str, auditor_urls: CloudUrls, tmp_path: Path
) -> None:
    """In reports, snapshots and messages. An empty placement knows no class, so explain ends with 2."""
    secret = "s3cret" + secrets.token_hex(8)
    (tmp_path / "pw").write_text(secret)
    url = make_url(empty_cloud.placement)
    file = option_file(tmp_path, user=account, password=AWKWARD, host=str(url.host), port=url.port or 3306)
    databases = [
        *("--placement-db", f"mysql:///{url.database}"),
        *("--api-db", f"mysql:///{make_url(empty_cloud.api).database}"),
    ]
    kept, report = tmp_path / "kept.sqlite", tmp_path / "report.json"
    good = ["--defaults-file", file, *databases]
    runs = [
        run("audit", *good, "--format", "json", "--output", str(report)),
        run("audit", *good),
        run("snapshot", *good, "-o", str(kept)),
        run("doctor", *good),
        run("explain", "resources=VCPU:1", *good),
        # and where it goes wrong
        run(
            "doctor",
            "--placement-db",
            f"mysql://{account}@{url.host}:{url.port}/x",
            "--password-file",
            str(tmp_path / "pw"),
        ),
        run("audit", "--placement-db", f"mysql://{account}:{secret}@{url.host}:1/x"),
        run("audit", "--placement-db", f"mysql://{account}:{secret}@{url.host}:{url.port}/x?nonsense={secret}"),
        run("audit", "--placement-db", f"nonsense://{account}:{secret}@{url.host}:{url.port}/x"),
        run("audit", "--placement-db", f"mysql://{account}:{secret}@{url.host}:port/x"),
        run("audit", f"mysql://{account}:{secret}@{url.host}/x"),
    ]
    assert [done.returncode for done in runs[2:]] == [0, 0, 2, 2, 2, 2, 2, 2, 2]
    texts = [done.stdout + done.stderr for done in runs]
    assert "Access denied" in texts[5]
    assert not [text for text in texts if "Traceback" in text]
    said = "\n".join([*texts, report.read_text()]).encode() + kept.read_bytes()
    for hidden in (secret, AWKWARD, AWKWARD[-16:], str(url.password), str(make_url(auditor_urls.api).password)):
        assert hidden.encode() not in said


def test_a_mistake_of_ours_shows_no_url(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from placement_audit import cli

    def broken(**_: object) -> None:
        raise KeyError("mysql://dba:s3cret@db/placement")

    monkeypatch.setattr(cli.command, "main", broken)
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr().err
    assert "KeyError" in said
    assert "s3cret" not in said
