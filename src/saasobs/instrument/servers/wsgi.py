"""The one layer around a WSGI app (PEP 3333): the same promises as the ASGI layer, kept in WSGI's own time.

1. A WSGI app returns before its body exists: the body is watched too, and the measurement ends when it is exhausted
   or closed, so that a slow stream is a slow request.
2. Threads and greenlets serve one request after another, and other code runs between two chunks: the operation is the
   current one only while the app itself runs, in the call, in each step of the body and in its `close`.
3. `start_response` is watched: its headers get our ID; an `exc_info` is a failure that the app has answered for. What
   it was told counts only once a byte has passed: a server answers 500 to an exception that comes before.
4. A body that is closed before its end was left by the client, unless all that was announced had been passed on.
5. A server's own file wrapper stays what it is, so that `sendfile` works; only its `close` is ours.
"""

from __future__ import annotations

import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from http import HTTPStatus
from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.config import ALWAYS_EXCLUDED
from saasobs.instrument.metrics.endpoint import Response
from saasobs.instrument.servers.exchange import Exchange
from saasobs.instrument.servers.tenants import Asked
from saasobs.instrument.servers.wsgi_failures import servers_page
from saasobs.instrument.servers.wsgi_routes import WsgiRoutes, note_flask_route, path_arguments
from saasobs.instrument.state import RequestFacts, enter, leave
from saasobs.instrument.tracing.tracer import NOTHING, Incoming

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

Environ = MutableMapping[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

ENVIRON_KEY: Final = "saasobs.watched"
"""In the environ of a request that is watched: an instrumented app inside another leaves it alone."""
_BODILESS: Final = frozenset({204, 304})
_CLIENT_LEFT: Final = frozenset({"ClientDisconnected", "NoMoreData", "UnreadablePostError"})
"""Exceptions that mean the request's body ended early: of Werkzeug and waitress, gunicorn, Django."""
_STOPPED: Final = (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError)


class WsgiLayer:
    """Wrap a WSGI app. State is per request, never on the instance."""

    def __init__(self, app: WSGIApp, process: Instrumentation) -> None:
        config = process.config
        self.app = app
        self.instrumentation = process
        self._endpoints = process.metrics.endpoints
        self.route_templates = WsgiRoutes()
        self.correlation_header = config.correlation_header
        self._excluded = ALWAYS_EXCLUDED | config.exclude | {config.metrics_path}
        self._variable = "HTTP_" + self.correlation_header.upper().replace("-", "_")

    def __call__(self, environ: Environ, start_response: StartResponse, *more: Any) -> Iterable[bytes]:
        if more:  # it was no WSGI app after all: then it is none of ours
            return self.app(environ, start_response, *more)
        return self.serve(self.app, environ, start_response)

    def __getattr__(self, name: str) -> Any:
        if name == "app" or name.startswith("__"):  # asked before it is there: by copy and pickle
            raise AttributeError(name)
        return getattr(self.app, name)  # what is set up on the app goes on working: `app.add_route(...)`

    def serve(self, app: WSGIApp, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request with an app that may not be the layer's own."""
        if environ.get("PATH_INFO") in self._endpoints.paths and ENVIRON_KEY not in environ:
            answer = self._answer(environ)
            if answer is not None:
                start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
                return [answer.body]
        exchange = self.begin(environ)
        if exchange is None:
            return app(environ, start_response)
        exchange.start_response = start_response
        token = enter(exchange.operation)
        attached = exchange.attach() if exchange.recorded else None
        try:
            return exchange.watch_body(app(environ, exchange.starting))
        except BaseException as error:
            exchange.broken(error)
            page = exchange.servers_page(error)
            if page is None:
                raise
            return page
        finally:
            if attached is not None:
                exchange.detach(attached)
            leave(token)

    @guard.guarded("endpoint")
    def _answer(self, environ: Environ) -> Response | None:
        """Our own `/metrics`, `/healthz` and `/readyz`, for those who may see them."""
        method, headers = environ.get("REQUEST_METHOD", ""), dict(_headers(environ))
        return self._endpoints.respond(method, environ.get("PATH_INFO", ""), _peer(environ), headers)

    def begin(self, environ: Environ) -> WsgiExchange | None:
        """Begin an exchange, unless the request is watched already or something of ours fails."""
        try:
            if ENVIRON_KEY in environ:
                return None
            counted = environ.get("PATH_INFO", "") not in self._excluded
            exchange = WsgiExchange(self, environ, environ.get(self._variable, ""), counted=counted)
            environ[ENVIRON_KEY] = self  # the exchange itself would make a circle of it
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("begin")
            return None
        return exchange


class WsgiExchange(Exchange):
    """An exchange that watches `start_response` and the body."""

    __slots__ = (
        "_announced", "_environ", "_handling", "_header", "_routes", "_script_name", "_write", "recorded",
        "start_response",
    )  # fmt: skip
    start_response: StartResponse
    _write: Callable[[bytes], object]

    def __init__(self, layer: WsgiLayer, environ: Environ, offered: str, *, counted: bool) -> None:
        """:param offered: the correlation ID as the caller sent it, or nothing."""
        self._environ = environ
        self._routes = layer.route_templates
        self._header = layer.correlation_header
        self._script_name: str = environ.get("SCRIPT_NAME", "")
        self._handling = sys.exc_info()[1]
        method, incoming = environ.get("REQUEST_METHOD", ""), _incoming(environ)
        self._announced = -1
        super().__init__(layer.instrumentation, offered, incoming, method, _path(environ), counted=counted)
        self.recorded = layer.instrumentation.tracer.recorder is not None
        """Whether OpenTelemetry must know of its span."""
        self.operation.facts = partial(_facts, environ, self._script_name, layer.route_templates)

    # What the shared exchange asks.

    def route(self, status: int) -> str:  # noqa: ARG002 - WSGI's routers leave nothing that depends on it
        return self._routes.template(self._environ, self._script_name)

    def path_params(self) -> Mapping[str, Any]:
        return path_arguments(self._environ)

    def client(self) -> str:
        return self._environ.get("REMOTE_ADDR") or ""  # as the app sees it: a ProxyFix inside has put the client here

    def kept_facts(self) -> Callable[[], RequestFacts]:
        texts = {name: value for name, value in self._environ.items() if type(value) is str}  # no sockets, no files
        return partial(_facts, texts, self._script_name, self._routes)

    def asked(self) -> Asked:
        environ = self._environ
        return Asked(environ.get("HTTP_HOST", ""), self._path, _peer(environ), partial(_header, environ))

    def attach(self) -> Any:
        """Have OpenTelemetry know the operation's span here; returns what `detach` wants back."""
        return self._process.tracer.attach(self.operation)

    def detach(self, attached: Any) -> None:
        self._process.tracer.detach(attached)

    # What the app does.

    def starting(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        """`start_response` as the app sees it."""
        try:
            headers = self._started(status, headers)
            note_flask_route(self._environ)
            if exc_info:
                self.operation.fault = exc_info[1]
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("start")
        if exc_info:
            self._write = self.start_response(status, headers, exc_info)
        else:
            self._write = self.start_response(status, headers)
        return self.writing

    def _started(self, status: str, headers: Headers) -> Headers:
        """Note what the response begins with; returns its headers with our own in place of any other of that name."""
        ours, kept, announced, endless = self._header.lower(), [], -1, False
        for pair in headers:
            name = pair[0].lower()
            if name != ours:
                kept.append(pair)
                if name == "content-length":
                    announced = int(pair[1])
                elif name == "content-type" and pair[1].startswith("text/event-stream"):
                    endless = True
        kept.append((self._header, self.operation.correlation_id))
        self._announced = announced
        self.response_started(int(status[:3]), endless=endless)
        return kept

    def writing(self, data: bytes) -> object:
        """PEP 3333's old `write`, which sends at once."""
        try:
            answer = self._write(data)
        except Exception:  # what a server's own write raises is about the client
            self.disconnected()
            raise
        self.passed(data)
        return answer

    def watch_body(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The app's body, watched to its last byte."""
        try:
            wrapper = self._environ.get("wsgi.file_wrapper")
            if isinstance(wrapper, type) and isinstance(body, wrapper):
                return self._watch_file(body)
            return SizedBody(self, body) if type(body) in _SIZED else Body(self, body)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("body")
            self.over(None)
            self._end()
            return body

    def _watch_file(self, body: Any) -> Iterable[bytes]:
        """The server sends the file by itself, all that was announced: we hear of its end only."""
        close = getattr(body, "close", None)

        def closing() -> None:
            interrupted = self.interruption()
            self._size = max(0, self._announced)
            self.close(close, interrupted)

        body.close = closing  # a wrapper that takes no attribute is a `body` failure: counted, and served all the same
        return body  # type: ignore[no-any-return]

    def passed(self, chunk: bytes) -> None:
        """A piece of the body goes to the server; the first one takes the headers with it."""
        try:
            if not self._size:
                self._first_byte = perf_counter()
            self._size += len(chunk)
            if self._size == self._announced and type(self._environ.get("wsgi.input")) is BytesIO:
                self._complete = True  # a test's client, which may never ask for the end
                self._end()
        except Exception:  # noqa: BLE001 - a guest keeps quiet: the server says what is wrong with the chunk
            guard.failed("body")

    # How it ends.

    def exhausted(self) -> None:
        """The server has asked for a chunk after the last one."""
        self._complete = True
        self.finish(last=False)
        if self._untold and type(self._environ.get("wsgi.input")) is BytesIO:
            self._end()  # a test's client, which may never close the body

    def _end(self) -> None:
        self.finish(last=True)
        self._environ.pop(ENVIRON_KEY, None)  # some test clients use an environ twice

    def broken(self, error: BaseException) -> None:
        """The app has raised; a server answers 500 itself if nothing has passed yet."""
        if not self._size:
            self._status = 0
        if type(error).__name__ in _CLIENT_LEFT:
            self.disconnected()
        self.failed(error, cancelled=_is_stop(error))
        self._end()

    def servers_page(self, error: BaseException) -> Iterable[bytes] | None:
        """What to send in place of the server's own page, where that could not carry our header."""
        if self._size:
            return None
        return servers_page(self.start_response, error, (self._header, self.operation.correlation_id))

    def interruption(self) -> BaseException | None:
        """What the server handles while it closes the body; not what it was handling before the request."""
        handling = sys.exc_info()[1]
        return handling if handling is not self._handling else None

    def over(self, interrupted: BaseException | None) -> None:
        """The server asks for no more: it has had everything, or it was interrupted, or the client has left."""
        if interrupted is not None and _is_stop(interrupted):
            self.failed(interrupted, cancelled=True)
        elif interrupted is None and self._is_whole():
            self._complete = True
        else:
            self.disconnected()
        self.finish(last=False)

    def _is_whole(self) -> bool:
        status = self._status
        return self._size == self._announced or self._method == "HEAD" or status in _BODILESS or 100 <= status < 200

    def close(self, close: Callable[[], object] | None, interrupted: BaseException | None) -> None:
        """Close the app's body, whose time is no longer the client's, and tell what there is to tell."""
        token = enter(self.operation)
        attached = self.attach() if self.recorded else None
        try:
            if self._seconds < 0:
                self.over(interrupted)
            if close is not None:
                close()
        except BaseException as error:
            self.failed(error, cancelled=_is_stop(error))
            raise
        finally:
            self._end()
            if attached is not None:
                self.detach(attached)
            leave(token)


_SIZED: Final = (list, tuple)


def _is_stop(error: BaseException) -> bool:
    """Somebody ends the worker, the greenlet or the generator: nothing is wrong with the app."""
    return isinstance(error, _STOPPED) or type(error).__name__ == "GreenletExit"


def _path(environ: Environ) -> str:
    """The whole path as text: PEP 3333 hands its bytes over in latin-1."""
    latin: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or "/"
    return latin if latin.isascii() else latin.encode("latin-1", "replace").decode("utf-8", "replace")


def _peer(environ: Environ) -> str:
    """The address that is connected to us, whatever a ProxyFix outside of us has put in its place."""
    return environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR") or ""


def _incoming(environ: Environ) -> Incoming:
    """The trace headers; a server has joined repeated ones with commas, which is then for their reader to refuse."""
    parent, baggage = environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_BAGGAGE")
    if parent is None and baggage is None:
        return NOTHING
    state = environ.get("HTTP_TRACESTATE")
    return Incoming(*(() if value is None else (value,) for value in (parent, state, baggage)))


def _facts(environ: Environ, script_name: str, routes: WsgiRoutes) -> RequestFacts:
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    return RequestFacts(
        method=environ.get("REQUEST_METHOD", ""),
        url=f"{environ.get('wsgi.url_scheme', 'http')}://{host}{_path(environ)}",
        query=environ.get("QUERY_STRING", ""),
        headers=tuple(_headers(environ)),
        client=environ.get("REMOTE_ADDR") or "",
        route=routes.template(environ, script_name),
    )


_UNPREFIXED: Final = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


def _header(environ: Environ, name: str) -> str:
    variable = name.upper().replace("-", "_")
    found = environ.get(variable if variable in _UNPREFIXED else f"HTTP_{variable}", "")
    return found if isinstance(found, str) else ""


def _headers(environ: Environ) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), str(value)
        elif name in _UNPREFIXED and value:
            yield name.replace("_", "-").lower(), str(value)


class Body:
    """An app's body: in each of its steps, and when it is closed, its operation is the one in progress."""

    __slots__ = ("_body", "_exchange", "_next")

    def __init__(self, exchange: WsgiExchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body: Iterable[bytes] | None = body
        self._next: Callable[[], bytes] = self._first

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        exchange = self._exchange
        token = enter(exchange.operation)
        attached = exchange.attach() if exchange.recorded else None
        try:
            chunk = self._next()
        except StopIteration:
            exchange.exhausted()
            raise
        except BaseException as error:
            exchange.broken(error)
            raise
        finally:
            if attached is not None:
                exchange.detach(attached)
            leave(token)
        exchange.passed(chunk)
        return chunk

    def _first(self) -> bytes:
        self._next = iter(self._body).__next__  # type: ignore[arg-type] # here, because it is the app's code too
        return self._next()

    def close(self) -> None:
        """Close the app's body, once."""
        body, self._body = self._body, None
        if body is not None:
            self._next = iter(()).__next__  # what was not begun is over, and no circle remains
            self._exchange.close(getattr(body, "close", None), self._exchange.interruption())


class SizedBody(Body):
    """A body that is a list: a server may take the length of a single part for the Content-Length."""

    __slots__ = ("_length",)

    def __init__(self, exchange: WsgiExchange, body: Any) -> None:
        super().__init__(exchange, body)
        self._length = len(body)

    def __len__(self) -> int:
        return self._length
