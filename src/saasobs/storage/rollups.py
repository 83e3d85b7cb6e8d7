"""Roll-ups and retention: the part of a transaction that the calendar works on.

1. Writing a result marks its (monitor, hour) in `unfolded`. Folding an hour rewrites its roll-up from all results of
   that hour, takes the mark away and marks its day; a day is folded from its hours. So a result that comes late, or an
   outage of any length, is only a mark that is still there, and folding twice changes nothing.
2. Raw results go by whole hours and hourly roll-ups by whole days, and never while the mark is there: what is folded is
   always complete. Should a result come for an hour whose others are gone already, the fuller roll-up stays.
3. Each call does one bite, small enough that the writer is never held for long; call again until it returns 0.

Latencies are those of answers (up and degraded): a refused connection is fast and says nothing about speed. Only the
slots' own results count: confirmations come faster while something fails, and would make it look worse. Days are UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Table, bindparam, delete, exists, func, not_, select, true, tuple_

from saasobs.core.incident import NoticeState
from saasobs.core.ports import RollUp
from saasobs.core.result import Outcome
from saasobs.core.sketch import Sketch
from saasobs.core.values import DAY, HOUR, MINUTE
from saasobs.storage.part import Part
from saasobs.storage.result_rows import OUTCOMES
from saasobs.storage.rows import by_name
from saasobs.storage.session import Columns
from saasobs.storage.tables import (
    attempt_notices,
    attempts,
    events,
    group_members,
    incidents,
    message_groups,
    message_references,
    monitors,
    notices,
    results,
    rollups,
    unfolded,
)

FOLDS = 200
"""Hours or days of one monitor that one call folds."""
ROWS = 5_000
"""Rows that one call deletes."""
INCIDENTS = 50
"""Incidents that one call deletes, with all that belongs to them."""

_FOREVER = 2**62
_ANSWERS = (Outcome.UP, Outcome.DEGRADED)
_RAW = select(results.c.outcome, results.c.duration).where(
    results.c.monitor_id == bindparam("monitor_id"),
    results.c.started_at >= bindparam("start"),
    results.c.started_at < bindparam("end"),
    results.c.attempt == 0,
)
_BUCKET = 5 * MINUTE
_start = (results.c.started_at - results.c.started_at % _BUCKET).label("start")
_TALLY = (
    select(_start, results.c.outcome, func.count().label("count"))
    .where(
        results.c.monitor_id == bindparam("monitor_id"),
        results.c.started_at >= bindparam("since"),
        results.c.attempt == 0,
    )
    .group_by(_start, results.c.outcome)
    .order_by(_start)
)
_WAITING = select(unfolded.c.start).where(
    unfolded.c.monitor_id == bindparam("monitor_id"),
    unfolded.c.length == HOUR,
    unfolded.c.start < bindparam("until"),
    unfolded.c.start > bindparam("since"),
)
_HOURS = select(rollups).where(
    rollups.c.monitor_id == bindparam("monitor_id"),
    rollups.c.length == HOUR,
    rollups.c.start >= bindparam("start"),
    rollups.c.start < bindparam("end"),
)
_ONE = select(rollups).where(
    rollups.c.monitor_id == bindparam("monitor_id"),
    rollups.c.length == bindparam("length"),
    rollups.c.start == bindparam("start"),
)
_FOLDED = delete(unfolded).where(
    unfolded.c.monitor_id == bindparam("monitor_id"),
    unfolded.c.length == bindparam("length"),
    unfolded.c.start == bindparam("start"),
)


class RollUps(Part):
    """Methods of core.ports.Transaction."""

    def roll_up(self, now: int) -> int:
        """Fold whole hours and days that are not folded yet, a bite of them; returns how many rows it wrote."""
        waiting = (
            select(unfolded.c.monitor_id, unfolded.c.length, unfolded.c.start)
            .where(unfolded.c.start + unfolded.c.length <= now)
            .order_by(unfolded.c.length, unfolded.c.start, unfolded.c.monitor_id)  # hours first: days are made of them
            .limit(FOLDS)
        )
        return sum(self._fold(*key) for key in self._session.all(waiting))

    def history(self, monitor: str, since: int, until: int) -> list[RollUp]:
        """Roll-ups that overlap the range, oldest first: hours where they are all there, else the day.

        Hours that are not folded yet are folded on the way, so that the present one is in it too.
        """
        number = self._monitor_id(monitor)
        if number is None:
            return []
        whole_days = select(rollups).where(
            rollups.c.monitor_id == number,
            rollups.c.start >= since // DAY * DAY,
            rollups.c.start < -(-until // DAY) * DAY,
        )
        found = self._session.all(whole_days.order_by(rollups.c.start, rollups.c.length))
        by_day = _days_to_tell_whole(found)
        chosen = [
            row
            for row in found
            if row.start < until and row.start + row.length > since
            and (row.length == DAY) is (row.start // DAY in by_day)
        ]  # fmt: skip
        kept = {row.start: RollUp(monitor, row.start, row.length, _counts(row), row.sketch) for row in chosen}
        for fresh in self._fold_waiting(monitor, number, since, until):
            older = kept.get(fresh.start)
            fuller = older is None or sum(fresh.counts.values()) > sum(older.counts.values())
            if fuller and fresh.start // DAY not in by_day:
                kept[fresh.start] = fresh
        return [kept[start] for start in sorted(kept)]

    def _fold_waiting(self, monitor: str, number: int, since: int, until: int) -> Iterator[RollUp]:
        """What the hours that wait to be folded would come to."""
        span = {"monitor_id": number, "since": since - HOUR, "until": until}
        for (start,) in self._session.all(_WAITING, span):
            counts, sketch = self._fold_results({"monitor_id": number, "start": start, "end": start + HOUR})
            if counts:
                yield RollUp(monitor, start, HOUR, counts, sketch.encode())

    def tally(self, monitor: str, since: int) -> list[tuple[int, dict[Outcome, int]]]:
        """Counts of the slots' own results since a moment, by five minutes: (start, counts), oldest first.

        Whole hours whose results are gone already are counted at their beginning.
        """
        number = self._monitor_id(monitor)
        if number is None:
            return []
        counted: dict[int, dict[Outcome, int]] = {}
        by_hour: Counter[int] = Counter()
        for start, code, count in self._session.all(_TALLY, {"monitor_id": number, "since": since}):
            counted.setdefault(start, {})[OUTCOMES[code]] = count
            by_hour[start // HOUR] += count
        fuller = self._fuller_hours(number, since, by_hour)
        kept = {start: counts for start, counts in counted.items() if start // HOUR * HOUR not in fuller}
        return sorted({**kept, **fuller}.items())

    def _fuller_hours(self, number: int, since: int, by_hour: Counter[int]) -> dict[int, dict[Outcome, int]]:
        """The hours' roll-ups that know of more results than are left."""
        span = {"monitor_id": number, "start": -(-since // HOUR) * HOUR, "end": _FOREVER}
        hours = {row.start: _counts(row) for row in self._session.all(_HOURS, span)}
        return {start: counts for start, counts in hours.items() if sum(counts.values()) > by_hour[start // HOUR]}

    def prune(self, now: int) -> int:
        """Delete what is past its retention, a bite of it; returns how many rows went."""
        kept = self._retention
        gone = self._prune_folded(results, "started_at", HOUR, (now - kept.raw) // HOUR * HOUR)
        gone += self._prune_folded(rollups, "start", DAY, (now - kept.hourly) // DAY * DAY, length=HOUR)
        gone += self._prune_incidents(now - kept.incidents)
        self._session.reclaim()
        return gone

    # Folding -------------------------------------------------------------------------------------------------

    def _fold(self, monitor_id: int, length: int, start: int) -> int:
        span = {"monitor_id": monitor_id, "start": start, "end": start + length}
        counts, sketch = self._fold_results(span) if length == HOUR else self._fold_hours(span)
        key = {"monitor_id": monitor_id, "length": length, "start": start}
        self._session.run(_FOLDED, key)
        if sum(counts.values()) <= self._folded_before(key):
            return 0
        row = {outcome.value: counts.get(outcome, 0) for outcome in OUTCOMES}
        self._session.put(rollups, {**key, **row, "sketch": sketch.encode()})
        if length == HOUR:
            self._session.add(unfolded, {"monitor_id": monitor_id, "length": DAY, "start": start // DAY * DAY})
        return 1

    def _fold_results(self, span: Mapping[str, int]) -> tuple[dict[Outcome, int], Sketch]:
        counts: dict[Outcome, int] = {}
        sketch = Sketch()
        for code, duration in self._session.all(_RAW, span):
            outcome = OUTCOMES[code] if 0 <= code < len(OUTCOMES) else Outcome.UNKNOWN
            counts[outcome] = counts.get(outcome, 0) + 1
            if outcome in _ANSWERS:
                sketch.add(max(0, duration))
        return counts, sketch

    def _fold_hours(self, span: Mapping[str, int]) -> tuple[dict[Outcome, int], Sketch]:
        counts: dict[Outcome, int] = {}
        sketch = Sketch()
        for row in self._session.all(_HOURS, span):
            for outcome, count in _counts(row).items():
                counts[outcome] = counts.get(outcome, 0) + count
            sketch.merge(Sketch.decode(row.sketch))
        return counts, sketch

    def _folded_before(self, key: Mapping[str, int]) -> int:
        row = self._session.one(_ONE, key)
        return sum(_counts(row).values()) if row is not None else 0

    # Retention -----------------------------------------------------------------------------------------------

    def _prune_folded(self, table: Table, moment: str, span: int, before: int, *, length: int = 0) -> int:
        """Delete a bite of a table's rows from before a moment, save those whose hour (or day) waits to be folded."""
        row = table.alias()
        at = row.c[moment]
        waits = exists().where(
            unfolded.c.monitor_id == row.c.monitor_id,
            unfolded.c.length == span,
            unfolded.c.start <= at,
            unfolded.c.start > at - span,
        )
        of_length = row.c.length == length if length else true()
        # Named one by one, each monitor's oldest rows are found by the key and nothing is scanned.
        old = (
            select(*row.primary_key)
            .where(row.c.monitor_id.in_(select(monitors.c.id)), at < before, of_length, not_(waits))
            .limit(ROWS)
        )
        return self._session.run(delete(table).where(tuple_(*table.primary_key).in_(old)))

    def _prune_incidents(self, before: int) -> int:
        owed = exists().where(notices.c.incident_id == incidents.c.id, notices.c.state == NoticeState.PENDING.value)
        old = select(incidents.c.id).where(incidents.c.ended_at > 0, incidents.c.ended_at < before, not_(owed))
        found = [row[0] for row in self._session.all(old.order_by(incidents.c.ended_at).limit(INCIDENTS))]
        return self._delete_incidents(found) if found else 0

    def _delete_incidents(self, found: Sequence[str]) -> int:
        ids = select(notices.c.id).where(notices.c.incident_id.in_(found))
        of = attempt_notices.c
        covered = [row[0] for row in self._session.all(select(of.delivery_id).where(of.notice_id.in_(ids)).distinct())]
        self._session.run(delete(attempt_notices).where(of.notice_id.in_(ids)))
        # A message about many incidents is kept until the last of them goes.
        others = exists().where(of.delivery_id == attempts.c.delivery_id, of.at == attempts.c.at)
        gone = self._session.run(delete(attempts).where(attempts.c.delivery_id.in_(covered), not_(others)))
        for table in (notices, events, message_references, group_members):
            gone += self._session.run(delete(table).where(table.c.incident_id.in_(found)))
        left = exists().where(group_members.c.group_id == message_groups.c.id)
        gone += self._session.run(delete(message_groups).where(not_(left)))
        return gone + self._session.run(delete(incidents).where(incidents.c.id.in_(found)))


def _days_to_tell_whole(found: Iterable[Columns]) -> set[int]:
    """The days whose own roll-up knows of more results than the hours that are left of them."""
    days: Counter[int] = Counter()
    hours: Counter[int] = Counter()
    for row in found:
        (days if row.length == DAY else hours)[row.start // DAY] += sum(_counts(row).values())
    return {day for day, count in days.items() if count > hours[day]}


def _counts(row: Columns) -> dict[Outcome, int]:
    columns = by_name(row)
    return {outcome: columns[outcome.value] for outcome in OUTCOMES if columns[outcome.value]}
