"""Where others report alerts: the webhooks, and as much of Alertmanager's API as Prometheus, amtool and Grafana use.

POST /alerts/{source}                              a webhook of Alertmanager or Grafana, or any JSON
     /alertmanager/{source}/api/v2/alerts          what Prometheus posts
GET  /alertmanager/{source}/api/v2/alerts  /alerts/groups  /receivers  /silences  /silence/{id}  /status
POST /alertmanager/{source}/api/v2/silences        DELETE …/silence/{id}

Without `/alertmanager/{source}` the token says which source it is. Who has no token learns nothing: every answer is
then the same 401. What cannot be taken now is a 503, never a 429: Prometheus and Alertmanager drop what a 4xx answers.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from saasobs.core.alert import Admission, AlertView, SourceKind
from saasobs.core.errors import NotFound, Refused, SaasobsError, StorageError, Unavailable
from saasobs.core.ports import Operator
from saasobs.web.alertmanager import alert_json, groups_json, read_silence, silence_json, status_json
from saasobs.web.bodies import read_body
from saasobs.web.errors import RETRY_AFTER
from saasobs.web.json import JsonResponse

PREFIXES: Final = ("/alerts/", "/alertmanager/", "/api/v2/", "/-/")
"""What of a shared listener's paths is served here."""
READING: Final = 8
"""Bodies that are read at a time."""
_SILENCE_BODY: Final = 256 * 1024
_FILTERS: Final = 50
_UNKNOWN: Final = {"WWW-Authenticate": 'Basic realm="saasobs", charset="UTF-8"'}
_STATUSES: Final[Mapping[type[Exception], int]] = {
    PermissionError: 401, NotFound: 404, Refused: 400, StorageError: 503, Unavailable: 503, SaasobsError: 500,
}  # fmt: skip
"""The first that fits."""
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}

Endpoint: TypeAlias = Callable[["AlertEndpoints", Request, Admission], Awaitable[Response]]


def _guarded(endpoint: Endpoint) -> Callable[[AlertEndpoints, Request], Awaitable[Response]]:
    """Only for who has a token; every error as Alertmanager says it: a text as JSON."""

    @wraps(endpoint)
    async def guarded(self: AlertEndpoints, request: Request) -> Response:
        try:
            return await endpoint(self, request, self.admission(request))
        except (SaasobsError, PermissionError, HTTPException) as error:
            return _answer(error)

    return guarded


def _answer(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JsonResponse(error.detail, error.status_code, error.headers)
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    if status == 401:
        return JsonResponse("unauthorized", status, _UNKNOWN)
    if status == 503:
        return JsonResponse("try again soon", status, {"Retry-After": RETRY_AFTER})
    return JsonResponse(str(error), status)


class AlertEndpoints:
    """The endpoints over one operator."""

    def __init__(self, operator: Operator, now: Callable[[], int]) -> None:
        self._operator = operator
        self._now = now
        self._reading = 0

    def routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = [Route("/alerts/{source}", self.webhook, methods=["POST"])]
        for prefix in ("/alertmanager/{source}", ""):
            routes += [
                Route(f"{prefix}/api/v2/alerts", self.post_alerts, methods=["POST"]),
                Route(f"{prefix}/api/v2/alerts", self.get_alerts),
                Route(f"{prefix}/api/v2/alerts/groups", self.get_groups),
                Route(f"{prefix}/api/v2/receivers", self.get_receivers),
                Route(f"{prefix}/api/v2/silences", self.post_silence, methods=["POST"]),
                Route(f"{prefix}/api/v2/silences", self.get_silences),
                Route(f"{prefix}/api/v2/silence/{{id}}", self.get_silence),
                Route(f"{prefix}/api/v2/silence/{{id}}", self.delete_silence, methods=["DELETE"]),
                Route(f"{prefix}/api/v2/status", self.get_status),
                Route(f"{prefix}/-/healthy", self.healthy),
                Route(f"{prefix}/-/ready", self.ready),
            ]
        return routes

    def admission(self, request: Request) -> Admission:
        """:raises PermissionError: nobody who is known."""
        source = request.path_params.get("source", "")
        found = self._operator.reports.admit(source, token_of(request.headers))
        if found is None or ("/api/v2/" in request.url.path and found.kind is not SourceKind.PROMETHEUS):
            raise PermissionError("unauthorized")
        return found

    # What is reported ----------------------------------------------------------------------------------------

    async def _receive(self, request: Request, admission: Admission) -> Response:
        body = await self._read(request)
        taken = await self._operator.reports.receive(admission, body, request.headers)
        if taken.refused:
            return JsonResponse("; ".join(taken.refused), 400)
        return Response(status_code=200)

    async def _read(self, request: Request) -> bytes:
        if self._reading >= READING:
            raise Unavailable("too many requests are being read")
        self._reading += 1
        try:
            return await read_body(request)
        finally:
            self._reading -= 1

    webhook = _guarded(_receive)
    post_alerts = _guarded(_receive)

    # What Alertmanager is asked ------------------------------------------------------------------------------

    @_guarded
    async def get_alerts(self, request: Request, _: Admission) -> Response:
        return JsonResponse([alert_json(view) for view in await self._views(request)])

    @_guarded
    async def get_groups(self, request: Request, _: Admission) -> Response:
        return JsonResponse(groups_json(await self._views(request)))

    async def _views(self, request: Request) -> list[AlertView]:
        active, silenced = _flag(request, "active"), _flag(request, "silenced")
        receiver = request.query_params.get("receiver", "")
        found = await self._operator.reports.alerts(_filters(request), receiver)
        return [view for view in found if (silenced if view.silenced_by else active)]

    @_guarded
    async def get_receivers(self, _request: Request, _: Admission) -> Response:
        return JsonResponse([{"name": name} for name in self._operator.reports.receivers()])

    @_guarded
    async def get_silences(self, request: Request, _: Admission) -> Response:
        now = self._now()
        found = self._operator.reports.silences(_filters(request))
        return JsonResponse([silence_json(silence, now) for silence in found])

    @_guarded
    async def get_silence(self, request: Request, _: Admission) -> Response:
        return JsonResponse(silence_json(self._operator.reports.silence(request.path_params["id"]), self._now()))

    @_guarded
    async def post_silence(self, request: Request, admission: Admission) -> Response:
        _must_silence(admission)
        body = await read_body(request, _SILENCE_BODY)
        kept = await self._operator.reports.keep_silence(read_silence(_json(body)))
        return JsonResponse({"silenceID": kept.id})

    @_guarded
    async def delete_silence(self, request: Request, admission: Admission) -> Response:
        _must_silence(admission)
        known = self._operator.reports.silence(request.path_params["id"])
        await self._operator.reports.expire_silence(known.id, f"somebody with the token of {admission.source}")
        return Response(status_code=200)

    @_guarded
    async def get_status(self, _request: Request, _: Admission) -> Response:
        return JsonResponse(status_json(self._operator.health()))

    async def healthy(self, _request: Request) -> Response:
        return PlainTextResponse("OK")

    async def ready(self, _request: Request) -> Response:
        ready = self._operator.health().ready
        return PlainTextResponse("OK" if ready else "not ready", 200 if ready else 503)


def token_of(headers: Mapping[str, str]) -> str:
    """The credentials of a Bearer token, or the password of basic authentication; empty when there are none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _must_silence(admission: Admission) -> None:
    if not admission.may_silence:
        raise HTTPException(403, f"the token of {admission.source} may not make silences (`silences: false`)")


def _filters(request: Request) -> list[str]:
    found = request.query_params.getlist("filter")
    if len(found) > _FILTERS:
        raise Refused(f"{len(found)} filters: at most {_FILTERS} are taken")
    return found


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "true").lower()
    if text not in _BOOLEANS:
        raise Refused(f"{name} must be true or false")
    return _BOOLEANS[text]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not valid JSON") from error
