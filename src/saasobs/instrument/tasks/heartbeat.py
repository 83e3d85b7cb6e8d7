"""A job's pings to a heartbeat monitor: `/start`, then success, `/fail` or `/<exit code>`.

They are sent from threads, so that they neither delay nor fail the job, and a process that ends waits for its last
one, but not for long. Any service with these URLs does (saasobs, Healthchecks): docs/heartbeats.md.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from saasobs.instrument import guard
from saasobs.instrument.forks import prepare_requests

TIMEOUT: Final = 2.0
"""Seconds for each attempt to send a ping."""
ATTEMPTS: Final = 3
PAUSE: Final = 0.3
"""Seconds before the second attempt; twice as long before the third."""
EXIT_PATIENCE: Final = 5.0
"""Seconds that the end of the process may wait for pings on their way."""
_MOST_AT_ONCE: Final = 32

Send = Callable[[str, Mapping[str, str], bytes], int]
"""Sends one POST and returns the status. :raises OSError: it did not arrive."""


def ping_url(base: str, action: str) -> str:
    """The URL of an action (nothing for success), whether or not the base has a query or a slash at its end."""
    scheme, host, path, query, _ = urlsplit(base)
    path = path.rstrip("/")
    return urlunsplit((scheme, host, f"{path}/{action}" if action else path, query, ""))


def is_usable(url: str) -> bool:
    """Whether pings can be sent to it: http or https, with a host, and nothing that breaks a request line."""
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_a_number


class Heartbeat:
    """The pings of one run. No method waits for the network, and none raises."""

    def __init__(
        self, base: str, headers: Mapping[str, str], report: Callable[[Exception], None], send: Send | None = None
    ) -> None:
        """
        :param base: the success URL. :param headers: what goes with each ping, the correlation ID.
        :param report: told, from whatever thread, of a ping that did not arrive.
        """
        self._base = base
        self._headers = {**headers, "Content-Type": "text/plain; charset=utf-8"}
        self._report = report
        self._send = send or _post
        self._previous: threading.Thread | None = None

    def ping(self, action: str, body: str = "", *, attempts: int = ATTEMPTS) -> None:
        """Send `start`, `fail`, an exit code, or nothing for success, after the ping before it."""
        _sending.difference_update([thread for thread in list(_sending) if not thread.is_alive()])
        if len(_sending) >= _MOST_AT_ONCE:
            self._failed(RuntimeError("too many pings wait for an answer"))
            return
        try:
            prepare_requests()
            url, content = ping_url(self._base, action), body.encode("utf-8", "replace")
            deliver = partial(self._deliver, url, content, self._previous, attempts)
            thread = threading.Thread(target=deliver, name="saasobs-heartbeat", daemon=True)
            thread.start()
            _sending.add(thread)
            self._previous = thread
        except Exception as error:  # noqa: BLE001 - a guest keeps quiet
            self._failed(error)

    def _deliver(self, url: str, body: bytes, previous: threading.Thread | None, attempts: int) -> None:
        try:
            if previous is not None:
                previous.join(TIMEOUT)
            _persist(partial(self._send, url, self._headers, body), attempts)
        except Exception as error:  # noqa: BLE001 - unreachable, refused, an answer that is no HTTP
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        try:
            self._report(error)
        except Exception:  # noqa: BLE001 - as above
            guard.failed("heartbeat")


def _persist(send: Callable[[], int], attempts: int) -> None:
    """Try again when nobody answered, or with a 5xx: then the ping could not be written down just now."""
    for attempt in range(1, attempts + 1):
        try:
            status = send()
        except OSError:
            if attempt == attempts:
                raise
        else:
            if status < 400:
                return
            if status < 500 or attempt == attempts:
                raise ValueError(f"the heartbeat was answered with {status}")
        time.sleep(PAUSE * attempt)


_sending: set[threading.Thread] = set()
"""Pings on their way."""
os.register_at_fork(after_in_child=_sending.clear)


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    from urllib.error import HTTPError  # noqa: PLC0415 - only jobs with a heartbeat need it
    from urllib.request import Request, urlopen  # noqa: PLC0415 - as above

    try:
        with urlopen(Request(url, body, dict(headers)), timeout=TIMEOUT) as answer:  # noqa: S310 - see is_usable
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def wait_for_pings(seconds: float = EXIT_PATIENCE) -> bool:
    """Wait until every ping has been sent or given up; False when that takes longer."""
    until = time.monotonic() + seconds
    for thread in list(_sending):
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in list(_sending))


atexit.register(wait_for_pings)
