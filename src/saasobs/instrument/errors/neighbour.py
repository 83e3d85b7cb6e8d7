"""Beside an app's own use of `sentry_sdk`: our tags on its events, and never a second event for the same fault.

Its integrations (FastAPI, Django, Celery, logging …) and ours see the same exceptions, in an order that depends on
which of the two stands outside. So whoever comes first sends: an event for a fault that we have taken is dropped here,
and one that we have not taken gets our tags and is remembered as taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saasobs.instrument import guard
from saasobs.instrument.errors.report import route_of
from saasobs.instrument.errors.sentry import OURS
from saasobs.instrument.state import Operation, current

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation


def install(process: Instrumentation) -> None:
    """Have every event of the SDK pass by here, whoever initialized it, and when."""
    from sentry_sdk.scope import add_global_event_processor  # noqa: PLC0415 - the app has imported it

    errors = process.errors

    def look_at(event: Any, hint: dict[str, Any]) -> Any:
        if event.get("type") == "transaction" or hint.get(OURS):
            return event
        operation = current()
        if operation is not None:
            add_tags(event, operation)
        error = (hint.get("exc_info") or (None, None, None))[1]
        if error is None:
            return event
        if errors.reported(error):
            return None
        errors.note(error, str(event.get("event_id", "")))
        return event

    add_global_event_processor(look_at)


@guard.guarded("capture")
def add_tags(event: Any, operation: Operation) -> None:
    """What one searches by; the app's own tags win."""
    tags = {
        "correlation_id": operation.correlation_id,
        "trace_id": operation.trace_id,
        "tenant": operation.tenant or "",
        "route": route_of(operation),
    }
    known = event.setdefault("tags", {})
    if isinstance(known, dict):
        for name, value in tags.items():
            if value:
                known.setdefault(name, value[:200])
