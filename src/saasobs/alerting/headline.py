"""The one line of a message about one incident, and what it is made of. Pure.

It tells the state of its moment, like every message: one that could not be told before its incident was over says "was
down for 2m and is up again", never "is down".
"""

from __future__ import annotations

import re
from typing import Final

from saasobs.alerting.hygiene import one_line
from saasobs.alerting.words import Condition, End, Reader, reader
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import CHANNEL, ENDINGS, Briefing, Change, Event, Incident, Status, Topic
from saasobs.core.result import Reason

NAME: Final = 100
SENTENCE: Final = 300
_PERSON: Final = 60
_NOTE: Final = 200

SYMBOLS: Final = {
    Change.RECOVERED: "🟢",
    Change.RESOLVED: "🟢",
    Change.WITHDRAWN: "⚪",
    Status.DOWN: "🔴",
    Status.DEGRADED: "🟡",
}
TEST_SYMBOL: Final = "🔔"
ASIDE: Final = frozenset({Topic.CERTIFICATE, Topic.SLO, Topic.NETWORK, Topic.CHANNEL})
"""Topics that say nothing about whether a monitor is up."""
DEEDS: Final = frozenset({Change.ACKNOWLEDGED, Change.UNACKNOWLEDGED, Change.SNOOZED, Change.ASSIGNED, Change.NOTED})
"""What people do to an incident that goes on."""
_ENDS: Final = {
    Change.RECOVERED: End.RECOVERED,
    Change.WITHDRAWN: End.WITHDRAWN,
    Change.RESOLVED: End.RESOLVED,
}
_SEVERAL: Final = re.compile(r"(\d+) alerts, the first: (.*)", re.DOTALL)
_DEGRADED: Final = " (degraded)"
_FIRES: Final = re.compile(r".{0,200} fires")


def reader_of(told: Briefing | GroupBriefing) -> Reader:
    """Whose words and whose clock."""
    return reader(told.language, told.timezone)


def ending(briefing: Briefing) -> Change | None:
    """How the incident has ended, whether this message was owed for that or not."""
    return briefing.ending or briefing.incident.ending


def end_of(change: Change) -> End:
    return _ENDS.get(change, End.RECOVERED)


def symbol(briefing: Briefing) -> str:
    """🔴 down, 🟡 degraded, 🟢 up again, ⚪ no longer watched, 🔔 only a test."""
    return TEST_SYMBOL if briefing.test else SYMBOLS[ending(briefing) or briefing.incident.status]


def condition(incident: Incident) -> Condition:
    """What the state is called."""
    if incident.topic is Topic.FLAPPING:
        return Condition.FLAPPING
    if incident.topic is Topic.ALERT:
        return Condition.FIRING
    return Condition.DEGRADED if incident.status is Status.DEGRADED else Condition.DOWN


def is_aside(incident: Incident) -> bool:
    """Whether its sentence says it all: nothing of it is up or down."""
    is_silent = incident.topic is Topic.ALERT and incident.reason is Reason.SOURCE_SILENT
    return incident.topic in ASIDE or is_silent


def name(incident: Incident, who: Reader) -> str:
    """What it is about, as it may be shown."""
    bare = bare_name(incident, who)
    return who.words.channel(bare) if incident.topic is Topic.CHANNEL else bare


def bare_name(incident: Incident, who: Reader) -> str:
    """The same where the state says already what kind of thing it is."""
    if incident.topic is Topic.NETWORK:
        return who.words.own_network
    return one_line(
        incident.monitor.removeprefix(CHANNEL) if incident.topic is Topic.CHANNEL else incident.monitor, NAME
    )


def person(text: str, who: Reader) -> str:
    """Who did it."""
    return one_line(text, _PERSON) or who.words.somebody


def lasted(incident: Incident, now: int, who: Reader) -> str:
    """How long it lasted, or has lasted until `now`."""
    return who.span(max(0, (incident.ended_at or now) - incident.started_at))


def sentence(incident: Incident, who: Reader, now: int, *, summary: str = "", limit: int = SENTENCE) -> str:
    """What is the matter. What others reported is told in their words; empty when they found none.

    :param summary: what a received alert says of itself in the reader's language.
    """
    text = incident.message or summary
    if not text:
        return who.reason(incident.reason)
    if incident.reason is not Reason.REPORTED:
        said = one_line(text, 2 * SENTENCE)
        if incident.status is Status.DEGRADED and incident.topic is Topic.HEALTH:
            said = said.removesuffix(_DEGRADED)  # the headline says so
        return one_line(who.sentence(said, now), limit)
    several = _SEVERAL.fullmatch(text)
    said = summary or (several[2] if several else text)
    said = "" if _FIRES.fullmatch(said) else said
    return one_line(who.words.several(int(several[1]), said) if several else said, limit)


def sentence_of(briefing: Briefing) -> str:
    return sentence(briefing.incident, reader_of(briefing), briefing.now, summary=briefing.summary)


def subject(briefing: Briefing) -> str:
    """The headline without its symbol."""
    who, end, incident = reader_of(briefing), ending(briefing), briefing.incident
    if briefing.test:
        return who.words.test(name(incident, who))
    if incident.topic is Topic.NETWORK:
        return _network(briefing, end)
    if end is not None:
        return f"{name(incident, who)}{': ' if _is_settled(incident, end) else ' '}{_ended(briefing, end)}"
    if briefing.changes[-1] in DEEDS:
        return _done(briefing)
    return _with(
        about(incident, who) if is_aside(incident) else f"{name(incident, who)} {state(briefing)}",
        sentence_of(briefing),
    )


def about(incident: Incident, who: Reader) -> str:
    """How it is, without what a message adds to that: ``api is down``; of what is aside, its name alone."""
    if incident.topic is Topic.CHANNEL:
        return who.words.deaf(bare_name(incident, who))
    return (
        name(incident, who) if is_aside(incident) else f"{name(incident, who)} {who.words.is_so(condition(incident))}"
    )


def state(briefing: Briefing) -> str:
    """How it is while it goes on, after its name: ``is now down (it was degraded)``."""
    words, incident, change = reader_of(briefing).words, briefing.incident, briefing.changes[-1]
    is_monitor = incident.topic is Topic.HEALTH
    if change is Change.ESCALATED and incident.status is Status.DOWN and is_monitor:
        return words.now_down()
    if change is Change.EASED and incident.status is Status.DEGRADED and is_monitor:
        return words.now_degraded()
    if change is Change.REMINDED:
        return words.still_so(condition(incident), incident.rounds, briefing.rounds)
    return words.is_so(condition(incident))


def deed(briefing: Briefing) -> str:
    """What somebody did: ``ana is on it``."""
    who, incident, change = reader_of(briefing), briefing.incident, briefing.changes[-1]
    event = newest(briefing, change)
    actor = event.actor if event else ""
    if change is Change.UNACKNOWLEDGED:
        return who.words.untaken(snoozed=not actor)  # nobody's hand: the time was up
    if change is Change.ASSIGNED:
        return who.words.assigned(person(incident.assigned_to, who), one_line(actor, _PERSON))
    if change is Change.NOTED:
        return who.words.noted(person(actor, who), one_line(event.text if event else "", _NOTE))
    taker = person(incident.acknowledged_by or actor, who)
    if change is Change.SNOOZED and incident.snoozed_until:
        return who.words.snoozed(taker, who.clock(incident.snoozed_until, briefing.now))
    return who.words.taken(taker)


def newest(briefing: Briefing, change: Change) -> Event | None:
    """The last line of the timeline about such a change."""
    return next((event for event in reversed(briefing.timeline) if event.change is change), None)


def resolver(briefing: Briefing) -> str:
    """Who said that it was over."""
    event = newest(briefing, Change.RESOLVED)
    return person(event.actor if event else "", reader_of(briefing))


def unheard(briefing: Briefing) -> bool:
    """Whether its reader hears of the beginning only now that it is over."""
    return not all(change in ENDINGS for change in briefing.changes)


def _network(briefing: Briefing, end: Change | None) -> str:
    who = reader_of(briefing)
    time = lasted(briefing.incident, briefing.now, who)
    if end is None:
        blind = who.words.blind(sentence_of(briefing))
        return f"{deed(briefing)}: {blind}" if briefing.changes[-1] in DEEDS else blind
    return who.words.was_blind(time) if unheard(briefing) else who.words.sees_again(time)


def _is_settled(incident: Incident, end: Change) -> bool:
    """What was never down is not up again, but settled."""
    return incident.topic in ASIDE and end is Change.RECOVERED


def _ended(briefing: Briefing, end: Change) -> str:
    who, incident = reader_of(briefing), briefing.incident
    time = lasted(incident, briefing.now, who)
    if _is_settled(incident, end):
        return who.words.settled(incident.topic, time)
    told = who.words.was_so if unheard(briefing) and incident.topic not in ASIDE else who.words.ended
    return told(condition(incident), end_of(end), resolver(briefing), time)


def _done(briefing: Briefing) -> str:
    """How it is, what somebody did, and what is the matter (a note needs no more words)."""
    who, incident = reader_of(briefing), briefing.incident
    line = f"{about(incident, who)}; {deed(briefing)}"
    return line if briefing.changes[-1] is Change.NOTED else _with(line, sentence_of(briefing))


def _with(line: str, said: str) -> str:
    return f"{line}: {said}" if said else line
