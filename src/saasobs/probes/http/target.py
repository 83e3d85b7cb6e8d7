"""URLs as the engine needs them: ASCII, without credentials or fragment, the host apart; and where a redirect leads."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from saasobs.core.redact import redact_url

_PORTS: Final = {"http": 80, "https": 443}
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~-._"
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.-])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """One URL, taken apart."""

    url: str = field(repr=False)
    """What goes over the wire: ASCII, no credentials, no fragment. Its query may hold a secret."""
    shown: str
    """The URL as people may see it."""
    scheme: str
    host: str
    """Lower case, ASCII (IDNA), an IPv6 address without brackets."""
    port: int
    login: str = field(default="", repr=False)
    """``user:password`` of the URL, percent-decoded; a secret."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """RFC 6454: credentials must not leave it."""
        return self.scheme, self.host, self.port

    @property
    def literal(self) -> bool:
        """Whether the host is an address and needs no resolving."""
        return is_address(self.host)


@lru_cache(maxsize=4096)
def parse(url: str) -> Target:
    """:raises ValueError: with a sentence; it is no http(s) URL with a host."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"only http and https are followed, not {parts.scheme or 'a URL without a scheme'}")
    host = _ascii_host(parts.hostname or "")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    shown = f"[{host}]" if ":" in host else host
    place = shown if parts.port is None else f"{shown}:{port}"
    query = f"?{quote(parts.query, _SAFE)}" if parts.query else ""
    path = quote(parts.path, _SAFE) or "/"
    wire = f"{parts.scheme}://{place}{path}{query}"
    return Target(wire, redact_url(wire), parts.scheme, host, port, _login(parts.netloc))


def redirected(target: Target, location: str) -> Target:
    """Where a Location header leads. :raises ValueError: to nowhere that may be followed."""
    joined = parse(urljoin(target.url, location.strip()))
    # Credentials in a Location header are the server's words, not the user's: they are not used.
    return replace(joined, login="")


def _login(netloc: str) -> str:
    login, at, _ = netloc.rpartition("@")
    user, _, password = login.partition(":")
    return f"{unquote(user)}:{unquote(password)}" if at else ""


def _ascii_host(host: str) -> str:
    if not host:
        raise ValueError("the URL has no host")
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError(f"{host!r} is not a host name: {error}") from error
    if not _HOST.fullmatch(host) or len(host) > 254:
        raise ValueError(f"{host[:80]!r} is not a host name")
    return host.lower()


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """Whether a host is a literal address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
