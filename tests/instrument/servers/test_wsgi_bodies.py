"""Bodies of an odd shape arrive as the app has made them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saasobs.instrument.servers.wsgi import WsgiLayer
from support.capture import captured
from support.wsgi_client import ask


class Counted:
    """A body that counts as empty until it is read."""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"whole"])


def test_a_body_that_counts_as_empty_is_sent() -> None:
    """Whether a body is true says nothing about what is in it."""

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Counted()

    with captured() as out:
        answer = ask(WsgiLayer(app, out.instrumentation))
    assert answer.body == b"whole"


def test_an_app_that_returns_nothing_is_told_as_without_us() -> None:
    """None is no body: iterating it raises, and is no empty 200."""

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])

    with captured() as out:
        answer = ask(WsgiLayer(app, out.instrumentation))
    assert isinstance(answer.error, TypeError)
