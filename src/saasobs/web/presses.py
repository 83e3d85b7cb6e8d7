"""Buttons that were pressed in another service, which tells us by HTTP: POST /slack/{channel}/actions.

Whoever did not sign as the channel's service does learns nothing. The answer is short and at once: what was pressed is
taken after it.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from saasobs.core.ports import Operator
from saasobs.web.bodies import read_body

BODY: Final = 256 * 1024
SECONDS: Final = 5.0


class Presses:
    """The endpoint over one operator, for the ingest listener."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        return [Route("/slack/{channel:path}/actions", self.pressed, methods=["POST"])]

    async def pressed(self, request: Request) -> Response:
        body = await read_body(request, BODY, SECONDS)
        if not await self._operator.pressed(request.path_params["channel"], body, request.headers):
            raise HTTPException(404)
        return PlainTextResponse("")
