"""The round: in short ticks, start all that is due, and notice when time itself did something odd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from saasobs.core.values import MILLISECOND, SECOND
from saasobs.daemon.agenda import Agenda, Due
from saasobs.daemon.clock import SteadyClock

TICK = 25 * MILLISECOND
"""Everything due within one tick starts together: one wake-up for many checks."""
LONGEST_SLEEP = SECOND
STALL = 5 * SECOND
CLOCK_EVERY = 10 * SECOND

log = structlog.get_logger("saasobs.watchman")


class Watchman:
    """Drives the agenda on the event loop by one timer."""

    def __init__(
        self,
        clock: SteadyClock,
        agenda: Agenda,
        start: Callable[[Due], None],
        was_away: Callable[[int, int], None],
        was_set_back: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._start = start
        self._was_away = was_away
        self._was_set_back = was_set_back
        self._timer: asyncio.TimerHandle | None = None
        self._last_round = self._last_clock = clock.now()

    @property
    def last_round(self) -> int:
        """When the last round was made (µs): the sign that the daemon watches."""
        return self._last_round

    def begin(self) -> None:
        self._last_round = self._clock.now()
        self._sleep(0)

    def wake(self) -> None:
        """Something may be due sooner than was thought."""
        if self._timer is not None:
            self._sleep(0)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sleep(self, micros: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(micros / SECOND, self._round)

    def _round(self) -> None:
        """One round; whatever goes wrong in it, there is a next one."""
        rest = TICK
        try:
            rest = self._go_round()
        except Exception:
            log.exception("daemon.round_broken")
        finally:
            self._sleep(max(TICK, rest))

    def _go_round(self) -> int:
        """Start what is due; returns how long there is nothing to do (µs)."""
        now = self._mind_the_clock(self._clock.now())
        if now - self._last_round > STALL:
            log.warning("daemon.stalled", seconds=(now - self._last_round) / SECOND)
            self._was_away(self._last_round, now)
        self._last_round = now
        for due in self._agenda.pop_due(now):
            self._start(due)
        following = self._agenda.next_at()
        return LONGEST_SLEEP if following is None else min(LONGEST_SLEEP, following - now)

    def _mind_the_clock(self, now: int) -> int:
        if now - self._last_clock < CLOCK_EVERY:
            return now
        step = self._clock.adjust()
        self._last_clock = after = self._clock.now()
        if step:
            log.warning("clock.stepped", seconds=step / SECOND)
            self._agenda.restart(after)
            if step > 0:  # a suspended machine wakes up like this: what was sent to us meanwhile is lost
                self._was_away(now, after)
            else:
                self._was_set_back(-step)
            self._last_round = after
        return after
