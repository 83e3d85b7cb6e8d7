"""Both apps on one listener, which is the default: the path says whose request it is."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from saasobs.web.alerts import PREFIXES
from saasobs.web.answer_link import PATH

_INGEST = frozenset({"/metrics", "/healthz", "/readyz"})
_BELOW = ("/ping/", "/oncall/", "/slack/", "/receipts/", PATH, *PREFIXES)


def combined_app(operator_app: ASGIApp, ingest_app: ASGIApp, *, apart: bool = False) -> ASGIApp:
    """Pings, alerts of others, signed links, `/metrics`, `/healthz`, `/readyz` go to the ingest app, all else to the
    operator's.

    :param apart: the ingest app has a listener of its own; only the links, which may lead to either, are here, too.
    """

    def is_ingest(path: str) -> bool:
        return path.startswith(PATH) or (not apart and (path in _INGEST or path.startswith(_BELOW)))

    async def combined(scope: Scope, receive: Receive, send: Send) -> None:
        ingest = scope["type"] == "http" and is_ingest(scope.get("path", ""))
        await (ingest_app if ingest else operator_app)(scope, receive, send)

    return combined
