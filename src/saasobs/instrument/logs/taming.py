"""Whoever configures logging after us: uvicorn, gunicorn, Django, Celery, alembic, the app's own `dictConfig`.

Their handlers that write to the terminal are taken off and their records reach the root, where ours waits: one shape
for all. Files, sockets and collectors that somebody has asked for stay. It is done once at the start, again whenever
somebody configures logging (`logging.config.dictConfigClass` is the standard library's own way to be there), and by
`tame_server_loggers` at the moments that servers have of their own: an ASGI lifespan, a worker's start.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any, Final

from saasobs.instrument import guard
from saasobs.instrument.logs.records import RecordHandler

_SILENT: Final = frozenset({"uvicorn.access", "gunicorn.access", "hypercorn.access", "daphne.access"})
"""Servers' own access logs: the request layer writes a better line."""
_ROOTLESS: Final = frozenset({"uvicorn", "uvicorn.error", "uvicorn.asgi", "gunicorn.error", "hypercorn.error"})
"""Servers' loggers that keep their records to themselves."""
_TALKATIVE: Final = ("httpx", "httpx2")
"""They log whole URLs at INFO, webhook secrets and all; the root's old level kept that quiet."""


class _Installed:
    handler: RecordHandler | None = None


def take_over(handler: RecordHandler, level: int) -> None:
    """Make this the one handler of the process that writes to the terminal, and the root's level that of our own."""
    root = logging.getLogger()
    for other in [each for each in root.handlers if isinstance(each, RecordHandler)]:
        root.removeHandler(other)
    _Installed.handler = handler
    root.setLevel(level)
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    _watch_configuration()
    tame_server_loggers()


@guard.guarded("log")
def tame_server_loggers() -> None:
    """Let every logger's records reach our handler, and no server write access lines of its own.

    To be called when a server has installed its handlers; some 50 µs, any number of times.
    """
    handler = _Installed.handler
    if handler is None:
        return
    root = logging.getLogger()
    if handler not in root.handlers:
        root.addHandler(handler)
    _strip(root)
    for logger in _all_loggers():
        if logger.name in _SILENT:
            logger.propagate = False
            logger.handlers[:] = [each for each in logger.handlers if not _is_stream(each)]
        elif (_strip(logger) or logger.name in _ROOTLESS) and not logger.handlers:
            logger.propagate = True


def _is_stream(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)


def release() -> None:
    """Let others configure logging as they like again; what has been taken off stays off."""
    _Installed.handler = None
    logging.captureWarnings(capture=False)
    if logging.config.dictConfigClass is _Configurator:
        logging.config.dictConfigClass = logging.config.DictConfigurator


def _all_loggers() -> Iterator[logging.Logger]:
    known = logging.getLogger().manager.loggerDict
    for name in (*_SILENT, *_ROOTLESS):
        if name not in known:
            logging.getLogger(name)
    return (each for each in list(known.values()) if isinstance(each, logging.Logger))


def _strip(logger: logging.Logger) -> bool:
    """Take the terminal's handlers off; whether there were any."""
    if not logger.handlers:
        return False
    theirs = [handler for handler in logger.handlers if _writes_to_terminal(handler)]
    for handler in theirs:
        logger.removeHandler(handler)
    return bool(theirs)


def _writes_to_terminal(handler: logging.Handler) -> bool:
    if isinstance(handler, RecordHandler | logging.FileHandler):
        return False
    console = getattr(handler, "console", None)  # rich's handler
    stream = getattr(handler, "stream", None) if console is None else getattr(console, "file", None)
    return stream is not None and any(
        stream is known for known in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    )


class _Configurator(logging.config.DictConfigurator):
    """The standard library's, after which our handler is still there.

    A configuration that does not say so no longer mutes the loggers that it does not name: that default has silenced
    more production errors than any bug.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__({"disable_existing_loggers": False, **config})

    def configure(self) -> None:
        super().configure()
        tame_server_loggers()


def _watch_configuration() -> None:
    if logging.config.dictConfigClass is logging.config.DictConfigurator:
        logging.config.dictConfigClass = _Configurator  # type: ignore[assignment]
    if not hasattr(logging.config.fileConfig, "__wrapped__"):
        from wrapt import wrap_function_wrapper  # noqa: PLC0415 - the door is light

        wrap_function_wrapper("logging.config", "fileConfig", _file_config)


def _file_config(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    if len(args) < 3:
        kwargs.setdefault("disable_existing_loggers", False)
    try:
        return wrapped(*args, **kwargs)
    finally:
        tame_server_loggers()
