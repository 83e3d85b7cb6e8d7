"""urllib3, and with it requests, botocore and whatever else sends its requests through urllib3's pools.

The hook is around `HTTPConnectionPool._make_request`, which has been one attempt on one connection since 1.x: each
redirect and each retry of a `Retry` is observed on its own. Our headers go into a copy, so that neither urllib3 nor
requests takes them along to where a redirect leads. The time includes the body when urllib3 itself reads it at once
(`preload_content`, its default); requests does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from saasobs.instrument import guard
from saasobs.instrument.clients.calls import Call, begin, observe_for
from saasobs.instrument.queries.patching import replace

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_HEADERS_AT: Final = 2
"""With so many arguments after the URL the headers are one of them (a subclass may do that): they stay as they are."""
_SENTRY: Final = "X-Sentry-Auth"
"""A header of the Sentry SDK's own requests, in the SDK's own spelling."""


def install(process: Instrumentation) -> None:
    """Observe what connection pools send."""
    observe_for(process)
    replace(sys.modules["urllib3.connectionpool"].HTTPConnectionPool, "_make_request", _observing)


def _observing(original: Callable[..., Any]) -> Callable[..., Any]:
    def _make_request(pool: Any, conn: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        call = _begun(pool, method, url, len(args), kwargs)
        if call is None:
            return original(pool, conn, method, url, *args, **kwargs)
        try:
            response = original(pool, conn, method, url, *args, **kwargs)
        except BaseException as error:
            call.ended(0, error)
            raise
        call.ended(response.status)
        return response

    return _make_request


class _Target(NamedTuple):
    """The URL of a request, in its parts."""

    pool: Any
    url: str

    def __str__(self) -> str:
        if not self.url.startswith("/"):
            return self.url
        host, port = self.pool.host, self.pool.port
        where = f"[{host}]" if ":" in host else host
        return f"{self.pool.scheme}://{where}{f':{port}' if port else ''}{self.url}"


@guard.guarded("client")
def _begun(pool: Any, method: str, url: str, positional: int, kwargs: dict[str, Any]) -> Call | None:
    headers: Mapping[Any, Any] = kwargs.get("headers") or {}
    if _SENTRY in headers:
        return None
    call = begin(method, _host(pool, url), headers, _Target(pool, url))
    if call is not None and call.headers and positional < _HEADERS_AT:
        copy = headers.copy() if hasattr(headers, "copy") else dict(headers)
        copy.update(call.headers)
        kwargs["headers"] = copy
    return call


def _host(pool: Any, url: str) -> str:
    """Where the request goes: of one that a proxy forwards, the pool's host is only the proxy."""
    if url.startswith("/") or "://" not in url:
        return str(pool.host)
    return urlsplit(url).hostname or ""
