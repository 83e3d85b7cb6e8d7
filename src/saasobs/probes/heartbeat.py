"""heartbeat: a dead man's switch for cron jobs and workers. The job reports to us; silence is the failure.

The rules are pure and take the time as an argument; the probe at the end only fetches what they need.

How a missing ping is told, given the last success (or, before the first, the moment the monitor was created):
1. The job is expected a period later, or at the next occurrence of its cron expression; its ping may then come
   until the end of a window that is `grace` long.
2. An absence (this daemon was away, pings were lost) that overlaps the window may have swallowed the ping: that
   window proves nothing. The next one counts: with a period it ends a period and a grace after we came back,
   with cron it is the one of the first occurrence after we came back.
3. On top, the first deadline is put off by the length of every absence since the last success; the later of the
   two counts.
4. A job that has started in time and has a `max_runtime` may use it: meanwhile it is not missing.
So a job that pings on time is never called missing for an absence of ours, and one that has stopped is told at the
latest a period, a grace and the length of the absence after we came back.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, WithJsonSchema, model_validator

from saasobs.core.heartbeat import HeartbeatState
from saasobs.core.monitor import Monitor
from saasobs.core.ports import Heartbeats
from saasobs.core.result import REASONS, Check, Outcome, Reason, Result
from saasobs.core.values import HOUR, MINUTE, format_duration, from_datetime, isoformat, to_datetime
from saasobs.options import Duration, KindOptions, PositiveDuration, TimeZone
from saasobs.probes.excerpt import excerpt
from saasobs.probes.kind import Tools, broken

log = structlog.get_logger("saasobs.probes.heartbeat")

Absences = Sequence[tuple[int, int]]
"""When this daemon was away: (from, to) in µs, in order, not overlapping."""


def _cron(text: str) -> str:
    try:
        next(CronSim(text, to_datetime(0)))
    except StopIteration as error:
        raise ValueError(f"{text!r} never happens: there is no such day") from error
    except (CronSimError, ValueError, AssertionError) as error:
        hint = "write minute, hour, day, month and weekday, as in '0 3 * * *' for 03:00 every day"
        raise ValueError(f"{text!r} is not a cron expression ({error}): {hint}") from error
    return text


def _token(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise ValueError("must be a UUID: make one with `python3 -m uuid` or leave the key out") from error


Cron = Annotated[str, AfterValidator(_cron), WithJsonSchema({"type": "string", "examples": ["0 3 * * *"]})]
Token = Annotated[str, AfterValidator(_token), WithJsonSchema({"type": "string", "format": "uuid"})]


class HeartbeatOptions(KindOptions):
    """A job that must report in: every `period`, or by a `cron` schedule; exactly one of the two."""

    asks: ClassVar[bool] = False
    thresholds: ClassVar[dict[str, Any]] = {"fail_after": 1, "recover_after": 1}
    example: ClassVar[str] = """\
name: nightly-invoices
kind: heartbeat
cron: "0 3 * * *"
timezone: America/Lima
grace: 15m
max_runtime: 1h
"""
    observations: ClassVar[Mapping[str, str]] = {
        "expected_at": "When the next ping was expected first.",
        "deadline": "From when on its lack is told.",
        "last_ping": "When the job last reported success.",
        "last_start": "When it last reported its start.",
        "last_fail": "When it last reported a failure.",
        "exit_code": "The exit code that it last reported.",
        "runtime_us": "How long its last run took, µs.",
        "running": "Whether it has started and not ended.",
    }

    period: PositiveDuration | None = None
    """How often the job reports, counted from its last report."""
    cron: Cron | None = None
    """When the job runs, as in its crontab: minute, hour, day of month, month, weekday."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`."""
    grace: Duration | None = None
    """How long after the expected time a report may still come. By default 5m with `cron`; with `period` a tenth of
    it, but at least 1m and at most 1h."""
    max_runtime: PositiveDuration | None = None
    """How long the job may run between its `/start` ping and its end; longer is a failure. A job that has started in
    time is not missing while it may run."""
    token: Token | None = None
    """The UUID of the ping URL; by default it is derived from the instance's secret and the monitor's name."""

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if (self.period is None) == (self.cron is None):
            raise ValueError("a heartbeat needs exactly one of period (as in 10m) and cron (as in '0 3 * * *')")
        return self

    @property
    def allowance(self) -> int:
        """The grace in force, µs."""
        if self.grace is not None:
            return self.grace
        return 5 * MINUTE if self.period is None else min(max(self.period // 10, MINUTE), HOUR)

    def target(self) -> str:
        if self.period is not None:
            return f"a ping every {format_duration(self.period)}"
        return f"a ping at {self.cron} ({self.timezone})"


class Verdict(NamedTuple):
    """What the rules say of a heartbeat now."""

    outcome: Outcome
    reason: Reason | None
    message: str
    observations: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expectation:
    """When the next ping was expected first, and from when on its lack is told; rules 1 to 4."""

    expected: int
    deadline: int


def assess(options: HeartbeatOptions, state: HeartbeatState, absences: Absences, now: int) -> Verdict:
    """The verdict on a heartbeat at a moment."""
    due = expect(options, state, absences)
    overrun = _overrun_at(options, state, absences)
    seen = _observations(state, due)
    if _failed(state):
        return Verdict(Outcome.DOWN, Reason.HEARTBEAT_FAILED, _failed_sentence(state), seen)
    if overrun is not None and now >= overrun:
        return Verdict(Outcome.DOWN, Reason.HEARTBEAT_OVERRAN, _overran_sentence(options, state, now), seen)
    if now >= due.deadline:
        return Verdict(Outcome.DOWN, Reason.HEARTBEAT_MISSING, _missing_sentence(state, due, now), seen)
    if not state.last_success:
        sentence = f"waiting for the first ping, due by {isoformat(due.deadline)}"
        return Verdict(Outcome.UNKNOWN, None, sentence, seen)
    return Verdict(Outcome.UP, None, "", seen)


def next_deadline(options: HeartbeatOptions, state: HeartbeatState, absences: Absences, now: int) -> int | None:
    """When the verdict may next change by time alone; None when only a ping can change it."""
    if _failed(state):
        return None
    moments = (expect(options, state, absences).deadline, _overrun_at(options, state, absences))
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def expect(options: HeartbeatOptions, state: HeartbeatState, absences: Absences) -> Expectation:
    """Rules 1 to 4 of the module."""
    base = state.last_success or state.created_at
    window = first = _next_window(options, base)
    put_off = 0
    for start, end in absences:
        deadline = max(window.deadline, first.deadline + put_off)
        if end <= base or start > deadline:
            continue
        put_off += end - max(start, base)
        if start <= window.deadline and end >= window.expected:
            window = _after_absence(options, window, (start, end))
    deadline = max(window.deadline, first.deadline + put_off)
    return Expectation(first.expected, max(deadline, _run_ends(options, state, first.deadline)))


def _next_window(options: HeartbeatOptions, base: int) -> Expectation:
    if options.period is not None:
        expected = base + options.period
    else:
        expected = next_occurrence(options.cron or "", options.timezone, base)
    return Expectation(expected, expected + options.allowance)


def _after_absence(options: HeartbeatOptions, window: Expectation, absence: tuple[int, int]) -> Expectation:
    """The first window whose ping cannot have been lost in this absence."""
    start, end = absence
    if options.period is None:
        return _next_window(options, max(end, window.expected))
    # The lost ping came at some time in window and absence; the next one comes a period later, in time for it.
    earliest = max(end, max(start, window.expected) + options.period)
    return Expectation(earliest, end + options.period + options.allowance)


def _run_ends(options: HeartbeatOptions, state: HeartbeatState, deadline: int) -> int:
    """Until when a run that has started in time excuses its missing ping; 0 when there is none."""
    if options.max_runtime is None or not _running(state) or state.last_start > deadline:
        return 0
    return state.last_start + options.max_runtime


def _overrun_at(options: HeartbeatOptions, state: HeartbeatState, absences: Absences) -> int | None:
    """When the present run has taken too long; None when nothing runs or its end may have been lost."""
    if options.max_runtime is None or not _running(state):
        return None
    limit = state.last_start + options.max_runtime
    lost = any(start <= limit and end > state.last_start for start, end in absences)
    return None if lost else limit


def _running(state: HeartbeatState) -> bool:
    return state.last_start > max(state.last_success, state.last_fail)


def _failed(state: HeartbeatState) -> bool:
    return state.last_fail > state.last_success or bool(state.last_success and state.last_exit_code)


@lru_cache(maxsize=4096)
def next_occurrence(cron: str, timezone: str, base: int) -> int:
    """The first occurrence (µs) after a moment for which every common cron runs the job.

    A time that the clocks skip in spring is left out: some schedulers run such a job an hour later, others not at
    all that day. A time that comes twice in autumn counts once, the first time.
    """
    schedule = CronSim(cron, to_datetime(base).astimezone(ZoneInfo(timezone)))
    for when in schedule:
        moved = when.hour not in schedule.hours or when.minute not in schedule.minutes
        moment = from_datetime(when)
        if moment > base and not moved:
            return moment
    raise ValueError(f"{cron!r} never happens again")  # pragma: no cover - refused when the file is read


def _observations(state: HeartbeatState, due: Expectation) -> dict[str, Any]:
    seen: dict[str, Any] = {"expected_at": isoformat(due.expected), "deadline": isoformat(due.deadline)}
    for name, moment in (("last_ping", state.last_success), ("last_start", state.last_start),
                         ("last_fail", state.last_fail)):  # fmt: skip
        if moment:
            seen[name] = isoformat(moment)
    if state.last_exit_code is not None:
        seen["exit_code"] = state.last_exit_code
    ended = max(state.last_success, state.last_fail)
    if 0 < state.last_start <= ended:
        seen["runtime_us"] = ended - state.last_start
    return seen | {"running": _running(state)}


def _failed_sentence(state: HeartbeatState) -> str:
    code = f" with exit code {state.last_exit_code}" if state.last_exit_code is not None else ""
    when = isoformat(max(state.last_fail, state.last_success))
    said = excerpt(state.last_body).partition("\n")[0]
    return f"{REASONS[Reason.HEARTBEAT_FAILED]}{code} at {when}" + (f": {said[:120]}" if said else "")


def _overran_sentence(options: HeartbeatOptions, state: HeartbeatState, now: int) -> str:
    ran, allowed = format_duration(now - state.last_start), format_duration(options.max_runtime or 0)
    return f"the job started at {isoformat(state.last_start)} and has not finished after {ran}, allowed are {allowed}"


def _missing_sentence(state: HeartbeatState, due: Expectation, now: int) -> str:
    due_by = isoformat(due.deadline)
    if not state.last_success:
        since = format_duration(now - state.created_at)
        return f"no ping ever came in the {since} since this monitor was created; one was due by {due_by}"
    since, last = format_duration(now - state.last_success), isoformat(state.last_success)
    return f"no ping for {since}: the last came at {last}, the next was due by {due_by}"


def wake_at(monitor: Monitor, heartbeats: Heartbeats, now: int) -> int | None:
    """When this monitor should be checked again at the latest, though no ping comes."""
    state = heartbeats.heartbeat(monitor.name)
    return None if state is None else next_deadline(monitor.options, state, heartbeats.absences(), now)


_UNHEARD: Final = "waiting for the first ping"


class HeartbeatProbe:
    """Judges what is known of the heartbeat; touches no network."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def check(self, monitor: Monitor, check: Check) -> Result:
        try:
            return self._check(monitor, check)
        except Exception as error:
            log.exception("check.broken", monitor=monitor.name, kind=monitor.kind)
            return broken(check, error, 0)

    def _check(self, monitor: Monitor, check: Check) -> Result:
        state = self._tools.heartbeats.heartbeat(monitor.name)
        if state is None:
            return Result(check, Outcome.UNKNOWN, message=_UNHEARD)
        now = self._tools.clock.now()
        verdict = assess(monitor.options, state, self._tools.heartbeats.absences(), now)
        said = excerpt(state.last_body) if verdict.reason is Reason.HEARTBEAT_FAILED else ""
        return Result(
            check,
            verdict.outcome,
            reason=verdict.reason,
            message=verdict.message,
            observations=verdict.observations,
            excerpt=said,
        )

    async def close(self) -> None:
        """Nothing is held."""
