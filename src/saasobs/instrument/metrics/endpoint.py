"""`/metrics`, `/healthz` and `/readyz`, for whatever server protocol: a request's facts in, a response out.

`respond` returns None when the request is none of ours, and then it is the app's: another path, another method, a
setting that is off, and a peer that may not see the metrics. So strangers get exactly what the app says without us,
its own 404 as a rule, and an app with a `/metrics` of its own keeps serving it to them; peers of our own network get
ours, which has the metrics of prometheus_client's default registry in it. Where that is not wanted, SAASOBS_METRICS is
`off`, or SAASOBS_METRICS_PATH another.

A page is made by one thread at a time and never on the event loop. Who comes while it is being made gets, together
with all who wait, the next one: none older than the request, and none made for nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from saasobs.core.peers import is_private
from saasobs.instrument import guard
from saasobs.instrument.metrics.readiness import ProcessLock, Readiness, Verdict

if TYPE_CHECKING:
    from saasobs.instrument.config import InstrumentConfig
    from saasobs.instrument.metrics.registry import Metrics

HEALTH: Final = "/healthz"
READY: Final = "/readyz"
_MOST_WAITING: Final = 32
_WORTH_COMPRESSING: Final = 1024
_LEVEL: Final = 1
"""Of gzip: a page shrinks to a tenth already, and more costs more than the network."""


class Response(NamedTuple):
    """A whole response; of a HEAD request the body is empty and the length that of a GET."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Endpoints:
    """What this process serves by itself."""

    def __init__(self, config: InstrumentConfig, metrics: Metrics) -> None:
        self._metrics_path = config.metrics_path if config.metrics in ("private", "public") else ""
        self._public = config.metrics == "public"
        self._health = config.health
        self._readiness = Readiness(config.ready_checks, config.ready_timeout)
        self._pages = Pages(metrics)
        own = {self._metrics_path} if self._metrics_path else set()
        self.paths = frozenset(own | ({HEALTH, READY} if config.health else set()))
        """Only these are worth asking about."""

    def respond(self, method: str, path: str, peer: str, headers: Mapping[str, str]) -> Response | None:
        """From a thread. :param peer: its address, or nothing. :param headers: with lower-case names."""
        answer = self._begin(method, path, peer, headers)
        if answer is READY:
            answer = _ready(self._readiness.ask(), private=is_private(peer, headers))
        elif answer is self._metrics_path:
            answer = self._pages.get(headers)
        return _for(method, answer)

    async def respond_async(self, method: str, path: str, peer: str, headers: Mapping[str, str]) -> Response | None:
        """The same on an event loop, which it does not hold up."""
        answer = self._begin(method, path, peer, headers)
        if answer is READY:
            answer = _ready(await self._readiness.ask_async(), private=is_private(peer, headers))
        elif answer is self._metrics_path:
            answer = await self._pages.get_async(headers)
        return _for(method, answer)

    def serve_page(self, method: str, path: str, wanted: str, peer: str, headers: Mapping[str, str]) -> Response | None:
        """The metrics on a port of their own. :param wanted: the path where they are."""
        if path != wanted or method not in ("GET", "HEAD") or not is_private(peer, headers):
            return None
        return _for(method, self._pages.get(headers))

    def _begin(self, method: str, path: str, peer: str, headers: Mapping[str, str]) -> Any:
        """The response, the path of what is still to be asked, or None."""
        if path not in self.paths or method not in ("GET", "HEAD"):
            return None
        if path == self._metrics_path:
            return self._metrics_path if self._public or is_private(peer, headers) else None
        return READY if path == READY else _json(200, {"status": "alive"})


class Pages:
    """Makes the page of metrics, for one reader or for all who wait for it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = ProcessLock()
        self._begun = 0.0
        self._made: dict[tuple[bool, bool], Response] = {}
        self._waiting = 0
        self._executor: tuple[int, ThreadPoolExecutor] | None = None

    def get(self, headers: Mapping[str, str]) -> Response:
        """The page, in the format and encoding that the headers ask for."""
        return self._page(headers.get("accept", ""), accepts_gzip(headers.get("accept-encoding", "")), monotonic())

    async def get_async(self, headers: Mapping[str, str]) -> Response:
        """The same, made in a thread: the app's own threads stay free for the app."""
        if self._waiting >= _MOST_WAITING:
            return _text(503, "too many read the metrics at once")
        arrived = monotonic()
        accept, compressed = headers.get("accept", ""), accepts_gzip(headers.get("accept-encoding", ""))
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads(), self._page, accept, compressed, arrived)
        finally:
            self._waiting -= 1

    def _page(self, accept: str, compressed: bool, arrived: float) -> Response:  # noqa: FBT001 - called by an executor
        try:
            from saasobs.instrument.metrics.exposition import wants_openmetrics  # noqa: PLC0415 - heavy

            kind = (wants_openmetrics(accept), compressed)
            with self._lock.of_this_process():
                if self._begun < arrived:
                    self._made.clear()
                    self._begun = monotonic()
                if kind not in self._made:
                    self._made[kind] = self._make(accept, compressed=compressed)
                return self._made[kind]
        except Exception:  # noqa: BLE001 - a reader is told, the app goes on
            guard.failed("metrics")
            return _text(500, "the metrics could not be read; the app's log says why")

    def _make(self, accept: str, *, compressed: bool) -> Response:
        body, content_type = self._metrics.exposition(accept)
        headers = [("content-type", content_type), ("vary", "accept, accept-encoding"), ("cache-control", "no-store")]
        if compressed and len(body) >= _WORTH_COMPRESSING:
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers.append(("content-encoding", "gzip"))
        return Response(200, tuple(headers), body)

    def _threads(self) -> ThreadPoolExecutor:
        """One thread, of this process and not of the one that it was forked from."""
        if self._executor is None or self._executor[0] != os.getpid():
            self._executor = (os.getpid(), ThreadPoolExecutor(1, "saasobs-metrics"))
        return self._executor[1]


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether `Accept-Encoding` names gzip and does not refuse it with q=0 (RFC 9110, 12.5.3)."""
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        if coding == "gzip":
            return not any(each.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for each in parameters)
    return False


def _ready(verdicts: list[Verdict], *, private: bool) -> Response:
    """200 or 503. Which checks there are, and why one says no, is for our own network."""
    ready = not any(verdict.reason for verdict in verdicts)
    content: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    if private:
        content["checks"] = {each.name: each.reason or "ok" for each in verdicts}
    return _json(200 if ready else 503, content)


def _json(status: int, content: Any) -> Response:
    body: bytes = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    return Response(status, (("content-type", "application/json"), ("cache-control", "no-store")), body)


def _text(status: int, sentence: str) -> Response:
    headers = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
    return Response(status, headers, sentence.encode() + b"\n")


def _for(method: str, response: Response | None) -> Response | None:
    """With its length, and without its body for a HEAD."""
    if response is None:
        return None
    headers = (*response.headers, ("content-length", str(len(response.body))))
    return Response(response.status, headers, b"" if method == "HEAD" else response.body)
