"""The words of a message about many incidents; `message` has those about one. Pure.

It tells the state of its moment, like every message: how many fail and which, how many of them are up again. What is
critical is named first, then what is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from saasobs.alerting import details as below
from saasobs.alerting.details import Detail, Fact
from saasobs.alerting.headline import (
    ASIDE,
    SYMBOLS,
    about,
    bare_name,
    condition,
    end_of,
    is_aside,
    lasted,
    reader_of,
    sentence,
)
from saasobs.alerting.hygiene import one_line
from saasobs.alerting.text_message import TextMessage, with_names
from saasobs.alerting.words import Reader
from saasobs.alerting.words.catalogue import Ailing, Noun, Over
from saasobs.core.groups import GroupBriefing, GroupKind, Member
from saasobs.core.incident import Change, Status, Topic
from saasobs.core.monitor import Severity
from saasobs.core.values import MINUTE

_NAMED: Final = 6
"""Names in a headline."""
_NAME: Final = 60
_SENTENCE: Final = 160
_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One incident in the list: how it is now, its ID for ``saasobs ack``, and what is the matter."""

    symbol: str
    incident_id: str
    text: str


def symbol(group: GroupBriefing) -> str:
    """🔴 something is down, 🟡 merely degraded, 🟢 all up again, ⚪ none is watched any more."""
    if any(one.incident.status is Status.DOWN for one in group.open):
        return "🔴"
    if group.open:
        return "🟡"
    return "⚪" if all(one.incident.ending is Change.WITHDRAWN for one in group.members) else "🟢"


def headline(group: GroupBriefing) -> str:
    """One plain line: ``🔴 12 monitors are down: api, checkout, search, mail, billing, login and 6 more``."""
    return f"{symbol(group)} {subject(group)}"


def subject(group: GroupBriefing) -> str:
    """The headline without its symbol."""
    words = reader_of(group).words
    total, still, noun = len(group.members), group.open, _noun(group.members)
    named = names(group, still or group.members)
    if group.kind is GroupKind.DIGEST:
        return f"{words.digest(total, len(still))}: {named}"
    if not group.ended:
        return f"{words.ailing(total, noun, _ailing(still))}: {named}"
    if still:
        part = words.part_over(len(group.ended), total, noun, _over(group.ended))
        return f"{part}, {words.still(_ailing(still))}: {named}"
    if all(one.ended_unheard for one in group.members):
        return f"{words.were(total, noun, _ailing(group.members), _over(group.ended))}: {named}"
    return f"{words.all_over(total, noun, _over(group.ended), every=_is_every(group))}: {named}"


def news(group: GroupBriefing) -> tuple[str, ...]:
    """What is new since the message before: ``3 more are down: …``, ``9 are up again: …``."""
    words = reader_of(group).words
    fresh = [one for one in group.news if one.incident.open]
    ended = [one for one in group.news if not one.incident.open]
    lines = []
    if fresh:
        how = words.fresh(len(fresh), _ailing(fresh), more=not group.first)
        lines.append(f"{SYMBOLS[_worst(fresh)]} {how}: {names(group, fresh)}")
    if ended:
        lines.append(f"🟢 {words.over_now(len(ended), _over(ended))}: {names(group, ended)}")
    return tuple(lines)


def names(group: GroupBriefing, members: Sequence[Member], limit: int = _NAMED) -> str:
    """``api, checkout and 10 more``."""
    who = reader_of(group)
    shown = [one_line(bare_name(one.incident, who), _NAME) for one in members[:limit]]
    return who.words.names(shown, len(members) - len(shown))


def details(group: GroupBriefing) -> tuple[Detail, ...]:
    """What a person needs next; empty facts are left out."""
    return tuple(detail for detail in _details(group) if detail.text)


def rows(group: GroupBriefing, limit: int) -> tuple[Row, ...]:
    """A line for each incident: those that go on first, then those that have ended."""
    who = reader_of(group)
    return tuple(_row(one, group.now, who) for one in (*group.open, *group.ended)[:limit])


def left_out(group: GroupBriefing, limit: int) -> str:
    """What stands below `rows` when there are more, or nothing."""
    left = len(group.members) - limit
    return reader_of(group).words.left_out(left) if left > 0 else ""


def late(group: GroupBriefing) -> str:
    """``told 7m late: it was due at 14:03 UTC``, or nothing when it is not late. A digest was meant to wait."""
    return "" if group.kind is GroupKind.DIGEST else below.late(group.due_at, group.now, reader_of(group))


def sms(group: GroupBriefing) -> str:
    """One GSM-7 segment: ``DOWN 12 monitors: api, checkout, search +9 14:01 UTC #k3v9m2xa``.

    As many names as fit; the state, the numbers, the group's ID and a link never give way.
    """
    who, named = reader_of(group), group.open or group.members
    parts = TextMessage(
        state=_capitals(group),
        identity=f"#{group.group_id}",
        time=_time_note(group, who),
        late=_late_note(group, who),
        link=group.answer_url if group.open else "",
    )
    return with_names(parts, [one_line(bare_name(one.incident, who), _NAME) for one in named])


# The parts of a headline ------------------------------------------------------------------------------------------


def _noun(members: Sequence[Member]) -> Noun:
    kinds = {one.incident.topic is Topic.ALERT for one in members}
    if kinds == {True, False}:
        return Noun.INCIDENTS
    return Noun.ALERTS if kinds == {True} else Noun.MONITORS


def _worst(members: Sequence[Member]) -> Status:
    return Status.DOWN if any(one.incident.status is Status.DOWN for one in members) else Status.DEGRADED


def _ailing(members: Sequence[Member]) -> Ailing:
    counts = Counter(one.incident.status for one in members)
    return Ailing(
        down=counts[Status.DOWN],
        degraded=counts[Status.DEGRADED],
        aside=all(one.incident.topic in ASIDE for one in members),
        firing=_noun(members) is Noun.ALERTS,
    )


def _over(members: Sequence[Member]) -> Over:
    endings = {one.incident.ending for one in members}
    if endings == {Change.WITHDRAWN}:
        return Over.UNWATCHED
    if _noun(members) is not Noun.MONITORS or Change.RESOLVED in endings:
        return Over.RESOLVED
    if all(one.incident.topic in ASIDE for one in members):
        return Over.IN_ORDER
    return Over.EITHER if Change.WITHDRAWN in endings else Over.UP


def _is_every(group: GroupBriefing) -> bool:
    """Whether to say "all": what failed together is over together."""
    return group.kind is GroupKind.FAILURES and len(group.members) > 1


def _details(group: GroupBriefing) -> Iterator[Detail]:
    who = reader_of(group)
    words, labels = who.words, who.words.labels
    yield Detail(Fact.LATE, labels.late, late(group))
    yield _times(group, who)
    yield Detail(Fact.REASONS, labels.reasons, _reasons(group.open or group.members, who))
    yield Detail(Fact.SEVERITY, labels.severity, _severities(group.open, who))
    yield Detail(Fact.GROUP, labels.group, group.group_id)
    page = one_line(f"{group.page_url.rstrip('/')}/incidents" if group.page_url else "")
    yield Detail(Fact.PAGE, labels.page, page, url=True)
    yield Detail(Fact.ALSO_TOLD, labels.also_told, below.listed(group.also_told, who))
    if unclaimed := [one for one in group.open if not one.incident.acknowledged_at]:
        identity = unclaimed[0].incident.id if len(unclaimed) == 1 else group.group_id
        command = f"saasobs ack {identity}"
        url = one_line(group.answer_url, 2_000)
        yield Detail(Fact.ACKNOWLEDGE, words.labels.acknowledge, url or command, url=bool(url))


def _times(group: GroupBriefing, who: Reader) -> Detail:
    now, words = group.now, who.words
    began = min(one.incident.started_at for one in group.open or group.members)
    if group.open:
        return Detail(Fact.SINCE, words.labels.since, words.since(who.clock(began, now), who.span(now - began)))
    over = max(one.incident.ended_at for one in group.members)
    times = words.lasted(who.clock(began, now), who.clock(over, now), who.span(over - began))
    return Detail(Fact.LASTED, words.labels.lasted, times)


def _reasons(members: Sequence[Member], who: Reader) -> str:
    """The commonest kinds of failure: many incidents with one cause mostly have one reason, too."""
    counts = Counter(one.incident.reason for one in members).most_common(_REASONS)
    return ", ".join(f"{who.reason(reason)} ({count})" for reason, count in counts)


def _severities(members: Sequence[Member], who: Reader) -> str:
    critical = sum(one.incident.severity is Severity.CRITICAL for one in members)
    if not critical:
        return who.words.severities[Severity.WARNING] if members else ""
    return who.words.severity_counts(critical, len(members) - critical) if critical < len(members) else ""


def _row(member: Member, now: int, who: Reader) -> Row:
    incident, words = member.incident, who.words
    end = incident.ending
    if incident.open or end is None:
        said = sentence(incident, who, now, limit=_SENTENCE)
        taken = f" ({words.taken_by(one_line(incident.acknowledged_by, _NAME))})" if incident.acknowledged_at else ""
        line = about(incident, who)
        return Row(SYMBOLS[incident.status], incident.id, f"{line}: {said}{taken}" if said else f"{line}{taken}")
    time = lasted(incident, now, who)
    if is_aside(incident) and end is Change.RECOVERED:
        over = words.settled(incident.topic, time)
    else:
        over = words.row_over(condition(incident), end_of(end), "", time)
    return Row(SYMBOLS[end], incident.id, f"{one_line(bare_name(incident, who), _NAME)}: {over}")


# The parts of a text message --------------------------------------------------------------------------------------


def _capitals(group: GroupBriefing) -> str:
    """The state in capitals and the numbers."""
    words, total = reader_of(group).words, len(group.members)
    count = words.how_many(total, _noun(group.members))
    if group.kind is GroupKind.DIGEST:
        return f"{words.capitals_digest()} {words.how_many(total, Noun.INCIDENTS)}"
    if not group.open:
        over = words.capitals_over(_over(group.ended), many=total != 1)
        if all(one.ended_unheard for one in group.members):
            return f"{words.capitals_was(_state(group.members, words_of=group), over, many=total != 1)} {count}"
        return f"{over} {words.every(count, _noun(group.members)) if _is_every(group) else count}"
    state = _state(group.open, words_of=group)
    if group.ended:
        return words.capitals_part(len(group.ended), total, _over(group.ended), state)
    return f"{state if group.first else words.capitals_now(state)} {count}"


def _state(members: Sequence[Member], *, words_of: GroupBriefing) -> str:
    words = reader_of(words_of).words
    states = {condition(one.incident) for one in members}
    return words.capitals(states.pop(), many=len(members) != 1) if len(states) == 1 else words.capitals_failing()


def _late_note(group: GroupBriefing, who: Reader) -> str:
    is_late = group.late_by > MINUTE and group.kind is not GroupKind.DIGEST
    return who.words.text_late(who.span(group.late_by)) if is_late else ""


def _time_note(group: GroupBriefing, who: Reader) -> str:
    if group.open:
        return who.clock(min(one.incident.started_at for one in group.open), group.now)
    return who.clock(max(one.incident.ended_at for one in group.members), group.now)
