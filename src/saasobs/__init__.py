"""saasobs: the four things that a production SaaS cannot skip, in one package.

This door is light: importing it loads none of the daemon's dependencies, and of the instrumentation's only what
is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saasobs._version import __version__

if TYPE_CHECKING:
    from saasobs.instrument.logging_setup import get_logger
    from saasobs.instrument.runtime import instrument
    from saasobs.instrument.state import bind

__all__ = ["__version__", "bind", "get_logger", "instrument"]

_DOOR = {"bind": "saasobs.instrument.state", "get_logger": "saasobs.instrument.logging_setup"}


def __getattr__(name: str) -> Any:
    """PEP 562: a public name is imported when somebody asks for it."""
    if name == "instrument":
        return import_module("saasobs.instrument")  # a room that can be called: see its docstring
    if name in _DOOR:
        return getattr(import_module(_DOOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
