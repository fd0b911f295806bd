"""Mail through a real SMTP server on a real socket, and through a sendmail program."""

import datetime
import email
import socket
import ssl
import stat
from collections.abc import Iterator
from email.message import Message
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from placement_audit.demo.estate import Urls
from tests.cli.conftest import Run, live

ONLY = ("--select", "P19")


class Box:
    """What the server was sent."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=default)))
        return "250 OK"

    def authenticate(
        self, server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"s3cret")


def free_port() -> int:
    """aiosmtpd connects to itself by number, so the system cannot choose one for it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def smtp(box: Box) -> Iterator[str]:
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def test_findings_are_mailed_and_not_printed(run: Run, faulty: Urls, smtp: str, box: Box) -> None:
    done = run(
        "audit", *live(faulty), *ONLY, "--mail-to", "dba@example.org", "--mail-to", "b@example.org", "--smtp", smtp
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    ((to, mail),) = box.mails
    assert to == ["dba@example.org", "b@example.org"]
    assert "12 warnings" in str(mail["Subject"])
    text = mail.get_content()  # type: ignore[attr-defined]
    assert "more than its capacity of 192" in text
    # Commands and addresses are not broken: they are there to be copied.
    assert all(len(line) <= 78 for line in text.splitlines() if "openstack " not in line and "://" not in line)


def test_silence_when_there_is_no_news(run: Run, clean: Urls, smtp: str, box: Box) -> None:
    done = run("audit", *live(clean), "--mail-to", "dba@example.org", "--smtp", smtp)
    assert (done.returncode, done.stdout, box.mails) == (0, "", [])


def test_findings_below_the_threshold_are_no_news(run: Run, faulty: Urls, smtp: str, box: Box) -> None:
    run("audit", *live(faulty), *ONLY, "--mail-to", "dba@example.org", "--smtp", smtp, "--fail-on", "error")
    assert box.mails == []


def test_not_being_able_to_tell_is_news(run: Run, faulty: Urls, smtp: str, box: Box, tmp_path: Path) -> None:
    (tmp_path / "nova_cell1.sqlite").unlink()
    done = run("audit", *live(faulty), "--mail-to", "dba@example.org", "--smtp", smtp, "--fail-on", "error")
    assert done.returncode == 2
    (tmp_path / "placement.sqlite").unlink()
    done = run("audit", *live(faulty), "--mail-to", "dba@example.org", "--smtp", smtp)
    assert done.returncode == 2
    assert ["INCOMPLETE" in str(mail["Subject"]) for _, mail in box.mails] == [True, False]
    assert "could not tell" in str(box.mails[1][1]["Subject"])


def test_login_over_tls(run: Run, faulty: Urls, box: Box, tmp_path: Path) -> None:
    context = tls(tmp_path)
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=box.authenticate,
    )
    controller.start()
    login = tmp_path / "login"
    login.write_text("auditor:s3cret\n")
    try:
        address = f"localhost:{controller.port}"
        options = ("--mail-to", "dba@example.org", "--smtp", address, "--smtp-login-file", str(login))
        trusting = run("audit", *live(faulty), *ONLY, *options, "--starttls", SSL_CERT_FILE=str(tmp_path / "cert.pem"))
        doubting = run("audit", *live(faulty), *ONLY, *options, "--starttls")
    finally:
        controller.stop()
    assert (trusting.returncode, trusting.stderr) == (1, "")
    assert box.logins == [(b"auditor", b"s3cret")]
    assert len(box.mails) == 1
    assert doubting.returncode == 2
    assert "certificate" in doubting.stderr


def tls(folder: Path) -> ssl.SSLContext:
    """A server's side for localhost, with a certificate of its own making in cert.pem."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("ending", [0, 75])
def test_a_sendmail_program(run: Run, faulty: Urls, tmp_path: Path, ending: int) -> None:
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat > {tmp_path}/mail\necho busy >&2\nexit {ending}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = run("audit", *live(faulty), *ONLY, "--mail-to", "dba@example.org", "--sendmail", str(program))
    assert (tmp_path / "args").read_text() == "-i -t\n"
    assert "To: dba@example.org" in (tmp_path / "mail").read_text()
    assert done.returncode == (2 if ending else 1)
    assert ("ended with 75: busy" in done.stderr) == bool(ending)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--smtp", "127.0.0.1:1"], "Connection refused"),
        (["--smtp", "mail.example.org:x"], "HOST:PORT"),
        (["--sendmail", "/nowhere/sendmail"], "No such file"),
        (["--sendmail", "/bin/true", "--starttls"], "do not apply"),
        (["--smtp", "mail.example.org:587", "--smtp-login-file", "/etc/hostname"], "add --starttls"),
        (["--smtp-login-file", "/nowhere"], "cannot read /nowhere"),
        (["--mail-from", "a\nBcc: all@example.org"], "mail addresses"),
    ],
)
def test_a_mail_that_cannot_go_is_2(run: Run, faulty: Urls, options: list[str], expected: str) -> None:
    done = run("audit", *live(faulty), *ONLY, "--mail-to", "dba@example.org", *options)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_that_cannot_be_mailed_is_printed(run: Run, faulty: Urls) -> None:
    done = run("audit", *live(faulty), *ONLY, "--mail-to", "dba@example.org", "--smtp", "127.0.0.1:1")
    assert done.returncode == 2
    assert "more than its capacity of 192" in done.stdout
