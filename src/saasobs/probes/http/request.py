"""What is sent: the headers of a request, what a redirect changes about it, and how a check is correlated. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from saasobs.core.redact import secret_name
from saasobs.probes.http.target import Target, redirected

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""RFC 9110 §15.4: the codes whose Location is followed."""

_CONTENT_HEADERS: Final = ("content-type", "content-length", "content-encoding", "content-language", "content-location")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Request:
    """One hop's request."""

    target: Target
    method: str
    headers: tuple[tuple[str, str], ...]
    """A value that is empty keeps libcurl from sending a header of this name."""
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.target.scheme}://{self.target.host})"

    def has(self, name: str) -> bool:
        """Whether a header of this name (lower case) is given."""
        return name in self.names

    @cached_property
    def names(self) -> frozenset[str]:
        """Its headers' names, lower case."""
        return frozenset(name.lower() for name, _ in self.headers)

    @cached_property
    def lines(self) -> tuple[bytes, ...]:
        """Its headers as libcurl takes them; a bare ``Name:`` switches libcurl's own off."""
        lines = [f"{name}: {value}".rstrip().encode() for name, value in self.headers]
        if self.body is not None:
            lines += [f"{name}:".encode() for name in ("Expect", "Content-Type") if name.lower() not in self.names]
        return tuple(lines)

    @cached_property
    def room(self) -> tuple[bool, bool, bool]:
        """Whether our own User-Agent, X-Request-ID and traceparent may be sent."""
        return not self.has("user-agent"), not self.has("x-request-id"), not self.has("traceparent")

    def bearing(self, token: str) -> Request:
        """The same with a bearer token (RFC 6750)."""
        return replace(self, headers=(*self.headers, ("Authorization", f"Bearer {token}")))


def lay_out(target: Target, method: str, headers: dict[str, str], body: bytes | None) -> Request:
    """The first hop's request: the user's headers, and the login of the URL unless they say otherwise."""
    given = tuple(headers.items())
    if target.login and not any(name.lower() == "authorization" for name in headers):
        given += (("Authorization", basic(target.login)),)
    return Request(target, method, given, body)


def basic(login: str) -> str:
    """RFC 7617: the value of Authorization for ``user:password``."""
    return "Basic " + base64.b64encode(login.encode()).decode()


def follow(request: Request, status: int, location: str) -> Request:
    """The request that a redirect asks for (RFC 9110 §15.4).

    A 303, and a 301 or 302 that answers POST, turn into GET without a body. What may be a credential does not leave
    its origin: Authorization, Cookie, Host, and every header that is called like a secret.

    :raises ValueError: the redirect leads to nowhere that may be followed.
    """
    target = redirected(request.target, location)
    request = replace(request, target=target) if target.origin == request.target.origin else _elsewhere(request, target)
    rewritten = (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST")
    if not rewritten:
        return request
    kept = tuple(pair for pair in request.headers if pair[0].lower() not in _CONTENT_HEADERS)
    return replace(request, method="GET", headers=kept, body=None)


def _elsewhere(request: Request, target: Target) -> Request:
    kept = tuple(pair for pair in request.headers if pair[0].lower() != "host" and not secret_name(pair[0]))
    return replace(request, target=target, headers=kept)


def trace_id(correlation_id: str) -> str:
    """The W3C trace ID of a check: its correlation ID where that has the shape of one, else derived from it."""
    if _TRACE_ID.fullmatch(correlation_id) and correlation_id.strip("0"):
        return correlation_id
    return hashlib.sha256(correlation_id.encode()).hexdigest()[:32]


def traceparent(trace: str, hop: int) -> str:
    """W3C trace context, sampled; each hop is a span of its own."""
    span = hashlib.blake2b(f"{trace}/{hop}".encode(), digest_size=8).hexdigest()
    return f"00-{trace}-{span}-01"
