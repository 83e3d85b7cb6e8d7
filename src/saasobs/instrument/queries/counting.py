"""Counting the queries of a piece of code, outside of any request: what `saasobs.testing.assert_queries` is made of."""

from __future__ import annotations

from importlib import import_module
from types import TracebackType
from typing import Final

from wrapt.importer import when_imported

from saasobs.instrument import guard
from saasobs.instrument.integrations import INTEGRATIONS
from saasobs.instrument.queries.log import Asked, Known, QueryLog, listen, unlisten
from saasobs.instrument.queries.patching import on_undo
from saasobs.instrument.queries.places import calling_site, shown
from saasobs.instrument.state import Operation

_ROOM: Final = "saasobs.instrument.queries."
_SHOWN: Final = 10
_SHOWN_LENGTH: Final = 300


class count_queries:  # noqa: N801 - it reads as the function that it is used as
    """`with count_queries() as queries:` (or `async with`): what every thread of this process asks meanwhile.

    Of every thread, since test clients run apps in threads of their own; so one at a time in a test. It needs no call
    of `instrument`: the hooks of the drivers are put in when they are not there, and stay.
    """

    def __init__(self) -> None:
        self.log = QueryLog()

    @property
    def count(self) -> int:
        """Queries of databases so far."""
        return self.log.count

    @property
    def seconds(self) -> float:
        """Seconds that they took."""
        return self.log.seconds

    @property
    def cache_count(self) -> int:
        """Round trips to caches (Redis) so far."""
        return self.log.cache_count

    def statements(self) -> list[Asked]:
        """Each statement once, the most frequent first; those of caches too."""
        return self.log.asked()

    def describe(self) -> str:
        """One line for each statement: how often, what, and from where."""
        found = [one for one in self.statements() if not one.known.source.is_cache]
        lines = [_line(one) for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  … and {len(found) - _SHOWN} more statements")
        return "\n".join(lines)

    def __enter__(self) -> count_queries:
        install_drivers()
        listen(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        unlisten(self)

    async def __aenter__(self) -> count_queries:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        unlisten(self)

    def asked(
        self,
        known: Known,
        seconds: float,
        operation: Operation | None,  # noqa: ARG002 - as log.Listener has it
        error: BaseException | None,  # noqa: ARG002
    ) -> None:
        """A query is over. Where the first of its kind came from is noted too: here time is no matter."""
        self.log.add(known, seconds, calling_site(2))

    def looked_up(self, cache: str, hits: int, misses: int) -> None:
        """A cache has answered."""


def _line(one: Asked) -> str:
    text = one.known.fingerprint()
    cut = text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
    places = ", ".join(dict.fromkeys(shown(site) or "?" for site in one.sites))
    return f"  {one.times} × {cut}\n      from {places}"


class _Installed:
    done = False


def install_drivers() -> None:
    """Put the hooks of every driver in that is imported or will be; once."""
    if _Installed.done:
        return
    _Installed.done = True
    on_undo(_forget)
    for library, ours in INTEGRATIONS.items():
        if ours.startswith(_ROOM):
            _hook(library, ours)


def _forget() -> None:
    _Installed.done = False


def _hook(library: str, ours: str) -> None:
    @when_imported(library)  # type: ignore[untyped-decorator]
    @guard.guarded("install")
    def _imported(_module: object) -> None:
        import_module(ours).install(None)
