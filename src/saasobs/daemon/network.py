"""The guard over our own network: while it is cut off, nobody is called down for it.

1. Anchors are asked every `interval`, and at once when a check fails in a way that could be our own network's, though
   not more often than once a second. Such a result waits until a round of anchors that began after it is over, a few
   seconds at most; later results of the same monitor wait behind it.
2. The anchors answer: the results go on as they came. They do not: each becomes `unknown`, as does that of every
   check which began before they answered again; rounds follow each other quickly until they do.
3. A second silent round in a row opens one incident, "we are blind", which ends with the first good round. Heartbeats
   get grace for the whole time since the last good round.

What came first is told by the rounds' numbers and by the monotonic clock: the wall clock may be set while we wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from saasobs.alerting.network import Anchors, answered, could_be_us, is_cut_off, sentence
from saasobs.core.incident import Change
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Clock
from saasobs.core.result import Outcome, Reason, Result
from saasobs.core.values import SECOND
from saasobs.daemon.board import Board

ANSWER_SECONDS = 3.0
"""An anchor that has not answered by then is silent."""
CLOSEST = 1.0
"""No round begins sooner after the one before (seconds): anchors are often somebody else's."""
BLIND_EVERY = 2 * SECOND
MAX_HELD = 20_000

log = structlog.get_logger("saasobs.network")

Deliver = Callable[[Monitor, Result], None]


class Blindness(Protocol):
    """Whom the guard tells when we are cut off."""

    @property
    def own_network(self) -> str:
        """The ID of the open incident about it; empty when there is none."""
        ...

    def blind(self, sentence: str, since: int, policy: str) -> str: ...

    def sighted(self, sentence: str, ending: Change = Change.RECOVERED) -> None: ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A result that waits."""

    monitor: Monitor
    result: Result
    began: float
    """When its check began, at the latest (monotonic seconds)."""
    rounds: int
    """How many rounds had begun when it came."""


class NetworkGuard:
    """Stands between the checks and the judging; without anchors it lets everything through."""

    def __init__(
        self,
        clock: Clock,
        board: Board,
        deliver: Deliver,
        ask: Callable[[Monitor], Awaitable[Result]],
        was_away: Callable[[int, int], None],
        blindness: Blindness,
    ) -> None:
        self._clock = clock
        self._board = board
        self._deliver = deliver
        self._ask = ask
        self._was_away = was_away
        self._blindness = blindness
        self._anchors: Anchors | None = None
        self._held: dict[str, list[_Held]] = {}
        self._waiting = 0
        """How many results are held."""
        self._rounds = 0
        """How many rounds have begun. Readings below are of the monotonic clock."""
        self._last_good = 0.0
        """When the last round that the anchors answered began."""
        self._silent_rounds = 0
        self._since = 0.0
        self._blind_until = float("-inf")
        """When the last outage of ours was over: a check that began before then may have met it."""
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def cut_off(self) -> bool:
        """Whether the last round of anchors was silent."""
        return self._silent_rounds > 0

    def problem(self) -> str:
        """What is wrong, for people; nothing while the network is well."""
        silent = self._silent_rounds > 1
        return "our own network is down: too few anchors answer, and nothing is judged by it" if silent else ""

    def configure(self, anchors: Anchors | None) -> None:
        """Take up a configuration; must be called on the event loop."""
        self._anchors = anchors
        if anchors is None:
            self.close()
            self._silent_rounds = 0
            self._release(self._rounds + 1)
            self._blindness.sighted("the guard over our own network was switched off", Change.WITHDRAWN)
        elif self._task is None:
            self._last_good = self._clock.monotonic()
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="network guard")
        else:
            self._look.set()

    def close(self) -> None:
        """Ask no more. What is held is forgotten, like the checks that are under way when the daemon stops."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def take(self, monitor: Monitor, result: Result) -> None:
        """Hand a result on: now, or when it is known whether our own network explains it."""
        if self._anchors is None or not monitor.network_guard:
            self._deliver(monitor, result)
        elif monitor.name in self._held or could_be_us(result):
            self._hold(monitor, result)
        else:
            self._deliver(monitor, result)

    def _hold(self, monitor: Monitor, result: Result) -> None:
        age = max(result.duration, self._clock.now() - result.check.started_at)
        held = _Held(monitor, result, self._clock.monotonic() - age / SECOND, self._rounds)
        self._held.setdefault(monitor.name, []).append(held)
        self._waiting += 1
        self._look.set()
        if self._waiting > MAX_HELD:  # rounds have stopped coming: better late than never
            self._hand_on(self._held.pop(monitor.name))

    # Rounds --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while (anchors := self._anchors) is not None:
            self._look.clear()
            self._rounds += 1
            began = self._clock.monotonic()
            silent = await self._round(anchors)
            if anchors != self._anchors:  # the ones that were asked are no anchors any more
                continue
            try:
                self._conclude(anchors, began, silent)
            except Exception:
                log.exception("network.round_broken")
            self._release(self._rounds)
            await self._rest(anchors, began)

    async def _rest(self, anchors: Anchors, began: float) -> None:
        """Until the next round is due or wished for; what was held meanwhile is a wish already."""
        if self.cut_off:
            await asyncio.sleep(BLIND_EVERY / SECOND)
            return
        await asyncio.sleep(max(0.0, began + CLOSEST - self._clock.monotonic()))
        try:
            async with asyncio.timeout(anchors.interval / SECOND):
                await self._look.wait()
        except TimeoutError:
            return

    async def _round(self, anchors: Anchors) -> list[str]:
        """Ask every anchor at the same time; returns the silent ones, or nothing when we are not cut off."""
        asked: list[Awaitable[bool]] = [self._reach(host, port) for host, port in anchors.addresses]
        asked += [self._ask_monitor(name) for name in anchors.monitors]
        named = zip(anchors.names, asked, strict=True)
        answers = await asyncio.gather(*(self._answer(name, answer) for name, answer in named))
        found = dict(zip(anchors.names, answers, strict=True))
        return [name for name, answer in found.items() if not answer] if is_cut_off(found, anchors.quorum) else []

    async def _answer(self, name: str, asked: Awaitable[bool]) -> bool:
        """Whether an anchor has answered in time; our own mistake in asking counts as silence."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asked
        except TimeoutError:
            return False
        except Exception:
            log.exception("network.anchor_broken", anchor=name)
            return False

    async def _reach(self, host: str, port: int) -> bool:
        """Connect; a refusal is an answer."""
        try:
            _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        writer.transport.abort()
        return True

    async def _ask_monitor(self, name: str) -> bool:
        monitor = self._board.monitors.get(name)
        return monitor is not None and answered(await self._ask(monitor))

    def _conclude(self, anchors: Anchors, began: float, silent: list[str]) -> None:
        now = self._clock.monotonic()
        if silent:
            self._silent_rounds += 1
            self._tell_absence(now)
            self._stay_blind(anchors, silent, now)
            return
        was_silent, self._silent_rounds = self._silent_rounds, 0
        away_since, self._last_good = self._last_good, began
        if was_silent:
            self._blind_until = now
            self._tell_absence(now, away_since)
            log.warning("network.back", seconds=round(now - away_since, 3))
        self._blindness.sighted("our own network is back")

    def _tell_absence(self, now: float, since: float | None = None) -> None:
        wall = self._clock.now()
        self._was_away(wall - _micros(now - (self._last_good if since is None else since)), wall)

    def _stay_blind(self, anchors: Anchors, silent: list[str], now: float) -> None:
        if self._silent_rounds == 1:
            log.warning("network.cut_off", anchors=silent)
            self._since = now
        elif not self._blindness.own_network:
            since = self._clock.now() - _micros(now - self._since)
            self._blindness.blind(sentence(silent, len(anchors.names)), since, anchors.policy)

    # What waits ----------------------------------------------------------------------------------------------

    def _release(self, rounds: int) -> None:
        """Let go what a round has settled: all that was in before it began."""
        for name, waiting in list(self._held.items()):
            settled = [one for one in waiting if one.rounds < rounds]
            if rest := waiting[len(settled) :]:
                self._held[name] = rest
            else:
                del self._held[name]
            self._hand_on(settled)

    def _hand_on(self, waiting: Iterable[_Held]) -> None:
        for one in waiting:
            self._waiting -= 1
            try:
                self._deliver(one.monitor, self._as_seen(one))
            except Exception:
                log.exception("check.not_judged", monitor=one.monitor.name)

    def _as_seen(self, held: _Held) -> Result:
        result = held.result
        met_it = self.cut_off or held.began < self._blind_until
        if not met_it or not could_be_us(result):
            return result
        said = f"our own network is down, which explains this: {result.message}"
        failures = tuple(replace(failure, reason=Reason.OWN_NETWORK) for failure in result.failures)
        return replace(result, outcome=Outcome.UNKNOWN, reason=Reason.OWN_NETWORK, message=said, failures=failures)


def _micros(seconds: float) -> int:
    return round(seconds * SECOND)
