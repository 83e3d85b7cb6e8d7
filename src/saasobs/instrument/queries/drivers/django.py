"""Django's ORM, sync and async, on every connection there is or will be, by Django's own execute wrappers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.log import note, source_of
from saasobs.instrument.queries.patching import cover, on_undo

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

# Django's name -> OpenTelemetry's, where they differ.
_SYSTEMS: Final = {"microsoft": "microsoft.sql_server", "oracle": "oracle.db"}
_ID: Final = "saasobs"


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Count what every connection executes."""
    signal = import_module("django.db.backends.signals").connection_created
    signal.connect(_connected, dispatch_uid=_ID, weak=False)
    for connection in _open_connections():
        _hook(connection)
    cover("django")
    on_undo(lambda: _undo(signal))


def _connected(connection: Any, **_: Any) -> None:
    _hook(connection)


@guard.guarded("queries")
def _hook(connection: Any) -> None:
    """In front of all others: `with connection.execute_wrapper(...)` takes the last one away at its end."""
    if _counted not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _counted)


def _counted(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
    begun = perf_counter()
    try:
        answer = execute(sql, params, many, context)
    except BaseException as error:
        _asked(sql, begun, context, error)
        raise
    _asked(sql, begun, context)
    return answer


@guard.guarded("queries")
def _asked(sql: Any, begun: float, context: Any, error: BaseException | None = None) -> None:
    vendor = context["connection"].vendor
    text = sql if isinstance(sql, str) else str(sql)
    note(text, perf_counter() - begun, source_of(_SYSTEMS.get(vendor, vendor), "django"), error)


def _open_connections() -> list[Any]:
    """Those of this thread."""
    if not import_module("django.conf").settings.configured:
        return []
    return list(import_module("django.db").connections.all(initialized_only=True))


def _undo(signal: Any) -> None:
    signal.disconnect(dispatch_uid=_ID)
    for connection in _open_connections():
        if _counted in connection.execute_wrappers:
            connection.execute_wrappers.remove(_counted)
