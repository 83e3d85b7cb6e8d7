"""Pings in order, tried again where that helps, never in the job's way."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.instrument.reading import heartbeat_variable
from saasobs.instrument.tasks import heartbeat
from saasobs.instrument.tasks.heartbeat import Heartbeat, is_usable, ping_url, wait_for_pings

BASE = "https://obs.acme.example/ping/6b0c1a52-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PAUSE", 0)


class Server:
    """Answers as it is told, the last answer again and again, and keeps what it was sent."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []
        self.failures: list[Exception] = []
        self.open = threading.Event()
        self.open.set()

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.open.wait(10)
        self.urls.append(url.removeprefix(BASE))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(BASE, {"X-Request-ID": "a"}, self.failures.append, self.send)


def test_pings_arrive_in_order() -> None:
    """The end is sent after the start, and neither call waits for the network."""
    server = Server(200)
    server.open.clear()
    pings = server.heartbeat()
    pings.ping("start")
    pings.ping("3", "failed")
    assert server.urls == []
    server.open.set()
    assert wait_for_pings()
    assert server.urls == ["/start", "/3"]
    assert server.failures == []


@pytest.mark.parametrize(
    ("answers", "times", "failures"),
    [
        ((200,), 1, 0),
        ((503, 200), 2, 0),
        ((ConnectionRefusedError("no"), 200), 2, 0),
        ((503,), 3, 1),
        ((TimeoutError("slow"),), 3, 1),
        ((404,), 1, 1),
        ((ValueError("no HTTP"),), 1, 1),
    ],
)
def test_what_is_tried_again(answers: tuple[int | Exception, ...], times: int, failures: int) -> None:
    """No answer and a 5xx are, three times at most; a wrong URL is not; a ping that is lost is told once."""
    server = Server(*answers)
    server.heartbeat().ping("")
    assert wait_for_pings()
    assert server.urls == [""] * times
    assert len(server.failures) == failures


def test_not_too_many_at_once() -> None:
    """A monitor that does not answer costs a bounded number of threads."""
    server = Server(200)
    server.open.clear()
    for _ in range(40):
        server.heartbeat().ping("start")
    server.open.set()
    assert wait_for_pings()
    assert (len(server.urls), len(server.failures)) == (32, 8)


def test_urls() -> None:
    """The action is the last part of the path, whatever the address looks like."""
    assert ping_url(BASE, "") == BASE
    assert ping_url(f"{BASE}/", "start") == f"{BASE}/start"
    assert ping_url(f"{BASE}?a=b#c", "3") == f"{BASE}/3?a=b"


@given(st.text())
def test_any_text_may_be_an_address(url: str) -> None:
    """What is called usable can stand in a request line."""
    if is_usable(url):
        assert url.isprintable()
        assert " " not in url
        assert ping_url(url, "start").startswith(("http://", "https://"))


def test_variables() -> None:
    """The variable of a job is its name in capitals; it is its own variable too."""
    assert heartbeat_variable("nightly-invoices") == "SAASOBS_HEARTBEAT_NIGHTLY_INVOICES"
    assert heartbeat_variable("SAASOBS_HEARTBEAT_NIGHTLY_INVOICES") == "SAASOBS_HEARTBEAT_NIGHTLY_INVOICES"
    assert heartbeat_variable("a.b c!") == "SAASOBS_HEARTBEAT_A_B_C"
