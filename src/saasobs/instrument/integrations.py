"""The table of libraries that get a hook of ours, each when the app imports it, and never before.

An integration is one file with `install(process)`; it is called once, after the library has been imported, and undoes
nothing. `SAASOBS_DISABLE=redis,httpx` leaves some alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from wrapt.importer import when_imported

from saasobs.instrument import guard

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

# The library's module -> our module with `install(process)`. The name before the first dot is what one disables.
INTEGRATIONS: Final[dict[str, str]] = {}


def install(process: Instrumentation) -> None:
    """Have every integration installed as soon as its library is there."""
    for library, ours in INTEGRATIONS.items():
        if library.partition(".")[0] not in process.config.disable:
            _hook(process, library, ours)


def _hook(process: Instrumentation, library: str, ours: str) -> None:
    @when_imported(library)  # type: ignore[untyped-decorator]
    @guard.guarded("install")
    def _imported(_module: object) -> None:
        import_module(ours).install(process)
