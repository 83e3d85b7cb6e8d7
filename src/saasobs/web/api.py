"""The JSON API under /api/v1: what the CLI, scripts and later pages ask of the running daemon.

GET  /status  /monitors  /monitors/{name}  /monitors/{name}/availability?days=30
     /incidents?open=true&limit=100  /incidents/{id}  /incidents/{id}/explanation  /maintenance  /configuration
     /receipts
POST /monitors/{name}/pause|resume|check   /maintenance   /maintenance/{id}/end
     /channels/{name}/test   /reload

Answers to incidents: `saasobs.web.answers`; on-call schedules: `saasobs.web.oncall`; alerts of others:
`saasobs.web.alerts_api`. Shapes: `saasobs.web.json`; errors: `saasobs.web.errors`. A POST takes an optional JSON
object; `by` says who.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from saasobs.core.errors import StorageError
from saasobs.core.ports import Operator
from saasobs.web.alerts_api import AlertsApi
from saasobs.web.answers import AnswerApi
from saasobs.web.json import (
    JsonResponse,
    availability_json,
    explanation_json,
    health_json,
    incident_json,
    incident_view_json,
    monitor_json,
    receipt_json,
    result_json,
    state_json,
    window_json,
)
from saasobs.web.maintenance import wanted
from saasobs.web.oncall import OnCallApi
from saasobs.web.requests import flag, number, person, read_object, read_text

MAX_INCIDENTS = 1000
MAX_DAYS = 366


class Api:
    """The endpoints over one operator."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        """Relative to /api/v1. A name may hold slashes, so the longer paths come first."""
        return [
            Route("/status", self.status),
            Route("/monitors", self.monitors),
            Route("/monitors/{name:path}/pause", self.pause, methods=["POST"]),
            Route("/monitors/{name:path}/resume", self.resume, methods=["POST"]),
            Route("/monitors/{name:path}/check", self.check, methods=["POST"]),
            Route("/monitors/{name:path}/availability", self.availability),
            Route("/monitors/{name:path}", self.monitor),
            Route("/incidents", self.incidents),
            Route("/incidents/{id}/explanation", self.explanation),
            Route("/incidents/{id}", self.incident),
            *AnswerApi(self._operator).routes(),
            Route("/maintenance", self.maintenance),
            Route("/maintenance", self.start_maintenance, methods=["POST"]),
            Route("/maintenance/{id:path}/end", self.end_maintenance, methods=["POST"]),
            *OnCallApi(self._operator).routes(),
            *AlertsApi(self._operator).routes(),
            Route("/receipts", self.receipts),
            Route("/channels/{name:path}/test", self.test_channel, methods=["POST"]),
            Route("/configuration", self.configuration),
            Route("/reload", self.reload, methods=["POST"]),
        ]

    async def status(self, _request: Request) -> Response:
        """Answers also while the store is broken: that is when somebody asks."""
        health = self._operator.health()
        try:
            monitors = await self._operator.monitors()
            incidents = await self._operator.incidents(open_only=True, limit=MAX_INCIDENTS)
        except StorageError:
            return JsonResponse(health_json(health, None, None))
        return JsonResponse(health_json(health, monitors, len(incidents)))

    async def monitors(self, _request: Request) -> Response:
        return JsonResponse({"monitors": [monitor_json(view) for view in await self._operator.monitors()]})

    async def monitor(self, request: Request) -> Response:
        return JsonResponse(monitor_json(await self._operator.monitor(request.path_params["name"]), recent=True))

    async def pause(self, request: Request) -> Response:
        by = person(await read_object(request))
        return JsonResponse(state_json(await self._operator.pause(request.path_params["name"], by)))

    async def resume(self, request: Request) -> Response:
        by = person(await read_object(request))
        return JsonResponse(state_json(await self._operator.resume(request.path_params["name"], by)))

    async def check(self, request: Request) -> Response:
        await read_object(request)
        return JsonResponse(result_json(await self._operator.check(request.path_params["name"])))

    async def availability(self, request: Request) -> Response:
        days = number(request, "days", default=30, top=MAX_DAYS)
        return JsonResponse(availability_json(await self._operator.availability(request.path_params["name"], days)))

    async def incidents(self, request: Request) -> Response:
        limit = number(request, "limit", default=100, top=MAX_INCIDENTS)
        found = await self._operator.incidents(open_only=flag(request, "open"), limit=limit)
        return JsonResponse({"incidents": [incident_json(incident) for incident in found]})

    async def incident(self, request: Request) -> Response:
        return JsonResponse(incident_view_json(await self._operator.incident(request.path_params["id"])))

    async def explanation(self, request: Request) -> Response:
        return JsonResponse(explanation_json(await self._operator.explanation(request.path_params["id"])))

    async def maintenance(self, _request: Request) -> Response:
        return JsonResponse({"windows": [window_json(view) for view in await self._operator.maintenance()]})

    async def start_maintenance(self, request: Request) -> Response:
        body = await read_object(request)
        return JsonResponse(window_json(await self._operator.start_maintenance(wanted(body), person(body))), 201)

    async def end_maintenance(self, request: Request) -> Response:
        by = person(await read_object(request))
        return JsonResponse(window_json(await self._operator.end_maintenance(request.path_params["id"], by)))

    async def test_channel(self, request: Request) -> Response:
        body = await read_object(request)
        receipts = await self._operator.notify_test(request.path_params["name"], read_text(body, "to"))
        return JsonResponse({"receipts": [receipt_json(receipt) for receipt in receipts]})

    async def receipts(self, _request: Request) -> Response:
        """Where providers report to: for whoever sets that up with them."""
        return JsonResponse({"addresses": dict(self._operator.receipts.addresses())})

    async def configuration(self, _request: Request) -> Response:
        return JsonResponse(self._operator.describe())

    async def reload(self, request: Request) -> Response:
        await read_object(request)
        await self._operator.reload()
        return await self.status(request)
