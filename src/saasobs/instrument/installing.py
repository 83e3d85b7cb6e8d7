"""`instrument`, the function that people call: it finds out what it was given and puts the right layer around it."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any, TypeVar

from saasobs.instrument import integrations, names
from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.process import Instrumentation
from saasobs.instrument.reading import nearest
from saasobs.instrument.servers.asgi import RequestLayer
from saasobs.instrument.tasks import apps
from saasobs.instrument.tracing.ownership import claim_app

App = TypeVar("App")
_MARK = "__saasobs_layer__"


class _Process:
    instrumentation: Instrumentation | None = None
    starting = threading.RLock()  # two requests may be the first: of a threaded server under `saasobs wrap`


def instrument(
    app: App = None,  # type: ignore[assignment]
    *,
    service: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    **more: Any,
) -> App:
    """Give an app every signal: logs with correlation IDs, errors, response times, traces, queries; returns the app.

    FastAPI, Starlette and Flask apps and Celery apps are changed in place (and returned); any other ASGI or WSGI app
    is wrapped, so serve what is returned. Without an app (a script, a worker) the process is set up. The first call
    of a process settles its configuration. Calling it twice for one app is harmless. It never raises.

    :param service: the name in every signal; each argument here wins over its `SAASOBS_*` variable.
    :param more: any other field of InstrumentConfig.
    """
    arguments = {"service": service, "environment": environment, "version": version, **more}
    try:
        current = started(arguments)
        installed: App = _install(current, app) if app is not None else app
    except Exception:
        logging.getLogger("saasobs.instrument").exception("the app runs without instrumentation")
        return app  # a guest keeps quiet
    return installed


def started(arguments: Mapping[str, Any] | None = None) -> Instrumentation:
    """This process's instrumentation, started with these arguments if it was not running."""
    if _Process.instrumentation is None:
        with _Process.starting:
            if _Process.instrumentation is None:
                _Process.instrumentation = _start(arguments or {})
                integrations.install(_Process.instrumentation)
    return _Process.instrumentation


def running() -> Instrumentation | None:
    """This process's instrumentation, if it has been started."""
    return _Process.instrumentation


def _start(arguments: Mapping[str, Any]) -> Instrumentation:
    known = set(InstrumentConfig.__dataclass_fields__)
    config, warnings = read_config(os.environ, arguments, terminal=_terminal())
    unknown = tuple(f"there is no argument {name!r}{nearest(name, known)}" for name in arguments if name not in known)
    return Instrumentation.start(config, warnings=(*warnings, *unknown))


def _terminal() -> bool:
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def _install(current: Instrumentation, app: Any) -> Any:
    if isinstance(app, RequestLayer) or hasattr(app, _MARK) or integrations.leaves_alone(current.config, app):
        return app
    if apps.observe(current, app):
        return app
    if hasattr(app, "build_middleware_stack") and hasattr(app, "middleware_stack"):
        _install_in_starlette(current, app)
        return app
    return _install_by_protocol(current, app)


def _install_by_protocol(current: Instrumentation, app: Any) -> Any:
    from saasobs.instrument.servers.protocols import protocol_of  # noqa: PLC0415 - not of those whose app is known
    from saasobs.instrument.servers.wsgi import WsgiLayer  # noqa: PLC0415 - nor of those who serve ASGI

    flask = sys.modules.get("flask")
    if flask is not None and isinstance(app, flask.Flask):
        from saasobs.instrument.servers.flask import install_in_flask  # noqa: PLC0415 - it imports Flask

        install_in_flask(current, app)
        return app
    protocol = protocol_of(app) if callable(app) else ""
    if protocol == "asgi":
        return current.wrap(app)
    if protocol == "wsgi":
        return app if isinstance(app, WsgiLayer) else WsgiLayer(app, current)
    problem = f"{type(app).__name__} is neither an ASGI nor a WSGI app: it runs without instrumentation"
    current.logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": problem})
    return app


def _install_in_starlette(current: Instrumentation, app: Any) -> None:
    """Put the layer outside of the whole middleware stack, Starlette's own error handling included."""
    build = app.build_middleware_stack

    def build_inside_layer() -> RequestLayer:
        return current.wrap(build())

    app.build_middleware_stack = build_inside_layer
    if app.middleware_stack is not None:
        app.middleware_stack = current.wrap(app.middleware_stack)
    claim_app(app)
    setattr(app, _MARK, True)
