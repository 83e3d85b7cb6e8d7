"""The silences that people made, by amtool, Grafana or the command line: kept in memory, written down first.

The event loop's thread changes the book; any thread may ask what covers an alert.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from saasobs.alerting.received.matchers import check_silence, covering, parse, silence_fits
from saasobs.core.alert import Silence
from saasobs.core.errors import NotFound, Refused
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import DAY, SECOND
from saasobs.daemon.ledger import Ledger

KEPT = 5 * DAY
"""How long one that is over is shown, as Alertmanager does."""
MOST = 500

log = structlog.get_logger("saasobs.alerts")


class Silences:
    """Every silence there is."""

    def __init__(self, clock: Clock, ledger: Ledger, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._changed = changed
        """Called when what is covered may be another than before, other than by time."""
        self._book: tuple[Silence, ...] = ()

    def load(self, transaction: Transaction) -> None:
        """Those that an earlier run was told of."""
        transaction.forget_silences(self._clock.now() - KEPT)
        self._book = tuple(transaction.silences())

    def covering(self, labels: Mapping[str, str], now: int) -> tuple[Silence, ...]:
        """Those that cover an alert now."""
        return covering(self._book, labels, now) if self._book else ()

    # What people ask for -------------------------------------------------------------------------------------

    def all(self, filters: Sequence[str] = ()) -> Sequence[Silence]:
        """Those that last first, then those to come, then those that are over. :raises Refused: no matcher."""
        wanted, now = [parse(text) for text in filters], self._clock.now()
        found = [one for one in self._book if one.ends_at > now - KEPT and silence_fits(one, wanted)]
        return sorted(found, key=lambda one: (one.ends_at <= now, one.starts_at > now, one.starts_at, one.id))

    def one(self, beginning: str) -> Silence:
        """Any unambiguous beginning of an ID will do. :raises NotFound:"""
        wanted = beginning.lower()
        found = [one for one in self._book if wanted and one.id.startswith(wanted)]
        exact = [one for one in found if one.id == wanted]
        if len(exact or found) != 1:
            what = "silence not found" if not found else f"{len(found)} silences' IDs begin with {beginning!r}"
            raise NotFound(f"{what}: `saasobs silence list` shows them")
        return (exact or found)[0]

    async def keep(self, wanted: Silence) -> Silence:
        """Make or change one, as Alertmanager does. :raises NotFound: no such ID. :raises Refused: it has no sense."""
        now = self._clock.now()
        check_silence(wanted)
        if wanted.ends_at <= now:
            raise Refused("end time can't be in the past")
        before = self.one(wanted.id) if wanted.id else None
        if before is not None and _can_change(before, wanted, now):
            return await self._save(
                replace(wanted, id=before.id, starts_at=_start(before, wanted, now), updated_at=now)
            )
        if len([one for one in self._book if one.ends_at > now]) >= MOST:
            raise Refused(f"there are {MOST} silences already: let some of them end first")
        new = replace(wanted, id=str(uuid.uuid4()), starts_at=max(wanted.starts_at, now), updated_at=now)
        if before is not None and before.ends_at > now:
            return await self._save(new, _ended(before, now))
        return await self._save(new)

    async def expire(self, beginning: str, by: str) -> Silence:
        """:raises NotFound: :raises Refused: it is over already."""
        now, found = self._clock.now(), self.one(beginning)
        if found.ends_at <= now:
            raise Refused(f"silence {found.id} already expired")
        ended = await self._save(_ended(found, now))
        log.info("silence.expired", id=found.id, by=by)
        return ended

    async def _save(self, new: Silence, *ended: Silence) -> Silence:
        def work(transaction: Transaction) -> None:
            for one in (*ended, new):
                transaction.save_silence(one)

        await self._ledger.run(work)
        changed = {one.id: one for one in (*ended, new)}
        known = {one.id for one in self._book}
        kept = (changed.get(one.id, one) for one in self._book)
        self._book = (*kept, *(one for one in changed.values() if one.id not in known))
        self._changed()
        if new.id not in known:
            matchers = ", ".join(map(str, new.matchers))
            log.info("silence.made", id=new.id, by=new.created_by, matchers=matchers, until=new.ends_at // SECOND)
        return new


def _can_change(before: Silence, after: Silence, now: int) -> bool:
    """Whether it can be changed in place: what has been silenced so far must stay true."""
    if before.matchers != after.matchers or before.ends_at <= now:
        return False
    if before.starts_at <= now:
        return before.starts_at // SECOND == after.starts_at // SECOND
    return after.starts_at >= now


def _start(before: Silence, after: Silence, now: int) -> int:
    return before.starts_at if before.starts_at <= now else after.starts_at


def _ended(silence: Silence, now: int) -> Silence:
    """One that was still to come has never been."""
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, updated_at=now)
