"""aiohttp's client, from 3.12: every request that a ClientSession puts on the wire.

The hook is a client middleware of ours, the innermost one, which `ClientSession._request` is given with each request:
so it is there for sessions made before us and beside middlewares given for one request. aiohttp calls it for each
redirect and each retry with a request object of its own, from headers that are not ours; a middleware of the app's
that sends one object twice has ours replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard, names
from saasobs.instrument.clients.calls import Call, begin, observe_for
from saasobs.instrument.clients.httpx import on_aiohttp
from saasobs.instrument.queries.patching import replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_MARK: Final = "_saasobs_headers"


def install(process: Instrumentation) -> None:
    """Observe what sessions send."""
    session = sys.modules["aiohttp"].ClientSession
    if "_middlewares" not in session.ATTRS:
        problem = "this aiohttp has no client middlewares (3.12 and later do): its requests are not observed"
        process.logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": problem})
        return
    observe_for(process)
    replace(session, "_request", _observing)


def _observing(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def _request(session: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("middlewares")
        kwargs["middlewares"] = (*(session._middlewares if given is None else given), _observed)  # noqa: SLF001
        return await original(session, *args, **kwargs)

    return _request


async def _observed(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    call = None if on_aiohttp.get() else _begun(request)
    if call is None:
        return await handler(request)
    try:
        response = await handler(request)
    except BaseException as error:
        call.ended(0, error)
        raise
    call.ended(response.status)
    return response


@guard.guarded("client")
def _begun(request: Any) -> Call | None:
    headers = request.headers
    for name in vars(request).pop(_MARK, ()):
        headers.pop(name, None)
    call = begin(request.method, request.url.raw_host or "", headers, request.url)
    if call is not None and call.headers:
        headers.update(call.headers)
        setattr(request, _MARK, tuple(call.headers))
    return call
