"""The page behind the signed link of a text message or an e-mail: what is down, and a button.

GET and HEAD change nothing: previewers and mail scanners open every link that they see. A POST is sent by the page's
own form only, may come twice, and leads back to the page, which says who was first.

The page is small and whole: no script, no image, no other file; it is made for a telephone. Its words come from the
daemon, in the language of whom the link was sent to.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from saasobs.core.answers import LINK_SNOOZE, Answer, AnswerKind, NoOffer, RefusedLink, Via
from saasobs.core.errors import Refused, StorageError
from saasobs.core.ports import Operator
from saasobs.web.errors import RETRY_AFTER
from saasobs.web.html import ASSETS, render
from saasobs.web.peers import peer_of
from saasobs.web.requests import read_form

PATH: Final = "/a/"
_STYLE: Final = (ASSETS / "answer.css").read_text()
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_STATUSES: Final = {
    RefusedLink.INVALID: 404,
    RefusedLink.EXPIRED: 410,
    RefusedLink.WAIT: 429,
    RefusedLink.UNAVAILABLE: 503,
}
_RETRY_AFTER: Final = {RefusedLink.WAIT: "60", RefusedLink.UNAVAILABLE: RETRY_AFTER}
_DEEDS: Final = {"acknowledge": AnswerKind.ACKNOWLEDGE, "snooze": AnswerKind.SNOOZE}
_LANGUAGES: Final = ("en", "es", "pt")


class AnswerLinkPage:
    """The one page, over one operator."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> list[BaseRoute]:
        # Whatever follows is taken for the token, so that no log takes a part of it for a path.
        return [Route(f"{PATH}{{token:path}}", self.page, methods=["GET", "HEAD", "POST"])]

    async def page(self, request: Request) -> Response:
        if request.method == "POST":
            return await self._answer(request)
        found = await self._operator.open_link(request.path_params["token"], peer_of(request.scope), _language(request))
        if isinstance(found, NoOffer):
            return _nothing(found)
        return _html(render("answer.html", page=found.page, style=_STYLE))

    async def _answer(self, request: Request) -> Response:
        token, language = request.path_params["token"], _language(request)
        found = await self._operator.open_link(token, peer_of(request.scope), language)
        if isinstance(found, NoOffer):
            return _nothing(found)
        deed = _DEEDS.get((await read_form(request)).get("do", ""))
        if deed is None:
            raise HTTPException(400)
        answer = Answer(deed, found.who, Via.LINK, lasting=LINK_SNOOZE if deed is AnswerKind.SNOOZE else 0)
        try:
            await self._operator.answer(found.identity, answer)
        except Refused:
            pass  # it is over by now: the page says so
        except StorageError:
            return _nothing(self._operator.no_link(RefusedLink.UNAVAILABLE, found.page.language))
        # The way back is relative, since nobody knows here under which name and prefix this is reached.
        return RedirectResponse(token, 303, _HEADERS)


def _nothing(found: NoOffer) -> Response:
    response = _html(render("no_answer.html", page=found, style=_STYLE), _STATUSES[found.why])
    if found.why in _RETRY_AFTER:
        response.headers["Retry-After"] = _RETRY_AFTER[found.why]
    return response


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, _HEADERS)


def _language(request: Request) -> str:
    """The first of ours that the browser names; English."""
    wanted = request.headers.get("accept-language", "")[:200].lower()
    named = (part.partition(";")[0].strip()[:2] for part in wanted.split(","))
    return next((language for language in named if language in _LANGUAGES), "en")
