"""httpx and httpx2, sync and async: every request that a Client hands to a transport, whichever that is.

The hook is around `_send_single_request`, which both have: one call of a transport, below redirects and
authentication, so that a redirect or an answered challenge is observed on its own. Our headers stay on the request,
where the app's tests may look for them, except when it is answered by a redirect: httpx copies all headers to the
next host, third party or not. A request that is sent again gets new ones.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.clients.calls import Call, begin, observe_for
from saasobs.instrument.queries.patching import replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_MARK: Final = "_saasobs_headers"
_HOOK: Final = "_send_single_request"
_INSTRUMENTORS: Final = {"httpx": "HTTPXClientInstrumentor", "httpx2": "HTTPX2ClientInstrumentor"}

on_aiohttp: ContextVar[bool] = ContextVar("httpx_on_aiohttp", default=False)
"""Whether aiohttp is asked by httpx (package `httpx-aiohttp`), which has observed the call already."""


def install(process: Instrumentation) -> None:
    """Observe what clients of either library send."""
    observe_for(process)
    for library in _INSTRUMENTORS.keys() - set(process.config.disable):
        module = sys.modules.get(library)
        if module is not None:
            traced = partial(_is_traced, _INSTRUMENTORS[library])
            replace(module.Client, _HOOK, partial(_observing, traced))
            replace(module.AsyncClient, _HOOK, partial(_observing_async, traced))


def _observing(traced: Callable[[], bool], original: Callable[..., Any]) -> Callable[..., Any]:
    def _send_single_request(client: Any, request: Any) -> Any:
        call = _begun(request, traced)
        if call is None:
            return original(client, request)
        try:
            response = original(client, request)
        except BaseException as error:
            call.ended(0, error)
            raise
        _ended(call, request, response.status_code)
        return response

    return _send_single_request


def _observing_async(
    traced: Callable[[], bool], original: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    async def _send_single_request(client: Any, request: Any) -> Any:
        call = _begun(request, traced)
        if call is None:
            return await original(client, request)
        token = on_aiohttp.set(True) if "httpx_aiohttp" in sys.modules else None
        try:
            response = await original(client, request)
        except BaseException as error:
            call.ended(0, error)
            raise
        finally:
            if token is not None:
                on_aiohttp.reset(token)
        _ended(call, request, response.status_code)
        return response

    return _send_single_request


@guard.guarded("client")
def _begun(request: Any, traced: Callable[[], bool]) -> Call | None:
    if _MARK in vars(request):
        _take_back(request)
    url = request.url
    headers = request.headers
    call = begin(request.method, url.raw_host.decode("ascii"), headers, url, traced)
    if call is not None and call.headers:
        headers.update(call.headers)
        setattr(request, _MARK, tuple(call.headers))
    return call


def _ended(call: Call, request: Any, status: int) -> None:
    call.ended(status)
    if 300 <= status < 400:
        _take_back(request)


@guard.guarded("client")
def _take_back(request: Any) -> None:
    """Leave the request as the app has made it."""
    for name in vars(request).pop(_MARK, ()):
        request.headers.pop(name, None)


def _is_traced(instrumentor: str) -> bool:
    """Whether OpenTelemetry's own instrumentation is at work: it makes a span, and sets the trace headers, below us."""
    module = sys.modules.get("opentelemetry.instrumentation.httpx")
    instance = getattr(getattr(module, instrumentor, None), "_instance", None)
    return bool(getattr(instance, "is_instrumented_by_opentelemetry", False))
