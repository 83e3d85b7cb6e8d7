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
        processors=[merge_contextvars, _keep_fields],
        wrapper_class=logger_class(logs),
        logger_factory=lambda *args: _Name(str(args[0]) if args else "app"),
        cache_logger_on_first_use=False,  # a cached logger would keep an old configuration, and hide from capture_logs
    )


def _keep_fields(_logger: Any, _level: str, event_dict: Any) -> Any:
    """The end of the chain: the event as a dictionary, which `Logger` hands to the renderer."""
    return event_dict


def logger_class(logs: Logs) -> type[Any]:
    """A filtering logger for the level of `logs`, whose methods take any field name and never raise."""

    class Logger(structlog.make_filtering_bound_logger(logs.level)):  # type: ignore[misc]
        def _proxy_to_logger(self, method_name: str, event: Any = None, **fields: Any) -> None:
            self._say(method_name, event, (), fields)

        def _say(self, level: str, event: Any, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
            try:
                if names.EVENT in fields:
                    fields[f"{names.EVENT}_"] = fields.pop(names.EVENT)
                _, kept = self._process_event(level, _interpolate(event, args), fields)
                chosen = dict(kept)
                logs.emit_in_context(level, chosen.pop(names.EVENT, ""), self._logger.name, chosen)
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
    if not args:
        return event
    try:
        return event % (args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args)
    except (TypeError, ValueError, KeyError):
        return f"{event} {args!r}"
