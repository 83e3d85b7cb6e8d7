"""The seams of what others report: what is kept of it, and what the web room may ask of the daemon about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from saasobs.core.alert import Admission, Alert, AlertView, Silence, Taken
from saasobs.core.incident import Event, Incident, Notice


class Reported(Protocol):
    """The part of a transaction (core.ports.Transaction) that alerts and silences are kept in."""

    def alerts(self, *, source: str = "", firing_only: bool = True, limit: int = 100_000) -> list[Alert]:
        """Newest first; of every source when none is named."""
        ...

    def alerts_by(self, source: str, fingerprints: Iterable[str]) -> dict[str, Alert]:
        """Those that are known, by fingerprint."""
        ...

    def alerts_in(self, source: str, group_keys: Iterable[str]) -> list[Alert]:
        """Every alert of a source, firing or not, with one of these keys."""
        ...

    def alerts_of(self, incident_id: str) -> list[Alert]:
        """Those that an incident tells of, the oldest first."""
        ...

    def overdue_alerts(self, now: int) -> list[Alert]:
        """Those that fire, are not known to be stale, and should have been repeated by now."""
        ...

    def count_firing(self) -> dict[str, int]:
        """How many fire, by source."""
        ...

    def save_alerts(self, changed: Sequence[Alert]) -> None:
        """Insert, or overwrite the whole row."""
        ...

    def touch_alerts(self, repeated: Sequence[Alert]) -> None:
        """Of alerts that are known: write down only that they were heard of again (`ends_at`, `updated_at`)."""
        ...

    def forget_alerts(self, before: int, limit: int) -> int:
        """Those that were resolved before a moment (µs), at most so many; returns how many."""
        ...

    # Many incidents at once
    def notices_of(self, incident_ids: Iterable[str]) -> dict[str, list[Notice]]:
        """Of each of them, also of one that has none."""
        ...

    def save_incidents(self, changed: Sequence[Incident]) -> None: ...

    def add_events(self, events: Sequence[Event]) -> None:
        """Idempotent on (incident, at, change)."""
        ...

    # Silences
    def silences(self) -> list[Silence]: ...

    def save_silence(self, silence: Silence) -> None: ...

    def forget_silences(self, before: int) -> int:
        """Those that were over by then (µs); returns how many."""
        ...


class Reports(Protocol):
    """What others report, as the web room sees it.

    :raises StorageError: the store cannot answer now. :raises Unavailable: too much is under way.
    """

    def admit(self, source: str, token: str) -> Admission | None:
        """Who reports with these credentials; None: nobody. Compares in constant time.

        :param source: the one that the address names; empty: whichever source (of kind `prometheus`) has the token.
        """
        ...

    async def receive(self, admission: Admission, body: bytes, headers: Mapping[str, str]) -> Taken:
        """Take in what one request reports; written down before it returns.

        :param headers: with names in lower case. :raises Refused: it is not what this kind of source sends.
        :raises PermissionError: its signature is not right.
        """
        ...

    async def alerts(self, filters: Sequence[str] = (), receiver: str = "") -> Sequence[AlertView]:
        """What fires now, newest first.

        :param filters: matchers as amtool writes them. :param receiver: an expression; empty: every one.
        :raises Refused: it is no matcher, or no expression.
        """
        ...

    def receivers(self) -> Sequence[str]:
        """The names of the policies."""
        ...

    def silences(self, filters: Sequence[str] = ()) -> Sequence[Silence]:
        """Those that last, are to come, or ended lately. :raises Refused: a filter is no matcher."""
        ...

    def silence(self, silence_id: str) -> Silence:
        """:raises NotFound:"""
        ...

    async def keep_silence(self, wanted: Silence) -> Silence:
        """Make one, or change the one whose ID is given (where its past would change too, that one ends and a new one
        begins). :raises NotFound: :raises Refused: it makes no sense."""
        ...

    async def expire_silence(self, silence_id: str, by: str) -> Silence:
        """End one now; any unambiguous beginning of an ID will do. :raises NotFound: :raises Refused: it is over."""
        ...
