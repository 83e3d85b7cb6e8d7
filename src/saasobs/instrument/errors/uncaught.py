"""What nobody catches: the exception that ends the process, or one of its threads.

The hooks that were there (Python's own print the traceback to stderr) are called after us. asyncio tells its lost
exceptions to the log, which reports them.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saasobs.instrument.process import Instrumentation


def install(process: Instrumentation) -> None:
    """Stand before `sys.excepthook` and `threading.excepthook`."""
    errors = process.errors
    at_end, in_thread = sys.excepthook, threading.excepthook

    def process_hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
        errors.capture(error, handled=False, source="process", level="critical")
        return at_end(kind, error, trace)

    def thread_hook(arguments: threading.ExceptHookArgs, /) -> Any:
        if arguments.exc_value is not None:
            errors.capture(arguments.exc_value, handled=False, source="thread")
        return in_thread(arguments)

    sys.excepthook = process_hook
    threading.excepthook = thread_hook
