"""Everything of one process put together, and `instrument`, the function that people call.

`Instrumentation` is what the daemon holds too: its own configuration, logs and metrics in one value.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

from prometheus_client import CollectorRegistry

from saasobs.instrument import names
from saasobs.instrument.asgi import ASGIApp, RequestLayer
from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.logging_setup import configure_logging
from saasobs.instrument.logs import Logs
from saasobs.instrument.metrics import Metrics

App = TypeVar("App")
_MARK = "__saasobs_layer__"


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """One process's logging and request metrics, and the layer that feeds them."""

    config: InstrumentConfig
    metrics: Metrics
    logs: Logs

    @classmethod
    def start(
        cls,
        config: InstrumentConfig,
        *,
        warnings: Iterable[str] = (),
        stream: TextIO | None = None,
        registry: CollectorRegistry | None = None,
    ) -> Instrumentation:
        """Set the process's logging up and make its metrics.

        :param warnings: what `read_config` had to say; each becomes one line.
        """
        metrics = Metrics(config, registry)
        logs = configure_logging(config, stream=stream, troubles=metrics)
        for sentence in warnings:
            logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": sentence})
        return cls(config, metrics, logs)

    def wrap(self, app: ASGIApp) -> RequestLayer:
        """The app inside the request layer; an app that is wrapped already comes back as it is."""
        return app if isinstance(app, RequestLayer) else RequestLayer(app, self.config, self.metrics, self.logs)

    def close(self, timeout: float = 2.0) -> None:
        """Write out what is still waiting, within `timeout` seconds."""
        self.logs.flush(timeout)


class _Process:
    instrumentation: Instrumentation | None = None


def instrument(
    app: App,
    *,
    service: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    log_level: str | None = None,
    log_format: str | None = None,
    **more: Any,
) -> App:
    """Give an app correlation IDs, JSON logs, one access line and response times per route; returns the app to serve.

    A Starlette or FastAPI app is changed in place (and returned); any other ASGI app is wrapped, so serve what is
    returned. The first call of a process settles its configuration. Calling it twice for one app is harmless.

    :param service: the name in every log line; each argument here wins over its `SAASOBS_*` variable.
    :param more: `trust_incoming`, `correlation_header`, `exclude`: see InstrumentConfig.
    """
    arguments = {
        "service": service,
        "environment": environment,
        "version": version,
        "log_level": log_level,
        "log_format": log_format,
        **more,
    }
    try:
        if _Process.instrumentation is None:
            _Process.instrumentation = _start(arguments)
        installed: App = _install(_Process.instrumentation, app)
    except Exception:
        logging.getLogger("saasobs.instrument").exception("the app runs without instrumentation")
        return app  # a guest keeps quiet
    return installed


def _start(arguments: Mapping[str, Any]) -> Instrumentation:
    known = set(InstrumentConfig.__dataclass_fields__)
    config, warnings = read_config(os.environ, arguments, terminal=_terminal())
    unknown = tuple(f"there is no argument {name!r}" for name in arguments if name not in known)
    return Instrumentation.start(config, warnings=(*warnings, *unknown))


def _terminal() -> bool:
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def _install(current: Instrumentation, app: Any) -> Any:
    if isinstance(app, RequestLayer) or hasattr(app, _MARK):
        return app
    if hasattr(app, "build_middleware_stack") and hasattr(app, "middleware_stack"):
        _install_in_starlette(current, app)
        return app
    if hasattr(app, "wsgi_app") or not callable(app):
        problem = f"{type(app).__name__} is not an ASGI app: it runs without instrumentation"
        current.logs.emit("warning", names.MISCONFIGURED_EVENT, "saasobs.instrument", {"problem": problem})
        return app
    return current.wrap(app)


def _install_in_starlette(current: Instrumentation, app: Any) -> None:
    """Put the layer outside of the whole middleware stack, Starlette's own error handling included."""
    build = app.build_middleware_stack

    def build_inside_layer() -> RequestLayer:
        return current.wrap(build())

    app.build_middleware_stack = build_inside_layer
    if app.middleware_stack is not None:
        app.middleware_stack = current.wrap(app.middleware_stack)
    setattr(app, _MARK, True)
