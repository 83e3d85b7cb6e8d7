"""The maintenance windows: those of the configuration, and those that people open while the daemon runs.

The latter are facts in the store, so that they survive a restart; one that is over is forgotten a week later. The event
loop's thread changes the book; the writer's may ask what covers a monitor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import structlog

from saasobs.alerting.windows import Span, Window, covering, next_span, span_at
from saasobs.core.errors import NotFound, Refused
from saasobs.core.maintenance import WindowRequest, WindowView
from saasobs.core.ports import Clock, Transaction
from saasobs.core.values import DAY, MINUTE, digest_id
from saasobs.daemon.board import Board
from saasobs.daemon.ledger import Ledger

BY_HAND = "maintenance:"
"""The facts' prefix; the window's ID follows."""
KEPT = 7 * DAY
LONGEST = 90 * DAY
"""Whoever wants silence for longer wants to pause the monitor."""

log = structlog.get_logger("saasobs.maintenance")


@dataclass(frozen=True, slots=True)
class _Present:
    """The windows that are open, as long as that holds good: until the next one opens or closes."""

    book: tuple[Window, ...]
    since: int
    until: int
    open: tuple[Window, ...]


class Maintenance:
    """Every window there is."""

    def __init__(self, clock: Clock, board: Board, ledger: Ledger, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._board = board
        self._ledger = ledger
        self._configured: tuple[Window, ...] = ()
        self._by_hand: dict[str, Window] = {}
        self._book: tuple[Window, ...] = ()
        self._present = _Present((), 0, 0, ())
        self._told: frozenset[str] = frozenset()
        self._changed = changed
        """Called when a window came or went other than by time."""

    def load(self, transaction: Transaction) -> None:
        """The windows that an earlier run was told of."""
        self._by_hand = {}
        for key, value in transaction.facts(BY_HAND).items():
            window = _from_fact(json.loads(value))
            if isinstance(window.when, Span) and window.when.end < self._clock.now() - KEPT:
                transaction.forget_fact(key)
            else:
                self._by_hand[window.id] = window
        self._bind()

    def configure(self, windows: Sequence[Window]) -> None:
        self._configured = tuple(windows)
        self._bind()

    def covering(self, monitor: str, tags: Collection[str], now: int) -> tuple[Window, Span] | None:
        """The window that holds a monitor's alerts now; None: none does."""
        return covering(self._open(now), monitor, tags, now) if self._book else None

    @property
    def is_planned(self) -> bool:
        """Whether there is any window, open or not."""
        return bool(self._book)

    def note(self) -> None:
        """Say in the log what has opened or closed since the last time."""
        is_open = {window.id: window for window in self._open(self._clock.now())}
        for identity in sorted(is_open.keys() - self._told):
            log.info("maintenance.began", window=is_open[identity].name, id=identity)
        for identity in sorted(self._told - is_open.keys()):
            log.info("maintenance.ended", id=identity)
        self._told = frozenset(is_open)

    def set_back(self, micros: int) -> None:
        """The wall clock was set back: what was meant as "from now on" moves with it."""
        for window in list(self._by_hand.values()):
            if window.elastic and isinstance(window.when, Span):
                moved = Span(window.when.start - micros, window.when.end - micros)
                self._keep(replace(window, when=moved))

    # What people ask for -------------------------------------------------------------------------------------

    def views(self) -> Sequence[WindowView]:
        """Those that are open or still to come, in the order in which they begin."""
        now = self._clock.now()
        found = [(window, next_span(window, now)) for window in self._book]
        views = [_view(window, span, now) for window, span in found if span is not None]
        return sorted(views, key=lambda view: (view.start, view.id))

    async def start(self, wanted: WindowRequest, by: str) -> WindowView:
        """Open a window, now or later. :raises NotFound: no such monitor or tag. :raises Refused: no such time."""
        now = self._clock.now()
        self._check_names(wanted)
        start = wanted.start or now
        end = wanted.end or start + wanted.duration
        if end <= max(start, now):
            raise Refused("a maintenance window must end after it begins, and not in the past")
        if end - start > LONGEST:
            raise Refused("a maintenance window lasts 90 days at the most: pause the monitor instead")
        window = Window(
            id=digest_id("window", now, os.urandom(8).hex(), length=6),
            name=wanted.name or wanted.reason[:60] or "maintenance",
            when=Span(start, end),
            monitors=frozenset(wanted.monitors),
            tags=frozenset(wanted.tags),
            all=wanted.all,
            reason=wanted.reason if wanted.name else "",
            by=by,
            elastic=not wanted.start and not wanted.end,
        )
        await self._ledger.run(lambda transaction: transaction.set_fact(*_fact(window)))
        self._by_hand[window.id] = window
        self._bind()
        log.info("maintenance.opened", window=window.name, id=window.id, by=by)
        return _view(window, Span(start, end), now)

    async def end(self, identity: str, by: str) -> WindowView:
        """Close a window now. :raises NotFound: none has this ID. :raises Refused: it is the configuration's."""
        now = self._clock.now()
        window = self._find(identity.lower())
        when = window.when
        if not window.by or not isinstance(when, Span):
            raise Refused(f"{window.name!r} stands in the configuration: change it there, and it ends at once")
        if when.end > now:
            window = replace(window, when=Span(min(when.start, now), now))
            await self._ledger.run(lambda transaction: transaction.set_fact(*_fact(window)))
            self._by_hand[window.id] = window
            self._bind()
            log.info("maintenance.closed", window=window.name, id=window.id, by=by)
        return _view(window, Span(when.start, min(when.end, now)), now)

    def _find(self, identity: str) -> Window:
        found = [window for window in self._book if identity and window.id.startswith(identity)]
        exact = [window for window in found if window.id == identity]
        if len(exact or found) != 1:
            what = "no maintenance window's" if not found else f"{len(found)} maintenance windows'"
            raise NotFound(f"{what} ID begins with {identity!r}: `saasobs maintenance list` shows them")
        return (exact or found)[0]

    def _check_names(self, wanted: WindowRequest) -> None:
        for name in wanted.monitors:
            self._board.monitor(name)
        known = {tag for monitor in self._board.monitors.values() for tag in monitor.tags}
        for tag in wanted.tags:
            if tag not in known:
                raise NotFound(f"no monitor has the tag {tag!r}")
        if not (wanted.monitors or wanted.tags or wanted.all):
            raise Refused("say what it is for: monitors, tags, or all")

    # The book ------------------------------------------------------------------------------------------------

    def _keep(self, window: Window) -> None:
        self._by_hand[window.id] = window
        self._ledger.submit(lambda transaction: transaction.set_fact(*_fact(window)), patient=True)
        self._bind()

    def _bind(self) -> None:
        self._book = (*self._configured, *self._by_hand.values())
        self._changed()

    def _open(self, now: int) -> tuple[Window, ...]:
        """The open ones, kept until that may change: this is asked whenever anything is told."""
        present, book = self._present, self._book
        if present.book is not book or not present.since <= now < present.until:
            spans = [(window, span_at(window, now)) for window in book]
            moments = [span.end for _, span in spans if span]
            coming = (next_span(window, now) for window, span in spans if span is None)
            moments += [span.start for span in coming if span]
            until = min([*moments, now + MINUTE])
            present = _Present(book, now, until, tuple(window for window, span in spans if span))
            self._present = present
        return present.open


def _view(window: Window, span: Span, now: int) -> WindowView:
    return WindowView(
        id=window.id,
        name=window.name,
        monitors=tuple(sorted(window.monitors)),
        tags=tuple(sorted(window.tags)),
        all=window.all,
        start=span.start,
        end=span.end,
        active=now in span,
        schedule=window.schedule,
        reason=window.reason,
        by=window.by,
    )


def _fact(window: Window) -> tuple[str, str]:
    when = window.when if isinstance(window.when, Span) else Span(0, 0)
    kept = {
        "id": window.id, "name": window.name, "start": when.start, "end": when.end, "monitors": sorted(window.monitors),
        "tags": sorted(window.tags), "all": window.all, "reason": window.reason, "by": window.by,
        "elastic": window.elastic,
    }  # fmt: skip
    return f"{BY_HAND}{window.id}", json.dumps(kept)


def _from_fact(kept: dict[str, object]) -> Window:
    """Of a newer version's fact, what this version knows."""
    values = dict(kept)
    when = Span(int(str(values.pop("start"))), int(str(values.pop("end"))))
    monitors, tags = (frozenset(map(str, _listed(values.pop(key)))) for key in ("monitors", "tags"))
    texts = {key: str(values.get(key, "")) for key in ("id", "name", "reason", "by")}
    return Window(
        **texts, when=when, monitors=monitors, tags=tags, all=bool(values["all"]), elastic=bool(values.get("elastic"))
    )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
