"""Instrumentation: a request passing through somebody else's app. A guest that keeps quiet.

Callable: ``saasobs.instrument(app, service="billing")`` is `saasobs.instrument.installing.instrument`. The room and the
function share one name in the door `saasobs`, and Python puts the room there as soon as anything in it is imported.
"""

from __future__ import annotations

import sys
import types
from typing import Any


class _CallableRoom(types.ModuleType):
    """This package, which can be called like the function it is known for."""

    def __call__(self, app: Any = None, **arguments: Any) -> Any:
        from saasobs.instrument.installing import instrument  # noqa: PLC0415 - the door is light until it is used

        return instrument(app, **arguments)


sys.modules[__name__].__class__ = _CallableRoom
