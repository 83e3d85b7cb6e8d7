"""Who is on call now: the schedules of the configuration, and the overrides that people enter while the daemon runs.

The event loop's thread changes the book; any thread may ask.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from saasobs.alerting.oncall import Schedule, on_call, shifts
from saasobs.core.errors import NotFound, Refused
from saasobs.core.oncall import Override, ScheduleView
from saasobs.core.people import Person
from saasobs.core.ports import Clock, Transaction
from saasobs.core.signing import calendar_token
from saasobs.core.values import DAY, digest_id
from saasobs.daemon.ledger import Ledger

KEPT = 28 * DAY
"""How long an override that is over is remembered, for calendars that look back."""
LONGEST = 366 * DAY

log = structlog.get_logger("saasobs.oncall")


class Rota:
    """Every schedule there is."""

    def __init__(self, clock: Clock, ledger: Ledger, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._changed = changed
        """Called when somebody else may be on call than before, other than by time."""
        self._schedules: Mapping[str, Schedule] = {}
        self._people: Mapping[str, Person] = {}
        self._overrides: tuple[Override, ...] = ()
        self._secret = b""
        self._base_url = ""

    def load(self, transaction: Transaction) -> None:
        """The overrides that an earlier run was told of."""
        transaction.forget_overrides(self._clock.now() - KEPT)
        self._overrides = tuple(transaction.overrides())

    def configure(
        self, schedules: Mapping[str, Schedule], people: Mapping[str, Person], *, secret: bytes, base_url: str
    ) -> None:
        """:param base_url: where calendars reach the ingest listener."""
        self._schedules, self._people = schedules, people
        self._secret, self._base_url = secret, base_url
        self._changed()

    def on_call(self, schedule: str, at: int) -> tuple[str, ...]:
        """The names of the people who have it at a moment; nobody for a schedule that is gone."""
        found = self._schedules.get(schedule)
        if found is None:
            return ()
        return on_call(found, at, self._standing)

    @property
    def _standing(self) -> list[Override]:
        """Whoever is no longer one of the people stands in for nobody."""
        return [one for one in self._overrides if one.person in self._people]

    # What people ask for -------------------------------------------------------------------------------------

    def views(self, days: int, schedule: str = "") -> Sequence[ScheduleView]:
        """From now on, for so many days. :raises NotFound: no such schedule."""
        wanted = [self._find(schedule)] if schedule else list(self._schedules.values())
        now = self._clock.now()
        return [self._view(one, now, now + days * DAY) for one in wanted]

    def feed(self, token: str) -> ScheduleView | None:
        """What a calendar shows: four weeks back, three months ahead. None: nobody's token."""
        now = self._clock.now()
        for schedule in self._schedules.values():
            if calendar_token(self._secret, schedule.name) == token:
                return self._view(schedule, now - KEPT, now + 91 * DAY)
        return None

    async def override(self, wanted: Override) -> Override:
        """Enter one; its ID is given here. :raises NotFound: no such schedule or person. :raises Refused: the times."""
        self._find(wanted.schedule)
        if wanted.person not in self._people:
            raise NotFound(f"nobody is called {wanted.person!r}; there are: {', '.join(self._people)}")
        now = self._clock.now()
        starts_at = wanted.starts_at or now
        if wanted.ends_at <= max(starts_at, now):
            raise Refused("an override must end after it begins, and not in the past")
        if wanted.ends_at - starts_at > LONGEST:
            raise Refused("an override lasts a year at the most: change the schedule instead")
        identity = digest_id("override", now, os.urandom(8).hex(), length=6)
        entered = replace(wanted, id=identity, starts_at=starts_at)
        await self._ledger.run(lambda transaction: transaction.save_override(entered))
        self._keep(entered)
        log.info(
            "oncall.overridden", schedule=entered.schedule, person=entered.person, id=identity, by=wanted.created_by
        )
        return entered

    async def end_override(self, beginning: str, by: str) -> Override:
        """End one now. :raises NotFound: none has this ID. :raises Refused: it is the configuration's."""
        known = [*self._overrides, *(one for each in self._schedules.values() for one in each.overrides)]
        found = [one for one in known if beginning and one.id.startswith(beginning)]
        if len(found) != 1:
            what = "no override's" if not found else f"{len(found)} overrides'"
            raise NotFound(f"{what} ID begins with {beginning!r}: `saasobs oncall` shows them")
        [one] = found
        if not one.created_by:
            raise Refused(f"{one.id!r} stands in the configuration: change it there, and it ends at once")
        now = self._clock.now()
        if one.ends_at > now:
            one = replace(one, starts_at=min(one.starts_at, now), ends_at=now)
            await self._ledger.run(lambda transaction: transaction.save_override(one))
            self._keep(one)
            log.info("oncall.override_ended", schedule=one.schedule, person=one.person, id=one.id, by=by)
        return one

    def _find(self, name: str) -> Schedule:
        if name not in self._schedules:
            there = ", ".join(self._schedules) or "none: `oncall` in the configuration makes them"
            raise NotFound(f"no on-call schedule is called {name!r}; there are: {there}")
        return self._schedules[name]

    def _view(self, schedule: Schedule, since: int, until: int) -> ScheduleView:
        mine = [*schedule.overrides, *(one for one in self._standing if one.schedule == schedule.name)]
        token = calendar_token(self._secret, schedule.name)
        return ScheduleView(
            name=schedule.name,
            timezone=schedule.timezone,
            now=self.on_call(schedule.name, self._clock.now()),
            shifts=shifts(schedule, since, until, self._standing),
            overrides=tuple(one for one in mine if one.ends_at > since and one.starts_at < until),
            calendar_url=f"{self._base_url}/oncall/{token}.ics",
        )

    def _keep(self, override: Override) -> None:
        others = (one for one in self._overrides if one.id != override.id)
        self._overrides = tuple(sorted((*others, override), key=lambda one: (one.starts_at, one.id)))
        self._changed()
