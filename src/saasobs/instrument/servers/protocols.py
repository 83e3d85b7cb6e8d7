"""Whether a callable speaks ASGI or WSGI, told by what it takes: (scope, receive, send) or (environ, start_response).

It is asked once, when an app is instrumented, and calls nothing of the app. A plain function that takes whatever comes
(`*args`: a decorator, Werkzeug's `Request.application`) is what it decorates, and WSGI when that does not say: ASGI
servers would not take it for theirs either.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def protocol_of(app: Callable[..., Any]) -> Literal["asgi", "wsgi", ""]:
    """`asgi`, `wsgi`, or nothing when it does not say."""
    if _is_coroutine_function(app):
        return "asgi"
    try:
        parameters = inspect.signature(app, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # a builtin, a signature that cannot be read
        return ""
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        decorated = getattr(app, "__wrapped__", None)
        return (protocol_of(decorated) if decorated is not None else "") or "wsgi"
    known = [each for each in parameters if each.kind in _POSITIONAL]
    needed = sum(each.default is inspect.Parameter.empty for each in known)
    if needed <= 3 <= len(known):
        return "asgi" if needed == 3 else ""
    return "wsgi" if needed <= 2 == len(known) else ""


def _is_coroutine_function(app: Any) -> bool:
    while isinstance(app, partial):
        app = app.func
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))  # noqa: B004 - what kind of call it is, not whether there is one
