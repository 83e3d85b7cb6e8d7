"""From a briefing's facts to words: the door for every channel, which escapes them in its own way. Pure.

A message always tells the state of its moment, in the language and on the clock of whoever reads it (`words`). Whatever
others wrote has gone through `hygiene`, and is never translated. `group_message` has the words about many incidents,
`spoken` those that are read aloud, `template` those of a provider's templates.
"""

from __future__ import annotations

from typing import Final

from saasobs.alerting import details as below
from saasobs.alerting.details import LATE, Detail, Fact, details, line, page_of, phases
from saasobs.alerting.headline import (
    ASIDE,
    DEEDS,
    SYMBOLS,
    bare_name,
    condition,
    deed,
    end_of,
    ending,
    is_aside,
    lasted,
    reader_of,
    sentence_of,
    subject,
    symbol,
    unheard,
)
from saasobs.alerting.text_message import TextMessage, one_segment
from saasobs.alerting.words import Buttons
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Change

__all__ = [
    "ASIDE", "LATE", "SYMBOLS", "Detail", "Fact", "buttons", "details", "ending", "headline", "history", "incident_url",
    "language", "late", "line", "page_of", "phases", "sms", "subject", "symbol", "time",
]  # fmt: skip

_HISTORY: Final = 10


def headline(briefing: Briefing) -> str:
    """One plain line: ``🔴 api is down: status 500, expected 200-299``."""
    return f"{symbol(briefing)} {subject(briefing)}"


def history(briefing: Briefing) -> tuple[str, ...]:
    """The newest lines of the timeline, oldest first."""
    return tuple(line(briefing, event) for event in briefing.timeline[-_HISTORY:])


def late(briefing: Briefing) -> str:
    """``told 7m late: it was due at 14:03 UTC``, or nothing when it is not late."""
    return below.late(briefing.due_at, briefing.now, reader_of(briefing))


def incident_url(briefing: Briefing) -> str:
    """The incident's own page, or nothing where there is no page."""
    return page_of(briefing.incident.id, briefing.page_url)


def time(told: Briefing | GroupBriefing) -> str:
    """The moment of the message on its reader's wall: ``14:03 UTC``."""
    return reader_of(told).clock(told.now, told.now)


def language(told: Briefing | GroupBriefing) -> str:
    """The tag of its words: for an HTML page's `lang`."""
    return reader_of(told).words.code


def buttons(told: Briefing | GroupBriefing) -> Buttons:
    """What stands on the buttons below it."""
    return reader_of(told).words.buttons


def sms(briefing: Briefing) -> str:
    """One GSM-7 segment: ``DOWN api: status 500, expected 200-299 14:01 UTC #k3v9m2xa``."""
    who, incident, end = reader_of(briefing), briefing.incident, ending(briefing)
    words, now = who.words, briefing.now
    late_note = words.text_late(who.span(briefing.late_by)) if briefing.late_by > LATE else ""
    if end is None:  # beside what somebody did, the time when it began would be taken for the time of that
        time_note = "" if briefing.changes[-1] in DEEDS else who.clock(incident.started_at, now)
    else:
        time_note = f"{words.text_after(lasted(incident, now, who))} {who.clock(incident.ended_at or now, now)}"
    return one_segment(
        TextMessage(
            state=_capitals(briefing, end),
            name=bare_name(incident, who),
            sentence=_text(briefing, end),
            plainer=_plainer(briefing, end),
            time=time_note,
            late=late_note,
            identity=f"#{incident.id}",
            link=briefing.answer_url if incident.open and not briefing.test else "",
        )
    )


def _text(briefing: Briefing, end: Change | None) -> str:
    if briefing.test:
        return reader_of(briefing).words.all_well
    if end is not None:
        return ""
    if briefing.changes[-1] in DEEDS:
        return deed(briefing)
    return sentence_of(briefing)


def _plainer(briefing: Briefing, end: Change | None) -> str:
    """The reason alone, where the sentence is nothing but that with what was seen behind it."""
    kind = reader_of(briefing).reason(briefing.incident.reason)
    return kind if _text(briefing, end).startswith(kind) else ""


def _capitals(briefing: Briefing, end: Change | None) -> str:
    """The state in capitals."""
    words, incident = reader_of(briefing).words, briefing.incident
    if briefing.test:
        return words.capitals_test()
    if is_aside(incident):
        if end is Change.RECOVERED:
            return words.capitals_settled()
        return (
            words.capitals_topic(incident.topic)
            if end is None
            else words.capitals_end(condition(incident), end_of(end))
        )
    so = words.capitals(condition(incident))
    if end is None:
        return words.capitals_now(so) if briefing.changes[-1] in (Change.ESCALATED, Change.EASED) else so
    after = words.capitals_end(condition(incident), end_of(end))
    return words.capitals_was(so, after) if unheard(briefing) else after
