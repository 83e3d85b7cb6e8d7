"""Many incidents in one message: what a group is, and what such a message has to say.

A group belongs to one recipient of one channel. Who joins it and when it is told is decided in alerting/grouping.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from saasobs.core.incident import ENDINGS, Briefing, Change, Incident
from saasobs.core.values import digest_id


class GroupKind(StrEnum):
    """What its incidents have in common."""

    FAILURES = "failures"
    """They failed together; the group is told of their ends, too."""
    ENDINGS = "endings"
    """Each was told of on its own, and then they ended together."""
    DIGEST = "digest"
    """They waited for the morning: what happened in the night, what goes on and what is over."""


@dataclass(frozen=True, slots=True)
class Group:
    """Incidents of which one recipient is told together."""

    id: str
    channel: str
    recipient: str
    kind: GroupKind
    opened_at: int
    joined_at: int
    """When the newest of its incidents joined it."""
    told_at: int = 0
    critical_told_at: int = 0
    """When a critical one of its incidents was last told of."""
    reference: str = ""
    """What the last receipt of its message said: the channel's, to edit or thread the next one."""


def group_id(channel: str, recipient: str, kind: GroupKind, incident_ids: Iterable[str]) -> str:
    """The same incidents always found the same group, so that founding it twice is harmless."""
    return digest_id("group", channel, recipient, kind.value, *sorted(incident_ids), length=8)


@dataclass(frozen=True, slots=True)
class Recent:
    """Something that one recipient was told of lately, or will be with a group that is not sent yet."""

    incident_id: str
    change: Change
    critical: bool
    group: GroupKind | None = None
    """The kind of group that told it; None: a message of its own."""


@dataclass(frozen=True, slots=True)
class Untold:
    """How long a group's news have waited: the earliest and the latest `due_at`, of all and of the critical ones."""

    first: int
    last: int
    first_critical: int = 0
    last_critical: int = 0

    def with_(self, other: Untold) -> Untold:
        """Both together."""
        critical = (self, other) if self.last_critical and other.last_critical else (max(self, other, key=_last),) * 2
        return Untold(
            min(self.first, other.first),
            max(self.last, other.last),
            min(one.first_critical for one in critical),
            max(one.last_critical for one in critical),
        )


def _last(untold: Untold) -> int:
    return untold.last_critical


@dataclass(frozen=True, slots=True)
class Member:
    """One incident of a group, as it is now."""

    incident: Incident
    changes: tuple[Change, ...] = ()
    """What this message tells of it, oldest first; nothing for one that was told of before."""
    notice_ids: tuple[str, ...] = ()
    target: str = ""
    alone: Briefing | None = None
    """What an earlier message of its own should say by now, where there is one."""
    reference: str = ""
    """Of that earlier message."""

    @property
    def ended_unheard(self) -> bool:
        """A failure and its end in one message: it was over before it could be told."""
        return bool(self.changes) and self.changes[-1] in ENDINGS and Change.OPENED in self.changes


@dataclass(frozen=True, slots=True)
class GroupBriefing:
    """Everything one message has to say of many incidents, as facts; each channel puts them into its own words."""

    group_id: str
    delivery_id: str
    notice_ids: tuple[str, ...]
    recipient: str
    kind: GroupKind
    members: tuple[Member, ...]
    """Critical first, then what is new in this message, then as they opened."""
    now: int
    due_at: int
    """When the oldest thing told here should have been told."""
    first: bool = True
    """Nothing was told of this group before."""
    graver: bool = False
    """The first message with a critical failure in it, after others without."""
    page_url: str = ""
    person: str = ""
    """Whom it speaks to, where that is one of the configured people."""
    language: str = "en"
    """`en`, `es` or `pt`: the words are the recipient's."""
    timezone: str = "UTC"
    """The recipient's (IANA)."""
    answer_url: str = ""
    """Where one tap acknowledges every open one of them, where there is such a page."""
    also_told: tuple[str, ...] = ()
    """Who else was told, or will be: people and channels, in order."""

    @property
    def late_by(self) -> int:
        """Microseconds between when it was due and now."""
        return max(0, self.now - self.due_at)

    @property
    def open(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.incident.open)

    @property
    def ended(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if not member.incident.open)

    @property
    def news(self) -> tuple[Member, ...]:
        """The members of which this message tells something new."""
        return tuple(member for member in self.members if member.changes)
