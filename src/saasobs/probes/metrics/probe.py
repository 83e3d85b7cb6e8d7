"""The metrics kind: scrapes a page, adds it to what is remembered, and makes one Result of what the window shows."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import structlog

from saasobs.core.monitor import Monitor
from saasobs.core.result import Check, Reason, Result
from saasobs.core.values import SECOND
from saasobs.probes.budget import TookTooLong, within_budget
from saasobs.probes.http.exchange import Seen
from saasobs.probes.http.fetcher import Fetcher
from saasobs.probes.kind import Tools, broken
from saasobs.probes.metrics.exposition import Malformed, TooMuch, is_cut, is_page
from saasobs.probes.metrics.judge import judge
from saasobs.probes.metrics.memory import Memory, Remembered
from saasobs.probes.metrics.options import MetricsOptions
from saasobs.probes.metrics.reading import Page, label_sets, sort_out, take
from saasobs.probes.metrics.selector import Memberships
from saasobs.probes.metrics.source import Judgement, failed, header, judge_chain, judged, refused
from saasobs.probes.metrics.window import History, advance, look
from saasobs.probes.verdict import short

_THREAD_FROM: Final = 64 * 1024
"""Pages from this size on are read in a thread: that would hold up the loop for milliseconds."""

log = structlog.get_logger("saasobs.probes.metrics")


class _Moment(NamedTuple):
    """When a page was read: on the clock for waiting (µs), and by the app's own clock (seconds)."""

    at: int
    app: float


class MetricsProbe:
    """Implements core.ports.Probe. What it remembers lives as long as it does."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._fetcher = Fetcher(tools)
        self._memory = Memory()

    async def check(self, monitor: Monitor, check: Check) -> Result:
        seen = Seen()
        try:
            deadline = asyncio.get_running_loop().time() + monitor.timeout / SECOND
            await self._fetcher.fetch(monitor.options.scrape, monitor, check, seen)
            async with asyncio.timeout_at(deadline + _GRACE):
                return await self._judge(monitor, check, seen)
        except TimeoutError:
            return failed(check, seen, self._tools.clock.now(), Reason.INTERNAL, _NO_TIME)
        except Exception as error:
            # Our own mistake, whatever it is: it must neither stop the daemon nor be held against the target.
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, seen.duration())

    async def close(self) -> None:
        self._fetcher.close()

    async def _judge(self, monitor: Monitor, check: Check, seen: Seen) -> Result:
        now = self._tools.clock.now()
        if (why := refused(seen)) is not None:
            return failed(check, seen, now, *why)
        moment = _Moment(round(self._tools.clock.monotonic() * SECOND), _app_clock(seen, now))
        remembered = self._memory.of(monitor, moment.at)
        try:
            async with remembered.lock:
                judgement = await _read_and_judge(remembered, seen, moment)
        except Malformed as error:
            return failed(check, seen, now, Reason.PROTOCOL_ERROR, str(error))
        except TooMuch as error:
            return failed(check, seen, now, Reason.BODY_TOO_LARGE, f"the page has {error}: narrow it by route or where")
        except TookTooLong:
            return failed(check, seen, now, Reason.INTERNAL, _SLOW_PATTERNS)
        judgement.unmet += judge_chain(monitor.options.expect, seen, now)
        return judged(check, seen, now, judgement)


_GRACE: Final = 0.5
"""Seconds past the scrape's deadline for judging what came just in time."""
_NO_TIME: Final = "the scrape took so long that no time was left to read it"
_SLOW_PATTERNS: Final = "this page could not be judged: the regular expressions of the monitor take too long on it"


async def _read_and_judge(remembered: Remembered, seen: Seen, moment: _Moment) -> Judgement:
    """:raises Malformed: :raises TooMuch: :raises TookTooLong:"""
    options, memberships = remembered.options, remembered.memberships
    large = len(seen.body) >= _THREAD_FROM
    page = await asyncio.to_thread(_take, seen, options) if large else _take(seen, options)
    if memberships.matchers:
        # Here and not in the thread: only in the main thread can a regular expression be stopped.
        within_budget(memberships.decide, memberships.open_questions(label_sets(page)))
    last = (page, options, memberships, remembered.history, moment)
    history, judgement = await asyncio.to_thread(_conclude, *last) if large else _conclude(*last)
    remembered.history = history
    return judgement


def _take(seen: Seen, options: MetricsOptions) -> Page:
    content_type = header(seen, "content-type")
    if content_type.lower().startswith("application/openmetrics-text") and is_cut(seen.body):
        raise Malformed("the page ends too early: it has no # EOF")
    if not is_page(seen.body):
        raise Malformed(f"this is no page of metrics (Content-Type: {short(content_type) or 'none'})")
    return take(seen.body, options)


def _conclude(
    page: Page, options: MetricsOptions, memberships: Memberships, history: History, moment: _Moment
) -> tuple[History, Judgement]:
    reading = sort_out(page, options, memberships, moment.app)
    further = advance(history, reading.counters, moment.at, options.window)
    return further, judge(options, reading, look(further, options.window))


def _app_clock(seen: Seen, now: int) -> float:
    """The Date of the answer, or our own clock where there is none; seconds since the epoch."""
    try:
        return parsedate_to_datetime(header(seen, "date")).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return now / SECOND
