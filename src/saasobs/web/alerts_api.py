"""Alerts of others and silences over the operator's API.

GET  /alerts  /silences      POST /silences  /silences/{id}/expire

A silence is given, and shown, as Alertmanager's API has it; `by` says who makes it.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from saasobs.core.errors import Refused
from saasobs.core.ports import Operator
from saasobs.web.alertmanager import own_alert_json, read_silence, silence_json
from saasobs.web.clock import wall_clock
from saasobs.web.json import JsonResponse
from saasobs.web.requests import person, read_object


class AlertsApi:
    """The endpoints over one operator."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        """Relative to /api/v1."""
        return [
            Route("/alerts", self.alerts),
            Route("/silences", self.silences),
            Route("/silences", self.make, methods=["POST"]),
            Route("/silences/{id}/expire", self.expire, methods=["POST"]),
        ]

    async def alerts(self, request: Request) -> Response:
        views = await self._operator.reports.alerts(request.query_params.getlist("filter"))
        return JsonResponse({"alerts": [own_alert_json(view) for view in views]})

    async def silences(self, _request: Request) -> Response:
        now = wall_clock()
        return JsonResponse({"silences": [silence_json(one, now) for one in self._operator.reports.silences()]})

    async def make(self, request: Request) -> Response:
        body = await read_object(request)
        by = person(body)
        try:
            wanted = read_silence({"createdBy": by, **body})
        except Refused as error:
            raise HTTPException(400, str(error)) from error
        return JsonResponse(silence_json(await self._operator.reports.keep_silence(wanted), wall_clock()), 201)

    async def expire(self, request: Request) -> Response:
        by = person(await read_object(request))
        ended = await self._operator.reports.expire_silence(request.path_params["id"], by)
        return JsonResponse(silence_json(ended, wall_clock()))
