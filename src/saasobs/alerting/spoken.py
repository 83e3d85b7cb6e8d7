"""What a voice says on the phone: whole words, no symbols, names as they are spoken. Pure.

Short enough to be understood at three in the morning, and repeated by whoever plays it: what is down and for how long,
the kind of failure (never the sentence of a check: nobody understands a URL that is read aloud), the incident's ID
letter by letter. What others wrote is reduced to letters, digits and blanks: no voice markup gets through.
"""

from __future__ import annotations

import re
from typing import Final

from saasobs.alerting import group_message, headline
from saasobs.alerting.headline import DEEDS, ending, is_aside, name, reader_of
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.words import Reader
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import Reason

LONGEST: Final = 500
"""Characters: about half a minute."""
_NAME: Final = 60
_DECIMAL: Final = re.compile(r"(?<=\d)[.,](?=\d)")
_SPAN: Final = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s?(ms|s|min|m|h|d)(?!\w)")
_ZONE: Final = re.compile(r" UTC([+-]\d+(:\d+)?)?\b")
_RANGE: Final = re.compile(r"(?<=\d)\s?[-–]\s?(?=\d)")
_PERCENT: Final = re.compile(r"(?<=\d)\s?%")
_SYMBOLS: Final = re.compile(r"[^\w\s.,:;?!']|_", re.UNICODE)
_NAME_MARKS: Final = re.compile(r"[\W_]+", re.UNICODE)


def voice(told: Briefing | GroupBriefing) -> str:
    """The whole announcement, as plain sentences."""
    said = _group(told) if isinstance(told, GroupBriefing) else _single(told)
    return one_line(said, LONGEST)


def press(told: Briefing | GroupBriefing, digit: str) -> str:
    """Which key takes it on."""
    return reader_of(told).words.spoken_press(digit)


def locale(told: Briefing | GroupBriefing) -> str:
    """Which voice speaks it (BCP 47)."""
    return reader_of(told).words.voice


def _single(briefing: Briefing) -> str:
    who, incident = reader_of(briefing), briefing.incident
    if briefing.test:
        return who.words.spoken_test()
    over = ending(briefing) is not None
    parts = [who.words.spoken_opening(None if over else incident.severity), _state(briefing, who)]
    if incident.open and not is_aside(incident):
        parts.append(who.words.spoken_reason(spoken(_reason(briefing, who), who)))
    return " ".join([*parts, who.words.spoken_incident(letters(incident.id))])


def _state(briefing: Briefing, who: Reader) -> str:
    """``The … is down, for 12 minutes.``"""
    incident, words = briefing.incident, who.words
    if ending(briefing) is not None:
        return spoken(headline.subject(briefing), who) + "."
    if briefing.changes[-1] in DEEDS:
        return spoken(f"{headline.about(incident, who)}; {headline.deed(briefing)}", who) + "."
    if incident.topic in (Topic.NETWORK, Topic.CHANNEL):
        about = headline.about(incident, who) if incident.topic is Topic.CHANNEL else who.reason(incident.reason)
        return f"{spoken(about, who)}."
    if is_aside(incident):
        return f"{name_aloud(name(incident, who))}: {spoken(who.reason(incident.reason), who)}."
    lasting = words.spoken_span(max(0, briefing.now - incident.started_at))
    return words.spoken_for(f"{name_aloud(name(incident, who))} {spoken(headline.state(briefing), who)}", lasting)


def _reason(briefing: Briefing, who: Reader) -> str:
    """The kind of failure; of what others report, their words: there is no kind."""
    if briefing.incident.topic is Topic.ALERT and briefing.incident.reason is Reason.REPORTED:
        return headline.sentence_of(briefing) or who.reason(briefing.incident.reason)
    return who.reason(briefing.incident.reason)


def _group(group: GroupBriefing) -> str:
    who = reader_of(group)
    critical = any(one.incident.severity is Severity.CRITICAL for one in group.open)
    severity = Severity.CRITICAL if critical else Severity.WARNING
    opening = who.words.spoken_opening(severity if group.open else None)
    said = spoken(group_message.subject(group), who)
    return f"{opening} {said}. {who.words.spoken_incident(letters(group.group_id))}"


def letters(identity: str) -> str:
    """``k, 3, v, 9``: one by one."""
    return ", ".join(letter for letter in identity if letter.isalnum())


def name_aloud(text: str) -> str:
    """``billing-api.v2`` as it is said: ``billing api v2``."""
    return " ".join(_NAME_MARKS.sub(" ", one_line(text, _NAME)).split())


def spoken(text: str, who: Reader) -> str:
    """A sentence without symbols; figures with their units in words."""
    plain = _ZONE.sub("", one_line(text, 300))
    plain = _SPAN.sub(lambda found: _unit(found[1], found[2], who), plain)
    plain = _RANGE.sub(f" {who.words.spoken_to} ", plain)
    plain = _PERCENT.sub(f" {who.words.spoken_percent}", plain)
    plain = _DECIMAL.sub(f" {who.words.spoken_point} ", plain)
    return " ".join(_SYMBOLS.sub(" ", plain).split()).rstrip(".")


def _unit(figure: str, unit: str, who: Reader) -> str:
    """A duration in words, where it is whole seconds; else the figure and its unit's name."""
    one, several = who.words.spoken_units[unit]
    return f"{figure} {one if figure == '1' else several}"
