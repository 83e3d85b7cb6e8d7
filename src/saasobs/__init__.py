"""saasobs: the four things that a production SaaS cannot skip, in one package.

This door is light: importing it loads none of the daemon's dependencies, and of the instrumentation's only what
is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saasobs._version import __version__

if TYPE_CHECKING:
    from saasobs.instrument.door import capture_exception
    from saasobs.instrument.installing import instrument
    from saasobs.instrument.logs.setup import get_logger
    from saasobs.instrument.state import bind, correlation_id, set_tenant, set_user
    from saasobs.instrument.tasks.job import job

__all__ = [
    "__version__",
    "bind",
    "capture_exception",
    "correlation_id",
    "get_logger",
    "instrument",
    "job",
    "set_tenant",
    "set_user",
]

_DOOR = {
    "bind": "saasobs.instrument.state",
    "capture_exception": "saasobs.instrument.door",
    "correlation_id": "saasobs.instrument.state",
    "get_logger": "saasobs.instrument.logs.setup",
    "job": "saasobs.instrument.tasks.job",
    "set_tenant": "saasobs.instrument.state",
    "set_user": "saasobs.instrument.state",
}


def __getattr__(name: str) -> Any:
    """PEP 562: a public name is imported when somebody asks for it."""
    if name == "instrument":
        return import_module("saasobs.instrument")  # a room that can be called: see its docstring
    if name in _DOOR:
        return getattr(import_module(_DOOR[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
