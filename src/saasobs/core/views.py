"""The daemon's state as pages, the API and the command line are shown it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saasobs.core.incident import Attempt, Event, Incident, MonitorState, Notice
from saasobs.core.monitor import Monitor
from saasobs.core.result import Result


@dataclass(frozen=True, slots=True)
class MonitorView:
    """One monitor as a page or the CLI shows it."""

    monitor: Monitor
    state: MonitorState
    last: Result | None
    recent: Sequence[Result] = ()
    ping_url: str = ""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident with its whole story."""

    incident: Incident
    events: Sequence[Event]
    notices: Sequence[Notice]
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """How the daemon itself is. `problems` are sentences for people; ready means that it watches and can write."""

    ready: bool
    problems: Sequence[str]
    started_at: int
    version: str
    configuration: str
    configuration_loaded_at: int
    configuration_error: str = ""
