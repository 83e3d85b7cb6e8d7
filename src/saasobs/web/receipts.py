"""What providers report of messages that they have accepted: /receipts/{channel}/{token}.

POST …                 one report or many, as the provider sends them
     …/keys/{link}     a key that was pressed during a call; the answer says what its caller hears
GET  …                 the question of a provider whether this is the right address

Who has no token learns nothing. What cannot be written down now is a 503, and most providers come again.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from saasobs.core.errors import NotFound, Refused
from saasobs.core.ports import Operator
from saasobs.core.receipts import Posted
from saasobs.web.bodies import read_body

PATH: Final = "/receipts/"
BODY: Final = 1024 * 1024
SECONDS: Final = 10.0
_BELOW: Final = re.compile(r"(?P<channel>.+?)/(?P<token>[0-9a-f]{32})(?:/(?P<below>.{1,500}))?")


class Receipts:
    """The endpoint over one operator, for the ingest listener."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{PATH}{{rest:path}}", self.posted, methods=["POST"]),
            Route(f"{PATH}{{rest:path}}", self.asked, methods=["GET"]),
        ]

    async def posted(self, request: Request) -> Response:
        channel, token, below = self._read(request)
        posted = Posted(await read_body(request, BODY, SECONDS), request.headers, below)
        try:
            if below:
                body, media_type = await self._operator.receipts.press(channel, token, posted)
                return Response(body, media_type=media_type)
            await self._operator.receipts.report(channel, token, posted)
        except PermissionError as error:
            raise HTTPException(403) from error
        except Refused as error:
            raise HTTPException(400) from error
        except NotFound as error:
            raise HTTPException(404) from error
        return PlainTextResponse("OK")

    async def asked(self, request: Request) -> Response:
        channel, token, below = self._read(request)
        if below:
            raise HTTPException(404)
        return PlainTextResponse(self._operator.receipts.challenge(channel, token, request.query_params))

    def _read(self, request: Request) -> tuple[str, str, str]:
        """Channel, token and what follows, of an address that was given out. :raises HTTPException: 404."""
        found = _BELOW.fullmatch(request.path_params["rest"])
        if found is None or not self._operator.receipts.admits(found["channel"], found["token"]):
            raise HTTPException(404)
        return found["channel"], found["token"], found["below"] or ""
