"""Where reports go: Sentry's SDK (and so Sentry, GlitchTip, Bugsink), by a client of ours or by the app's own.

- No DSN and no client of the app's: nowhere; the log line is all there is.
- A DSN: a client of our own, which nobody else sees, with everything off that would touch the app (the SDK's
  web-framework integrations cost 130–280 µs a request). It is made at the first report, in a thread of ours, and
  there the frames of every event are read and serialized too: 3.5 ms that no request waits for, and an import that no
  start pays for. What depends on the moment is in the report already.
- The app has called `sentry_sdk.init` itself, before us or after: reports go through its client, at once and in its
  scopes, as its own integrations would send them; our tags come on top, and its grouping stays as it is.
"""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from saasobs.instrument import guard
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.errors.event import event_of, scrub_messages
from saasobs.instrument.errors.report import Report
from saasobs.instrument.errors.sending import Sender
from saasobs.instrument.forks import prepare_connections

OURS: Final = "saasobs_report"
"""In the hint of an event that we have built."""
_SHUTDOWN: Final = 2.0
_FORK_WAITS: Final = 30.0
"""Seconds for which a fork waits at the most until the SDK has been imported by somebody else: on a busy machine, with
everything that the SDK imports along, that takes some. A child that did not wait could never report."""


class Sentry:
    """One process's way to its error tracker."""

    def __init__(self, config: InstrumentConfig) -> None:
        self._config = config
        self._client: Any = None
        self._made_in = 0
        self._sender = Sender(self._send_later)
        if config.sentry_dsn:
            prepare_connections()

    def send(self, report: Report) -> bool:
        """Hand a report over; False when there is nowhere to send it, or too many are waiting."""
        theirs = _active_client()
        if theirs is not None:
            return _send_through(theirs, report)
        return bool(self._config.sentry_dsn) and self._sender.put(report)

    def _send_later(self, report: Report) -> None:
        with _working:
            client = self._own_client()
            event, hint = _built(report, client)
            event["fingerprint"] = [report.fingerprint]
            client.capture_event(event, hint)

    def _own_client(self) -> Any:
        """Ours, and this process's: after a fork the parent's connections are not to be used."""
        if self._client is None or self._made_in != os.getpid():
            self._client = _made(self._config)
            self._made_in = os.getpid()
        return self._client

    def flush(self, timeout: float) -> None:
        """Send what waits, within `timeout` seconds; what the app's own client still has too."""
        until = monotonic() + timeout
        self._sender.flush(timeout)
        ours = self._client if self._made_in == os.getpid() else None
        client = ours if ours is not None else _active_client()
        if client is not None:
            client.flush(timeout=max(0.1, until - monotonic()))


def dsn_problem(dsn: str) -> str:
    """What is wrong with a DSN, or nothing. It holds a secret: the sentence does not repeat it."""
    try:
        parts = urlsplit(dsn)
        whole = bool(
            parts.hostname and parts.username and parts.path.rpartition("/")[2].isdecimal() and parts.port != 0
        )
    except ValueError:
        whole = False
    return "" if whole else "the Sentry DSN must be https://KEY@HOST/PROJECT: errors are log lines only"


_working = threading.Lock()
"""Held while the SDK is imported and works: a child forked in the middle would wait for ever for its locks."""


class _Forking(threading.local):
    """Whether this thread holds it until it has forked; another may be about to fork too."""

    holds = False


_forking = _Forking()


def _before_fork() -> None:
    _forking.holds = _working.acquire(timeout=_FORK_WAITS)


def _after_fork() -> None:
    if _forking.holds:
        _forking.holds = False
        _working.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _made(config: InstrumentConfig) -> Any:
    from sentry_sdk import Client  # noqa: PLC0415 - 50 ms and more, which only a report is worth

    return Client(
        dsn=config.sentry_dsn,
        release=config.version,  # not None: the SDK would ask git
        environment=config.environment or None,
        default_integrations=False,
        auto_enabling_integrations=False,
        traces_sample_rate=None,
        propagate_traces=False,
        auto_session_tracking=False,
        include_local_variables=False,
        send_default_pii=False,
        max_request_body_size="never",
        shutdown_timeout=_SHUTDOWN,
        before_send=_without_empty_release,
    )


def _without_empty_release(event: Any, _hint: Any) -> Any:
    if not event.get("release"):
        event.pop("release", None)
    return event


def _active_client() -> Any:
    """The SDK's client, if there is one that would send."""
    sdk = sys.modules.get("sentry_sdk")
    if sdk is None or not hasattr(sdk, "get_client"):
        return None
    client = sdk.get_client()
    return client if client.is_active() and client.dsn else None


@guard.guarded("capture", default=False)
def _send_through(client: Any, report: Report) -> bool:
    import sentry_sdk  # noqa: PLC0415 - it is loaded: there is a client

    event, hint = _built(report, client)
    return bool(sentry_sdk.capture_event(event, {**hint, OURS: True}))


def _built(report: Report, client: Any) -> tuple[Any, dict[str, Any]]:
    from sentry_sdk.utils import event_from_exception  # noqa: PLC0415 - it is loaded: there is a client

    mechanism = {"type": report.source, "handled": report.handled}
    event: Any
    event, hint = event_from_exception(report.error, client_options=client.options, mechanism=mechanism)
    event.update(event_of(report))
    scrub_messages(event)
    return event, hint
