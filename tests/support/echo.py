"""An HTTP server that answers with what it got, on two addresses: one is our own, the other may be a third party."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from support.listening import Quiet, listening

OWN = "127.0.0.1"
THIRD = "127.0.0.2"


@dataclass
class Echo:
    """Two servers with one memory."""

    own: str = ""
    third: str = ""
    seen: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    """The target and the headers (lower case) of each request, in their order."""

    def headers(self, position: int = -1) -> dict[str, list[str]]:
        return self.seen[position][1]


@contextmanager
def echoing() -> Iterator[Echo]:
    """Yields the servers' addresses. `/echo`, `/status?code=`, `/to?url=&code=`, `/flaky` (503 once), `/drop`."""
    echo = Echo()
    handler = _handler(echo)
    with listening(handler, host=OWN) as own, listening(handler, host=THIRD) as third:
        echo.own, echo.third = f"http://{OWN}:{own}", f"http://{THIRD}:{third}"
        yield echo


def _handler(echo: Echo) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            headers: dict[str, list[str]] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            echo.seen.append((self.path, headers))
            self.content()
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/drop":
                self.close_connection = True
                return
            self.reply(parts.path, asked, headers)

        do_POST = do_GET

        def reply(self, path: str, asked: dict[str, str], headers: dict[str, list[str]]) -> None:
            first = sum(target == self.path for target, _ in echo.seen) == 1
            status = int(asked.get("code", "200"))
            body = json.dumps(headers).encode()
            if path == "/flaky" and first:
                status = 503
            if path == "/digest" and "authorization" not in headers:
                status = 401
            more = {}
            if status == 401:
                more["WWW-Authenticate"] = 'Digest realm="a", nonce="b", qop="auth", algorithm=MD5'
            if path == "/to":
                more["Location"] = asked["url"]
            self.answer(status, body, headers=more)

    return Handler
