"""The contract for incidents, notices, attempts and references."""

from __future__ import annotations

from dataclasses import replace

from saasobs.core.incident import Change, Event, NoticeState, Suppression
from saasobs.core.monitor import Severity
from saasobs.core.ports import Store
from saasobs.core.values import MINUTE
from support.storing import NOW, attempt, ended, incident, notice


def test_an_incident_is_overwritten_whole(store: Store) -> None:
    """Saving it again leaves one, as it was saved last."""
    with store.write() as transaction:
        transaction.save_incident(incident())
        transaction.save_incident(ended("i1", NOW + 1))
        assert transaction.incidents() == [ended("i1", NOW + 1)]
        assert transaction.incident("nobody") is None


def test_incidents_come_newest_first(store: Store) -> None:
    """All, the open ones, those of a monitor, at most `limit`."""
    old = incident("old", opened_at=NOW - 2)
    gone = incident("gone", opened_at=NOW - 1, ended_at=NOW, ending=Change.RECOVERED)
    other = incident("other", monitor="web")
    with store.write() as transaction:
        for one in (other, old, gone):
            transaction.save_incident(one)
        assert transaction.incidents() == [other, gone, old]
        assert transaction.incidents(open_only=True) == [other, old]
        assert transaction.incidents(monitor="api") == [gone, old]
        assert transaction.incidents(monitor="api", open_only=True, limit=5) == [old]
        assert transaction.incidents(limit=1) == [other]


def test_an_event_is_kept_once(store: Store) -> None:
    """Idempotent on (incident, at, change); the timeline is told oldest first."""
    first = Event("i1", NOW, Change.OPENED, "down")
    second = Event("i1", NOW + 1, Change.ACKNOWLEDGED, "seen", "ana")
    with store.write() as transaction:
        for event in (second, first, replace(first, text="again"), Event("i2", NOW, Change.OPENED, "other")):
            transaction.add_event(event)
        assert transaction.events("i1") == [first, second]


def test_the_unheard_are_those_of_whom_nothing_was_told_or_waits(store: Store) -> None:
    """Open, critical, not taken by anybody, and owed something that has come to nothing."""
    with store.write() as transaction:
        for name in ("unheard", "heard", "waiting", "unowed"):
            transaction.save_incident(incident(name))
        transaction.save_incident(incident("taken", acknowledged_at=NOW))
        transaction.save_incident(incident("mild", severity=Severity.WARNING))
        transaction.save_incident(ended("over", NOW + 1))
        for name in ("unheard", "heard", "waiting", "taken", "mild", "over"):
            transaction.owe([notice(name, state=NoticeState.FAILED)])
        transaction.owe([notice("heard", step=1, state=NoticeState.SENT), notice("waiting", step=1)])
        assert [one.id for one in transaction.unheard()] == ["unheard"]


def test_what_is_owed_already_stays_as_it_is(store: Store) -> None:
    """Owing a notice again, after it was sent, does not owe it anew."""
    sent = notice(state=NoticeState.SENT, sent_at=NOW, attempts=1)
    with store.write() as transaction:
        transaction.owe([notice()])
        transaction.save_notice(sent)
        transaction.owe([notice(), notice(step=1)])
        assert transaction.notices("i1") == [sent, notice(step=1)]


def test_notices_come_by_due_time(store: Store) -> None:
    """All of an incident, over every channel, whatever became of them."""
    late = notice(due=NOW + MINUTE, state=NoticeState.SUPPRESSED, suppression=Suppression.ENDED)
    with store.write() as transaction:
        transaction.owe([late, notice(channel="sms"), notice("i2")])
        assert transaction.notices("i1") == [notice(channel="sms"), late]


def test_release_frees_what_an_owner_held(store: Store) -> None:
    """Of one owner, or of all; it says how many, and what is free can be claimed at once."""
    with store.write() as transaction:
        transaction.owe([notice(recipient=name) for name in "abc"])
        transaction.claim("slack", "one", NOW, NOW + MINUTE, 2)
        transaction.claim("slack", "two", NOW, NOW + MINUTE, 2)
        assert transaction.release("nobody") == 0
        assert transaction.release("one") == 2
        assert transaction.release("") == 1
        assert transaction.release("") == 0
        assert len(transaction.claim("slack", "three", NOW, NOW + MINUTE, 9)) == 3


def test_next_due_is_the_earliest_pending(store: Store) -> None:
    """Of this channel only, back-off included; None when nothing is owed."""
    with store.write() as transaction:
        transaction.owe([notice(due=NOW + 5), notice(step=1, due=NOW, next_at=NOW + 3), notice(channel="sms")])
        transaction.owe([notice(step=2, due=1, state=NoticeState.SENT)])
        assert transaction.next_due("slack") == NOW + 3
        assert transaction.next_due("email") is None


def test_the_outbox_counts_what_is_late(store: Store) -> None:
    """Due or tried before; steps whose time has not come are not late. Every channel that owes is named."""
    with store.write() as transaction:
        transaction.owe(
            [notice(due=NOW - 2), notice(step=1, due=NOW - 1, next_at=NOW + 9), notice(step=2, due=NOW + 1)]
        )
        transaction.owe([notice(channel="sms", due=NOW + 5), notice(channel="mail", due=NOW + 5, attempts=1)])
        transaction.owe([notice(channel="hook", state=NoticeState.FAILED)])
        assert transaction.outbox(NOW) == [("mail", 1, NOW + 5), ("slack", 2, NOW - 2)]
        assert transaction.pending_channels() == ["mail", "slack", "sms"]


def test_attempts_are_recorded_once(store: Store) -> None:
    """Each with all the notices that it covered, in their order; an incident is told its own."""
    pair = [notice(step=step) for step in (1, 0)]
    both = attempt(*(one.id for one in pair), at=NOW, outcome="retry")
    again = attempt(*(one.id for one in pair), at=NOW + 1)
    with store.write() as transaction:
        transaction.owe([*pair, notice("i2")])
        for one in (again, both, both, attempt(notice("i2").id)):
            transaction.record_attempt(one)
        assert transaction.attempts("i1") == [both, again]
        assert transaction.attempts("i3") == []


def test_only_accepted_deliveries_count(store: Store) -> None:
    """What a cap is held against: sent, over this channel, since then, to this recipient."""
    with store.write() as transaction:
        for number, outcome in enumerate(("sent", "retry", "failed", "sent")):
            name = "ana" if number < 3 else "ben"
            transaction.record_attempt(attempt(f"n{number}", at=NOW + number, outcome=outcome, recipient=name))
        assert transaction.count_sent("slack", NOW) == 2
        assert transaction.count_sent("slack", NOW + 1) == 1
        assert transaction.count_sent("slack", NOW, "ana") == 1
        assert transaction.count_sent("sms", NOW) == 0


def test_a_reference_is_kept_for_each_incident_and_recipient(store: Store) -> None:
    """What a channel needs to edit its message: the last one said, empty at first."""
    with store.write() as transaction:
        assert transaction.reference("slack", "#ops", "i1") == ""
        transaction.keep_reference("slack", "#ops", "i1", "C1:1")
        transaction.keep_reference("slack", "#ops", "i1", "C1:2")
        assert transaction.reference("slack", "#ops", "i1") == "C1:2"
        assert transaction.reference("slack", "#ops", "i2") == ""
        assert transaction.reference("slack", "#dev", "i1") == ""


def test_a_notice_may_be_owed_for_an_incident_that_is_missing(store: Store) -> None:
    """It stays visible, so that somebody can say what is wrong, instead of being refused."""
    with store.write() as transaction:
        transaction.owe([notice("missing")])
        assert [one.incident_id for one in transaction.claim("slack", "o", NOW, NOW + 1, 1)] == ["missing"]


def test_critical_goes_first(store: Store) -> None:
    """Then by due time; the limit cuts the least urgent."""
    warning = notice(recipient="w", due=NOW - 9, severity=Severity.WARNING)
    later, sooner = notice(recipient="l", due=NOW - 1), notice(recipient="s", due=NOW - 2)
    with store.write() as transaction:
        transaction.owe([warning, later, sooner])
        claimed = transaction.claim("slack", "o", NOW, NOW + 1, 2)
        assert [one.id for one in claimed] == [sooner.id, later.id]
        assert {(one.lease_owner, one.lease_until) for one in claimed} == {("o", NOW + 1)}
