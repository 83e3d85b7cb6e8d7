"""Whatever the policy, the people, the channels and the order of things: nobody falls silent without a word of why.

SAASOBS_STORIES sets how many stories are told (60 by default; thousands for the long run).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saasobs.alerting.directory import Directory
from saasobs.alerting.policy import STEPPED
from saasobs.alerting.quiet_hours import quiet_until
from saasobs.alerting.steps import EVERYONE, Match, Policy, Repeat, Step
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import ENDINGS, Change, Notice, NoticeState, notice_id
from saasobs.core.monitor import Severity
from saasobs.core.people import Contact, Person, QuietHours
from saasobs.core.values import DAY, HOUR, MINUTE
from support.team import Message, Team

STORIES: Final = int(os.environ.get("SAASOBS_STORIES", "60"))
CHANNELS = ("chat", "sms", "mail")
PEOPLE = ("ana", "ben", "cai")
FAULTS = {
    "dead": DeliveryError("token_revoked", permanent=True),
    "capped": DeliveryError("the cap is reached", permanent=True, cap=True),
    "slow": DeliveryError("503"),
}

# What a team may look like -------------------------------------------------------------------------------------------

quiet = st.builds(
    QuietHours,
    st.sampled_from([time(22), time(1), time(13)]),
    st.sampled_from([time(7), time(9, 30)]),
    st.sampled_from(["America/Lima", "Europe/Berlin", "UTC"]),
)
steps = st.builds(
    Step,
    st.lists(st.sampled_from([*CHANNELS, *PEOPLE, "primary", EVERYONE]), min_size=1, max_size=3, unique=True).map(
        tuple
    ),
    st.sampled_from([0, 5 * MINUTE, 12 * MINUTE]),
    st.booleans(),
    st.sampled_from([(), (), ("sms",), ("mail", "sms")]),
)
fallbacks = st.sampled_from([(), (), ("mail",), ("chat", "sms")])


def policies(name: str, match: Match | None = None) -> st.SearchStrategy[Policy]:
    repeat = st.one_of(st.none(), st.builds(Repeat, st.sampled_from([20 * MINUTE, HOUR]), st.integers(1, 3)))
    several = st.lists(steps, min_size=1, max_size=4).map(tuple)
    return st.builds(Policy, st.just(name), several, st.just(match), repeat, fallbacks)


@st.composite
def people(draw: st.DrawFn) -> dict[str, Person]:
    found = {}
    for name in draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3)):
        number = PEOPLE.index(name)
        ways = draw(st.sampled_from([("phone",), ("email",), ("phone", "email")]))
        found[name] = Person(
            name,
            phone=f"+5198765432{number}" if "phone" in ways else "",
            email=f"{name}@acme.example" if "email" in ways else "",
            contact=draw(st.sampled_from([(), ("mail",), ("sms",)])),
            quiet_hours=draw(st.one_of(st.none(), quiet)),
        )
    return found


class Rota:
    """Who is on call, until somebody else is."""

    def __init__(self, *names: str) -> None:
        self.people: Sequence[str] = names

    def __call__(self, _schedule: str, _at: int) -> Sequence[str]:
        return self.people


@st.composite
def directories(draw: st.DrawFn) -> tuple[Directory, Rota]:
    known = draw(people())
    rota = Rota(*draw(st.lists(st.sampled_from([*known]), max_size=1)) if known else ())
    warnings = Match(severity=Severity.WARNING)
    chosen = [*draw(st.lists(policies("warnings", warnings), max_size=1)), draw(policies("default"))]
    own = {
        "chat": ("#alerts",),
        "sms": draw(st.sampled_from([(), ("+15005550009",)])),
        "mail": draw(st.sampled_from([(), ("team@x",)])),
    }
    directory = Directory(
        policies={one.name: one for one in chosen},
        recipients=own,
        max_age=dict.fromkeys(CHANNELS, 6 * HOUR),
        contacts={"sms": Contact.PHONE, "mail": Contact.EMAIL},
        people=known,
        schedules=frozenset({"primary"}),
        on_call=rota,
        quiet_hours=draw(st.one_of(st.none(), quiet)),
        never_quiet=draw(st.sampled_from([frozenset(), frozenset({"chat"})])),
    )
    return directory, rota


# What may happen -----------------------------------------------------------------------------------------------------

acts = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([0, 1, 4, 6, 13, 31, 90, 400])),
    st.tuples(
        st.sampled_from(["open", "warn", "escalate", "ease", "recover", "acknowledge", "hand back"]), st.integers(0, 3)
    ),
    st.tuples(st.sampled_from(["kill", "lose a receipt"]), st.just(0)),
    st.tuples(st.just("sleep"), st.sampled_from([2, 45, 600])),
    st.tuples(st.just("on call"), st.integers(0, 3)),
    st.tuples(
        st.sampled_from(["break chat", "break sms", "break mail"]), st.sampled_from(["", "slow", "dead", "capped"])
    ),
)


@dataclass
class Story:
    """One team, and what happens to it."""

    team: Team
    rota: Rota
    faults: dict[str, str]
    always_well: set[str] = field(default_factory=set)
    incidents: list[str] = field(default_factory=list)
    lost: int = 0
    silent_since: dict[str, int] = field(default_factory=dict)

    def answer(self, channel: str, _recipient: str) -> Exception | None:
        return FAULTS.get(self.faults[channel])

    def do(self, act: str, what: object) -> None:
        number = what if isinstance(what, int) else 0
        if act == "pass":
            self.team.pass_(number * MINUTE)
        elif act in ("open", "warn"):
            self.team.pass_(1)
            severity = Severity.CRITICAL if act == "open" else Severity.WARNING
            self.incidents.append(self.team.open(f"m{len(self.incidents)}", severity))
        elif act == "kill":
            self.team.kill()
        elif act == "lose a receipt":
            self.team.lost_receipts, self.lost = 1, self.lost + 1
        elif act == "sleep":
            self.team.sleep(number * MINUTE)
        elif act == "on call":
            names = [*self.team.directory.people, None]
            one = names[number % len(names)]
            self.rota.people = (one,) if one else ()
        elif act.startswith("break"):
            self.faults[act.removeprefix("break ")] = str(what)
        elif self.incidents:
            self._answer(act, self.incidents[number % len(self.incidents)])

    def _answer(self, act: str, identity: str) -> None:
        incident = self.team.incident(identity)
        self.team.pass_(1)
        critical = incident.severity is Severity.CRITICAL
        if not incident.open:
            return
        if act == "escalate" and not critical:
            self.team.escalate(identity)
        elif act == "ease" and critical:
            self.team.ease(identity)
        elif act == "recover":
            self.team.recover(identity)
        elif act == "acknowledge" and not incident.acknowledged_at:
            self.team.acknowledge(identity)
        elif act == "hand back" and incident.acknowledged_at:
            self.team.unacknowledge(identity)

    def notices(self) -> list[Notice]:
        return [one for identity in self.incidents for one in self.team.notices(identity)]

    def tellers(self) -> set[str]:
        """The channels that can tell somebody, and do."""
        directory = self.team.directory
        reached = {name for name, own in directory.recipients.items() if own}
        reached |= {name for person in directory.people for name in directory.channels_of(person)}
        return {name for name in reached if not self.faults[name]}


@st.composite
def stories(draw: st.DrawFn) -> tuple[Story, list[tuple[str, object]]]:
    directory, rota = draw(directories())
    chain = draw(st.sampled_from([{}, {"sms": "mail"}, {"sms": "mail", "mail": "chat"}, {"chat": "mail"}]))
    faults = dict.fromkeys(CHANNELS, "")
    story = Story(Team(directory, chain), rota, faults)
    story.team.answer = story.answer
    first = draw(st.sampled_from(["open", "open", "warn"]))
    return story, [(first, 0), *draw(st.lists(acts, min_size=4, max_size=24))]


@pytest.mark.timeout(STORIES * 10 + 300)
@settings(max_examples=STORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(stories())
def test_nobody_falls_silent_without_a_word_of_why(told: tuple[Story, list[tuple[str, object]]]) -> None:
    """Each critical incident reached somebody, or everything on its way says why not; no end without its beginning;
    no message under a second ID; nothing in the night that could have waited; and nothing is left over."""
    story, acted = told
    for act, what in acted:
        story.do(act, what)
    assert_open_ones_are_heard(story)
    story.faults = dict.fromkeys(CHANNELS, "")
    story.team.pass_(3 * DAY)
    for identity in story.incidents:
        story.team.recover(identity)
    story.team.pass_(3 * DAY)
    assert not story.team.pending()
    notices = story.notices()
    assert_explained(story)
    assert_each_under_its_own_id(story, notices)
    assert_ends_belong_to_beginnings(story)
    assert_the_night_is_quiet(story, notices)


def assert_open_ones_are_heard(story: Story) -> None:
    """With a channel that works, a critical incident that nobody has taken has reached somebody within a day."""
    story.faults = {name: "" if fault == "slow" else fault for name, fault in story.faults.items()}
    tellers = story.tellers()
    story.team.pass_(DAY)
    for identity in story.incidents:
        incident = story.team.incident(identity)
        if tellers and incident.open and not incident.acknowledged_at and incident.severity is Severity.CRITICAL:
            states = [(one.channel, one.recipient, one.state, one.suppression) for one in story.team.notices(identity)]
            assert any(state is NoticeState.SENT for _, _, state, _ in states), states


def assert_explained(story: Story) -> None:
    """Whatever was not sent says why; and where nothing was even owed, the timeline does."""
    for identity in story.incidents:
        notices = story.team.notices(identity)
        assert notices or any(event.change is Change.REROUTED for event in story.team.timeline(identity))
        for one in notices:
            assert one.state is NoticeState.SENT or one.suppression or one.detail, one
            assert not (one.state is NoticeState.SENT and one.suppression), one


def assert_each_under_its_own_id(story: Story, notices: Sequence[Notice]) -> None:
    """What was told is written down, as told; nothing was told twice but where a receipt was lost."""
    for one in notices:
        key = (one.incident_id, one.step, one.occurrence, one.channel, one.recipient)
        assert one.id == notice_id(*key)
    told = Counter(identity for message in story.team.messages for identity in message.told.notice_ids)
    sent = {one.id for one in notices if one.state is NoticeState.SENT}
    assert set(told) >= sent
    assert set(told) - sent <= {one.id for one in notices} if story.lost else set(told) == sent
    assert sum(count - 1 for count in told.values()) <= 20 * story.lost


def assert_ends_belong_to_beginnings(story: Story) -> None:
    """Whoever heard of an end had heard of the failure, or stands in for somebody who had."""
    messages = story.team.messages
    heard = {
        (one.to, incident.id) for one in messages for incident in one.incidents if not _ends_only(one, incident.id)
    }
    for identity in story.incidents:
        notices = story.team.notices(identity)
        failed = any(one.change in ENDINGS and one.state is not NoticeState.SENT for one in notices)
        ends = {
            (one.channel, one.recipient) for one in notices if one.change in ENDINGS and one.state is NoticeState.SENT
        }
        for recipient in ends:
            assert (recipient, identity) in heard or failed, (recipient, notices)
        knew = {
            (one.channel, one.recipient) for one in notices
            if one.state is NoticeState.SENT and one.change in STEPPED
        }  # fmt: skip
        owed = {(one.channel, one.recipient) for one in notices if one.change in ENDINGS}
        ended_at = story.team.incident(identity).ended_at
        later = {
            (one.channel, one.recipient) for one in notices
            if one.state is NoticeState.SENT and one.sent_at > ended_at
        }  # fmt: skip
        assert knew <= owed | later


def _ends_only(message: Message, identity: str) -> bool:
    told = message.told
    changes = told.changes if hasattr(told, "changes") else next(
        member.changes for member in told.members if member.incident.id == identity
    )  # fmt: skip
    return all(change in ENDINGS for change in changes)


def assert_the_night_is_quiet(story: Story, notices: Sequence[Notice]) -> None:
    """What can wait was not told in the quiet hours, unless somebody had been woken, or a try had gone before."""
    by_id, directory = {one.id: one for one in notices}, story.team.directory
    for message in story.team.messages:
        told = [by_id[identity] for identity in message.told.notice_ids]
        hours = directory.quiet_for(message.channel, told[0].person)
        calm = all(one.severity is Severity.WARNING and one.attempts == 1 for one in told)
        if hours is None or not calm or not quiet_until(hours, message.at):
            continue
        for one in told:
            same = [
                each
                for each in notices
                if (each.incident_id, each.channel, each.recipient) == (one.incident_id, one.channel, one.recipient)
            ]
            assert any(each.severity is Severity.CRITICAL for each in same), (message, one)
