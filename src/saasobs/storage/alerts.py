"""What others report, and the silences over it: the part of a transaction that alerts are kept in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, literal_column, select, update

from saasobs.core.alert import Alert, Matcher, Silence
from saasobs.storage.part import Part
from saasobs.storage.rows import by_name, from_row, to_row
from saasobs.storage.session import Columns
from saasobs.storage.tables import alerts, silences

_CHUNK: Final = 500
"""Values in one IN list: databases bound their number."""
_NOT_OVER = alerts.c.resolved_at == literal_column("0")  # spelt out, so that the partial index is used
_TOUCH = (
    update(alerts)
    .where(alerts.c.fingerprint == bindparam("whose"), alerts.c.source == bindparam("told_by"))
    .values(ends_at=bindparam("until"), updated_at=bindparam("heard_at"))
)


class Alerts(Part):
    """Methods of core.ports.Transaction."""

    def alerts(self, *, source: str = "", firing_only: bool = True, limit: int = 100_000) -> list[Alert]:
        """Newest first; of every source when none is named."""
        wanted = select(alerts).order_by(alerts.c.starts_at.desc(), alerts.c.fingerprint).limit(limit)
        if source:
            wanted = wanted.where(alerts.c.source == source)
        if firing_only:
            wanted = wanted.where(_NOT_OVER)
        return self._alerts(wanted)

    def alerts_by(self, source: str, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Those that are known, by fingerprint."""
        found: dict[str, Alert] = {}
        for some in _chunks(fingerprints):
            wanted = select(alerts).where(alerts.c.source == source, alerts.c.fingerprint.in_(some))
            found.update((alert.fingerprint, alert) for alert in self._alerts(wanted))
        return found

    def alerts_in(self, source: str, group_keys: Iterable[str]) -> list[Alert]:
        """Every alert of a source, firing or not, with one of these keys."""
        found: list[Alert] = []
        for some in _chunks(dict.fromkeys(group_keys)):
            found += self._alerts(select(alerts).where(alerts.c.source == source, alerts.c.group_key.in_(some)))
        return found

    def alerts_of(self, incident_id: str) -> list[Alert]:
        """Those that an incident tells of, the oldest first."""
        wanted = select(alerts).where(alerts.c.incident_id == incident_id)
        return self._alerts(wanted.order_by(alerts.c.starts_at, alerts.c.fingerprint))

    def overdue_alerts(self, now: int) -> list[Alert]:
        """Those that fire, are not known to be stale, and should have been repeated by now."""
        due = (alerts.c.ends_at > 0, alerts.c.ends_at < now, alerts.c.stale_at == 0)
        return self._alerts(select(alerts).where(_NOT_OVER, *due).order_by(alerts.c.ends_at, alerts.c.fingerprint))

    def count_firing(self) -> dict[str, int]:
        """How many fire, by source."""
        counted = select(alerts.c.source, func.count()).where(_NOT_OVER).group_by(alerts.c.source)
        return {str(source): int(count) for source, count in self._session.all(counted)}

    def save_alerts(self, changed: Sequence[Alert]) -> None:
        """Insert, or overwrite the whole row."""
        rows = [
            {**to_row(alert), "labels": _json(alert.labels), "annotations": _json(alert.annotations)}
            for alert in changed
        ]
        self._session.put_all(alerts, rows)

    def touch_alerts(self, repeated: Sequence[Alert]) -> None:
        """Of alerts that are known: write down only that they were heard of again."""
        if repeated:
            values = [
                {"whose": one.fingerprint, "told_by": one.source, "until": one.ends_at, "heard_at": one.updated_at}
                for one in repeated
            ]
            self._session.run(_TOUCH, values)

    def forget_alerts(self, before: int, limit: int) -> int:
        """Those that were resolved before a moment, at most so many; returns how many."""
        over = alerts.c.resolved_at > literal_column("0")
        old = select(alerts.c.fingerprint, alerts.c.source).where(over, alerts.c.resolved_at < before).limit(limit)
        gone = [(str(fingerprint), str(source)) for fingerprint, source in self._session.all(old)]
        for fingerprint, source in gone:
            self._session.run(delete(alerts).where(alerts.c.fingerprint == fingerprint, alerts.c.source == source))
        return len(gone)

    def silences(self) -> list[Silence]:
        """In the order in which they begin."""
        rows = self._session.all(select(silences).order_by(silences.c.starts_at, silences.c.id))
        return [from_row(Silence, row, matchers=_matchers(row)) for row in rows]

    def save_silence(self, silence: Silence) -> None:
        kept = [[one.name, one.value, one.is_regex, one.is_equal] for one in silence.matchers]
        row: dict[str, Any] = {name: value for name, value in to_row(silence).items() if name != "matchers"}
        self._session.put(silences, {**row, "matchers": json.dumps(kept)})

    def forget_silences(self, before: int) -> int:
        """Those that were over by then; returns how many."""
        return self._session.run(delete(silences).where(silences.c.ends_at < before))

    def _alerts(self, wanted: Select[Any]) -> list[Alert]:
        return [_alert(row) for row in self._session.all(wanted)]


def _alert(row: Columns) -> Alert:
    columns = by_name(row)
    labels, annotations = json.loads(columns["labels"]), json.loads(columns["annotations"])
    return from_row(Alert, row, labels=labels, annotations=annotations)


def _matchers(row: Columns) -> tuple[Matcher, ...]:
    return tuple(Matcher(*one) for one in json.loads(by_name(row)["matchers"]))


def _json(texts: Mapping[str, str]) -> str:
    # Escaped, so that whatever a text holds comes back as it was.
    return json.dumps(dict(texts))


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, _CHUNK)):
        yield some
