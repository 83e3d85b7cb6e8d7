"""What a person answers to an incident, read from an API call or from a form on the operator's page.

POST /incidents/{id}/acknowledge   {by}
     /incidents/{id}/unacknowledge {by}
     /incidents/{id}/snooze        {by, until | duration_seconds}
     /incidents/{id}/assign        {by, to}
     /incidents/{id}/note          {by, text}
     /incidents/{id}/resolve       {by}

Each takes `text`, too: why, for the timeline. Each answers with the incident, as it is now. The first three take the ID
of a message about many, too, for all of them that are open, and answer with {group, incidents}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from saasobs.core.answers import Answer, AnswerKind, Via
from saasobs.core.ports import Operator
from saasobs.core.values import MINUTE, SECOND
from saasobs.web.guard import is_unix_socket
from saasobs.web.json import JsonResponse, incident_json
from saasobs.web.requests import person, read_form, read_moment, read_object, read_seconds, read_text

COOKIE: Final = "saasobs_by"
"""Remembers the name that a form was sent with: the page has no users."""
_YEAR: Final = 365 * 24 * 3600
_TEXT: Final = 1_000
_LONGEST_SNOOZE: Final = 7 * 24 * 3600


class AnswerApi:
    """The endpoints over one operator; relative to /api/v1."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        return [Route("/incidents/{id}/{kind}", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        kind = _kind(request.path_params["kind"])
        body = await read_object(request)
        via = Via.CLI if is_unix_socket(request.scope) else Via.API
        answer = Answer(
            kind,
            person(body),
            via,
            until=read_moment(body, "until"),
            to=read_text(body, "to"),
            text=read_text(body, "text", longest=_TEXT),
            lasting=read_seconds(body, "duration_seconds", top=_LONGEST_SNOOZE) * SECOND,
        )
        taken = await self._operator.answer(request.path_params["id"], answer)
        if not taken.group:
            return JsonResponse(incident_json(taken.incident))
        return JsonResponse({"group": taken.group, "incidents": [incident_json(one) for one in taken.incidents]})


class AnswerForms:
    """Where the forms of an incident's page go; the guard lets nothing in that another site's page could have sent."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        return [Route("/incidents/{id}/answer", self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        form = await read_form(request)
        by, identity = person({"by": form.get("by") or "operator"}), request.path_params["id"]
        answer = Answer(
            _kind(form.get("kind", "")),
            by,
            Via.PAGE,
            to=read_text(form, "to"),
            text=read_text(form, "text", longest=_TEXT),
            lasting=_minutes(form) * MINUTE,
        )
        incident = (await self._operator.answer(identity, answer)).incident
        response = RedirectResponse(f"/incidents/{quote(incident.id, safe='')}", 303)
        response.set_cookie(COOKIE, quote(by), max_age=_YEAR, path="/incidents", httponly=True, samesite="strict")
        return response


def _kind(text: str) -> AnswerKind:
    try:
        return AnswerKind(text)
    except ValueError as error:
        raise HTTPException(404) from error


def _minutes(form: Mapping[str, Any]) -> int:
    text = form.get("minutes", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise HTTPException(400, "minutes must be a whole number")
    return int(text)
