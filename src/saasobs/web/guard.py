"""The gate in front of the operator's page and API, which have no users yet: who may ask, and from what page.

Listening on loopback is not enough: any web page that the operator visits can send requests to 127.0.0.1, and by
DNS rebinding read the answers. So:

1. The Host header must be one of the configured names or a loopback name or address. (Not on a Unix socket: no
   browser can reach one, and its permissions say who may.)
2. A request that changes something must carry ``Content-Type: application/json`` or ``X-Saasobs: 1``, which no plain
   form and no cross-origin script without a preflight can send; an Origin, if there is one, must be this very host.
   The forms of an incident's page are the exception: there the browser itself must say that a page of this very host
   sent it (Sec-Fetch-Site, else Origin; https://www.w3.org/TR/fetch-metadata/).
3. Every answer carries headers that keep the page from loading, running or being framed by anything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saasobs.web.errors import answer

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = "application/x-www-form-urlencoded"
_FORM_PATH = re.compile(r"/incidents/[^/]+/answer")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with none at all, browsers send `Origin: null` with our own forms, too
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: refuse what a stranger's page could have sent."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self.refusal(scope)
        app = answer(scope["path"], 403, refusal) if refusal else self._app
        await app(scope, receive, send_with_headers)

    def refusal(self, scope: Scope) -> str:
        """Why this request is not served; empty when it is."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_unix_socket(scope) and not self._is_ours(host):
            return "This page does not answer under that name; add the name to web.hosts if it should."
        if scope["method"] in _SAFE_METHODS:
            return ""
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == _FORM and _FORM_PATH.fullmatch(scope["path"]):
            return "" if _sent_by_us(headers, host) else "Send this form from the incident's own page: load it again."
        if content_type != "application/json" and headers.get("x-saasobs") != "1":
            return "A change needs Content-Type: application/json or the header X-Saasobs: 1."
        if not _same_origin(headers, host):
            return "A change must not come from another site's page."
        return ""

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name in self._hosts or is_loopback_name(name))


def is_unix_socket(scope: Scope) -> bool:
    """Whether the request came over a Unix socket: by ASGI, `server` is then (path, None), and there is no client."""
    server = scope.get("server")
    return scope.get("client") is None and server is not None and server[1] is None


def host_name(host: str) -> str | None:
    """The name or address in a Host header, lower case, without port, brackets and final dot; None when malformed."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return name.rstrip(".")


def is_loopback_name(name: str) -> bool:
    """`localhost`, anything below it, 127.0.0.0/8 and ::1."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _sent_by_us(headers: Headers, host: str) -> bool:
    """Whether the browser says so. One that says nothing of it is too old to be believed."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and bool(host) and _origin_host(origin) == host.lower()


def _same_origin(headers: Headers, host: str) -> bool:
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or _origin_host(origin) == host.lower()


def _origin_host(origin: str) -> str:
    """The host and port of an origin, lower case; empty for `null` and nonsense."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
