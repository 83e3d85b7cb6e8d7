"""Brings spans to a collector over OTLP/HTTP, and is never heard of by the app: nothing is logged but a loss, nothing
waits without an end, and no instrumentation of HTTP clients sees it.

A try that fails in a way that may pass (no connection, 429, 502, 503, 504) is repeated within the time-out, with longer
and longer pauses or the one that the collector asks for. While it is known to be down each batch gets one try, so that
those behind it do not pile up. Imported with the SDK only.
"""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from saasobs._version import __version__
from saasobs.instrument.plain import spoken
from saasobs.instrument.tracing.otlp import encode
from saasobs.instrument.tracing.troubles import ExportTroubles

_MAY_PASS: Final = frozenset({0, 429, 502, 503, 504})
_PAUSE: Final = 1.0
_LEAST: Final = 0.1
_ANSWER: Final = 4096
_PROBLEM: Final = 300


@dataclass(frozen=True, slots=True)
class Target:
    """A collector, and how to speak to it."""

    url: str
    """Whole, with its path."""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    """Seconds that one batch may take, all tries together."""
    compression: str = "none"
    """`none`, `gzip` or `deflate`."""
    certificate: str = ""
    """A file with the authorities that the collector's certificate may come from."""
    client_certificate: str = ""
    client_key: str = ""


class Answer(NamedTuple):
    """What came of one try."""

    status: int
    """0: there was no answer."""
    problem: str
    """Empty when the batch has been taken."""
    pause: float | None = None
    """Seconds that the collector asks to wait."""


class OtlpExporter(SpanExporter):
    """One process's way to its collector."""

    def __init__(self, target: Target, troubles: ExportTroubles) -> None:
        self._target = target
        self._troubles = troubles
        self._opener: OpenerDirector | None = None
        self._closed = threading.Event()
        self._down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver a batch, or count it as lost."""
        try:
            problem = self._deliver(self._packed(encode(spans)))
        except Exception as error:  # noqa: BLE001 - a guest keeps quiet
            problem = f"{type(error).__name__}: {spoken(error)}"
        if problem:
            self._troubles.lost(len(spans), problem[:_PROBLEM])
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Give up: no try is repeated any more."""
        self._closed.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Nothing waits here."""
        return True

    def _deliver(self, body: bytes) -> str:
        """What went wrong, or nothing."""
        until = monotonic() + self._target.timeout
        pause = _PAUSE
        while True:
            answer = self._try(body, max(_LEAST, until - monotonic()))
            known, self._down = self._down, answer.status in _MAY_PASS and bool(answer.problem)
            if not self._down or known:
                return answer.problem
            wait = pause if answer.pause is None else answer.pause
            if monotonic() + wait >= until or self._closed.wait(wait):
                return answer.problem
            self._down = False
            pause *= 2

    def _try(self, body: bytes, timeout: float) -> Answer:
        request = Request(self._target.url, body, self._headers())  # noqa: S310 - the configuration takes http(s) only
        try:
            with self._ready().open(request, timeout=timeout) as response:
                response.read(_ANSWER)
                return Answer(response.status, "")
        except HTTPError as error:
            with error:
                return Answer(error.code, f"HTTP {error.code} {error.reason}", _seconds(error.headers))
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            return Answer(0, f"{type(reason).__name__}: {spoken(reason)}" if reason is error else spoken(reason))

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/x-protobuf", "user-agent": f"saasobs/{__version__}"}
        if self._target.compression != "none":
            headers["content-encoding"] = self._target.compression
        return {**headers, **self._target.headers}

    def _packed(self, body: bytes) -> bytes:
        if self._target.compression == "gzip":
            return gzip.compress(body, 6)
        return zlib.compress(body) if self._target.compression == "deflate" else body

    def _ready(self) -> OpenerDirector:
        """Through the environment's proxy, if there is one. No connection is kept: a fork has nothing to share."""
        if self._opener is None:
            secure = self._target.url.lower().startswith("https:")
            more: list[Any] = [HTTPSHandler(context=_trust(self._target))] if secure else []
            self._opener = build_opener(_NoRedirect, *more)
        return self._opener


class _NoRedirect(HTTPRedirectHandler):
    """A batch that is sent on somewhere else by GET would be lost in silence."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


def _trust(target: Target) -> ssl.SSLContext:
    known = ssl.get_default_verify_paths()
    authorities = target.certificate or None
    if authorities is None and known.cafile is None and known.capath is None:
        import certifi  # noqa: PLC0415 - for systems without authorities of their own; sentry-sdk brings it

        authorities = certifi.where()
    context = ssl.create_default_context(cafile=authorities)
    if target.client_certificate:
        context.load_cert_chain(target.client_certificate, target.client_key or None)
    return context


def _seconds(headers: Any) -> float | None:
    """`Retry-After`, when it is a number of seconds."""
    text = str(headers.get("retry-after", "")) if headers is not None else ""
    return float(text) if text.isascii() and text.isdecimal() else None
