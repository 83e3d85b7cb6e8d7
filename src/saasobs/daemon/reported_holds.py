"""What holds the alerts of others: a silence, a window, an outage of the monitor that they name, their own flapping.

The rules of holding are alerting/hold.py's; daemon/holding.py asks here for incidents that others reported.
"""

from __future__ import annotations

from saasobs.alerting import dependencies
from saasobs.alerting.dependencies import Ancestor, Family, confirmation
from saasobs.alerting.hold import Hold
from saasobs.alerting.received.about import About
from saasobs.alerting.windows import Span, Window
from saasobs.core.incident import Suppression
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock
from saasobs.core.values import SECOND, to_datetime
from saasobs.daemon.board import Board
from saasobs.daemon.maintenance import Maintenance
from saasobs.daemon.silences import Silences

PATIENCE = 90 * SECOND
"""How long the next word of a source is waited for once nothing holds its alerts: Prometheus speaks each minute."""


class ReportedHolds:
    """Any thread may ask."""

    def __init__(self, clock: Clock, board: Board, maintenance: Maintenance, silences: Silences) -> None:
        self._clock = clock
        self._board = board
        self._maintenance = maintenance
        self._silences = silences

    def hold(self, about: About, family: Family) -> Hold | None:
        """What holds an incident with these alerts now."""
        name = about.monitor
        monitor = self._board.monitors.get(name) if name else None
        if (found := self._window(about, monitor)) is not None:
            window, span = found
            why = f": {window.reason}" if window.reason else ""
            return Hold(
                Suppression.MAINTENANCE, f"maintenance {window.name!r} until {_clock(span.end)}{why}", until=span.end
            )
        if (outage := self._outage(about, family)) is not None:
            return Hold(Suppression.DEPENDENCY, outage)
        if (silenced := self._silenced(about)) is not None:
            return silenced
        return Hold(Suppression.FLAPPING, f"flapping, told as incident {about.flapping}") if about.flapping else None

    def _window(self, about: About, monitor: Monitor | None) -> tuple[Window, Span] | None:
        if not self._maintenance.is_planned:  # nearly always
            return None
        tags = (*about.tags, *(monitor.tags if monitor is not None else ()))
        return self._maintenance.covering(about.monitor, tags, self._clock.now())

    def _outage(self, about: About, family: Family) -> str | None:
        names = (about.monitor, *family.ancestors(about.monitor)) if about.monitor else ()
        known = ((self._board.states.get(name), self._board.monitors.get(name)) for name in names)
        found = dependencies.outage(Ancestor(state, confirmation(one)) for state, one in known if state and one)
        return None if found is None else found.sentence

    def _silenced(self, about: About) -> Hold | None:
        """Only when every one of the alerts is."""
        now = self._clock.now()
        covers = [self._silences.covering(alert.labels, now) for alert in about.alerts]
        if not covers or not all(covers):
            return None
        first = min((found[0] for found in covers), key=lambda one: one.ends_at)
        comment = f": {first.comment}" if first.comment else ""
        words = f"silenced by {first.created_by or 'somebody'} until {_clock(first.ends_at)}{comment}"
        return Hold(Suppression.SILENCED, words, until=first.ends_at)


def _clock(moment: int) -> str:
    return to_datetime(moment).strftime("%Y-%m-%d %H:%M UTC")
