"""What is known of a heartbeat: the pings of a job that reports to us, not we to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Signal(StrEnum):
    """What a ping says about the job."""

    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping as it arrived; the body is cut to the limit before it gets here."""

    monitor: str
    at: int
    signal: Signal
    exit_code: int | None = None
    body: str = ""
    source: str = ""
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class HeartbeatState:
    """The last moments of each signal (0: never). Survives restarts."""

    monitor: str
    created_at: int
    last_success: int = 0
    last_start: int = 0
    last_fail: int = 0
    last_exit_code: int | None = None
    last_body: str = ""
