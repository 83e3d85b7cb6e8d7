"""What the kinds of this folder have in common in the file: where the server is, who logs in, how TLS is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from saasobs.core.redact import redact_url
from saasobs.core.values import Secret
from saasobs.options import SecretText
from saasobs.probes.conditions import Condition, JsonPath
from saasobs.probes.net.options import Host, NetworkOptions, Port, TlsOptions, ascii_host, show_place
from saasobs.probes.verdict import Certified, Timed

CLEARTEXT: Final = "it wants the password in clear text and offers no TLS; `tls: off` would allow that"
"""Why a password is kept back where the file says `tls: prefer`."""

TlsMode = Literal["off", "prefer", "require", "verify"]


def _mode(value: object) -> object:
    """YAML 1.1 reads a bare ``off`` as false."""
    return {False: "off", True: "verify"}[value] if isinstance(value, bool) else value


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


Mode = Annotated[
    TlsMode,
    BeforeValidator(_mode),
    WithJsonSchema({"enum": ["off", "prefer", "require", "verify", False, True]}),
]
Name = Annotated[str, Field(max_length=500), AfterValidator(_without_nul)]
Statement = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_without_nul)]


class AnswerExpect(Timed, Certified):
    """What the answer must be."""

    value: Condition | None = None
    """What the first value of the answer must be: a plain value, or operators, as in {"<": 30}."""
    json_: dict[JsonPath, Condition] = Field(default_factory=dict, alias="json")
    """JSONPath (RFC 9535) into the whole answer, and what its values must be, as for kind http."""

    @cached_property
    def has_patterns(self) -> bool:
        """Whether judging runs regular expressions of the file's."""
        conditions = (self.value, *self.json_.values())
        return any(one is not None and one.has_patterns for one in (*conditions, *self.json_))


class RowsExpect(AnswerExpect):
    """What the rows must be."""

    json_: dict[JsonPath, Condition] = Field(default_factory=dict, alias="json")
    """JSONPath (RFC 9535) into the rows, each an object by column, and what its values must be: {"$[*].state":
    running} holds every row to it."""
    rows: Condition | None = None
    """How many rows there must be, as in 1 or {">=": 1}. At most 1000 are read."""


@dataclass(frozen=True, slots=True)
class Where:
    """A server and a login, from the URL or from the keys of their own."""

    host: str
    port: int
    """0 when none is given."""
    user: str
    password: Secret | None
    path: str
    """The database, virtual host or the like; empty for none."""
    encrypted: bool = False
    """Whether the URL's scheme says TLS."""

    @property
    def secret(self) -> str:
        """The password as it goes over the wire; empty for none."""
        return self.password.reveal() if self.password else ""


class ServerOptions(NetworkOptions):
    """A server, a login, and TLS."""

    schemes: ClassVar[Mapping[str, bool]] = {}
    """The schemes of its URLs, and whether each means TLS."""
    default_port: ClassVar[int] = 0
    tls_port: ClassVar[int] = 0
    """The port for TLS, where it has one of its own."""
    default_tls: ClassVar[TlsMode] = "off"
    negotiates: ClassVar[bool] = False
    """Whether the protocol begins in the clear and can turn to TLS; otherwise TLS has a port of its own."""

    url: SecretText | None = None
    """Server and login in one: scheme://user:password@host:port/name; it is never shown. In its place may stand `host`
    and the keys after it."""
    host_: Annotated[Host | None, Field(alias="host")] = None
    """The server's host name or address."""
    port: Port | None = None
    """The server's port, when it is not the protocol's own."""
    user: Name = ""
    """The user to log in as."""
    password: SecretText | None = None
    """The password that goes with `user`, or with a `url` that has none."""
    tls: Mode | None = None
    """`off`: never; `prefer`: when the server offers it, trusting any certificate; `require`: down without it, trusting
    any certificate; `verify`: down unless the certificate is trusted and names the host. Only with `verify` are the
    days that certificates have left judged."""
    server_name: Host | None = None
    """The name to ask for by TLS (SNI) and to find in the certificate. Default: the host."""
    ca_file: Path | None = None
    """A file of CA certificates (PEM) to trust instead of the system's."""
    client_certificate: Path | None = None
    """A file with our own certificate and its chain (PEM), for servers that ask for one (mTLS)."""
    client_key: Path | None = None
    """The file of its private key (PEM, without passphrase). Default: it stands in `client_certificate`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self._check_place()
        if "\0" in self.where.secret:
            raise ValueError("the password must not contain a NUL character")
        if self.security == "prefer" and not self.negotiates:
            raise ValueError("tls: prefer cannot be: here TLS has a port of its own; write off, require or verify")
        _ = self.trust
        days = {"certificate_days", "certificate_days_down"} & self._expected().model_fields_set
        if days and self.security != "verify":
            raise ValueError(f"expect.{min(days)} needs `tls: verify`")
        return self

    def _check_place(self) -> None:
        if self.url is None and self.host_ is None:
            raise ValueError("either url or host is needed")
        if self.url is not None:
            self._check_url()

    def _check_url(self) -> None:
        twice = [key for key in ("host", "port", "user") if getattr(self, "host_" if key == "host" else key)]
        if twice:
            raise ValueError(f"{twice[0]} stands in the url already, or belongs there")
        if self.where.password is not self.password and self.password is not None:
            raise ValueError("the password stands in the url already")

    def _expected(self) -> Certified:
        """What every kind calls `expect`, and declares after its own keys."""
        found: Certified = vars(self)["expect"]
        return found

    @cached_property
    def where(self) -> Where:
        """The server and the login, whichever way they were written. :raises ValueError: the URL is none."""
        if self.url is None:
            return Where(self.host_ or "", self.port or 0, self.user, self.password, "")
        found = _taken_apart(self.url.reveal(), self.schemes)
        if found.password is None and self.password is not None:
            return Where(found.host, found.port, found.user, self.password, found.path, found.encrypted)
        return found

    @property
    def reached_at(self) -> int:
        """The port in force."""
        usual = self.tls_port if self.tls_port and self.security != "off" else self.default_port
        return self.where.port or usual

    @cached_property
    def security(self) -> TlsMode:
        """The `tls` in force."""
        if self.tls is not None:
            if self.where.encrypted and self.tls in ("off", "prefer"):
                raise ValueError(f"the url's scheme means TLS, and tls is {self.tls}")
            return self.tls
        return "verify" if self.where.encrypted else self.default_tls

    @cached_property
    def trust(self) -> TlsOptions:
        """What TLS is to trust. :raises ValueError: one of the files is none."""
        keys = ("server_name", "ca_file", "client_certificate", "client_key")
        given = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        if given and self.security == "off":
            raise ValueError(f"{min(given)} needs TLS: write tls: require or verify")
        if self.ca_file is not None and self.security != "verify":
            raise ValueError("ca_file needs `tls: verify`")
        for key in keys[1:]:
            if key in given and not given[key].is_file():
                raise ValueError(f"{key}: {given[key]} is not a file")
        return TlsOptions.model_validate({"verify": self.security == "verify"} | given)

    def confides(self, *, encrypted: bool) -> bool:
        """Whether the password may be sent as it is."""
        return encrypted or self.security == "off"

    def named(self) -> str:
        """What is asked for on that server, for people; empty for none."""
        return ""

    def target(self) -> str:
        return "/".join(filter(None, (show_place(self.where.host, self.reached_at), self.named())))

    def host(self) -> str:
        return self.where.host


class LocalServerOptions(ServerOptions):
    """A server that may also be reached over a socket of this machine."""

    socket: Path | None = None
    """The Unix socket of a server on this machine, in place of `host`; no TLS."""

    def _check_place(self) -> None:
        if self.socket is None:
            super()._check_place()
            return
        for key in ("url", "host_", "port", "address"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key.strip('_')} and socket exclude each other")
        if self.tls not in (None, "off"):
            raise ValueError("there is no TLS over a Unix socket")
        if not self.socket.is_absolute():
            raise ValueError(f"socket: {self.socket} is not an absolute path")

    @cached_property
    def security(self) -> TlsMode:
        """The `tls` in force."""
        return "off" if self.socket is not None else super().security

    def target(self) -> str:
        if self.socket is None:
            return super().target()
        return " ".join(filter(None, (str(self.socket), self.named())))

    def host(self) -> str:
        return "" if self.socket is not None else super().host()


def _taken_apart(url: str, schemes: Mapping[str, bool]) -> Where:
    """:raises ValueError: without a word of the login."""
    shown = redact_url(url)
    try:
        parts = urlsplit(url)
        port = parts.port or 0
        host = ascii_host(parts.hostname or "")
    except ValueError as error:
        usual = f"{next(iter(schemes))}://user@host/name"
        raise ValueError(f"{shown!r} is not the URL of one server, as in {usual}") from error
    if parts.scheme not in schemes:
        raise ValueError(f"{shown!r} must begin with {' or '.join(f'{one}://' for one in schemes)}")
    if parts.query or parts.fragment:
        raise ValueError(f"{shown!r}: parameters of a URL are keys of their own here, such as tls")
    return _login(parts, host, port, encrypted=schemes[parts.scheme])


def _login(parts: SplitResult, host: str, port: int, *, encrypted: bool) -> Where:
    user, path = unquote(parts.username or ""), unquote(parts.path.removeprefix("/"))
    password = unquote(parts.password) if parts.password else None
    if any("\0" in text for text in (user, path, password or "")):
        raise ValueError("the url must not contain a NUL character")
    return Where(host, port, user, Secret(password) if password else None, path, encrypted)
