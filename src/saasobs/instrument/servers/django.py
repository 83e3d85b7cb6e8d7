"""Django: the layers around its handlers, and what only Django knows: route, user, and what it makes a 500 of.

The handlers' classes are changed, because Django makes its handler itself: one line in INSTALLED_APPS (`saasobs.apps`)
or any `saasobs.instrument()` of the process will do.

1. WSGIHandler and ASGIHandler are served through the same layers as every other app: streaming responses, files, and
   whatever MIDDLEWARE does to the request ID are theirs.
2. `resolve_request` leaves the matched route where the layers look for it.
3. The signal `got_request_exception` tells of an exception that Django answers for.
4. The user's ID is noted when the request is over, if the app has looked at `request.user` by then: asking ourselves
   would be a query, and a session that varies.
5. The test clients, which use neither handler, are requests too.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.handlers.base import BaseHandler
from django.core.signals import got_request_exception
from django.utils.functional import LazyObject, empty

from saasobs.instrument import guard
from saasobs.instrument.servers.asgi import RequestLayer
from saasobs.instrument.servers.django_routes import django_template
from saasobs.instrument.servers.exchange import Exchange
from saasobs.instrument.servers.wsgi import WsgiLayer
from saasobs.instrument.servers.wsgi_routes import ARGUMENTS_KEY, ROUTE_KEY
from saasobs.instrument.state import current

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_MARK: Final = "__saasobs__"
_LAYER: Final = "_saasobs_layer"
_UID: Final = "saasobs"


def install(process: Instrumentation) -> None:
    """Change what is loaded of Django's handlers; called again when another one has been."""
    _replace(BaseHandler, "resolve_request", _resolving)
    _replace(BaseHandler, "get_response", _answering)
    _replace(BaseHandler, "get_response_async", _answering_async)
    for module, name, around in _HANDLERS:
        owner = getattr(sys.modules.get(module), name, None)
        if owner is not None:
            _replace(owner, "__call__", functools.partial(around, process))

    @guard.guarded("django")
    def raised(request: Any = None, **_: Any) -> None:
        _raised(process, request)

    got_request_exception.connect(raised, weak=False, dispatch_uid=_UID)


def _replace(owner: Any, name: str, around: Callable[[Any], Any]) -> None:
    """Put a function around a method of a class, once."""
    original = owner.__dict__.get(name)
    if original is not None and not hasattr(original, _MARK):
        changed = functools.wraps(original)(around(original))
        setattr(changed, _MARK, True)
        setattr(owner, name, changed)


# The handlers.


def _serving_wsgi(process: Instrumentation, original: Any) -> Any:
    layer = WsgiLayer(original, process)

    def __call__(self: Any, environ: Any, start_response: Any) -> Any:  # noqa: N807 - what it stands for
        return layer.serve(functools.partial(original, self), environ, start_response)

    return __call__


def _serving_asgi(process: Instrumentation, original: Any) -> Any:
    async def __call__(self: Any, scope: Any, receive: Any, send: Any) -> None:  # noqa: N807 - what it stands for
        layer = self.__dict__.get(_LAYER)
        if layer is None:
            layer = self.__dict__[_LAYER] = RequestLayer(functools.partial(original, self), process)
        await layer(scope, receive, send)

    return __call__


def _serving_client(process: Instrumentation, original: Any) -> Any:
    layer = WsgiLayer(original, process)

    def __call__(self: Any, environ: Any) -> Any:  # noqa: N807 - what it stands for
        exchange = layer.begin(environ)
        if exchange is None:
            return original(self, environ)
        exchange.enter()
        try:
            response = original(self, environ)
            _answered(exchange, layer.correlation_header, response)
        except BaseException as error:
            exchange.broken(error)
            raise
        finally:
            exchange.leave()
        return response

    return __call__


def _serving_async_client(process: Instrumentation, original: Any) -> Any:
    layer = RequestLayer(original, process)

    async def __call__(self: Any, scope: Any) -> Any:  # noqa: N807 - what it stands for
        exchange = layer.begin(scope)
        if exchange is None:
            return await original(self, scope)
        exchange.enter()
        try:
            response = await original(self, scope)
            _answered(exchange, process.config.correlation_header, response)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            exchange.finish(last=True)
            exchange.leave()
        return response

    return __call__


@guard.guarded("django")
def _answered(exchange: Exchange, header: str, response: Any) -> None:
    """What a test client gets: the whole response at once, or a stream that the test will read."""
    response.headers[header] = exchange.operation.correlation_id
    exchange.response_started(response.status_code)
    exchange.sent(0 if response.streaming else len(response.content))
    exchange.completed()
    exchange.finish(last=True)


_HANDLERS: Final = (
    ("django.core.handlers.wsgi", "WSGIHandler", _serving_wsgi),
    ("django.core.handlers.asgi", "ASGIHandler", _serving_asgi),
    ("django.test.client", "ClientHandler", _serving_client),
    ("django.test.client", "AsyncClientHandler", _serving_async_client),
)


# What passes inside of them.


class _Route(NamedTuple):
    """The matched route as Starlette leaves it in the scope, where the ASGI layer looks for it."""

    path: str


def _resolving(original: Any) -> Any:
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        try:
            template = django_template(match.route)
            environ = getattr(request, "environ", None)
            if environ is None:
                scope = request.scope
                scope["route"] = _Route(template)
                scope["path_params"] = match.kwargs
            else:
                environ[ROUTE_KEY] = template
                environ[ARGUMENTS_KEY] = ((), match.kwargs)
        except Exception:  # noqa: BLE001 - a guest keeps quiet
            guard.failed("route")
        return match

    return resolve_request


def _answering(original: Any) -> Any:
    def get_response(self: Any, request: Any) -> Any:
        response = original(self, request)
        _note_user(request)
        return response

    return get_response


def _answering_async(original: Any) -> Any:
    async def get_response_async(self: Any, request: Any) -> Any:
        response = await original(self, request)
        _note_user(request)
        return response

    return get_response_async


def _raised(process: Instrumentation, request: Any) -> None:
    """Note and report what Django is about to make a 500 of."""
    error = sys.exc_info()[1]
    operation = current()
    if error is not None and operation is not None:
        operation.fault = error
        if request is not None:
            _note_user(request)
        process.errors.capture(error, handled=False, source="django")


@guard.guarded("user")
def _note_user(request: Any) -> None:
    """The ID of the user that the app has asked for, and of no other."""
    operation = current()
    if operation is None or operation.user is not None:
        return
    known = request.__dict__
    user = known.get("user")
    if isinstance(user, LazyObject):
        user = None if user._wrapped is empty else user  # noqa: SLF001 - the only way to look without a query
    if user is None:
        user = known.get("_acached_user")
    if user is not None and getattr(user, "is_authenticated", False) is True:
        key = getattr(user, "pk", None)
        if key is not None:
            operation.user = {"id": str(key)[:200]}
