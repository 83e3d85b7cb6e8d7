"""One SERVER span a request, whatever else is installed: what FastAPI would make itself is switched off.

FastAPI has telemetry of its own (from 0.140 on), which begins as soon as there is a global TracerProvider: 75 µs a
request, and a second SERVER span. Its switch for one request is a private key of the scope, the one for an app a
private dictionary; both are used only where they look as expected. Where they do not, its SERVER span is around ours
or comes to lie below it: in the first case ours is not made (`recording`), in the second there are two.

OpenTelemetry's own middleware (contrib) needs no switch: below a current span it makes an INTERNAL one, and around us
its SERVER span is adopted. Sentry's transactions are no OpenTelemetry spans.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, Final

from saasobs.instrument import guard
from saasobs.instrument.tracing.tracer import Tracer

_KEY: Final = "fastapi.telemetry"


class _Known:
    obeys: bool | None = None
    """Whether the FastAPI of this process looks for the key before it makes a span; None: not asked yet."""


def claim_asgi_scope(tracer: Tracer, scope: MutableMapping[str, Any]) -> None:
    """The request is ours: FastAPI apps below make no span of their own. Call it after `tracer.begin`.

    It does nothing while nobody records spans, and leaves a request alone that FastAPI is already measuring.
    """
    if tracer.recorder is not None and _KEY in sys.modules and _KEY not in scope and (_Known.obeys or _obeys()):
        scope[_KEY] = None


@guard.guarded("trace")
def claim_app(app: Any) -> None:
    """The app's requests are ours: its own telemetry, which lies around its middleware, makes no span.

    An app that was given a provider for its telemetry by name (`telemetry={"tracer_provider": …}`) keeps it, and we
    adopt its span.
    """
    settings = getattr(app, "_telemetry", None)
    if isinstance(settings, dict) and settings.get("tracing") is True and settings.get("tracer_provider") is None:
        settings["tracing"] = False


def _obeys() -> bool:
    if _Known.obeys is None:
        _Known.obeys = _looks_for_key()
    return _Known.obeys


@guard.guarded("trace", default=False)
def _looks_for_key() -> bool:
    fastapi: Any = sys.modules["fastapi"]
    return _KEY in fastapi.FastAPI.__call__.__code__.co_consts
