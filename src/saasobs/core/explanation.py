"""Why somebody was told of an incident, or was not: the facts. They are found in alerting/explanation.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from saasobs.core.incident import Change, Incident, Suppression


class Fate(StrEnum):
    """What became of one thing that was owed."""

    TOLD = "told"
    WAITS = "waits"
    """It will be told, or not, as `why` says."""
    NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that was owed to one recipient over one channel."""

    notice_id: str
    person: str
    """Empty: whoever reads the channel."""
    schedule: str
    """By way of which the person was found."""
    channel: str
    recipient: str
    change: Change
    step: int
    """From 1."""
    round: int
    """Which going through the steps; from 1."""
    due_at: int
    fate: Fate
    at: int
    """When it was told; 0: it was not."""
    why: str
    """In a sentence, for people."""
    suppression: Suppression | None = None
    tries: int = 0
    delivered_at: int = 0
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of one incident, in the order in which it was due."""

    incident: Incident
    tellings: tuple[Telling, ...]
    notes: tuple[tuple[int, str], ...]
    """What else bears on it, from the timeline: moment and words."""
