"""Takes an exception once and sends it where errors go."""

from __future__ import annotations

from saasobs.instrument.config import InstrumentConfig


class Errors:
    """One process's error reports."""

    def __init__(self, config: InstrumentConfig) -> None:
        self._config = config

    def capture(self, error: BaseException, *, handled: bool, source: str) -> str:  # noqa: ARG002 - comes
        """Report an exception of the operation in progress, unless it has been already; returns the event's ID.

        :param handled: whether the app goes on as if nothing had happened.
        :param source: which hook saw it: `asgi`, `wsgi`, `django`, `celery`, `log`, `app` …
        """
        return ""

    def close(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds."""
