"""What others may reach: heartbeat pings, alerts of others, on-call calendars, the signed links of messages,
`/metrics`, `/healthz`, `/readyz`.

Nothing here gives a hint to a guesser.

A ping is written down before it is answered; while it cannot be, the answer is 503 and the client tries again.
A job's ping counts as soon as its URL has arrived: a body that is too long, too slow or broken off is cut, not refused.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from saasobs.core.errors import SaasobsError, StorageError, Unavailable
from saasobs.core.heartbeat import Ping, Signal
from saasobs.core.ports import Operator
from saasobs.web.alerts import AlertEndpoints
from saasobs.web.answer_link import AnswerLinkPage
from saasobs.web.calendar import MEDIA_TYPE, calendar
from saasobs.web.clock import wall_clock
from saasobs.web.errors import RETRY_AFTER
from saasobs.web.json import JsonResponse
from saasobs.web.peers import is_private_peer
from saasobs.web.presses import Presses
from saasobs.web.receipts import Receipts

KEPT_BODY = 10_000
READ_BODY = 1024 * 1024
BODY_SECONDS = 10.0
_METHODS = ["GET", "HEAD", "POST"]
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EXIT_CODE = re.compile(r"[0-9]{1,3}")
_SIGNALS = {"": Signal.SUCCESS, "start": Signal.START, "fail": Signal.FAIL, "log": Signal.LOG}

MetricsAccess = Literal["private", "public"]


def ingest_app(
    operator: Operator,
    *,
    metrics: MetricsAccess = "private",
    now: Callable[[], int] = wall_clock,
    body_seconds: float = BODY_SECONDS,
) -> ASGIApp:
    """Pings and probes of one operator.

    :param metrics: `private` serves `/metrics` and the problems of `/readyz` to loopback and private peers only.
    :param body_seconds: how long a ping's body may take.
    """
    endpoints = _Ingest(operator, public=metrics == "public", now=now, body_seconds=body_seconds)
    app = Starlette(
        routes=[
            Route("/ping/{token}", endpoints.ping, methods=_METHODS),
            Route("/ping/{token}/{action:path}", endpoints.ping, methods=_METHODS),
            Route("/oncall/{token}.ics", endpoints.calendar),
            Route("/metrics", endpoints.metrics),
            Route("/healthz", endpoints.healthz),
            Route("/readyz", endpoints.readyz),
            *AlertEndpoints(operator, now).routes(),
            *AnswerLinkPage(operator).routes(),
            *Presses(operator).routes(),
            *Receipts(operator).routes(),
        ],
        exception_handlers={SaasobsError: _on_error, HTTPException: _on_refusal, Exception: _on_bug},
    )
    app.router.redirect_slashes = False
    return app


class _Ingest:
    def __init__(self, operator: Operator, *, public: bool, now: Callable[[], int], body_seconds: float) -> None:
        self._operator = operator
        self._public = public
        self._now = now
        self._body_seconds = body_seconds

    async def ping(self, request: Request) -> Response:
        signal, exit_code = read_action(request.path_params.get("action", ""))
        token = request.path_params["token"].lower()
        monitor = self._operator.resolve_ping(token) if _TOKEN.fullmatch(token) else None
        if monitor is None:
            raise HTTPException(404)
        at = self._now()
        body, whole = await self._read_body(request)
        source = request.client.host if request.client else ""
        await self._operator.ping(Ping(monitor, at, signal, exit_code, body, source, request.method))
        return PlainTextResponse("OK", headers=None if whole else {"Connection": "close"})

    async def _read_body(self, request: Request) -> tuple[str, bool]:
        """The beginning of the body, and whether all of it was read. The rest is thrown away as it comes."""
        kept = bytearray()
        read = 0
        whole = True
        try:
            async with asyncio.timeout(self._body_seconds):
                async for piece in request.stream():
                    read += len(piece)
                    kept += piece[: KEPT_BODY - len(kept)]
                    if read > READ_BODY:
                        whole = False
                        break
        except (TimeoutError, ClientDisconnect):
            whole = False
        return bytes(kept).decode("utf-8", "replace").replace("\0", "�"), whole

    async def calendar(self, request: Request) -> Response:
        """Who is on call, for calendars that subscribe to it."""
        view = self._operator.calendar_feed(request.path_params["token"])
        if view is None:
            raise HTTPException(404)
        return Response(calendar(view, self._now()), headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-cache"})

    async def metrics(self, request: Request) -> Response:
        """Rendered in a thread: ten thousand series take over a second."""
        if not self._may_look(request):
            raise HTTPException(404)
        text, content_type = await asyncio.to_thread(self._operator.metrics, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    async def healthz(self, _request: Request) -> Response:
        """200 as long as this loop runs."""
        return PlainTextResponse("OK")

    async def readyz(self, request: Request) -> Response:
        """200 when the daemon watches and can write, else 503; what the problems are is for private peers."""
        health = self._operator.health()
        problems = list(health.problems) if self._may_look(request) else []
        headers = None if health.ready else {"Retry-After": RETRY_AFTER}
        return JsonResponse({"ready": health.ready, "problems": problems}, 200 if health.ready else 503, headers)

    def _may_look(self, request: Request) -> bool:
        return self._public or is_private_peer(request.scope)


def read_action(action: str) -> tuple[Signal, int | None]:
    """The signal and exit code of what follows the token; an exit code other than 0 is a failure.

    :raises HTTPException: 404 for anything else.
    """
    if action in _SIGNALS:
        return _SIGNALS[action], None
    if _EXIT_CODE.fullmatch(action) and int(action) <= 255:
        return Signal.FAIL if int(action) else Signal.SUCCESS, int(action)
    raise HTTPException(404)


async def _on_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, StorageError | Unavailable):
        return PlainTextResponse("try again soon", 503, {"Retry-After": RETRY_AFTER})
    return PlainTextResponse("not found", 404)


async def _on_refusal(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("method not allowed" if status == 405 else "not found", status, headers)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("internal error", 500)
