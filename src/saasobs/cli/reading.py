"""The API's JSON back into moments, durations and a Result: the inverse of `saasobs.web.json`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from saasobs.core.result import Check, Failure, Outcome, Reason, Result
from saasobs.core.values import SECOND, format_duration, from_datetime


def to_moment(text: str | None) -> int:
    """Microseconds since the epoch; 0 for null, which stands for never."""
    return from_datetime(datetime.fromisoformat(text)) if text else 0


def to_micros(seconds: float) -> int:
    """A duration. Exact for anything shorter than a century."""
    return round(seconds * SECOND)


def ago(text: str | None, now: int) -> str:
    """``4m12s``: how long it has been; ``-`` for never."""
    return in_seconds(now - to_moment(text)) if text else "-"


def in_seconds(micros: int) -> str:
    """A duration between two clock times: whole seconds are enough, and clocks that disagree make none negative."""
    whole = max(0, micros) // SECOND
    return format_duration(whole * SECOND) if whole else "0s"


def clock_time(text: str | None) -> str:
    """``2026-11-22 14:03:07``, UTC; ``-`` for never."""
    return text[:19].replace("T", " ") if text else "-"


def to_result(json: Mapping[str, Any]) -> Result:
    """What the daemon's check saw."""
    check = Check(
        monitor=json["monitor"],
        scheduled_at=to_moment(json["scheduled_at"]),
        started_at=to_moment(json["started_at"]),
        location=json["location"],
        attempt=json["attempt"],
        correlation_id=json["correlation_id"] or "",
    )
    return Result(
        check=check,
        outcome=Outcome(json["outcome"]),
        duration=to_micros(json["duration_seconds"]),
        reason=Reason(json["reason"]) if json["reason"] else None,
        message=json["message"],
        phases={phase: to_micros(seconds) for phase, seconds in json["phases_seconds"].items()},
        observations=json["observations"],
        failures=tuple(_failure(failure) for failure in json["failures"]),
        excerpt=json["excerpt"],
    )


def _failure(json: Mapping[str, Any]) -> Failure:
    return Failure(json["expectation"], json["expected"], json["seen"], Reason(json["reason"]), json["degraded"])
