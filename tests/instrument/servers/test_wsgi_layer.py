"""A WSGI app keeps every promise of PEP 3333, and its numbers are right to the last byte."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

import saasobs
from saasobs.instrument import names
from saasobs.instrument.metrics.registry import Metrics
from saasobs.instrument.servers.wsgi import ENVIRON_KEY, WsgiLayer
from saasobs.instrument.servers.wsgi_routes import ROUTE_KEY
from saasobs.instrument.state import accept_correlation_id, current
from support.capture import Captured, captured
from support.wsgi_client import Answer, Gone, ask, environ_of

TEXT = ("Content-Type", "text/plain")


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


def layer(out: Captured, app: Any) -> Any:
    return WsgiLayer(app, out.instrumentation)


def line(out: Captured) -> dict[str, Any]:
    (only,) = out.lines(names.REQUEST_EVENT)
    return only


def count(out: Captured, status: int, method: str = "GET", route: str = names.UNMATCHED) -> float | None:
    labels = {names.METHOD: method, names.ROUTE: route, names.STATUS: str(status)}
    return out.value(f"{names.REQUEST_DURATION}_count", **labels)


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    saasobs.get_logger("shop").info("inside")
    start_response("200 OK", [TEXT, ("X-Request-Id", "app"), ("Content-Length", "5")])
    return [b"hello"]


def streaming(*chunks: bytes, pause: float = 0.0, raises: BaseException | None = None, length: str = "") -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT, *([("Content-Length", length)] if length else [])])
        for chunk in chunks:
            time.sleep(pause)
            yield chunk
        if raises is not None:
            raise raises

    return app


class Closing:
    """A body that remembers how often it was closed, and whose operation was the current one."""

    def __init__(self, *chunks: bytes, raises: Exception | None = None) -> None:
        self.chunks, self.closed, self.raises = chunks, 0, raises
        self.seen: list[str] = []

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self._see()
            yield chunk

    def close(self) -> None:
        self.closed += 1
        self._see()
        if self.raises is not None:
            raise self.raises

    def _see(self) -> None:
        operation = current()
        self.seen.append(operation.correlation_id if operation else "")


def answering(body: Iterable[bytes], status: str = "200 OK", *headers: tuple[str, str]) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [TEXT, *headers])
        return body

    return app


def test_the_id_goes_in_and_out(out: Captured) -> None:
    """A valid ID is continued in log lines and replaces the app's own response header."""
    answer = ask(layer(out, hello), "/café".encode().decode("latin-1"), HTTP_X_REQUEST_ID="abc-1")
    assert (answer.status, answer.body, answer.header("x-request-id")) == ("200 OK", b"hello", ["abc-1"])
    inside, last = out.lines()
    assert inside["correlation_id"] == last["correlation_id"] == "abc-1"
    assert (last["path"], last["client"], last["status"], last["route"]) == ("/café", "127.0.0.1", 200, "__unmatched__")
    assert "outcome" not in last
    assert count(out, 200) == 1


@pytest.mark.parametrize("offered", ["", "a b", "x" * 16_000, 'a"b', "a,b", "a\tb"])
def test_a_bad_id_is_replaced(out: Captured, offered: str) -> None:
    """An ID that could forge a line or fill a log is not used at all."""
    (given,) = ask(layer(out, hello), HTTP_X_REQUEST_ID=offered).header("x-request-id")
    assert accept_correlation_id(given)
    assert given != offered


def test_both_sides_see_pep_3333(out: Captured) -> None:
    """wsgiref's validator finds nothing wrong, neither as the server nor as the app."""
    for app in (hello, streaming(b"a", b"b")):
        assert ask(validator(layer(out, validator(app))), QUERY_STRING="").error is None
    assert len(out.lines(names.REQUEST_EVENT)) == 2


def test_a_stream_lasts_to_its_last_byte(out: Captured) -> None:
    """Three times 100 ms are 0.3 s, counted once, with every byte."""
    assert ask(layer(out, streaming(b"ab", b"c", b"d", pause=0.1))).body == b"abcd"
    assert line(out)["duration_ms"] >= 300
    assert out.value(f"{names.RESPONSE_SIZE}_sum", **{names.METHOD: "GET", names.ROUTE: names.UNMATCHED}) == 4
    assert count(out, 200) == 1


def test_a_failure_before_the_first_byte_is_a_500(out: Captured) -> None:
    """What the server will answer is what is counted, whatever start_response had been told."""
    fault = ValueError("no")
    answer = ask(layer(out, streaming(raises=fault)))
    assert answer.error is fault
    assert (line(out)["status"], line(out)["error_type"], line(out)["outcome"]) == (500, "ValueError", "error")
    assert count(out, 500) == 1
    assert out.value(names.EXCEPTIONS, **{names.ROUTE: names.UNMATCHED, names.EXCEPTION_TYPE: "ValueError"}) == 1


def test_a_failure_of_the_call_is_raised_as_it_is(out: Captured) -> None:
    """The very exception comes out, its cause and traceback untouched."""
    fault = ValueError("no")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise fault from KeyError("why")

    answer = ask(layer(out, app))
    assert answer.error is fault
    assert isinstance(fault.__cause__, KeyError)
    assert line(out)["status"] == 500


def test_a_failure_in_mid_stream_keeps_the_status(out: Captured) -> None:
    """What the client was told stays, and the outcome says that it was not all."""
    answer = ask(layer(out, streaming(b"a", raises=ValueError("mid"))))
    assert (answer.body, type(answer.error)) == (b"a", ValueError)
    found = line(out)
    assert (found["status"], found["outcome"], found["error_type"], found["level"]) == (
        200,
        "error",
        "ValueError",
        "error",
    )
    assert count(out, 200) == 1


@pytest.mark.parametrize("stop", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_a_worker_that_is_stopped_is_no_fault_of_the_app(out: Captured, stop: BaseException) -> None:
    """A BaseException passes through, nothing stays in flight, and it is called cancelled."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise stop

    assert ask(layer(out, app)).error is stop
    assert (line(out)["outcome"], line(out)["status"]) == ("cancelled", 500)
    assert out.value(names.ACTIVE_REQUESTS, **{names.METHOD: "GET"}) == 0


def test_other_base_exceptions_are_errors(out: Captured) -> None:
    """gevent's Timeout is one: nobody stopped the worker, the app took too long."""

    class Timeout(BaseException):
        pass

    assert isinstance(ask(layer(out, streaming(raises=Timeout()))).error, Timeout)
    assert line(out)["outcome"] == "error"


def test_the_body_is_closed_once_and_in_its_operation(out: Captured) -> None:
    """While the body is made and closed its operation is the current one, and afterwards none is."""
    body = Closing(b"a", b"b")
    watched = layer(out, answering(body))(environ_of("GET", "/", HTTP_X_REQUEST_ID="one"), lambda *_: None)
    assert current() is None
    assert next(iter(watched)) == b"a"
    assert current() is None
    assert list(watched) == [b"b"]
    watched.close()
    watched.close()
    assert (body.closed, body.seen) == (1, ["one", "one", "one"])
    assert current() is None
    assert len(out.lines(names.REQUEST_EVENT)) == 1


def test_interleaved_bodies_of_one_thread_keep_their_ids(out: Captured) -> None:
    """A server that serves two requests by turns (greenlets, a test) finds each line with its own ID."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        for _ in range(2):
            saasobs.get_logger("shop").info("step", path=environ["PATH_INFO"])
            yield b"x"

    bodies = [layer(out, app)(environ_of("GET", f"/{n}", HTTP_X_REQUEST_ID=f"id-{n}"), lambda *_: None) for n in (1, 2)]
    for _ in range(3):
        for body in bodies:
            next(body, None)
    for body in bodies:
        body.close()
    steps = [(each["path"], each["correlation_id"]) for each in out.lines("step")]
    assert steps == [("/1", "id-1"), ("/2", "id-2")] * 2


def test_a_failing_close_is_reported_after_its_response(out: Captured) -> None:
    """The response was well; what fails in close() is raised on and counted as an exception of its route."""
    fault = RuntimeError("close")
    body = Closing(b"a", raises=fault)
    assert ask(layer(out, answering(body))).error is fault
    assert (line(out)["status"], body.closed) == (200, 1)
    assert out.value(names.EXCEPTIONS, **{names.ROUTE: names.UNMATCHED, names.EXCEPTION_TYPE: "RuntimeError"}) == 1


@pytest.mark.parametrize(("chunks", "status"), [(0, 200), (1, 200)])
def test_a_client_that_leaves_is_a_disconnect(out: Captured, chunks: int, status: int) -> None:
    """A write that fails before the end makes the outcome a disconnect, and no error of the app's."""
    body = Closing(b"a", b"b", b"c")
    assert isinstance(ask(layer(out, answering(body)), chunks=chunks).error, Gone)
    found = line(out)
    assert (found["outcome"], found["status"], body.closed) == ("disconnect", status, 1)
    assert "error_type" not in found
    assert out.value(names.CLIENT_DISCONNECTS, **{names.METHOD: "GET", names.ROUTE: names.UNMATCHED}) == 1


def test_a_failing_write_is_a_disconnect_too(out: Captured) -> None:
    """Also through PEP 3333's old write(), and when the last chunk was announced to be the last."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [TEXT])
        write(b"ab")
        write(b"c")
        return []

    assert ask(layer(out, app)).body == b"abc"
    assert isinstance(ask(layer(out, app), chunks=1).error, Gone)
    assert isinstance(ask(layer(out, hello), chunks=0).error, Gone)
    assert [each.get("outcome") for each in out.lines(names.REQUEST_EVENT)] == [None, "disconnect", "disconnect"]


def test_a_request_cut_short_is_a_disconnect(out: Captured) -> None:
    """An exception that says that the client's body ended early is about the client."""

    class NoMoreData(OSError):
        pass

    assert isinstance(ask(layer(out, streaming(raises=NoMoreData())), method="POST").error, NoMoreData)
    assert (line(out)["outcome"], line(out)["status"]) == ("disconnect", 499)


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")]
)
def test_a_body_that_nobody_may_read_is_whole(out: Captured, method: str, status: str) -> None:
    """Servers may close it without asking for a chunk: that is no disconnect."""
    body = layer(out, answering(Closing(b"a"), status))(environ_of(method, "/"), lambda *_: None)
    body.close()
    assert "outcome" not in line(out)


def test_an_announced_body_is_whole_without_the_end(out: Captured) -> None:
    """A server that stops at the Content-Length has not lost its client."""
    body = layer(out, streaming(b"abc", length="3"))(environ_of("GET", "/"), lambda *_: None)
    assert next(body) == b"abc"
    body.close()
    assert "outcome" not in line(out)


def test_a_close_inside_of_somebody_elses_handler_is_no_interruption(out: Captured) -> None:
    """An exception that was being handled before the request began says nothing about it."""
    try:
        int("before")
    except ValueError:
        body = layer(out, streaming(b"abc", length="3"))(environ_of("GET", "/"), lambda *_: None)
        next(body)
        body.close()
    assert "outcome" not in line(out)


def test_an_error_page_tells_its_exception(out: Captured) -> None:
    """start_response with exc_info is a failure that the app has answered for; after the headers it is raised."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [TEXT])
        if environ["PATH_INFO"] == "/late":
            write(b"begun")
        try:
            int("no")
        except ValueError:
            start_response("500 Oops", [TEXT], sys.exc_info())
        return [b"sorry"]

    early, late = ask(layer(out, app)), ask(layer(out, app), "/late")
    assert (early.status, early.body, early.error) == ("500 Oops", b"sorry", None)
    assert (late.status, late.body, type(late.error)) == ("200 OK", b"begun", ValueError)
    first, _ = out.lines(names.REQUEST_EVENT)
    assert (first["status"], first["error_type"]) == (500, "ValueError")


def test_a_single_part_keeps_its_length(out: Captured) -> None:
    """A server may take len() of a list for the Content-Length; of a stream there is none."""
    assert len(layer(out, hello)(environ_of("GET", "/"), lambda *_: None)) == 1
    assert not hasattr(layer(out, streaming(b"a"))(environ_of("GET", "/"), lambda *_: None), "__len__")


def test_a_servers_file_wrapper_stays_what_it_is(out: Captured, tmp_path: Any) -> None:
    """A file goes out by sendfile: the wrapper keeps its class, its close() tells the end and closes the file."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    file = path.open("rb")

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "1000")])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    body = layer(out, app)(environ_of("GET", "/", **{"wsgi.file_wrapper": FileWrapper}), lambda *_: None)
    assert type(body) is FileWrapper
    assert out.lines(names.REQUEST_EVENT) == []
    body.close()
    assert file.closed
    assert "outcome" not in line(out)


def test_an_app_inside_another_is_counted_once(out: Captured) -> None:
    """The outer layer sees all there is to see, and the inner one leaves it alone."""
    assert ask(layer(out, layer(out, hello))).body == b"hello"
    assert len(out.lines(names.REQUEST_EVENT)) == 1
    assert count(out, 200) == 1


def test_an_environ_may_be_used_twice(out: Captured) -> None:
    """Some test clients do: the second request is one of its own."""
    environ = environ_of("GET", "/")
    for _ in range(2):
        body = layer(out, hello)(environ, lambda *_: None)
        list(body)
        body.close()
    assert ENVIRON_KEY not in environ
    assert len(out.lines(names.REQUEST_EVENT)) == 2


def test_a_thread_that_serves_again_remembers_nothing(out: Captured) -> None:
    """What one request has bound is not in the lines of the next, nor of the thread between them."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/first":
            saasobs.bind(basket=7)
            saasobs.set_tenant("acme")
        saasobs.get_logger("shop").info("inside")
        return hello(environ, start_response)

    def serve() -> None:
        ask(layer(out, app), "/first")
        saasobs.get_logger("shop").info("between")
        ask(layer(out, app), "/second")

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()
    first, second = out.lines(names.REQUEST_EVENT)
    assert (first["tenant"], first["basket"]) == ("acme", 7)
    assert not {"tenant", "basket"} & set(second)
    assert "correlation_id" not in out.lines("between")[0]


@pytest.mark.parametrize("status", ["", "OK", "99999 no", "２００ OK"])
def test_an_odd_status_is_the_servers_business(out: Captured, status: str) -> None:
    """What we cannot read is passed on as it came, and counted as our own failure, not the app's."""
    answer = ask(layer(out, answering([b"a"], status)))
    assert (answer.status, answer.body, answer.error) == (status, b"a", None)
    assert len(out.lines(names.REQUEST_EVENT)) == 1


def test_odd_headers_and_chunks_pass_through(out: Captured) -> None:
    """Headers that are no texts, a length that is no number and a chunk that has no length reach the server."""
    for headers in ([(b"X", b"y")], [("Content-Length", "many")], [("X",)]):
        answer = ask(layer(out, answering([b"a"], "200 OK", *headers)))
        assert (answer.body, answer.headers[1:2]) == (b"a", headers)
    body = layer(out, answering(iter([None])))(environ_of("GET", "/"), lambda *_: None)  # type: ignore[arg-type]
    assert next(body) is None
    assert out.value(names.INTERNAL_ERRORS, hook="start")
    assert out.value(names.INTERNAL_ERRORS, hook="body")


def test_our_own_failure_leaves_the_app_alone(out: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the layer cannot even begin, and when it cannot finish, the app answers as if we were not there."""

    def broken(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(Metrics, "finished", broken)
    assert ask(layer(out, hello)).body == b"hello"
    monkeypatch.setattr(out.instrumentation.metrics, "active", broken)
    assert ask(layer(out, hello)).body == b"hello"
    assert out.value(names.INTERNAL_ERRORS, hook="finish") == 1
    assert out.value(names.INTERNAL_ERRORS, hook="begin") == 1


def test_methods_and_mounts_are_bounded(out: Captured) -> None:
    """An unknown method is _OTHER, and prefixes that an app makes up do not become labels without end."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] += environ["PATH_INFO"]
        environ[ROUTE_KEY] = "/orders/{id}"
        return hello(environ, start_response)

    one = layer(out, app)
    for n in range(150):
        ask(one, f"/t{n}", "FOO", SCRIPT_NAME="/proxy")
    routes = {each["route"] for each in out.lines(names.REQUEST_EVENT)}
    assert len(routes) == 101
    assert {"/t0/orders/{id}", "/{mount}/orders/{id}"} <= routes
    assert count(out, 200, "_OTHER", "/t0/orders/{id}") == 1


def test_nothing_of_a_request_is_kept(out: Captured) -> None:
    """When it is over and its line is written, neither a circle nor a traceback holds its environ."""

    class Input:
        pass

    def serve(app: Any) -> weakref.ref[Input]:
        held = Input()
        kept = weakref.ref(held)
        ask(layer(out, app), environ={"wsgi.input": held}).error = None
        del held
        return kept

    gc.collect()
    gc.disable()
    try:
        kept = serve(hello)
        out.text()  # its line was the last to know it
        assert kept() is None
    finally:
        gc.enable()


def test_what_is_set_up_on_the_app_goes_on_working(out: Captured) -> None:
    """A wrapped app's own attributes are there; those that copy and pickle ask for are not made up."""

    class App:
        routes: tuple[str, ...] = ("/a",)

        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            return hello(environ, start_response)

    wrapped = layer(out, App())
    assert wrapped.routes == ("/a",)
    assert not hasattr(wrapped, "__deepcopy__")
    assert not hasattr(WsgiLayer.__new__(WsgiLayer), "app")


def test_an_app_that_is_asgi_after_all_is_left_alone(out: Captured) -> None:
    """A callable that does not say what it speaks is taken for WSGI; three arguments are passed on as they are."""
    assert layer(out, lambda *args: args)("scope", "receive", "send") == ("scope", "receive", "send")
    assert out.lines(names.REQUEST_EVENT) == []


def own(out: Captured, path: str, **more: Any) -> Answer:
    return ask(layer(out, hello), path, **more)


def test_our_own_endpoints_are_served_and_not_counted() -> None:
    """Health, readiness and metrics answer at once; a stranger who asks for the metrics gets the app's own answer."""
    with captured(health=True, ready_checks=(lambda: False,)) as out:
        assert own(out, "/healthz").status == "200 OK"
        assert own(out, "/readyz").status == "503 Service Unavailable"
        metrics = own(out, "/metrics")
        assert (metrics.status, names.BUILD_INFO.encode() in metrics.body) == ("200 OK", True)
        assert own(out, "/metrics", HTTP_X_FORWARDED_FOR="8.8.8.8").body == b"hello"
        assert own(out, "/metrics", REMOTE_ADDR="8.8.8.8").body == b"hello"
        assert out.lines(names.REQUEST_EVENT) == []
