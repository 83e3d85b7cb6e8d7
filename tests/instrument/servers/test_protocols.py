"""What a callable speaks is told by what it takes."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

import pytest
from werkzeug.wrappers import Request

from saasobs.instrument.servers.protocols import protocol_of


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...
def asgi_by_hand(scope: Any, receive: Any, send: Any) -> Any: ...
def wsgi(environ: Any, start_response: Any) -> Any: ...
def either(*args: Any) -> Any: ...
def one(scope: Any) -> Any: ...
def more(environ: Any, start_response: Any, extra: Any = None) -> Any: ...


@wraps(asgi)
def decorated(*args: Any) -> Any: ...


class Asgi:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Wsgi:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    def method(self, environ: Any, start_response: Any) -> Any: ...


@pytest.mark.parametrize(
    ("app", "protocol"),
    [
        (asgi, "asgi"), (asgi_by_hand, "asgi"), (Asgi(), "asgi"), (partial(asgi), "asgi"), (Asgi().__call__, "asgi"),
        (wsgi, "wsgi"), (Wsgi(), "wsgi"), (Wsgi().method, "wsgi"), (partial(asgi_by_hand, {}), "wsgi"),
        (either, "wsgi"), (decorated, "asgi"), (Request.application(one), "wsgi"),
        (one, ""), (more, ""), (dict, ""),
    ],
)  # fmt: skip
def test_the_protocol_of_an_app(app: Any, protocol: str) -> None:
    """Functions, methods, partials and objects; what does not say is neither."""
    assert protocol_of(app) == protocol
