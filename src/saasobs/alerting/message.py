"""From a briefing's facts to words. Pure; every channel takes its words from here and escapes them in its own way.

A message always tells the state of its moment: one that could not be told before its incident was over says "was down
for 2m and is up again", never "is down". Times are UTC. Whatever others wrote has gone through `hygiene`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from saasobs.alerting import gsm7
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.incidents import lasted
from saasobs.core.incident import ENDINGS, Briefing, Change, Event, Incident, Status, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import REASONS
from saasobs.core.values import DAY, MINUTE, SECOND, format_duration, to_datetime

LATE: Final = MINUTE
"""A message that is later than this says so."""
_HISTORY: Final = 10
_NAME: Final = 100

SYMBOLS: Final = {Change.RECOVERED: "🟢", Change.WITHDRAWN: "⚪", Status.DOWN: "🔴", Status.DEGRADED: "🟡"}
_ENDS: Final = {
    Change.RECOVERED: "is up again",
    Change.WITHDRAWN: "is no longer watched; its incident is closed",
}
_CALM: Final = {Change.RECOVERED: "is stable and up again", Change.WITHDRAWN: "no longer flaps"}
"""The same of flapping."""

_SETTLED: Final = {
    Topic.CERTIFICATE: "its certificate was renewed",
    Topic.SLO: "its error budget no longer burns too fast",
}
_TOPIC_WORDS: Final = {Topic.CERTIFICATE: "CERTIFICATE", Topic.SLO: "BUDGET", Topic.NETWORK: "BLIND"}
ASIDE: Final = frozenset(_TOPIC_WORDS)
"""Topics that say nothing about whether a monitor is up."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One labelled line below the headline; `url` when the text is one that a person opens."""

    label: str
    text: str
    url: bool = False


def ending(briefing: Briefing) -> Change | None:
    """How the incident has ended, whether this message was owed for that or not."""
    return briefing.ending or briefing.incident.ending


def symbol(briefing: Briefing) -> str:
    """🔴 down, 🟡 degraded, 🟢 up again, ⚪ no longer watched."""
    return SYMBOLS[ending(briefing) or briefing.incident.status]


def headline(briefing: Briefing) -> str:
    """One plain line: ``🔴 api is down: expected status 200-299, got 500``."""
    return f"{symbol(briefing)} {subject(briefing)}"


def subject(briefing: Briefing) -> str:
    """The headline without its symbol."""
    name, incident = one_line(briefing.incident.monitor, _NAME), briefing.incident
    end = ending(briefing)
    if incident.topic in ASIDE:
        return _aside(briefing, name, end)
    if end is not None:
        return f"{name} {_ended(briefing, end)}"
    return f"{name} {_state(briefing.changes[-1], incident)}: {_sentence(briefing)}"


def line(briefing: Briefing, event: Event) -> str:
    """One line of the timeline: ``14:03 UTC opened: down: …``; its day too when that is not today."""
    by = f" ({one_line(event.actor, 60)})" if event.actor and event.actor not in event.text else ""
    return f"{clock(event.at, briefing.now)} {event.change}: {one_line(event.text)}{by}"


def history(briefing: Briefing) -> tuple[str, ...]:
    """The newest lines of the timeline, oldest first."""
    return tuple(line(briefing, event) for event in briefing.timeline[-_HISTORY:])


def details(briefing: Briefing) -> tuple[Detail, ...]:
    """What a person needs next, in the order in which it helps; empty facts are left out."""
    return tuple(detail for detail in _details(briefing) if detail.text)


def late(briefing: Briefing) -> str:
    """``told 7m late: it was due at 14:03 UTC``, or nothing when it is not late."""
    return told_late(briefing.due_at, briefing.now)


def told_late(due_at: int, now: int) -> str:
    """`late`, of any message."""
    if now - due_at <= LATE:
        return ""
    return f"told {_rounded(now - due_at)} late: it was due at {clock(due_at, now)}"


def incident_url(briefing: Briefing) -> str:
    """The incident's own page, or nothing where there is no page."""
    return page_of(briefing.incident.id, briefing.page_url)


def page_of(incident_id: str, page_url: str) -> str:
    """`incident_url`, of any incident."""
    return f"{page_url.rstrip('/')}/incidents/{incident_id}" if page_url else ""


def clock(moment: int, now: int) -> str:
    """``14:03 UTC``; with the date when that is another day than `now`'s."""
    form = "%H:%M UTC" if moment // DAY == now // DAY else "%Y-%m-%d %H:%M UTC"
    return to_datetime(moment).strftime(form)


def sms(briefing: Briefing) -> str:
    """One GSM-7 segment: ``DOWN api: expected status 200-299, got 500 14:03 UTC #k3v9m2xa``.

    Name and sentence give way when it is too long; the state, the time and the incident's ID never do.
    """
    end = ending(briefing)
    word = _word(briefing, end)
    sentence = "" if end else gsm7.fold(_sentence(briefing))
    tail = gsm7.fold(_tail(briefing, end))
    name = gsm7.fold(one_line(briefing.incident.monitor, _NAME))
    room = gsm7.SEGMENT - gsm7.septets(f"{word} {': ' if sentence else ' '}{tail}") - (1 if sentence else 0)
    name = gsm7.cut(name, max(room // 2, room - gsm7.septets(sentence)))
    sentence = gsm7.cut(sentence, room - gsm7.septets(name))
    return f"{word} {name}: {sentence} {tail}" if sentence else f"{word} {name} {tail}"


# The parts of a headline ------------------------------------------------------------------------------------------


def _aside(briefing: Briefing, name: str, end: Change | None) -> str:
    """Of what is not a monitor's own state: a certificate, an error budget, our own network."""
    incident, time = briefing.incident, lasted(briefing.incident, briefing.now)
    if incident.topic is Topic.NETWORK:
        if end is None:
            return f"we are blind: {_sentence(briefing)}"
        heard = all(change in ENDINGS for change in briefing.changes)
        return f"we see again after {time}" if heard else f"we were blind for {time} and see again"
    if end is None:
        return f"{name}: {_sentence(briefing)}"
    what = _SETTLED[incident.topic]
    return f"{name}: {what} after {time}" if end is Change.RECOVERED else f"{name} {_ENDS[end]}"


def _ended(briefing: Briefing, end: Change) -> str:
    incident = briefing.incident
    time = lasted(incident, briefing.now)
    if all(change in ENDINGS for change in briefing.changes):
        return f"{end_words(incident, end)} after {time}" if end is Change.RECOVERED else end_words(incident, end)
    return f"was {condition(incident)} for {time} and {end_words(incident, end)}"


def condition(incident: Incident) -> str:
    """``down``, ``degraded`` or ``flapping``."""
    return "flapping" if incident.topic is Topic.FLAPPING else str(incident.status)


def end_words(incident: Incident, end: Change) -> str:
    """``is up again`` …"""
    return (_CALM if incident.topic is Topic.FLAPPING else _ENDS)[end]


def _state(change: Change, incident: Incident) -> str:
    status = incident.status
    if incident.topic is Topic.FLAPPING:
        return "is flapping"
    if change is Change.ESCALATED and status is Status.DOWN:
        return "is now down (it was degraded)"
    if change is Change.EASED and status is Status.DEGRADED:
        return "is no longer down, but degraded"
    return f"is still {status}" if change is Change.REMINDED else f"is {status}"


def _sentence(briefing: Briefing) -> str:
    return one_line(briefing.incident.message or REASONS[briefing.incident.reason], 300)


def _explanation(briefing: Briefing) -> str:
    """What the headline does not say: the kind of failure while it is open, the failure itself once it is over."""
    sentence, kind = _sentence(briefing), REASONS[briefing.incident.reason]
    if ending(briefing) is not None:
        return sentence
    return kind if kind not in sentence else ""


def _details(briefing: Briefing) -> Iterator[Detail]:
    incident, now = briefing.incident, briefing.now
    yield Detail("Late", late(briefing))
    if incident.open:
        yield Detail("Since", f"{clock(incident.started_at, now)}, for {lasted(incident, now)}")
    else:
        times = f"{clock(incident.started_at, now)} to {clock(incident.ended_at, now)}, {lasted(incident, now)}"
        yield Detail("Lasted", times)
    yield Detail("Reason", _explanation(briefing))
    yield Detail("Target", one_line(briefing.target, 300))
    yield Detail("About", one_line(briefing.description))
    yield Detail("Tags", one_line(", ".join(briefing.tags), 200))
    yield Detail("Severity", incident.severity if incident.severity is not Severity.CRITICAL else "")
    yield Detail("Correlation ID", one_line(incident.correlation_id, 128))
    yield Detail("Incident", incident.id)
    yield Detail("Page", one_line(incident_url(briefing)), url=True)
    yield Detail("Runbook", one_line(briefing.runbook), url=True)
    if incident.acknowledged_at:
        who = one_line(incident.acknowledged_by, 60) or "somebody"
        yield Detail("Acknowledged", f"by {who} at {clock(incident.acknowledged_at, now)}")
    elif incident.open:
        yield Detail("Acknowledge", f"saasobs ack {incident.id}")


# The parts of a text message --------------------------------------------------------------------------------------


def _word(briefing: Briefing, end: Change | None) -> str:
    """The state in capitals, first of all: it is what the lock screen shows."""
    status = condition(briefing.incident).upper()
    if briefing.incident.topic in ASIDE:
        return _TOPIC_WORDS[briefing.incident.topic] if end is None else "OK"
    if end is None:
        return {Change.ESCALATED: f"NOW {status}", Change.EASED: f"NOW {status}"}.get(briefing.changes[-1], status)
    after = "UP" if end is Change.RECOVERED else "CLOSED"
    return after if all(change in ENDINGS for change in briefing.changes) else f"WAS {status}, {after}"


def _tail(briefing: Briefing, end: Change | None) -> str:
    incident = briefing.incident
    lateness = f" (told {_rounded(briefing.late_by)} late)" if briefing.late_by > LATE else ""
    if end is None:
        return f"{clock(incident.started_at, briefing.now)}{lateness} #{incident.id}"
    time = clock(incident.ended_at or briefing.now, briefing.now)
    return f"after {lasted(incident, briefing.now)} {time}{lateness} #{incident.id}"


def _rounded(micros: int) -> str:
    return format_duration(micros // SECOND * SECOND)
