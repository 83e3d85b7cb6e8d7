"""The contract for groups: many incidents that one recipient is told of in one message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.dialects import sqlite

from saasobs.core.groups import Group, GroupKind, Recent, Untold
from saasobs.core.incident import Change, NoticeState
from saasobs.core.monitor import Severity
from saasobs.core.ports import Store, Transaction
from saasobs.core.values import DAY, HOUR, SECOND
from saasobs.storage import groups
from support.storing import NOW, attempt, ended, incident, notice

GROUP = Group("g1", "slack", "#ops", GroupKind.FAILURES, NOW, NOW)


def found(transaction: Transaction, *incidents: str, group: Group = GROUP) -> None:
    """A group of open incidents that were told of."""
    for identity in incidents:
        transaction.save_incident(incident(identity))
        sent = notice(identity, recipient=group.recipient, state=NoticeState.SENT, sent_at=NOW - DAY)
        transaction.owe([sent])
    transaction.save_group(group)
    transaction.join_group(group, incidents)


def test_a_group_is_kept_whole(store: Store) -> None:
    """As it was saved last."""
    told = replace(GROUP, told_at=NOW + 1, critical_told_at=NOW + 1, reference="C1/1.2")
    with store.write() as transaction:
        transaction.save_group(GROUP)
        transaction.save_group(told)
        assert transaction.group("g1") == told
        assert transaction.group("g2") is None


def test_an_incident_has_one_home(store: Store) -> None:
    """For one recipient of one channel it belongs to one group, the last; each recipient has groups of its own."""
    second, elsewhere = replace(GROUP, id="g2"), replace(GROUP, id="g3", recipient="#dev")
    with store.write() as transaction:
        found(transaction, "i1", "i2")
        found(transaction, "i2", "i3", group=second)
        found(transaction, "i1", group=elsewhere)
        assert [one.id for one in transaction.members("g1")] == ["i1"]
        assert {one.id for one in transaction.members("g2")} == {"i2", "i3"}
        assert transaction.homes("slack", "#ops", ["i1", "i3", "i9"]) == {"i1": "g1", "i3": "g2"}
        assert transaction.homes("slack", "#dev", ["i1", "i3"]) == {"i1": "g3"}
        assert transaction.homes("sms", "#ops", ["i1"]) == {}


def test_nobody_is_at_home_where_they_were_not_told_of(store: Store) -> None:
    """An incident whose notice was put into a group, and then held back or given up, is none of those it speaks of."""
    with store.write() as transaction:
        found(transaction, "i1")
        transaction.save_incident(incident("i2"))
        transaction.owe(
            [notice("i2", state=NoticeState.FAILED), notice("i2", recipient="#dev", state=NoticeState.SENT)]
        )
        transaction.join_group(GROUP, ["i2"])
        assert transaction.homes("slack", "#ops", ["i1", "i2"]) == {"i1": "g1"}
        assert [one.id for one in transaction.members("g1")] == ["i1"]


def test_the_growing_group_is_the_newest_with_something_open(store: Store) -> None:
    """One that all have left by recovering is no longer joined; of ends, of course, it is."""
    newer = replace(GROUP, id="g2", joined_at=NOW + SECOND)
    ends = replace(GROUP, id="g3", kind=GroupKind.ENDINGS)
    with store.write() as transaction:
        found(transaction, "i1")
        found(transaction, "i2", group=newer)
        found(transaction, "i3", group=ends)

        def growing(kind: GroupKind = GroupKind.FAILURES, since: int = NOW - 1) -> str | None:
            group = transaction.growing_group("slack", "#ops", kind, since)
            return group.id if group else None

        assert growing() == "g2"
        transaction.save_incident(ended("i2", NOW))
        transaction.save_incident(ended("i3", NOW))
        assert growing() == "g1"
        assert growing(GroupKind.ENDINGS) == "g3"
        assert growing(since=NOW) is None
        assert transaction.growing_group("slack", "#dev", GroupKind.FAILURES, 0) is None


def test_recent_is_what_was_told_and_what_was_promised(store: Store) -> None:
    """Of one recipient, within the time; a notice that is merely owed does not count."""
    told = notice("i1", state=NoticeState.SENT, sent_at=NOW)
    old = notice("i2", state=NoticeState.SENT, sent_at=NOW - 10)
    ahead = notice("i3", state=NoticeState.SENT, sent_at=NOW + 1)
    promised = notice("i4", group_id="g1", severity=Severity.WARNING)
    grouped = notice("i5", group_id="g1", state=NoticeState.SENT, sent_at=NOW, change=Change.RECOVERED)
    with store.write() as transaction:
        transaction.save_group(GROUP)
        transaction.owe([told, old, ahead, promised, grouped, notice("i6"), notice("i7", recipient="#dev")])
        assert set(transaction.recent("slack", "#ops", NOW - 10, NOW)) == {
            Recent("i1", Change.OPENED, True),
            Recent("i4", Change.OPENED, False, GroupKind.FAILURES),
            Recent("i5", Change.RECOVERED, True, GroupKind.FAILURES),
        }


def test_untold_says_how_long_it_waits(store: Store) -> None:
    """The first and the last, of all and of the critical ones."""
    with store.write() as transaction:
        assert transaction.untold("g1") is None
        transaction.owe(
            [
                notice("i1", due=NOW + 1, group_id="g1", severity=Severity.WARNING),
                notice("i2", due=NOW + 3, group_id="g1"),
                notice("i3", due=NOW + 2, group_id="g1"),
                notice("i4", due=NOW, group_id="g2"),
                notice("i5", due=NOW, group_id="g1", state=NoticeState.SENT),
            ]
        )
        assert transaction.untold("g1") == Untold(NOW + 1, NOW + 3, NOW + 2, NOW + 3)
        assert transaction.untold("") is None


def test_a_group_is_claimed_whole(store: Store) -> None:
    """Whatever its notices wait for, save what a live lease holds."""
    waits = notice("i1", group_id="g1", next_at=NOW + HOUR)
    held = notice("i2", group_id="g1", lease_owner="other", lease_until=NOW + 1)
    lapsed = notice("i3", group_id="g1", lease_owner="other", lease_until=NOW)
    with store.write() as transaction:
        transaction.owe([waits, held, lapsed, notice("i4"), notice("i5", group_id="g1", state=NoticeState.SENT)])
        claimed = transaction.claim_group("g1", "me", NOW, NOW + 5)
        assert {one.id for one in claimed} == {waits.id, lapsed.id}
        assert {(one.lease_owner, one.lease_until) for one in claimed} == {("me", NOW + 5)}
        assert transaction.notices("i1") == [one for one in claimed if one.id == waits.id]
        assert transaction.claim_group("g1", "me", NOW, NOW + 5) == []
        assert transaction.claim_group("", "me", NOW, NOW + 5) == []


def test_own_references_are_those_of_single_messages(store: Store) -> None:
    """Of this recipient's, and of the group's incidents only."""
    with store.write() as transaction:
        found(transaction, "i1", "i2")
        for identity, recipient in (("i1", "#ops"), ("i2", "#dev"), ("i3", "#ops")):
            transaction.keep_reference("slack", recipient, identity, f"at {identity}")
        assert transaction.own_references("g1") == {"i1": "at i1"}


def test_many_are_saved_and_read_at_once(store: Store) -> None:
    """More than one statement may name, and none at all."""
    many = [notice(f"i{number}") for number in range(1_200)]
    with store.write() as transaction:
        transaction.owe(many)
        transaction.save_notices([replace(one, group_id="g1") for one in many])
        transaction.save_notices([])
        for number in range(1_200):
            transaction.save_incident(incident(f"i{number}"))
        assert len(transaction.claim_group("g1", "me", NOW, NOW + 5)) == 1_200
        assert len(transaction.incidents_of([f"i{number}" for number in range(-5, 1_200)])) == 1_200
        assert transaction.incidents_of([]) == {}


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (
            "SELECT incident_id FROM notices WHERE channel = 'slack' AND recipient = 'x' AND state = 'sent'"
            " AND sent_at > 1 AND sent_at <= 9",
            "ix_notices_sent",
        ),
        (
            "SELECT id FROM notices WHERE state = 'pending' AND group_id <> '' AND group_id = 'g1'",
            "ix_notices_grouped",
        ),
    ],
    ids=["recent", "claim"],
)
def test_years_of_notices_are_not_read(store: Store, question: str, index: str) -> None:
    """Whatever was told long ago costs nothing when a storm comes."""
    with store.read() as transaction:
        session = transaction._session  # type: ignore[attr-defined]
        plan = session.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}").all()
    assert index in str(plan)


def test_who_was_told_is_found_by_incident(store: Store) -> None:
    """Not by reading all that the channel ever sent, for each of five hundred."""
    statement = groups._MEMBERS.params(group="g1").compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    with store.read() as transaction:
        session = transaction._session  # type: ignore[attr-defined]
        plan = session.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    assert "ix_notices_incident_id" in str(plan)


def test_a_group_goes_with_the_last_of_its_incidents(store: Store) -> None:
    """And so does the attempt that told of all of them."""
    told = [notice(one, state=NoticeState.SENT, sent_at=NOW, group_id="g1") for one in ("i1", "i2")]
    with store.write() as transaction:
        found(transaction, "i1", "i2")
        transaction.save_incident(ended("i1", NOW))
        transaction.save_incident(ended("i2", NOW + 100 * DAY))
        transaction.save_notices(told)
        transaction.record_attempt(attempt(*(one.id for one in told)))
        transaction.prune(NOW + 366 * DAY)
        assert [one.id for one in transaction.members("g1")] == ["i2"]
        assert transaction.attempts("i1") == []
        [kept] = transaction.attempts("i2")
        assert kept.outcome == "sent"
        transaction.prune(NOW + 500 * DAY)
        assert transaction.group("g1") is None
        assert transaction.homes("slack", "#ops", ["i1", "i2"]) == {}
