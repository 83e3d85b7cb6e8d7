"""PyMongo: commands, by its own listeners. Clients made before `instrument` was called are not heard.

A statement is the command, the collection and the names of the fields asked for: never a value. Fetching more of an
answer (`getMore`) is no query of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from saasobs.instrument import guard
from saasobs.instrument.queries.log import note, source_of
from saasobs.instrument.queries.patching import on_undo

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

_MONGODB: Final = source_of("mongodb", "pymongo")
_COUNTED: Final = frozenset(
    "aggregate bulkWrite count createIndexes delete distinct"  # noqa: SIM905 - it reads better
    " drop dropIndexes explain find findAndModify insert"
    " listCollections listDatabases listIndexes mapReduce update".split()
)
_WAITING_LIMIT: Final = 5_000
_FIELDS: Final = 8
_CONDITIONS: Final = {"find": "filter", "distinct": "query", "count": "query", "findAndModify": "query"}
_LISTS: Final = {"update": "updates", "delete": "deletes"}


def install(process: Instrumentation | None) -> None:  # noqa: ARG001 - what it counts goes to those who listen
    """Register one listener for every client there will be."""
    monitoring = import_module("pymongo.monitoring")
    heard = monitoring._LISTENERS.command_listeners  # noqa: SLF001 - only to find out whether ours is there
    if any(type(each).__name__ == "SaasobsListener" for each in heard):
        return
    listener = _listener_class(monitoring.CommandListener)()
    monitoring.register(listener)
    on_undo(lambda: _removed(heard, listener))


def shape(name: str, command: Mapping[str, Any]) -> str:
    """`find users {_id}`: the command, the collection and the sorted names of the fields asked for. Pure."""
    asked = command.get(_CONDITIONS[name]) if name in _CONDITIONS else _first_of(command.get(_LISTS.get(name, "")))
    fields = sorted({str(field)[:64] for field in asked}) if isinstance(asked, Mapping) else []
    shown = ", ".join(fields[:_FIELDS]) + (", …" if len(fields) > _FIELDS else "")
    collection = command.get(name)
    return f"{name} {collection[:128] if isinstance(collection, str) else ''} {{{shown}}}"


def _first_of(items: Any) -> Any:
    return items[0].get("q") if isinstance(items, (list, tuple)) and items and isinstance(items[0], Mapping) else None


def _removed(heard: list[Any], listener: Any) -> None:
    with suppress(ValueError):
        heard.remove(listener)


def _listener_class(base: Any) -> Any:
    class SaasobsListener(base):  # type: ignore[misc]
        """Pairs the beginning of a command, which has its text, with its end, which has its duration."""

        def __init__(self) -> None:
            self._waiting: dict[tuple[int, Any], str] = {}

        @guard.guarded("queries")
        def started(self, event: Any) -> None:
            if event.command_name in _COUNTED:
                if len(self._waiting) >= _WAITING_LIMIT:
                    self._waiting.clear()
                self._waiting[event.request_id, event.connection_id] = shape(event.command_name, event.command)

        @guard.guarded("queries")
        def succeeded(self, event: Any) -> None:
            self._over(event, None)

        @guard.guarded("queries")
        def failed(self, event: Any) -> None:
            self._over(event, RuntimeError("the command failed"))

        def _over(self, event: Any, error: BaseException | None) -> None:
            statement = self._waiting.pop((event.request_id, event.connection_id), None)
            if statement is not None:
                note(statement, event.duration_micros / 1e6, _MONGODB, error)

    return SaasobsListener
