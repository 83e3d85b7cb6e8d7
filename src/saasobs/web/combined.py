"""Both apps on one listener, which is the default: the path says whose request it is."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_INGEST = frozenset({"/metrics", "/healthz", "/readyz"})


def combined_app(operator_app: ASGIApp, ingest_app: ASGIApp) -> ASGIApp:
    """`/ping/…`, `/metrics`, `/healthz` and `/readyz` go to the ingest app, all else to the operator's."""

    async def combined(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ingest = scope["type"] == "http" and (path in _INGEST or path.startswith("/ping/"))
        await (ingest_app if ingest else operator_app)(scope, receive, send)

    return combined
