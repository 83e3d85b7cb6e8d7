"""One outgoing HTTP request under observation, whatever library makes it. It is to clients what `servers.exchange` is
to servers.

A library's hook calls `begin`, puts `Call.headers` on the request, and calls `Call.ended` when the response's start is
there, or the exception, which is re-raised as it is. Neither raises. The exporters' own requests (Sentry's, and
whatever runs under OpenTelemetry's `suppress_instrumentation`) are left alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from saasobs.core.redact import redact_url
from saasobs.instrument import guard, names
from saasobs.instrument.propagation import Propagation
from saasobs.instrument.scrub import Scrubber
from saasobs.instrument.state import current

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation
    from saasobs.instrument.state import Operation
    from saasobs.instrument.tracing.recording import Child
    from saasobs.instrument.tracing.tracer import Kind

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_URL_LIMIT: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}


def _nobody() -> bool:
    return False


class Calls:
    """What one process calls."""

    def __init__(self, process: Instrumentation) -> None:
        self._propagation = Propagation(process.config)
        self._find = self._propagation.hosts.find
        self._tracer = process.tracer
        self._scrubber = Scrubber(process.config.scrub)
        self.finished = process.metrics.client.finished

    def begin(
        self, method: str, host: str, present: Iterable[Any], url: object, traced: Callable[[], bool] = _nobody
    ) -> Call | None:
        """The call that begins now; None: leave this one alone. Never raises.

        :param host: where it goes, as the library has it from the URL. :param present: names of the headers so far.
        :param url: its str is the URL; asked for only when there is a span.
        :param traced: whether somebody else makes a span of it, though it has no trace headers yet.
        """
        try:
            context = _context()
            if context and _is_suppressed(context, "_SUPPRESS_INSTRUMENTATION_KEY"):
                return None
            found = self._find(host)
            operation = current()
            if operation is None or not (found.own or operation.span is not None):
                return Call(self, method, found.label, None, _NONE)
            there = {name.lower() if type(name) is str else _lower(name) for name in present}
            child = None
            if operation.span is not None and not ("traceparent" in there or traced() or _is_http_suppressed(context)):
                child = self._tracer.child(*self._described(method, host, url))
            headers = self._missing(operation, child, there) if found.own else _NONE
            return Call(self, method, found.label, child, headers)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("client")
            return None

    def _missing(self, operation: Operation, child: Child | None, there: set[str]) -> dict[str, str]:
        """Our headers but for those that the app has set itself; a trace of its own wins whole."""
        headers = self._propagation.headers(operation, child)
        if "traceparent" in there:
            there.add("tracestate")
        return {name: value for name, value in headers.items() if name.lower() not in there}

    def _described(self, method: str, host: str, url: object) -> tuple[str, Kind, dict[str, Any]]:
        """Name, kind and attributes of the span
        (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span).
        """
        text = str(url)
        attributes: dict[str, Any] = {
            "http.request.method": method if method in names.KNOWN_METHODS else names.OTHER_METHOD,
            "server.address": host,
            "url.full": self._shown(text),
        }
        try:
            parts = urlsplit(text)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            port = None
        if port is not None:
            attributes["server.port"] = port
        if method not in names.KNOWN_METHODS:
            attributes["http.request.method_original"] = method[:32]
        return (method if method in names.KNOWN_METHODS else "HTTP"), "client", attributes

    def _shown(self, url: str) -> str:
        """The URL without credentials, its fragment, and what looks secret in it."""
        base, _, query = url[:_URL_LIMIT].partition("#")[0].partition("?")
        return redact_url(base) + (f"?{self._scrubber.query(query)}" if query else "")


class Call:
    """A call in progress."""

    __slots__ = ("_calls", "_child", "_label", "_method", "_started", "headers")

    def __init__(self, calls: Calls, method: str, label: str, child: Child | None, headers: Mapping[str, str]) -> None:
        self._calls = calls
        self._method = method
        self._label = label
        self._child = child
        self.headers = headers
        """To be put on the request: none of them is there yet."""
        self._started = perf_counter()

    def ended(self, status: int, error: BaseException | None = None) -> None:
        """The response's start has come, with this status; 0 and what was raised when none did. Never raises."""
        try:
            seconds = perf_counter() - self._started
            problem = "" if error is None else type(error).__name__
            self._calls.finished(self._method, self._label, status, seconds, problem)
            if self._child is not None:
                self._child.end({"http.response.status_code": status} if error is None else None, error)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("client")


class _Process:
    calls: Calls | None = None


def observe_for(process: Instrumentation | None) -> None:
    """From now on calls are this process's; None: nobody's, and the hooks let everything pass."""
    _Process.calls = None if process is None else Calls(process)


def begin(
    method: str, host: str, present: Iterable[Any], url: object, traced: Callable[[], bool] = _nobody
) -> Call | None:
    """See `Calls.begin`."""
    calls = _Process.calls
    return None if calls is None else calls.begin(method, host, present, url, traced)


def _context() -> Mapping[str, Any]:
    """OpenTelemetry's, if it is in use."""
    api = sys.modules.get("opentelemetry.context")
    return _NONE if api is None else api.get_current()


def _is_suppressed(context: Mapping[str, Any], key: str) -> bool:
    """:param key: what the API calls the key; older ones used its plain text."""
    return bool(context.get(getattr(sys.modules["opentelemetry.context"], key, "")) or context.get(key.lower()[1:-4]))


def _is_http_suppressed(context: Mapping[str, Any]) -> bool:
    """Whether another instrumentation has this call already; it sets the trace headers, and counts for itself."""
    return bool(context) and _is_suppressed(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")


def _lower(name: Any) -> str:
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
    return text.lower()
