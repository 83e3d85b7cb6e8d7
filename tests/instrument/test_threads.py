"""The operation goes along into threads and executors, and does not stay where it does not belong."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from multiprocessing import get_context
from typing import Any

import anyio.to_thread
import httpx
import pytest
import structlog
from fastapi import FastAPI
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import saasobs
from saasobs.instrument import threads
from saasobs.instrument.process import Instrumentation
from saasobs.instrument.queries.patching import undo
from saasobs.instrument.reading import libraries
from saasobs.instrument.state import Operation, context_fields, current, enter, leave, set_tenant
from support.capture import Captured, captured
from support.processes_of_threads import fail, told

log = logging.getLogger("shop")
the_apps: ContextVar[str] = ContextVar("the_apps", default="none")


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        threads.install(capture.instrumentation)
        try:
            yield capture
        finally:
            undo()


@pytest.fixture
def operation(out: Captured) -> Iterator[Operation]:
    operation = Operation("corr-1", name="/orders")
    out.instrumentation.tracer.begin(operation)
    token = enter(operation)
    yield operation
    leave(token)


def in_thread(function: Callable[[], Any], **options: Any) -> Any:
    """What the function returns in a thread of its own."""
    returned: Future[Any] = Future()
    thread = threading.Thread(target=lambda: returned.set_result(function()), **options)
    thread.start()
    thread.join(5)
    return returned.result(0)


# Threads


def test_a_thread_works_for_the_operation(operation: Operation) -> None:
    """A thread started in an operation sees it; what it binds is seen by the operation."""
    assert in_thread(current) is operation
    assert in_thread(current, daemon=True) is operation
    in_thread(lambda: set_tenant("acme"))
    assert operation.tenant == "acme"


def test_outside_of_an_operation_a_thread_is_untouched(out: Captured) -> None:
    """Where nothing is in progress nothing of ours is in the thread."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    assert "run" not in vars(thread)
    thread.join(5)
    assert in_thread(current) is None


def test_a_timer_and_a_class_of_the_apps(operation: Operation) -> None:
    """A Timer, a partial, a method and a class with its own `run` work for the operation as well."""
    seen: list[Operation | None] = []

    class Worker(threading.Thread):
        def run(self) -> None:
            seen.append(current())

        def note(self, *_more: int) -> None:
            seen.append(current())

    worker = Worker(daemon=True)
    started: list[threading.Thread] = [
        worker,
        threading.Timer(0, worker.note),
        threading.Thread(target=partial(worker.note, 1), daemon=True),
        threading.Thread(target=asyncio.run, args=(_noted(seen),), daemon=True),
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(5)
    assert seen == [operation] * 4


async def _noted(seen: list[Operation | None]) -> None:
    seen.append(current())


def test_a_thread_that_lives_longer_keeps_the_operation(out: Captured) -> None:
    """A thread of the app's goes on working for the request that started it, when that is over."""
    go_on = threading.Event()
    seen: list[Operation | None] = []
    operation = Operation("corr-1")
    token = enter(operation)

    def work() -> None:
        go_on.wait(5)
        seen.append(current())

    thread = threading.Thread(target=work)
    thread.start()
    leave(token)
    go_on.set()
    thread.join(5)
    assert seen == [operation]


def test_a_thread_that_ends_lets_go(out: Captured) -> None:
    """An ended thread object, kept by the app, does not keep the operation."""
    operation = Operation("corr-1")
    token = enter(operation)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join(5)
    leave(token)
    assert "run" not in vars(thread)


def test_an_error_in_a_thread_is_the_apps(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread raises goes to its excepthook, as it was raised."""
    seen: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: seen.append(told.exc_value))
    error = LookupError("the app's")

    def fails() -> None:
        raise error

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join(5)
    assert seen == [error]


def test_threads_of_libraries_start_with_nothing(operation: Operation) -> None:
    """An exporter's thread, an anyio worker and an HTTP server's thread do not work for the request for ever."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    serving = threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True)
    assert not threads.works_for_the_app(serving)
    server.server_close()
    loop = asyncio.new_event_loop()
    assert not threads.works_for_the_app(threading.Thread(target=loop.run_forever))
    loop.close()

    seen: list[Operation | None] = []

    class Exporter(InMemorySpanExporter):
        def export(self, spans: Any) -> Any:
            seen.append(current())
            return super().export(spans)

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Exporter(), schedule_delay_millis=5))
    provider.get_tracer("t").start_span("s").end()
    deadline = time.monotonic() + 5
    while not seen and time.monotonic() < deadline:
        time.sleep(0.005)
    provider.shutdown()
    assert seen[0] is None


def test_our_own_threads_start_with_nothing(out: Captured) -> None:
    """The log writer, started by the first line of a request, does not keep that request."""
    for daemon in (True, False):
        writer = threading.Thread(target=out.instrumentation.logs.flush, args=(1,), daemon=daemon)
        assert not threads.works_for_the_app(writer)


# Executors


def test_a_pool_has_it_for_the_task_only(operation: Operation) -> None:
    """submit and map take the operation along; the pool's thread has nothing of it afterwards."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(current).result(5) is operation
        assert list(pool.map(lambda _: current(), range(3))) == [operation] * 3
        token = enter(None)
        assert pool.submit(current).result(5) is None
        other = enter(Operation("corr-2"))
        assert pool.submit(context_fields).result(5)["correlation_id"] == "corr-2"
        leave(other)
        assert pool.submit(context_fields).result(5) == {}
        leave(token)


def test_an_error_of_a_task_is_the_apps(operation: Operation) -> None:
    """What a task raises comes out of its future as it is, and arguments go in as they are."""
    error = LookupError("the app's")

    def fails(*, error: Exception) -> None:
        raise error

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fails, error=error).exception(5) is error
        assert pool.submit(dict, fn=1, self=2, function=3).result(5) == {"fn": 1, "self": 2, "function": 3}


def test_what_is_bound_goes_along_and_the_apps_own_does_not(operation: Operation) -> None:
    """Bound log fields and OpenTelemetry's context go along; the app's context variables stay, as they always did."""
    the_apps.set("a database session")
    structlog.contextvars.bind_contextvars(cart="c-1")
    token = otel_context.attach(otel_context.set_value("k", "v"))
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(the_apps.get).result(5) == "none"
            assert pool.submit(structlog.contextvars.get_contextvars).result(5) == {"cart": "c-1"}
            assert pool.submit(otel_context.get_value, "k").result(5) == "v"
            enter_nothing = enter(None)
            assert pool.submit(structlog.contextvars.get_contextvars).result(5) == {}
            assert pool.submit(otel_context.get_value, "k").result(5) is None
            leave(enter_nothing)
    finally:
        otel_context.detach(token)
        structlog.contextvars.clear_contextvars()


async def test_every_way_out_of_a_coroutine(operation: Operation) -> None:
    """run_in_executor, to_thread, anyio's worker threads and tasks all see the operation."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        assert await loop.run_in_executor(pool, current) is operation
    assert await loop.run_in_executor(None, current) is operation
    assert await asyncio.to_thread(current) is operation
    assert await anyio.to_thread.run_sync(current) is operation

    async def task() -> Operation | None:
        return current()

    assert await asyncio.create_task(task()) is operation
    token = enter(None)
    assert await loop.run_in_executor(None, current) is None
    leave(token)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_another_process_knows_for_whom_it_works(method: str, operation: Operation) -> None:
    """ProcessPoolExecutor: correlation ID, trace and tenant are there, errors are the app's, nothing stays behind."""
    operation.tenant = "acme"
    operation.baggage = "plan=free"
    operation.fields = {"handle": threading.Lock()}  # what no pickle takes
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        known = pool.submit(told).result(60)
        assert known == {
            "correlation_id": "corr-1",
            "trace_id": operation.trace_id,
            "span_id": operation.span_id,
            "tenant": "acme",
            "name": "/orders",
            "carried": known["carried"],
        }
        assert known["carried"]["x-request-id"] == "corr-1"
        assert list(pool.map(told, ["a", "b"]))[1]["tenant"] == "acme"
        with pytest.raises(LookupError, match="the app's"):
            pool.submit(fail).result(60)
        token = enter(None)
        assert pool.submit(told).result(60) == {}
        leave(token)


def test_it_can_be_switched_off() -> None:
    """`SAASOBS_DISABLE=threads` leaves threads and executors as they are."""
    with captured(disable=libraries("threads")) as out:
        threads.install(out.instrumentation)
        token = enter(Operation("corr-1"))
        try:
            assert in_thread(current) is None
        finally:
            leave(token)
            undo()


def test_our_own_failure_is_not_the_apps(out: Captured, operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """When our part breaks, threads start and tasks run all the same, and the failure is counted."""
    monkeypatch.setattr(threads, "_ours", lambda: 1 / 0)
    in_thread(lambda: None)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: 7).result(5) == 7
    assert out.value("saasobs_internal_errors_total", hook="threads") == 2.0


# Requests


def app_of(out: Captured) -> Any:
    app = FastAPI()

    def work() -> None:
        log.info("working")
        saasobs.bind(worked=True)

    @app.get("/thread")
    async def thread() -> None:
        in_thread(work)

    @app.get("/executor")
    async def executor() -> None:
        await asyncio.get_running_loop().run_in_executor(None, work)

    @app.get("/pool")
    def pool() -> None:
        with ThreadPoolExecutor(2) as workers:
            workers.submit(work).result(5)

    @app.get("/sync")
    def sync() -> None:
        in_thread(work)
        set_tenant("acme")

    @app.get("/to-thread")
    async def to_thread() -> None:
        await asyncio.to_thread(work)

    @app.get("/task")
    async def task() -> None:
        await asyncio.create_task(asyncio.to_thread(work))

    return out.instrumentation.wrap(app)


@pytest.mark.parametrize("path", ["/thread", "/executor", "/pool", "/sync", "/to-thread", "/task"])
async def test_a_line_from_a_thread_has_the_requests_id(path: str, out: Captured) -> None:
    """Whatever way an endpoint goes into a thread, the line there and the access line have the same ID."""
    transport = httpx.ASGITransport(app=app_of(out))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(path, headers={"x-request-id": "corr-7"})
    assert answer.status_code == 200
    (line,) = out.lines("working")
    (access,) = out.lines("http.request")
    assert line["correlation_id"] == access["correlation_id"] == "corr-7"
    assert line["trace_id"] == access["trace_id"]
    assert access["worked"] is True
    assert access.get("tenant") == ("acme" if path == "/sync" else None)


async def test_a_sync_endpoints_tenant_is_in_the_access_line(out: Captured) -> None:
    """set_tenant in a `def` endpoint, which runs in a worker thread, reaches the access line of that request only."""
    transport = httpx.ASGITransport(app=app_of(out))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/sync")
        await client.get("/to-thread")
    assert [line.get("tenant") for line in out.lines("http.request")] == ["acme", None]


def test_the_whole_thing_in_an_app_of_its_own() -> None:
    """`saasobs.instrument()` is enough: a thread's log line carries the ID."""
    script = (
        "import saasobs, threading, logging\n"
        "saasobs.instrument()\n"
        "@saasobs.job('j')\n"
        "def work():\n"
        "    t = threading.Thread(target=logging.getLogger('shop').warning, args=('in thread',)); t.start(); t.join()\n"
        "work()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    (line,) = [line for line in done.stdout.splitlines() if "in thread" in line]
    assert '"correlation_id"' in line


def test_installing_twice_is_harmless(out: Captured, operation: Operation) -> None:
    """A second installation changes nothing."""
    before = threading.Thread.start
    threads.install(out.instrumentation)
    assert threading.Thread.start is before
    assert isinstance(out.instrumentation, Instrumentation)


def test_a_thread_that_does_not_start_keeps_nothing(operation: Operation) -> None:
    """What could not be started, or was before, is the app's as it was."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join(5)
    with pytest.raises(RuntimeError):
        thread.start()
    assert "run" not in vars(thread)
