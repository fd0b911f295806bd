"""The auditor's own login as a DBA keeps it: an option file, a password from a file, a command or the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_IWOTH

from sqlalchemy.engine import URL

from placement_audit.errors import CannotTell


@dataclass(frozen=True)
class Tls:
    """Files, and how much of the server's certificate must hold: ``verify`` None is as strict as the files allow."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool | None = None
    required: bool = False

    def options(self, dialect: str) -> dict[str, str]:
        """The URL's options that say so. Raises CannotTell."""
        if self == Tls():
            return {}
        if self.key and not self.cert:
            raise CannotTell("TLS: a key needs its certificate, --ssl-cert FILE")
        for file in filter(None, (self.ca, self.cert, self.key)):
            if not os.access(file, os.R_OK):
                raise CannotTell(f"TLS: cannot read {file}")
        strict = self.verify if self.verify is not None else self.ca is not None
        if dialect == "postgresql":
            mode = "verify-full" if strict else "verify-ca" if self.ca else "require"
            authority = self.ca or ("system" if strict else None)
            found = {"sslmode": mode, "sslrootcert": authority, "sslcert": self.cert, "sslkey": self.key}
        else:
            # With an authority the driver checks the chain and, unless told otherwise, the name.
            authority = self.ca or (_systems_authorities() if strict else None)
            name = None if strict else "false"
            found = {"ssl_ca": authority, "ssl_cert": self.cert, "ssl_key": self.key, "ssl_check_hostname": name}
        return {name: value for name, value in found.items() if value}


def _systems_authorities() -> str:
    import ssl

    # Not cafile: it is None where the variable SSL_CERT_FILE or the distribution points to no file.
    return ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile


@dataclass(frozen=True)
class Login:
    """Who logs in, where, and how. What is None is left to the URL, or to the driver."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    socket: str | None = None
    tls: Tls = field(default_factory=Tls)

    def completing(self, url: URL) -> URL:
        """A URL that the user gave: what it says itself goes first."""
        if url.get_backend_name() == "sqlite":
            return url
        found = self._account(url, url.username or self.user, self.password if url.password is None else url.password)
        if not (url.host or "unix_socket" in url.query or "host" in url.query):
            found = found._replace(host=self.host, port=url.port or self.port)
            if self.socket and url.get_backend_name() == "mysql":
                found = found.update_query_dict({"unix_socket": self.socket})
        return found if _has_tls(url) else found.update_query_dict(self.tls.options(url.get_backend_name()))

    def instead_of_the_service(self, url: URL) -> URL:
        """A URL out of a service's file: its address, and our account in place of the service's, which may write."""
        if url.get_backend_name() == "sqlite":
            return url
        found = url
        if self.user is not None:
            found = self._account(url, self.user, self.password)
        elif self.password is not None:
            found = self._account(url, url.username, self.password)
        if options := self.tls.options(url.get_backend_name()):
            rest = {name: value for name, value in url.query.items() if not name.startswith("ssl")}
            found = found.set(query={**rest, **options})
        return found

    @staticmethod
    def _account(url: URL, user: str | None, password: str | None) -> URL:
        # set() would take None for "as it was"
        return url._replace(username=user, password=password)


def _has_tls(url: URL) -> bool:
    return any(name.startswith("ssl") for name in url.query)


def from_option_file(name: str, suffix: str = "") -> Login:
    """The login in the group [client] of a MySQL option file, and what [client``suffix``] says otherwise.

    https://mariadb.com/kb/en/configuring-mariadb-with-option-files/. Raises CannotTell, which shows no line of the
    file: it may hold a password.
    """
    groups = _groups(name)
    found: dict[str, str | None] = {}
    for group in ("client", "client-server", "client-mariadb"):
        found |= groups.get(group, {})
    if suffix:
        if f"client{suffix}" not in groups:
            raise CannotTell(f"{name}: it has no group [client{suffix}], which --defaults-group-suffix asks for")
        found |= groups[f"client{suffix}"]
    port = found.get("port")
    if port is not None and not port.isdecimal():
        raise CannotTell(f"{name}: port is not a number")
    return Login(
        user=found.get("user"),
        password=found.get("password"),
        host=found.get("host"),
        port=int(port) if port else None,
        # As the clients do: another host, or TCP, goes before a socket.
        socket=found.get("socket")
        if (found.get("host") or "localhost") == "localhost" and (found.get("protocol") or "socket").lower() != "tcp"
        else None,
        tls=_tls(name, found),
    )


def _groups(name: str) -> dict[str, dict[str, str | None]]:
    from configparser import Error, RawConfigParser

    try:
        path = Path(name).expanduser()
        if path.stat().st_mode & S_IWOTH:
            raise CannotTell(
                f"{name}: everybody may write this option file, and send the auditor anywhere; chmod 600 it"
            )
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise CannotTell(f"cannot read the option file {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotTell(f"{name}: not an option file of MySQL: it is not UTF-8") from None
    if any(line.startswith("!include") for line in lines):
        raise CannotTell(f"{name}: its !include is not followed; name the file itself that has the group [client]")
    parser = RawConfigParser(
        allow_no_value=True, strict=False, delimiters=("=",), comment_prefixes=("#", ";"), default_section="\0"
    )
    parser.optionxform = lambda optionstr: optionstr.replace("_", "-")  # type: ignore[method-assign]
    try:
        parser.read_string("\n".join(lines))
    except Error:
        raise CannotTell(f"{name}: not an option file of MySQL: [client], then lines of name=value") from None
    return {
        group: {key: None if value is None else _value(value) for key, value in parser.items(group)}
        for group in parser.sections()
    }


# All before a comment: a # within quotes, even open ones, begins none.
_UNCOMMENTED = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|$)|'(?:\\.|[^'\\])*(?:'|$)|[^#])*""")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'"}


def _value(written: str) -> str:
    found = _UNCOMMENTED.match(written)
    text = found[0].rstrip() if found else written
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)


def _tls(name: str, found: Mapping[str, str | None]) -> Tls:
    tls = Tls(ca=found.get("ssl-ca"), cert=found.get("ssl-cert"), key=found.get("ssl-key"))
    if "ssl-verify-server-cert" in found:
        wanted = (found["ssl-verify-server-cert"] or "1").upper() in {"1", "ON", "TRUE"}
        tls = replace(tls, verify=wanted, required=True)
    mode = (found.get("ssl-mode") or "").upper()
    if mode in {"REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"}:
        tls = replace(tls, required=True, verify=mode == "VERIFY_IDENTITY")
        if mode == "VERIFY_CA" and tls.ca is None:
            raise CannotTell(f"{name}: ssl-mode=VERIFY_CA needs ssl-ca")
    return tls


def password_in(name: str) -> str:
    """The first line of a file. Raises CannotTell."""
    try:
        return _first_line(Path(name).expanduser().read_text(encoding="utf-8"), name)
    except OSError as error:
        raise CannotTell(f"cannot read the password file {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotTell(f"{name}: its password is not UTF-8") from None


def password_from(command: str) -> str:
    """The first line that a command prints; what it says on stderr is for the user. Raises CannotTell."""
    import shlex
    import subprocess

    try:
        words = shlex.split(command)
        program = words[0]
    except (ValueError, IndexError):
        raise CannotTell("--password-command: not a command: is a quote open?") from None
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)  # noqa: S603  the user's own command
        printed = done.stdout.decode("utf-8")
    except OSError as error:
        raise CannotTell(f"--password-command: cannot run {program}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CannotTell(f"--password-command: what {program} printed is not UTF-8") from None
    if done.returncode:
        raise CannotTell(f"--password-command: {program} ended with {done.returncode}")
    return _first_line(printed, program)


def _first_line(text: str, origin: str) -> str:
    line = text.partition("\n")[0].removesuffix("\r")
    if not line:
        raise CannotTell(f"{origin}: its first line, the password, is empty")
    return line


def asked() -> str:
    """A password typed at the terminal, unseen. Raises CannotTell when there is none."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("Password of the auditor's account: ")
        except (getpass.GetPassWarning, EOFError):
            raise CannotTell(
                "--ask-pass needs a terminal; use --password-file, --password-command or --defaults-file"
            ) from None
