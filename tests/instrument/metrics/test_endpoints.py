"""`/metrics`, `/healthz` and `/readyz`: who gets what, and that asking costs the app nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.peers import PROXY_HEADERS, is_private
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.metrics.endpoint import Endpoints, Response, accepts_gzip
from saasobs.instrument.metrics.registry import Metrics

PRIVATE, STRANGER = "10.1.2.3", "203.0.113.7"


def endpoints(**changes: Any) -> Endpoints:
    return Metrics(InstrumentConfig(**changes)).endpoints


def both(serving: Endpoints, *request: Any) -> Response | None:
    """What the two variants say, which is the same."""
    answer = serving.respond(*request)
    again = asyncio.run(serving.respond_async(*request))
    assert (answer is None) == (again is None)
    if answer is not None and again is not None:
        assert answer.status == again.status
    return answer


def got(serving: Endpoints, path: str, peer: str = PRIVATE, **headers: str) -> Response:
    answer = both(serving, "GET", path, peer, headers)
    assert answer is not None
    return answer


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.9", "::ffff:192.168.1.1", "fd00::1", "fe80::1%eth0"])
def test_private_peers_get_the_metrics(peer: str) -> None:
    """Loopback and private addresses, in every way of writing them."""
    answer = got(endpoints(), "/metrics", peer)
    assert answer.status == 200
    assert dict(answer.headers)["content-type"].startswith("text/plain; version=0.0.4")
    assert b"saasobs_build_info" in answer.body


@pytest.mark.parametrize("peer", [STRANGER, "8.8.8.8", "", "unix:", "2001:db8::1", "100.64.0.1", "172.32.0.1"])
def test_strangers_get_what_the_app_says(peer: str) -> None:
    """A public peer, a Unix socket's unknown one and a broken address are the app's to answer."""
    assert both(endpoints(), "GET", "/metrics", peer, {}) is None


@pytest.mark.parametrize("header", sorted(PROXY_HEADERS | {"x-forwarded-for", "x-forwarded-port"}))
def test_nobody_who_came_through_a_proxy_gets_them(header: str) -> None:
    """Behind a proxy every peer is private: what it adds to a request gives it away."""
    assert both(endpoints(), "GET", "/metrics", PRIVATE, {header: "x"}) is None
    assert is_private(PRIVATE, ["host", "user-agent", "accept"])


def test_public_off_and_side_port() -> None:
    """`public` serves everybody, `off` and a port of their own leave the path to the app."""
    assert got(endpoints(metrics="public"), "/metrics", STRANGER).status == 200
    for setting in ("off", "9464"):
        serving = endpoints(metrics=setting)
        assert serving.paths == frozenset()
        assert both(serving, "GET", "/metrics", PRIVATE, {}) is None


@pytest.mark.parametrize("request_line", [("POST", "/metrics"), ("GET", "/metrics/"), ("GET", "/healthz"), ("GET", "")])
def test_everything_else_is_the_apps(request_line: tuple[str, str]) -> None:
    """Other methods, other paths, and health that nobody asked for."""
    assert both(endpoints(), *request_line, PRIVATE, {}) is None


def test_head_has_the_length_and_no_body() -> None:
    """HEAD says how long the page is."""
    answer = both(endpoints(), "HEAD", "/metrics", PRIVATE, {})
    assert answer is not None
    assert answer.body == b""
    assert int(dict(answer.headers)["content-length"]) > 100


def test_it_is_compressed_for_those_who_ask() -> None:
    """gzip only when it is accepted; what comes out is the same page."""
    serving = endpoints()
    squeezed = got(serving, "/metrics", **{"accept-encoding": "br, gzip;q=0.5"})
    assert dict(squeezed.headers)["content-encoding"] == "gzip"
    assert b"saasobs_build_info" in gzip.decompress(squeezed.body)
    assert "content-encoding" not in dict(got(serving, "/metrics", **{"accept-encoding": "gzip;q=0, br"}).headers)


@given(st.text())
def test_any_accept_encoding_is_read(header: str) -> None:
    """Whatever a client sends there."""
    assert accepts_gzip(header) in (True, False)


def test_those_who_wait_share_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty readers at once make two pages at most, and none gets one that is older than its request."""
    metrics = Metrics(InstrumentConfig())
    made, whole = 0, Metrics.exposition

    def slow(self: Metrics, accept: str = "") -> tuple[bytes, str]:  # time for the others to come
        nonlocal made
        made += 1
        time.sleep(0.1)
        return whole(self, accept)

    monkeypatch.setattr(Metrics, "exposition", slow)
    counter = metrics.counter("probe_total", "x").labels()

    def ask(_: int) -> bool:
        counter.inc()
        seen = counter.cells[counter.base]
        answer = metrics.endpoints.respond("GET", "/metrics", PRIVATE, {})
        assert answer is not None
        (line,) = [line for line in answer.body.decode().splitlines() if line.startswith("probe_total ")]
        return float(line.split()[1]) >= seen

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(20)))
    assert made <= 3


async def test_a_scrape_does_not_stop_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a page is made, however long it takes, the loop goes on; too many readers are refused."""
    released = threading.Event()
    monkeypatch.setattr(Metrics, "exposition", lambda *_: (released.wait(10), (b"x", "text/plain"))[1])
    serving = endpoints()
    asking = [asyncio.create_task(serving.respond_async("GET", "/metrics", PRIVATE, {})) for _ in range(40)]
    await asyncio.sleep(0.01)
    refused = [task.result() for task in asking if task.done()]
    assert [answer.status for answer in refused if answer is not None] == [503] * 8
    released.set()
    answers = await asyncio.gather(*asking)
    assert [answer.status for answer in answers if answer is not None].count(200) == 32


def test_a_page_that_cannot_be_made_is_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own failure is a 500 for the scraper, and nothing for the app."""

    def broken(*_: object) -> tuple[bytes, str]:  # no known way to make it fail
        raise RuntimeError("broken")

    monkeypatch.setattr(Metrics, "exposition", broken)
    assert got(endpoints(), "/metrics").status == 500


# Health


def database() -> None:
    raise ConnectionError("cannot reach postgresql://shop:hunter2@db/shop, password=hunter2 api_key: hunter2")


def cache() -> bool:
    return True


async def queue() -> bool:
    await asyncio.sleep(0)
    return False


def _hanging(released: threading.Event) -> Callable[[], object]:
    def hanging() -> None:
        released.wait(10)

    return hanging


def test_alive_and_ready() -> None:
    """Who lives says so to anybody; without checks, or when all are well, it is ready."""
    serving = endpoints(health=True, ready_checks=(cache, lambda: None))
    assert json.loads(got(serving, "/healthz", STRANGER).body) == {"status": "alive"}
    assert json.loads(got(serving, "/readyz").body) == {"status": "ready", "checks": {"cache": "ok", "<lambda>": "ok"}}
    assert got(endpoints(health=True), "/readyz").status == 200


def test_not_ready_says_why_to_our_own_network_only() -> None:
    """Which checks say no and why, without passwords; strangers learn only that."""
    serving = endpoints(health=True, ready_checks=(database, cache, queue))
    answer = got(serving, "/readyz")
    assert answer.status == 503
    said = json.loads(answer.body)["checks"]
    assert (said["cache"], said["queue"]) == ("ok", "it said no")
    assert said["database"].startswith("ConnectionError: cannot reach postgresql://…@db/shop")
    assert b"hunter2" not in answer.body
    assert json.loads(got(serving, "/readyz", STRANGER).body) == {"status": "not ready"}
    proxied = got(serving, "/readyz", PRIVATE, **{"x-forwarded-for": "1.2.3.4"})
    assert json.loads(proxied.body) == {"status": "not ready"}


def test_a_check_that_hangs_is_late_and_asked_once() -> None:
    """A check has its time; one that has not answered yet is not asked again, so that threads do not pile up."""
    released = threading.Event()
    serving = endpoints(health=True, ready_checks=(_hanging(released), cache), ready_timeout=0.05)
    for _ in range(3):
        answer = serving.respond("GET", "/readyz", PRIVATE, {})
        assert answer is not None
        said = json.loads(answer.body)["checks"]
        assert said == {"hanging": "no answer within 0.05 s", "cache": "ok"}
    waiting = [thread for thread in threading.enumerate() if thread.name == "saasobs-readiness"]
    assert len(waiting) == 1
    released.set()
    waiting[0].join(5)


async def test_an_async_check_that_is_deaf_is_late() -> None:
    """One that will not be cancelled neither holds the answer up nor is it asked twice."""
    released = asyncio.Event()
    asked = 0

    async def deaf() -> None:
        nonlocal asked
        asked += 1
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    serving = endpoints(health=True, ready_checks=(deaf,), ready_timeout=0.05)
    for _ in range(2):
        answer = await serving.respond_async("GET", "/readyz", PRIVATE, {})
        assert answer is not None
        assert answer.status == 503
    assert asked == 1
    released.set()


def test_a_check_that_ends_the_process_does_not() -> None:
    """SystemExit is an answer too, and an exception that cannot be written is told by its type."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def leaving() -> None:
        raise SystemExit(3)

    def unspeakable() -> None:
        raise Unspeakable

    answer = got(endpoints(health=True, ready_checks=(leaving, unspeakable)), "/readyz")
    assert json.loads(answer.body)["checks"] == {"leaving": "SystemExit: 3", "unspeakable": "Unspeakable"}
