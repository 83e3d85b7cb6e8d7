"""Briefings that no incident stands behind: what `saasobs notify test` sends."""

from __future__ import annotations

from saasobs.core.incident import Briefing, Change, Event, Incident, Status, notice_id
from saasobs.core.monitor import Severity
from saasobs.core.people import Person
from saasobs.core.result import Reason


def sample_briefing(channel: str, recipient: str, now: int, reader: Person) -> Briefing:
    """A message that says plainly that it is a test, in its reader's words; each has an ID of its own."""
    sentence = f"this is a test of the channel {channel!r}: nothing is wrong"
    incident = Incident(
        "test",
        channel,
        Severity.WARNING,
        Status.DEGRADED,
        now,
        now,
        Reason.TOO_SLOW,
        sentence,
        acknowledged_at=now,  # so that nobody is asked to acknowledge it
        acknowledged_by="saasobs notify test",
    )
    identity = notice_id("test", 0, now, channel, recipient)
    return Briefing(
        delivery_id=identity,
        notice_ids=(identity,),
        recipient=recipient,
        incident=incident,
        changes=(Change.OPENED,),
        timeline=(Event("test", now, Change.OPENED, sentence),),
        now=now,
        due_at=now,
        person=reader.name,
        language=reader.language,
        timezone=reader.timezone,
        test=True,
    )
