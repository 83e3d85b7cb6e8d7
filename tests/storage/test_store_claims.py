"""Claiming, against a model that is too simple to be wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from saasobs.core.incident import Notice, NoticeState
from saasobs.core.monitor import Severity
from saasobs.storage import open_store
from support.storing import NOW, notice

CHANNELS = st.sampled_from(["slack", "sms"])
OWNERS = st.sampled_from(["one", "two", "three"])


class Claims(RuleBasedStateMachine):
    """Notices are owed, claimed by several owners, settled, put off and released while time passes.

    The promises: a claim returns exactly what the model says, and no notice is under two live leases at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.store = open_store("sqlite://")
        self.now = NOW
        self.model: dict[str, Notice] = {}

    @initialize()
    def begin(self) -> None:
        self.store.open()

    def teardown(self) -> None:
        self.store.close()

    @rule(
        about=st.sampled_from(["i1", "i2"]),
        channel=CHANNELS,
        recipient=st.sampled_from(["ana", "ben"]),
        step=st.integers(0, 3),
        ahead=st.integers(-5, 10),
        severity=st.sampled_from(Severity),
    )
    def owe(self, about: str, channel: str, recipient: str, step: int, ahead: int, severity: Severity) -> None:
        owed = notice(about, channel=channel, recipient=recipient, step=step, due=self.now + ahead, severity=severity)
        with self.store.write() as transaction:
            transaction.owe([owed])
        self.model.setdefault(owed.id, owed)

    @rule(channel=CHANNELS, owner=OWNERS, lease=st.integers(1, 20), limit=st.integers(1, 5))
    def claim(self, channel: str, owner: str, lease: int, limit: int) -> None:
        with self.store.write() as transaction:
            claimed = transaction.claim(channel, owner, self.now, self.now + lease, limit)
        for one in claimed:
            assert not live(self.model[one.id], self.now), "it is under a live lease already"
        expected = {
            identity: replace(self.model[identity], lease_owner=owner, lease_until=self.now + lease)
            for identity in wanted(list(self.model.values()), channel, self.now, limit)
        }
        assert {one.id: one for one in claimed} == expected
        assert [one.id for one in claimed] == [one.id for one in sorted(claimed, key=urgency)]
        self.model |= expected

    @rule(data=st.data(), outcome=st.sampled_from([NoticeState.SENT, NoticeState.FAILED, NoticeState.PENDING]))
    def settle(self, data: Any, outcome: NoticeState) -> None:
        held = sorted(one.id for one in self.model.values() if one.lease_owner)
        if not held:
            return
        before = self.model[data.draw(st.sampled_from(held))]
        wait = data.draw(st.integers(1, 10))
        after = replace(
            before, state=outcome, lease_owner="", lease_until=0, attempts=before.attempts + 1, next_at=self.now + wait
        )
        with self.store.write() as transaction:
            transaction.save_notice(after)
        self.model[after.id] = after

    @rule(owner=OWNERS | st.just(""))
    def release(self, owner: str) -> None:
        held = [one for one in self.model.values() if one.lease_owner and owner in ("", one.lease_owner)]
        with self.store.write() as transaction:
            assert transaction.release(owner) == len(held)
        for one in held:
            tried = one.attempts if owner else one.attempts + 1  # a run that died may have sent it
            self.model[one.id] = replace(one, lease_owner="", lease_until=0, attempts=tried)

    @rule(passed=st.integers(1, 15))
    def wait(self, passed: int) -> None:
        self.now += passed

    @invariant()
    def same_as_the_model(self) -> None:
        with self.store.read() as transaction:
            stored = {one.id: one for about in ("i1", "i2") for one in transaction.notices(about)}
        assert stored == self.model


def live(one: Notice, now: int) -> bool:
    return bool(one.lease_owner) and one.lease_until > now


def urgency(one: Notice) -> tuple[bool, int, int, str]:
    return (one.severity is not Severity.CRITICAL, one.due_at, one.step, one.id)


def wanted(notices: list[Notice], channel: str, now: int, limit: int) -> list[str]:
    """core.ports.Transaction.claim, word for word."""
    pending = [one for one in notices if one.channel == channel and one.state is NoticeState.PENDING]
    left_alone = {(one.incident_id, one.recipient) for one in pending if live(one, now)}
    free = [one for one in pending if one.next_at <= now and (one.incident_id, one.recipient) not in left_alone]
    leaders = sorted(free, key=lambda one: (one.severity is not Severity.CRITICAL, one.due_at, one.id))[:limit]
    groups = {(one.incident_id, one.recipient) for one in leaders}
    fellows = [one for one in pending if (one.incident_id, one.recipient) in groups and one.due_at <= now]
    return list({one.id for one in (*leaders, *fellows)})


TestClaims = Claims.TestCase
TestClaims.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
