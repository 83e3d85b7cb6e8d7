"""On-call schedules over the API: who has them, and overrides.

GET  /oncall?days=28  /oncall/{schedule}?days=28
POST /oncall/{schedule}/override  {person, start, end, reason, by}: moments are RFC 3339; without a `start`: now
POST /oncall/overrides/{id}/end
"""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from saasobs.core.oncall import Override, ScheduleView, Shift
from saasobs.core.ports import Operator
from saasobs.web.json import JsonResponse, moment
from saasobs.web.requests import number, person, read_moment, read_object, read_text

MAX_DAYS: Final = 366
DAYS: Final = 28
_KEYS: Final = frozenset({"person", "start", "end", "reason", "by"})


class OnCallApi:
    """The endpoints over one operator."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        """Relative to /api/v1."""
        return [
            Route("/oncall", self.schedules),
            Route("/oncall/overrides/{id}/end", self.end_override, methods=["POST"]),
            Route("/oncall/{schedule:path}/override", self.override, methods=["POST"]),
            Route("/oncall/{schedule:path}", self.schedules),
        ]

    async def schedules(self, request: Request) -> Response:
        days = number(request, "days", default=DAYS, top=MAX_DAYS)
        views = self._operator.on_call(days, request.path_params.get("schedule", ""))
        return JsonResponse({"schedules": [schedule_json(view) for view in views]})

    async def override(self, request: Request) -> Response:
        body = await read_object(request)
        entered = await self._operator.override(_wanted(request.path_params["schedule"], body))
        return JsonResponse(override_json(entered), 201)

    async def end_override(self, request: Request) -> Response:
        by = person(await read_object(request))
        return JsonResponse(override_json(await self._operator.end_override(request.path_params["id"], by)))


def _wanted(schedule: str, body: dict[str, Any]) -> Override:
    if unknown := sorted(body.keys() - _KEYS):
        raise HTTPException(400, f"unknown: {unknown[0]}; known here: {', '.join(sorted(_KEYS))}")
    end = read_moment(body, "end")
    if not end:
        raise HTTPException(400, "say until when: end, as in 2026-12-26T09:00:00-05:00")
    start, who = read_moment(body, "start"), read_text(body, "person")
    return Override("", schedule, who, start, end, created_by=person(body), reason=read_text(body, "reason"))


def schedule_json(view: ScheduleView) -> dict[str, Any]:
    """A schedule: `now` and each shift's `people` are names; `override` is the ID of the override behind a shift."""
    return {
        "name": view.name,
        "timezone": view.timezone,
        "now": list(view.now),
        "shifts": [_shift_json(shift) for shift in view.shifts],
        "overrides": [override_json(one) for one in view.overrides],
        "calendar_url": view.calendar_url or None,
    }


def _shift_json(shift: Shift) -> dict[str, Any]:
    return {
        "people": list(shift.people),
        "start": moment(shift.start),
        "end": moment(shift.end),
        "override": shift.override or None,
    }


def override_json(override: Override) -> dict[str, Any]:
    """`by` is null for one of the configuration."""
    return {
        "id": override.id,
        "schedule": override.schedule,
        "person": override.person,
        "start": moment(override.starts_at),
        "end": moment(override.ends_at),
        "reason": override.reason,
        "by": override.created_by or None,
    }
