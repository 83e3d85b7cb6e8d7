"""A channel over which nothing gets through is an incident of its own, told over the others. The rules are
alerting/channel_health.py's.

It ends when a message gets through, and is withdrawn when the channel is changed or removed in the configuration: what
the new one is worth the next message will show. Only the event loop's thread calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from saasobs.alerting.channel_health import ChannelHealth
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import CHANNEL, Change, Incident, Status, Topic, incident_id
from saasobs.core.monitor import Severity
from saasobs.core.ports import Clock, Transaction
from saasobs.core.result import Reason
from saasobs.daemon.advisories import Advisories

log = structlog.get_logger("saasobs.outbox")


class ChannelWatch:
    """Counts what comes of deliveries."""

    def __init__(self, clock: Clock, advisories: Advisories, cut_off: Callable[[], bool]) -> None:
        self._clock = clock
        self._advisories = advisories
        self._cut_off = cut_off
        """Whether our own network is down: then no channel is to blame."""
        self._health: dict[str, ChannelHealth] = {}
        self._open: dict[str, str] = {}
        self._options: dict[str, object] = {}

    def load(self, transaction: Transaction) -> None:
        """The incidents that an earlier run left."""
        left = transaction.incidents(open_only=True, limit=1_000)
        self._open = {one.monitor.removeprefix(CHANNEL): one.id for one in left if one.topic is Topic.CHANNEL}

    def configure(self, channels: Mapping[str, object]) -> None:
        """:param channels: the options of each, by name."""
        for name in list(self._open):
            if name not in channels:
                self._close(name, "removed from the configuration", Change.WITHDRAWN)
            elif name in self._options and self._options[name] != channels[name]:
                self._close(name, "changed in the configuration", Change.WITHDRAWN)
        self._health = {
            name: known
            for name, known in self._health.items()
            if name in channels and channels[name] == self._options.get(name)
        }
        self._options = dict(channels)

    def delivered(self, channel: str, error: DeliveryError | None) -> None:
        """What came of a delivery; None: it was accepted."""
        now = self._clock.now()
        health = self._health[channel] = self._health.get(channel, ChannelHealth()).after(error, now)
        if error is None and channel in self._open:
            self._close(channel, "a message got through", Change.RECOVERED)
        elif channel not in self._open and health.is_failing(now) and not self._cut_off():
            self._begin(channel, health, now)

    def _begin(self, channel: str, health: ChannelHealth, now: int) -> None:
        name = f"{CHANNEL}{channel}"
        incident = Incident(
            id=incident_id(name, now, Topic.CHANNEL),
            monitor=name,
            severity=Severity.CRITICAL,
            status=Status.DOWN,
            started_at=health.since,
            opened_at=now,
            reason=Reason.CHANNEL_FAILING,
            message=health.sentence,
            topic=Topic.CHANNEL,
        )
        self._open[channel] = incident.id
        self._advisories.open(incident, "")

    def _close(self, channel: str, sentence: str, ending: Change) -> None:
        self._advisories.end(self._open.pop(channel), sentence, ending)
