"""Every way a request can go wrong, as a status and ``{"error": {"code", "message"}}``; a page for people.

`STATUSES` has a row for each error of core; a test holds it complete. Nothing of ours (traces, paths of files in
this package) reaches a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from saasobs.core.errors import (
    ConfigurationError,
    DeliveryError,
    NotFound,
    Refused,
    SaasobsError,
    StorageError,
    Unavailable,
)
from saasobs.web.html import render
from saasobs.web.json import JsonResponse, fault_json, seconds

RETRY_AFTER = "5"

STATUSES: Mapping[type[SaasobsError], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    Refused: (409, "refused"),
    ConfigurationError: (422, "configuration"),
    DeliveryError: (502, "delivery"),
    StorageError: (503, "storage"),
    Unavailable: (503, "unavailable"),
}
_CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
}


def is_api(path: str) -> bool:
    """Whether a machine asks, who wants JSON."""
    return path.startswith("/api/")


def answer(path: str, status: int, message: str, *, code: str = "", more: Mapping[str, Any] | None = None) -> Response:
    """The answer that says what went wrong, in the form that suits the path."""
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
    if is_api(path):
        error = {"code": code or _CODES.get(status, "error"), "message": message, **(more or {})}
        return JsonResponse({"error": error}, status, headers)
    return HTMLResponse(render("error.html", status=status, message=message), status, headers)


async def on_saasobs_error(request: Request, error: Exception) -> Response:
    """An error of core that the operator raised."""
    status, code = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), (500, "error"))
    return answer(request.url.path, status, str(error), code=code, more=_details(error))


def _details(error: Exception) -> dict[str, Any]:
    if isinstance(error, ConfigurationError):
        return {"faults": [fault_json(fault) for fault in error.faults]}
    if isinstance(error, DeliveryError):
        wait = None if error.retry_after is None else seconds(error.retry_after)
        return {"permanent": error.permanent, "retry_after_seconds": wait}
    return {"kind": error.kind} if isinstance(error, StorageError) else {}


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework or our own checks refused."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that type
    message = "There is nothing at this address." if error.status_code == 404 else error.detail
    response = answer(request.url.path, error.status_code, message)
    response.headers.update(error.headers or {})
    return response


async def on_bug(request: Request, _error: Exception) -> Response:
    """A mistake of ours: the log has the details, the client only learns that it happened."""
    return answer(request.url.path, 500, "Something went wrong inside saasobs; its log says what.", code="internal")


EXCEPTION_HANDLERS = {SaasobsError: on_saasobs_error, HTTPException: on_http_exception, Exception: on_bug}
