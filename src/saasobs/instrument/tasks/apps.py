"""Recognises what belongs to a queue or a scheduler when it is given to `instrument`: a Celery app, a Huey, a broker.

Their integrations observe all there are in a process, so that there is little left to do for one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation

# The class -> our module with `observe(process, app)`, where one needs it.
_KNOWN: Final[dict[str, str]] = {
    "celery.app.base.Celery": "",
    "huey.api.Huey": "",
    "dramatiq.broker.Broker": "saasobs.instrument.tasks.dramatiq",
    "rq.queue.Queue": "",
    "rq.worker.base.BaseWorker": "",
    "apscheduler.schedulers.base.BaseScheduler": "",
}


def observe(process: Instrumentation, app: Any) -> bool:
    """Whether it is one of ours, and then it is observed."""
    for kind in type(app).__mro__:
        ours = _KNOWN.get(f"{kind.__module__}.{kind.__qualname__}")
        if ours is None:
            continue
        if ours:
            import_module(ours).observe(process, app)
        return True
    return False
