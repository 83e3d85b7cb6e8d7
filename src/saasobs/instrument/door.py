"""What an app calls by hand, beside `instrument` and `get_logger`."""

from __future__ import annotations

import sys

from saasobs.instrument.guard import guarded
from saasobs.instrument.installing import started


@guarded("capture", default="")
def capture_exception(error: BaseException | None = None) -> str:
    """Report an exception that the app has handled; the one being handled when None. Returns the event's ID, or ""."""
    fault = error if error is not None else sys.exc_info()[1]
    return "" if fault is None else started().errors.capture(fault, handled=True, source="app")
