"""English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from saasobs.alerting.words import english_names as names
from saasobs.alerting.words import english_sentences as sentences
from saasobs.alerting.words.catalogue import (
    Ailing,
    Condition,
    End,
    Noun,
    Over,
    Words,
)
from saasobs.alerting.words.spans import largest
from saasobs.core.incident import Change, Topic
from saasobs.core.monitor import Severity
from saasobs.core.result import REASONS, Reason
from saasobs.core.values import format_duration

_IS: Final = {
    Condition.DOWN: "down",
    Condition.DEGRADED: "degraded",
    Condition.FLAPPING: "flapping",
    Condition.FIRING: "firing",
}
_OVER: Final = {
    Over.UP: "up again",
    Over.UNWATCHED: "no longer watched",
    Over.EITHER: "up again or no longer watched",
    Over.IN_ORDER: "in order again",
    Over.RESOLVED: "resolved",
}
_TOPICS: Final = {
    Topic.CERTIFICATE: "CERTIFICATE",
    Topic.SLO: "BUDGET",
    Topic.NETWORK: "BLIND",
    Topic.CHANNEL: "CHANNEL FAILS",
    Topic.ALERT: "SILENT",
}
"""Of what is not itself up or down; an alert stands here when its source has gone silent."""
_NOUNS: Final = {
    Noun.MONITORS: ("monitor", "monitors"),
    Noun.ALERTS: ("alert", "alerts"),
    Noun.INCIDENTS: ("incident", "incidents"),
}


class English:
    """The language of the code, and the default."""

    code = "en"
    voice = "en-US"
    template = "en"
    labels = names.LABELS
    buttons = names.BUTTONS
    answer_page = names.ANSWER_PAGE
    reasons: Mapping[Reason, str] = REASONS
    forms: Mapping[str, str] = sentences.FORMS
    details: Mapping[str, str] = sentences.DETAILS
    small: Mapping[str, str] = {}
    phases: Mapping[str, str] = names.PHASES
    links: Mapping[str, str] = names.LINKS
    changes: Mapping[Change, str] = {change: change.value for change in Change}
    severities: Mapping[Severity, str] = names.SEVERITIES
    somebody = "somebody"
    all_well = "nothing is wrong"
    own_network = "(own network)"
    spoken_point = "point"
    spoken_percent = "percent"
    spoken_to = "to"
    spoken_units: Mapping[str, tuple[str, str]] = names.SPOKEN_UNITS

    def decimal(self, figure: str) -> str:
        return figure

    def span(self, micros: int) -> str:
        return format_duration(micros)

    def clock(self, local: datetime, zone: str, *, dated: bool) -> str:
        return f"{local:%Y-%m-%d %H:%M} {zone}" if dated else f"{local:%H:%M} {zone}"

    def names(self, shown: Sequence[str], left: int) -> str:
        return ", ".join(shown) + (f" and {left} more" if left else "")

    # One incident

    def is_so(self, condition: Condition) -> str:
        return f"is {_IS[condition]}"

    def still_so(self, condition: Condition, round_: int, of: int) -> str:
        reminder = f" (reminder {round_}{f' of {of}' if of else ''})" if round_ else ""
        return f"is still {_IS[condition]}{reminder}"

    def now_down(self) -> str:
        return "is now down (it was degraded)"

    def now_degraded(self) -> str:
        return "is no longer down, but degraded"

    def ended(self, condition: Condition, end: End, by: str, after: str) -> str:
        if end is End.RESOLVED:
            return f"was marked as resolved{_by(by)} after {after}"
        if end is End.WITHDRAWN:
            return _withdrawn(condition)
        return f"{_recovered(condition)} after {after}"

    def was_so(self, condition: Condition, end: End, by: str, after: str) -> str:
        was = f"was {_IS[condition]} for {after}"
        if end is End.RESOLVED:
            return f"{was} and was marked as resolved{_by(by)}"
        return f"{was} and {_withdrawn(condition) if end is End.WITHDRAWN else _recovered(condition)}"

    def settled(self, topic: Topic, after: str) -> str:
        known = {Topic.CERTIFICATE: "its certificate was renewed", Topic.CHANNEL: "messages get through again"}
        return f"{known.get(topic, 'its error budget no longer burns too fast')} after {after}"

    def channel(self, name: str) -> str:
        return f"the channel {name}"

    def deaf(self, name: str) -> str:
        return f"nothing gets through over the channel {name}"

    def several(self, number: int, first: str) -> str:
        return f"{number} alerts" + (f", the first: {first}" if first else "")

    def blind(self, sentence: str) -> str:
        return f"we are blind: {sentence}"

    def sees_again(self, after: str) -> str:
        return f"we see again after {after}"

    def was_blind(self, after: str) -> str:
        return f"we were blind for {after} and see again"

    def test(self, channel: str) -> str:
        return f"this is a test of the channel {channel}: {self.all_well}"

    # What people did

    def taken(self, who: str) -> str:
        return f"{who} is on it"

    def untaken(self, *, snoozed: bool) -> str:
        return "its snooze is over and nobody is on it" if snoozed else "nobody is on it any more"

    def snoozed(self, who: str, until: str) -> str:
        return f"snoozed by {who} until {until}"

    def assigned(self, to: str, by: str) -> str:
        return f"assigned to {to}" + (f" by {by}" if by and by != to else "")

    def noted(self, who: str, text: str) -> str:
        return f"{who} notes: {text}"

    # What stands below the headline

    def told_late(self, by: str, due: str) -> str:
        return f"told {by} late: it was due at {due}"

    def since(self, clock: str, span: str) -> str:
        return f"{clock}, for {span}"

    def lasted(self, begin: str, end: str, span: str) -> str:
        return f"{begin} to {end}, {span}"

    def acknowledged(self, who: str, at: str) -> str:
        return f"by {who} at {at}"

    def snoozed_until(self, at: str) -> str:
        return f"until {at}"

    def snooze_for(self, span: str) -> str:
        return f"Snooze for {span}"

    def slow(self, phase: str) -> str:
        return f"{phase} (slow)"

    # Many incidents

    def how_many(self, number: int, noun: Noun) -> str:
        return f"{number} {_NOUNS[noun][number != 1]}"

    def every(self, count: str, noun: Noun) -> str:  # noqa: ARG002 - other languages have genders
        return f"all {count}"

    def ailing(self, number: int, noun: Noun, how: Ailing) -> str:
        return f"{self.how_many(number, noun)} {_are(number)} {_how(how)}"

    def part_over(self, ended: int, total: int, noun: Noun, over: Over) -> str:
        return f"{ended} of {self.how_many(total, noun)} {_are(ended)} {_OVER[over]}"

    def still(self, how: Ailing) -> str:
        return f"still {_how(how)}"

    def all_over(self, total: int, noun: Noun, over: Over, *, every: bool) -> str:
        count = self.how_many(total, noun)
        return f"{self.every(count, noun) if every else count} {_are(total)} {_OVER[over]}"

    def were(self, total: int, noun: Noun, how: Ailing, over: Over) -> str:
        were = "was" if total == 1 else "were"
        return f"{self.how_many(total, noun)} {were} {_how(how)} and {_are(total)} {_OVER[over]}"

    def fresh(self, number: int, how: Ailing, *, more: bool) -> str:
        return f"{number}{' more' if more else ''} {_are(number)} {_how(how)}"

    def over_now(self, number: int, over: Over) -> str:
        return f"{number} {_are(number)} {_OVER[over]}"

    def digest(self, total: int, open_: int) -> str:
        waited = f"{self.how_many(total, Noun.INCIDENTS)} waited for the morning"
        if not open_:
            return f"{waited}, {'it is' if total == 1 else 'all are'} over"
        if open_ == total:
            return f"{waited}, {'it goes' if total == 1 else 'all go'} on"
        return f"{waited}, {open_} {'goes' if open_ == 1 else 'go'} on"

    def left_out(self, number: int) -> str:
        return f"… and {number} more: saasobs incidents"

    def taken_by(self, who: str) -> str:
        return f"taken by {who}"

    def row_over(self, condition: Condition, end: End, by: str, after: str) -> str:
        if condition is Condition.FLAPPING and end is not End.RESOLVED:
            return _withdrawn(condition) if end is End.WITHDRAWN else _recovered(condition)
        if end is End.RESOLVED:
            return f"marked as resolved{_by(by)} after {after}"
        if end is End.WITHDRAWN:
            return "no longer reported by its source" if condition is Condition.FIRING else "no longer watched"
        return f"{'resolved' if condition is Condition.FIRING else 'up again'} after {after}"

    def severity_counts(self, critical: int, warning: int) -> str:
        return f"{critical} critical, {warning} warning"

    # Text messages

    def capitals(self, condition: Condition, *, many: bool = False) -> str:  # noqa: ARG002 - no plural in English
        return _IS[condition].upper()

    def capitals_topic(self, topic: Topic) -> str:
        return _TOPICS.get(topic, "OPEN")

    def capitals_settled(self) -> str:
        return "OK"

    def capitals_end(self, condition: Condition, end: End) -> str:
        if end is End.RECOVERED:
            return "RESOLVED" if condition is Condition.FIRING else "UP"
        return "RESOLVED" if end is End.RESOLVED else "CLOSED"

    def capitals_now(self, state: str) -> str:
        return f"NOW {state}"

    def capitals_was(self, state: str, end: str, *, many: bool = False) -> str:
        return f"{'WERE' if many else 'WAS'} {state}, {end}"

    def capitals_test(self) -> str:
        return "TEST"

    def capitals_failing(self) -> str:
        return "FAILING"

    def capitals_part(self, ended: int, total: int, over: Over, still: str) -> str:
        return f"{self.capitals_over(over, many=ended != 1)} {ended} of {total}, still {still}"

    def capitals_over(self, over: Over, *, many: bool) -> str:  # noqa: ARG002 - no plural in English
        return {Over.UNWATCHED: "CLOSED", Over.IN_ORDER: "OK", Over.RESOLVED: "RESOLVED"}.get(over, "UP")

    def capitals_digest(self) -> str:
        return "DIGEST"

    def text_after(self, span: str) -> str:
        return f"after {span}"

    def text_late(self, span: str) -> str:
        return f"(told {span} late)"

    # Read aloud

    def spoken_span(self, micros: int) -> str:
        parts = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in largest(micros)]
        return " and ".join(parts) or "less than a second"

    def spoken_opening(self, severity: Severity | None) -> str:
        if severity is None:
            return "This is saasobs."
        return f"This is saasobs, with a {'critical alert' if severity is Severity.CRITICAL else 'warning'}."

    def spoken_for(self, state: str, span: str) -> str:
        return f"{state}, for {span}."

    def spoken_reason(self, sentence: str) -> str:
        return f"The reason: {sentence}."

    def spoken_incident(self, letters: str) -> str:
        return f"The incident is {letters}."

    def spoken_press(self, digit: str) -> str:
        return f"Press {digit} to take it on."

    def spoken_test(self) -> str:
        return "This is a test call from saasobs. Nothing is wrong."


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _how(how: Ailing) -> str:
    if how.aside:
        return "in need of attention"
    if how.firing:
        return "firing"
    if how.mixed:
        return f"failing ({how.down} down, {how.degraded} degraded)"
    return "down" if how.down else "degraded"


def _recovered(condition: Condition) -> str:
    known = {Condition.FLAPPING: "is stable and up again", Condition.FIRING: "is resolved"}
    return known.get(condition, "is up again")


def _withdrawn(condition: Condition) -> str:
    known = {
        Condition.FLAPPING: "no longer flaps",
        Condition.FIRING: "is no longer reported by its source; its incident is closed",
    }
    return known.get(condition, "is no longer watched; its incident is closed")


ENGLISH: Final[Words] = English()
