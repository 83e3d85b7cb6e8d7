"""Facts for the store's tests: plain ones by name, arbitrary ones by hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from saasobs.core.heartbeat import HeartbeatState, Ping, Signal
from saasobs.core.incident import (
    Attempt,
    Change,
    Event,
    Incident,
    MonitorState,
    Notice,
    NoticeState,
    Status,
    Suppression,
    notice_id,
)
from saasobs.core.monitor import Severity
from saasobs.core.ports import Store, Transaction
from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import DAY, HOUR, SECOND

NOW = 1_763_800_000_000_000 // DAY * DAY
"""The beginning of a UTC day."""


class RolledBack(Exception):
    """Raised to leave a transaction behind."""


@contextmanager
def left_behind(store: Store) -> Iterator[Transaction]:
    """A write transaction of which nothing stays."""
    with suppress(RolledBack), store.write() as transaction:
        yield transaction
        raise RolledBack


def result(at: int, outcome: Outcome = Outcome.UP, *, monitor: str = "api", duration: int = 1000) -> Result:
    reason = None if outcome is Outcome.UP else Reason.STATUS_MISMATCH
    return Result(Check(monitor, at, at), outcome, duration, reason)


def incident(identity: str = "i1", **changes: Any) -> Incident:
    made = Incident(identity, "api", Severity.CRITICAL, Status.DOWN, NOW, NOW, Reason.TOO_SLOW, "too slow")
    return replace(made, **changes)


def ended(identity: str, at: int) -> Incident:
    return incident(identity, ended_at=at, ending=Change.RECOVERED)


def notice(
    about: str = "i1", *, channel: str = "slack", recipient: str = "#ops", step: int = 0, due: int = NOW, **changes: Any
) -> Notice:
    identity = notice_id(about, step, 0, channel, recipient)
    made = Notice(
        identity, about, step, 0, channel, recipient, Change.OPENED, due_at=due, expires_at=due + HOUR, next_at=due
    )
    return replace(made, **changes)


def attempt(*notices: str, at: int = NOW, outcome: str = "sent", recipient: str = "#ops") -> Attempt:
    return Attempt(notices[0], notices, "slack", recipient, at, SECOND, outcome)


# Anything that fits the types ----------------------------------------------------------------------------------------

MOMENTS = st.integers(0, 2**62)
COUNTS = st.integers(0, 2**31 - 1)
NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
WORLD = st.text(st.characters(), max_size=30)
"""What the world may send, lone surrogates and NULs among it."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORLD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORLD, inner, max_size=3),
    max_leaves=5,
)
CORRELATION_IDS = st.from_regex(r"[A-Za-z0-9._-]{0,40}", fullmatch=True) | st.from_regex(
    r"[0-9a-f]{32}", fullmatch=True
)
PHASES = st.dictionaries(
    st.sampled_from(["dns", "connect", "tls", "first_byte", "transfer"]), MOMENTS
) | st.dictionaries(NAMES, MOMENTS, max_size=3)

failures = st.builds(Failure, WORLD, WORLD, WORLD, st.sampled_from(Reason), st.booleans())
checks = st.builds(Check, st.just("api"), MOMENTS, MOMENTS, NAMES, COUNTS, CORRELATION_IDS)
results = st.builds(
    Result,
    checks,
    st.sampled_from(Outcome),
    MOMENTS,
    st.none() | st.sampled_from(Reason),
    WORLD,
    PHASES,
    st.dictionaries(WORLD, JSON, max_size=3),
    st.lists(failures, max_size=2).map(tuple),
    WORLD,
)
states = st.builds(
    MonitorState,
    NAMES,
    st.sampled_from(Status),
    MOMENTS,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    MOMENTS,
    NAMES,
    st.booleans(),
    MOMENTS,
    st.none() | st.sampled_from(Outcome),
    st.none() | st.sampled_from(Reason),
)
incidents = st.builds(
    Incident,
    NAMES,
    NAMES,
    st.sampled_from(Severity),
    st.sampled_from(Status),
    MOMENTS,
    MOMENTS,
    st.sampled_from(Reason),
    WORLD,
    CORRELATION_IDS,
    COUNTS,
    MOMENTS,
    WORLD,
    MOMENTS,
    st.none() | st.sampled_from(Change),
)
events = st.builds(Event, NAMES, MOMENTS, st.sampled_from(Change), WORLD, WORLD)
notices = st.builds(
    Notice,
    NAMES,
    NAMES,
    COUNTS,
    COUNTS,
    NAMES,
    NAMES,
    st.sampled_from(Change),
    MOMENTS,
    MOMENTS,
    st.sampled_from(Severity),
    st.booleans(),
    st.sampled_from(NoticeState),
    st.none() | st.sampled_from(Suppression),
    COUNTS,
    MOMENTS,
    MOMENTS,
    st.just("") | NAMES,
    MOMENTS,
    WORLD,
)
heartbeats = st.builds(
    HeartbeatState, NAMES, MOMENTS, MOMENTS, MOMENTS, MOMENTS, st.none() | st.integers(-256, 256), WORLD
)
pings = st.builds(
    Ping, NAMES, MOMENTS, st.sampled_from(Signal), st.none() | st.integers(-256, 256), WORLD, WORLD, NAMES
)
