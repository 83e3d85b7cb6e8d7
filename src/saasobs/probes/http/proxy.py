"""The proxy that a monitor's requests go through: what may be written for it, and what libcurl is told. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

import pycurl
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from saasobs.core.redact import redact_url
from saasobs.options import Options, SecretText
from saasobs.probes.net.options import ascii_host, show_place

SCHEMES: Final = ("http", "https", "socks5", "socks5h")


def _proxy_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{redact_url(value)!r} is not a URL: {error}") from error
    if parts.scheme not in SCHEMES:
        raise ValueError("a proxy's URL begins with http://, https://, socks5:// or socks5h://")
    if not parts.hostname or not port:
        raise ValueError("a proxy's URL has a host and a port, as in http://proxy.acme.example:3128")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a proxy's URL ends with its port")
    ascii_host(parts.hostname)
    return value


ProxyUrl = Annotated[
    str,
    AfterValidator(_proxy_url),
    PlainSerializer(redact_url, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^(https?|socks5h?)://.+:[0-9]+/?$"}),
]


class ProxyOptions(Options):
    """A proxy. Those of the environment (http_proxy and others) are never used."""

    url: Annotated[ProxyUrl, Field(repr=False)]
    """http://, https://, socks5:// (the target's name is resolved here) or socks5h:// (by the proxy), host and port."""
    user: str = ""
    """The login's user, when it is not in the URL."""
    password: SecretText | None = None
    """The login's password, when it is not in the URL. It is never shown."""

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if (self.user or self.password is not None) and "@" in self._parts.netloc:
            raise ValueError("give the login in the URL or under user and password, not both")
        if self.password is not None and not self.user:
            raise ValueError("password needs user beside it")
        return self

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @cached_property
    def scheme(self) -> str:
        """One of SCHEMES."""
        return self._parts.scheme

    @cached_property
    def host(self) -> str:
        """As it is resolved: ASCII, an IPv6 address without brackets."""
        return ascii_host(self._parts.hostname or "")

    @cached_property
    def port(self) -> int:
        """Where it listens."""
        return self._parts.port or 0

    @cached_property
    def place(self) -> str:
        """As it may be shown."""
        return f"{self.scheme}://{show_place(self.host, self.port)}"

    @cached_property
    def resolves_here(self) -> bool:
        """Whether the target's name is looked up by us, and not by the proxy."""
        return self.scheme == "socks5"

    def settings(self, *, verify: bool, ca_file: str) -> tuple[tuple[int, Any], ...]:
        """What libcurl is told. It gets addresses for names that are resolved here, so that socks5h serves both.

        :param ca_file: the one to trust an https proxy by; empty: the system's.
        """
        scheme = "socks5h" if self.scheme == "socks5" else self.scheme
        told: list[tuple[int, Any]] = [
            (pycurl.PROXY, f"{scheme}://{show_place(self.host, self.port)}"),
            (pycurl.NOPROXY, ""),  # else the environment's no_proxy would have its say
        ]
        if self.scheme == "https":
            told += [(pycurl.PROXY_SSL_VERIFYPEER, int(verify)), (pycurl.PROXY_SSL_VERIFYHOST, 2 if verify else 0)]
            told += [(pycurl.PROXY_CAINFO, ca_file)] if ca_file else []
        user, password = self._login
        if user:
            told += [(pycurl.PROXYUSERNAME, user), (pycurl.PROXYPASSWORD, password)]
        return tuple(told)

    @property
    def _login(self) -> tuple[str, str]:
        if self.user:
            return self.user, "" if self.password is None else self.password.reveal()
        return unquote(self._parts.username or ""), unquote(self._parts.password or "")


def written_short(value: object) -> object:
    """A URL alone is a proxy, too."""
    return {"url": value} if isinstance(value, str) else value


Proxy = Annotated[ProxyOptions, BeforeValidator(written_short, json_schema_input_type=ProxyUrl | ProxyOptions)]
"""A proxy's options, or its URL alone."""
