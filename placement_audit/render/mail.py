"""The report by mail: over SMTP, or handed to a sendmail program."""

from __future__ import annotations

import shlex
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from placement_audit.errors import CannotTell
from placement_audit.render.escape import plain

WIDTH = 78
TIMEOUT = 30


@dataclass(frozen=True)
class Outgoing:
    """Where mail goes and how. ``login``: user and password."""

    to: tuple[str, ...]
    sender: str
    host: str = "localhost"
    port: int = 25
    starttls: bool = False
    login: tuple[str, str] | None = None
    sendmail: tuple[str, ...] = ()

    def send(self, subject: str, text: str) -> None:
        """Send one mail. Raises CannotTell when it cannot be handed over."""
        message = self._message(subject, text)
        try:
            if self.sendmail:
                self._pipe(message)
            else:
                self._deliver(message)
        except (OSError, smtplib.SMTPException, subprocess.SubprocessError) as error:
            where = self.sendmail[0] if self.sendmail else f"{self.host}:{self.port}"
            raise CannotTell(f"the report could not be mailed through {where}: {_told(error)}") from None

    def _message(self, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = plain(f"placement-audit on {socket.gethostname()}: {subject}")
        try:
            message["From"] = self.sender
            message["To"] = ", ".join(self.to)
        except (ValueError, IndexError):
            raise CannotTell("--mail-to and --mail-from take mail addresses such as dba@example.org") from None
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid("placement-audit")
        message["Auto-Submitted"] = "auto-generated"  # no out-of-office reply, please (RFC 3834)
        message.set_content(text)
        return message

    def _deliver(self, message: EmailMessage) -> None:
        with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT) as server:
            if self.starttls:
                server.starttls(context=ssl.create_default_context())
            if self.login:
                server.login(*self.login)
            refused = server.send_message(message)
        if refused:
            raise CannotTell(f"the mail server {self.host}:{self.port} refused {', '.join(sorted(refused))}")

    def _pipe(self, message: EmailMessage) -> None:
        # -i: a line with a single dot is text; -t: the addresses are in the message.
        done = subprocess.run(  # noqa: S603  the program is the user's own choice
            [*self.sendmail, "-i", "-t"], input=message.as_bytes(), capture_output=True, timeout=TIMEOUT, check=False
        )
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise CannotTell(f"{self.sendmail[0]} ended with {done.returncode}: {said or 'it gave no reason'}")


def outgoing(
    to: Sequence[str],
    sender: str | None,
    smtp: str | None,
    starttls: bool,
    login_file: str | None,
    sendmail: str | None,
) -> Outgoing | None:
    """The way out that the options describe, None without recipients. Raises CannotTell for senseless ones."""
    if not to:
        if sender or smtp or starttls or login_file or sendmail:
            raise CannotTell("mail options are given, but no --mail-to")
        return None
    if sendmail and (smtp or starttls or login_file):
        raise CannotTell(
            "--sendmail hands the mail to a program; --smtp, --starttls and --smtp-login-file do not apply"
        )
    host, port = _server(smtp or "localhost:25")
    if login_file and not starttls and host not in {"localhost", "127.0.0.1", "::1"}:
        raise CannotTell("--smtp-login-file would send the password unencrypted; add --starttls")
    return Outgoing(
        to=tuple(to),
        sender=sender or f"placement-audit@{_this_host()}",
        host=host,
        port=port,
        starttls=starttls,
        login=_login(login_file) if login_file else None,
        sendmail=tuple(shlex.split(sendmail)) if sendmail else (),
    )


def _this_host() -> str:
    # A machine may resolve itself to localhost, from which many relays take no mail.
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def _server(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, 25
    if not host or not port.isdecimal():
        raise CannotTell(f"--smtp takes HOST:PORT, not {text!r}")
    return host.strip("[]"), int(port)


def _login(file: str) -> tuple[str, str]:
    try:
        line = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"cannot read {file}: {getattr(error, 'strerror', None) or 'not text'}") from None
    user, colon, password = line.partition(":")
    if not colon or not user or "\n" in line:
        raise CannotTell(f"{file}: one line USER:PASSWORD is expected")
    return user, password


def _told(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
        return f"{error.smtp_code} {' '.join(text.split())}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "no recipient was accepted: " + ", ".join(sorted(error.recipients))
    return " ".join(str(error).split()) or type(error).__name__
