"""The frame of a check that is written as one coroutine: its deadline, its phases, and what came of it.

A kind writes ``async def ask(inquiry)``: it runs each step within ``inquiry.phase(name)``, raises `Trouble` when there
is nothing to judge, and otherwise leaves what was not met in ``inquiry.unmet``. `conduct` makes a Result of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import structlog

from saasobs.core.monitor import Monitor
from saasobs.core.result import REASONS, Check, Failure, Outcome, Reason, Result
from saasobs.core.values import SECOND, format_duration
from saasobs.probes.excerpt import excerpt
from saasobs.probes.kind import broken
from saasobs.probes.verdict import Unmet, verdict

TIMEOUTS: Final[Mapping[str, Reason]] = MappingProxyType({
    "dns": Reason.DNS_TIMEOUT,
    "lookup": Reason.DNS_TIMEOUT,
    "connect": Reason.CONNECT_TIMEOUT,
    "tls": Reason.TLS_TIMEOUT,
    "transfer": Reason.TRANSFER_TIMEOUT,
})  # fmt: skip
"""What it is called when the time runs out in a phase; in every other one it is RESPONSE_TIMEOUT."""

log = structlog.get_logger("saasobs.probes")


class Trouble(Exception):
    """There is no answer to judge. `reason` is one that says something about the target, or about us."""

    OURS: Final = frozenset({Reason.INTERNAL, Reason.UNSUPPORTED, Reason.INSUFFICIENT_DATA, Reason.OWN_NETWORK})
    """Reasons that say nothing about the target: the result is `unknown`."""

    def __init__(self, reason: Reason, details: str = "") -> None:
        """:param details: what was seen, for people; what others wrote in it went through `verdict.short`."""
        super().__init__(f"{REASONS[reason]} ({details})" if details else REASONS[reason])
        self.reason = reason

    @property
    def sentence(self) -> str:
        return str(self)


@dataclass(slots=True)
class Inquiry:
    """One check under way."""

    monitor: Monitor
    check: Check
    deadline: float
    """On the loop's clock, seconds."""
    phases: dict[str, int] = field(default_factory=dict)
    """µs by phase, in order; one that comes again is added to."""
    observations: dict[str, Any] = field(default_factory=dict)
    unmet: list[Unmet] = field(default_factory=list)
    said: str = ""
    """What the target answered last, for the excerpt of a failure."""
    place: str = ""
    """Where it got to, as in ``db.acme.example:5432 at 10.0.0.7``: for the sentence of a time-out."""
    current: str = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a step, and make it the one that a time-out is blamed on. Not nested."""
        self.current = name
        begun = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0) + max(0, round((time.monotonic() - begun) * SECOND))

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def duration(self) -> int:
        """The sum of the phases, µs: the waiting of our own loop between them is not held against the target."""
        return sum(self.phases.values())


Ask = Callable[[Inquiry], Awaitable[None]]


async def conduct(monitor: Monitor, check: Check, ask: Ask) -> Result:
    """Run one check to its end or its deadline; never raises (cancellation apart)."""
    loop = asyncio.get_running_loop()
    inquiry = Inquiry(monitor, check, loop.time() + monitor.timeout / SECOND)
    try:
        async with asyncio.timeout_at(inquiry.deadline):
            await ask(inquiry)
    except Trouble as trouble:
        return _troubled(inquiry, trouble)
    except TimeoutError:
        reason = TIMEOUTS.get(inquiry.current, Reason.RESPONSE_TIMEOUT)
        where = f"{inquiry.place}, " if inquiry.place else ""
        return _troubled(inquiry, Trouble(reason, f"{where}{format_duration(inquiry.duration())}"))
    except Exception as error:
        # Our own mistake, whatever it is: it must neither stop the daemon nor be held against the target.
        log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
        return broken(check, error, inquiry.duration())
    return _judged(inquiry)


def _troubled(inquiry: Inquiry, trouble: Trouble) -> Result:
    outcome = Outcome.UNKNOWN if trouble.reason in Trouble.OURS else Outcome.DOWN
    failure = Failure("request", "an answer", trouble.sentence, trouble.reason)
    return _result(inquiry, outcome, trouble.reason, trouble.sentence, (failure,))


def _judged(inquiry: Inquiry) -> Result:
    outcome, reason, sentence = verdict(inquiry.unmet)
    return _result(inquiry, outcome, reason, sentence, tuple(one.failure for one in inquiry.unmet))


def _result(
    inquiry: Inquiry, outcome: Outcome, reason: Reason | None, sentence: str, failures: tuple[Failure, ...]
) -> Result:
    return Result(
        inquiry.check,
        outcome,
        duration=inquiry.duration(),
        reason=reason,
        message=sentence,
        phases=dict(inquiry.phases),
        observations=dict(inquiry.observations),
        failures=failures,
        excerpt="" if outcome is Outcome.UP else excerpt(inquiry.said),
    )
