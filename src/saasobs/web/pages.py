"""The operator's pages: plain HTML, rendered here, readable on a phone and without JavaScript.

They show, and take answers to incidents (`saasobs.web.answers`); any other change goes through the API or the CLI, and
the page says which command.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from saasobs.core.errors import StorageError
from saasobs.core.incident import Incident, MonitorState, Topic
from saasobs.core.maintenance import WindowView
from saasobs.core.ports import Operator
from saasobs.core.views import MonitorView
from saasobs.web.answers import COOKIE, AnswerForms
from saasobs.web.html import ASSETS, condition, render

_REFRESH = 10
"""Seconds after which an overview loads itself again."""
_SLOW_REFRESH = 30
"""The same for a page with details, which a reload folds up again."""
_ORDER = {"down": 0, "degraded": 1, "new": 3, "up": 4, "paused": 5}
_INCIDENTS = 100
_DAYS = 30
"""How far back a monitor's figures go when it has no objective of its own."""


class Pages:
    """The pages over one operator."""

    def __init__(self, operator: Operator, now: Callable[[], int]) -> None:
        self._operator = operator
        self._now = now

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self.overview),
            Route("/monitors/{name:path}", self.monitor),
            Route("/incidents", self.incidents),
            Route("/incidents/{id}", self.incident),
            *AnswerForms(self._operator).routes(),
            Mount("/assets", StaticFiles(directory=ASSETS)),
        ]

    async def overview(self, _request: Request) -> Response:
        """Also shown while the store is broken: then with the problem in the place of the list."""
        monitors: Sequence[MonitorView] = ()
        incidents: Sequence[Incident] = ()
        windows: Sequence[WindowView] = ()
        failure = ""
        try:
            monitors = sorted(await self._operator.monitors(), key=_worst_first)
            incidents = await self._operator.incidents(open_only=True, limit=_INCIDENTS)
            windows = [view for view in await self._operator.maintenance() if view.active]
        except StorageError as error:
            failure = str(error)
        return await self._page(
            "overview.html",
            section="monitors",
            refresh=_REFRESH,
            monitors=monitors,
            incidents=incidents,
            windows=windows,
            counts=Counter(condition(view.state) for view in monitors),
            failure=failure,
        )

    async def monitor(self, request: Request) -> Response:
        view = await self._operator.monitor(request.path_params["name"])
        objective = view.monitor.slo
        days = objective.days if objective else _DAYS
        seen = await self._operator.availability(view.monitor.name, days)
        shown = {"view": view, "days": days, "seen": seen}
        return await self._page("monitor.html", section="monitors", refresh=_SLOW_REFRESH, **shown)

    async def incidents(self, _request: Request) -> Response:
        found = await self._operator.incidents(open_only=False, limit=_INCIDENTS)
        return await self._page("incidents.html", section="incidents", refresh=_REFRESH, incidents=found)

    async def incident(self, request: Request) -> Response:
        """It does not load itself again: somebody may be writing into its forms."""
        view = await self._operator.incident(request.path_params["id"])
        incident = view.incident
        names = {one.monitor.name for one in await self._operator.monitors()}
        shown = {
            "view": view,
            "watched": incident.monitor in names and incident.topic is not Topic.ALERT,
            "by": unquote(request.cookies.get(COOKIE, ""))[:100],
            "people": self._operator.people(),
        }
        return await self._page("incident.html", section="incidents", **shown)

    async def _page(self, template: str, **values: Any) -> Response:
        """Rendered in a thread: a page of a thousand monitors must not delay a check."""
        health = self._operator.health()
        text = await asyncio.to_thread(render, template, health=health, now=self._now(), **values)
        return HTMLResponse(text)


def _worst_first(view: MonitorView) -> tuple[int, str]:
    state: MonitorState = view.state
    rank = 2 if state.confirming and not state.paused else 9
    return min(_ORDER[condition(state)], rank), view.monitor.name
