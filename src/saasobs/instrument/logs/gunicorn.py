"""gunicorn's logger puts its handlers on when it is made and on every reload: tame it each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wrapt import wrap_function_wrapper

from saasobs.instrument.logs.taming import tame_server_loggers

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation


def install(process: Instrumentation) -> None:  # noqa: ARG001 - the loggers are the process's own
    """Stand behind `gunicorn.glogging.Logger.setup`; where it has run already, make up for it."""
    wrap_function_wrapper("gunicorn.glogging", "Logger.setup", _set_up)
    tame_server_loggers()


def _set_up(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    tame_server_loggers()
    return result
