"""structlog in front of our renderer: the logger class that apps hold. Imported on first use only.

The class is structlog's own filtering logger made safe for a guest: a reserved key, arguments that do not fit
the text or a failing processor are shown or counted, never raised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars

from saasobs.instrument import names
from saasobs.instrument.logs.out import Logs

_LEVELS = {
    "debug": 10,
    "info": 20,
    "msg": 20,
    "warning": 30,
    "warn": 30,
    "error": 40,
    "exception": 40,
    "critical": 50,
    "fatal": 50,
}
_ALIASES = {"msg": "info", "warn": "warning", "exception": "error", "fatal": "critical"}


@dataclass(frozen=True, slots=True)
class _Name:
    """What structlog wraps here: only the name that goes into the `logger` field."""

    name: str


def configure_structlog(logs: Logs) -> None:
    """Make every structlog logger of this process write to `logs`."""
    structlog.configure(
        processors=[_take_bound],
        wrapper_class=logger_class(logs),
        logger_factory=lambda *args: _Name(str(args[0]) if args else "app"),
        cache_logger_on_first_use=False,  # a cached logger would keep an old configuration, and hide from capture_logs
    )


class LazyLogger:
    """What `get_logger` gives: a logger of structlog's that is made when it is used, and again when that is configured.

    structlog's own lazy proxy makes one for each call (2 µs, also for a debug line that nobody wants).
    """

    __slots__ = ("_class", "_logger", "_name", "_processors")

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Any = None
        self._class: Any = None
        self._processors: Any = None

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)
        config = structlog.get_config()
        if config["processors"] is not self._processors or config["wrapper_class"] is not self._class:
            self._logger = structlog.get_logger(self._name).bind()
            self._processors, self._class = config["processors"], config["wrapper_class"]
        return getattr(self._logger, method)

    def __repr__(self) -> str:
        return f"<saasobs logger {self._name!r}>"


_bound_names: Any = getattr(structlog.contextvars, "_CONTEXT_VARS", None)
"""structlog's own table of what was ever bound; it costs 1.5 µs to find out by looking through the whole context."""


def _take_bound(logger: Any, level: str, event_dict: Any) -> Any:
    """The whole chain: what the app has bound by structlog's own means; `Logger` hands the rest to the renderer."""
    if _bound_names is not None and not _bound_names:
        return event_dict
    return merge_contextvars(logger, level, event_dict)


def logger_class(logs: Logs) -> type[Any]:
    """A filtering logger for the level of `logs`, whose methods take any field name and never raise."""

    class Logger(structlog.make_filtering_bound_logger(logs.level)):  # type: ignore[misc]
        def _proxy_to_logger(self, method_name: str, event: Any = None, **fields: Any) -> None:
            self._say(method_name, event, (), fields)

        def _say(self, level: str, event: Any, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
            try:
                if names.EVENT in fields:
                    fields[f"{names.EVENT}_"] = fields.pop(names.EVENT)
                text = _interpolate(event, args) if args else "" if event is None else event
                processors = self._processors
                if len(processors) == 1 and processors[0] is _take_bound:
                    context = self._context
                    kept = _take_bound(None, level, {**context, **fields} if context else fields)
                else:
                    _, processed = self._process_event(level, text, fields)
                    kept = dict(processed)
                    text = kept.pop(names.EVENT, "")
                logs.emit_in_context(level, text, self._logger.name, kept, template=event)
            except structlog.DropEvent:
                return
            except Exception:  # noqa: BLE001 - a guest keeps quiet: counted, never raised
                logs.troubles.internal_error("log")

    for name, level in _LEVELS.items():
        setattr(Logger, name, _method(_ALIASES.get(name, name), name) if level >= logs.level else _silent)
    return Logger


def _method(level: str, name: str) -> Callable[..., None]:
    def method(self: Any, event: Any = "", /, *args: Any, **fields: Any) -> None:
        if name == "exception":
            fields.setdefault("exc_info", True)
        self._say(level, event, args, fields)

    method.__name__ = name
    return method


def _silent(self: Any, event: Any = "", /, *args: Any, **fields: Any) -> None:
    """Below the configured level."""


def _interpolate(event: Any, args: tuple[Any, ...]) -> Any:
    try:
        return event % (args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args)
    except (TypeError, ValueError, KeyError):
        return f"{event} {args!r}"
