"""The operator's app: pages and API behind one guard. Served on loopback, and to the CLI on a Unix socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from starlette.applications import Starlette
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from saasobs.core.ports import Operator
from saasobs.web.api import Api
from saasobs.web.clock import wall_clock
from saasobs.web.errors import EXCEPTION_HANDLERS
from saasobs.web.guard import Guard
from saasobs.web.pages import Pages


def operator_app(operator: Operator, *, hosts: Sequence[str] = (), now: Callable[[], int] = wall_clock) -> ASGIApp:
    """The page at `/` and the JSON API at `/api/v1`.

    :param hosts: names, without port, under which it answers besides loopback ones.
    """
    app = Starlette(
        routes=[
            Mount("/api/v1", Router(Api(operator).routes(), redirect_slashes=False)),
            *Pages(operator, now).routes(),
        ],
        exception_handlers=cast("dict[Any, Any]", EXCEPTION_HANDLERS),
    )
    app.router.redirect_slashes = False
    return Guard(app, hosts)
