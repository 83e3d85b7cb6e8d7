"""Flask: the WSGI layer around `app.wsgi_app`, and what only Flask knows.

1. The signal `got_request_exception`: Flask makes a 500 of an unhandled exception. It is heard from every Flask app of
   the process, so one that a dispatcher has mounted inside an instrumented app is seen as well.
2. A 405 or a redirect to the path with its slash has matched no rule: Flask's router says which one it was about.

The matched route itself is what Flask leaves in the environ (`wsgi_routes`). What is put around `app.wsgi_app` after
`instrument` (ProxyFix, a dispatcher) is outside of our layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from flask import Flask, Request, current_app, got_request_exception, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter, RequestRedirect

from saasobs.instrument import guard
from saasobs.instrument.servers.wsgi import ENVIRON_KEY, WSGIApp, WsgiLayer
from saasobs.instrument.servers.wsgi_routes import flask_template, note_flask_route
from saasobs.instrument.state import current

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation


def install_in_flask(process: Instrumentation, app: Flask) -> None:
    """Put the layer around the app, in place; once."""
    if not isinstance(app.wsgi_app, WsgiLayer):
        app.wsgi_app = WsgiLayer(cast("WSGIApp", app.wsgi_app), process)  # type: ignore[method-assign]
        got_request_exception.connect(_raised)


def nearly_matched(asked: Request) -> str | None:
    """The template that it would have matched with a method that is allowed, or that it is redirected to."""
    problem = asked.routing_exception
    if not isinstance(problem, MethodNotAllowed | RequestRedirect):
        return None
    router = current_app.create_url_adapter(asked)
    try:
        return None if router is None else flask_template(_other_rule(router, problem))
    except HTTPException:  # redirected to where nothing is
        return None


def _other_rule(router: MapAdapter, problem: MethodNotAllowed | RequestRedirect) -> str:
    if isinstance(problem, MethodNotAllowed):
        rule, _ = router.match(method=next(iter(problem.valid_methods or ())), return_rule=True)
    else:
        path = unquote(urlsplit(problem.new_url).path)
        rule, _ = router.match(path.removeprefix(router.script_name.rstrip("/")), return_rule=True)
    return rule.rule


@guard.guarded("flask")
def _raised(_sender: object, *, exception: BaseException, **_: Any) -> None:
    """Note and report what Flask is about to make a 500 of."""
    operation = current()
    layer = request.environ.get(ENVIRON_KEY)
    if operation is not None and layer is not None:
        note_flask_route(request.environ)  # with PROPAGATE_EXCEPTIONS no response will start
        operation.fault = exception
        layer.instrumentation.errors.capture(exception, handled=False, source="flask")
