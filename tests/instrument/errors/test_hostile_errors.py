"""Reports tell no secret that the access line hides, and taking one never waits for itself."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from saasobs.instrument.errors.report import Report
from saasobs.instrument.errors.sending import Sender
from saasobs.instrument.state import Operation, RequestFacts, enter, leave
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


@pytest.mark.parametrize(
    ("path", "route", "shown"),
    [
        ("/reset/hunter2x", "/reset/{token}", "/reset/***"),
        ("/v1/reset/hunter2x/done", "/reset/{token}/done", "/v1/reset/***/done"),
        ("/files/a/b/hunter2x", "/files/{name:path}/{api_key}", "/***"),
        ("/reset/hunter2x/", "/reset/{token}/", "/reset/***/"),
        ("/orders/7", "/orders/{order}", "/orders/7"),
    ],
)
def test_the_url_hides_what_the_access_line_hides(out: Captured, path: str, route: str, shown: str) -> None:
    """What stands in the path for a parameter such as `{token}` is masked in the report too."""
    found: list[Report] = []
    out.instrumentation.errors.sinks.append(found.append)
    request = Operation("abc")
    request.facts = lambda: RequestFacts("GET", f"https://shop.example{path}", "", (), "10.0.0.9", route)
    token = enter(request)
    try:
        out.instrumentation.errors.capture(ValueError("x"), handled=False, source="server")
    finally:
        leave(token)
    assert found[0].request["url"] == f"https://shop.example{shown}"


def test_a_finalizer_that_fails_while_the_sender_starts() -> None:
    """What is put by the same thread in the midst of the first put neither waits for itself nor is lost."""
    done: list[str] = []
    sender = Sender(done.append)
    sender._starting.acquire()  # as the thread does that is about to start the sender's own
    inner = threading.Thread(target=lambda: sender.put("inner"), daemon=True)
    inner.start()
    inner.join(2)
    waits = inner.is_alive()
    sender._starting.release()
    assert not waits
    sender.put("outer")
    assert sender.flush(5)
    assert done == ["inner", "outer"]


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """Takes no attributes."""

    code: int = 0


def test_an_exception_that_takes_no_attributes_still_travels(out: Captured) -> None:
    """A report leaves nothing on it that the other side of a pickle could not set."""
    error = Refused(3)
    before = pickle.loads(pickle.dumps(error))
    out.instrumentation.errors.capture(error, handled=False, source="app")
    after = pickle.loads(pickle.dumps(error))
    assert after == before
