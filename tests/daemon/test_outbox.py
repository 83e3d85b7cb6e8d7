"""The outbox: every notice at least once, whatever the provider does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Change, NoticeState, Suppression, delivery_id
from saasobs.core.values import DAY, MINUTE, SECOND
from support.owing import INCIDENT, NOW, House, Provider, notice


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.close()


async def test_what_is_owed_is_sent_once(house: House) -> None:
    """A due notice is delivered under its own ID, and the attempt is recorded."""
    chat = Provider()
    await house.routes(chat=chat)
    await house.owe(notice())
    [sent] = await house.settled(NoticeState.SENT)
    assert [briefing.delivery_id for briefing in chat.sent] == [sent.id]
    assert sent.detail == "id-1"
    assert sent.attempts == 1
    [attempt] = await house.ledger.run(lambda transaction: transaction.attempts(INCIDENT.id))
    assert (attempt.outcome, attempt.notice_ids) == ("sent", (sent.id,))


async def test_a_step_in_the_future_waits(house: House) -> None:
    """Nothing is told before it is due."""
    chat = Provider()
    await house.routes(chat=chat)
    await house.owe(notice(due=NOW + 5 * MINUTE))
    await house.pass_(4 * MINUTE)
    await asyncio.sleep(0.1)
    assert chat.tried == []
    await house.pass_(MINUTE)
    await house.settled(NoticeState.SENT)


async def test_a_dead_provider_is_tried_again_with_the_same_id(house: House) -> None:
    """Refused twice, accepted the third time: three tries under one ID, the last one says how late it is."""
    chat = Provider(DeliveryError("refused"), DeliveryError("refused"))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: len(house.observer.outcomes) == 1)
    await house.pass_(10 * MINUTE)
    await house.until(lambda: len(house.observer.outcomes) == 2)
    await house.pass_(10 * MINUTE)
    await house.settled(NoticeState.SENT)
    assert len({briefing.delivery_id for briefing in chat.tried}) == 1
    assert chat.sent[0].late_by == 20 * MINUTE


async def test_retry_after_is_kept_for_the_whole_channel(house: House) -> None:
    """After a 429 with Retry-After nothing goes over that channel until then."""
    chat = Provider(DeliveryError("slow down", retry_after=30 * SECOND), recipients=("a", "b"))
    await house.routes(chat=chat)
    await house.owe(notice(recipient="a"))
    await house.until(lambda: house.observer.outcomes)
    await house.owe(notice(recipient="b"))
    await house.pass_(29 * SECOND)
    await asyncio.sleep(0.1)
    assert len(chat.tried) == 1
    await house.pass_(10 * MINUTE)
    await house.settled(NoticeState.SENT)


async def test_a_failure_that_was_over_before_it_could_be_told_is_one_message(house: House) -> None:
    """The opening still waits when the recovery is owed: both go in one delivery that covers two notices."""
    chat = Provider(DeliveryError("dead"))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    house.clock.at += SECOND
    recovered = notice(change=Change.RECOVERED, occurrence=1, due=house.clock.at)
    await house.owe(recovered, incident=replace(INCIDENT, ended_at=house.clock.at, ending=Change.RECOVERED))
    await house.settled(NoticeState.SENT)
    [told] = chat.sent
    assert told.changes == (Change.OPENED, Change.RECOVERED)
    assert told.combined
    assert told.delivery_id == delivery_id(told.notice_ids)


async def test_a_permanent_refusal_goes_to_the_fallback_at_once(house: House) -> None:
    """A revoked token is not tried again; the fallback's recipients are told in its place."""
    chat, mail = Provider(DeliveryError("token_revoked", permanent=True)), Provider(recipients=("a@x", "b@x"))
    await house.routes(chat=chat, mail=mail, fallback="mail")
    await house.owe(notice())
    await house.settled(NoticeState.SENT, NoticeState.FAILED)
    await house.until(lambda: len(mail.sent) == 2)
    assert len(chat.tried) == 1
    assert {briefing.recipient for briefing in mail.sent} == {"a@x", "b@x"}
    states = {(n.channel, n.state) for n in (await house.notices()).values()}
    assert ("chat", NoticeState.FAILED) in states


async def test_a_cap_is_recorded_as_such_and_fails_over(house: House) -> None:
    """Our own spending cap suppresses the notice, and says so; the fallback speaks instead of silence."""
    sms, mail = Provider(DeliveryError("cap reached", cap=True)), Provider()
    await house.routes(sms=sms, mail=mail, fallback="mail")
    await house.owe(notice("sms"))
    await house.until(lambda: mail.sent)
    capped = next(n for n in (await house.notices()).values() if n.channel == "sms")
    assert (capped.state, capped.suppression) == (NoticeState.SUPPRESSED, Suppression.CAP)


async def test_what_is_too_old_expires_and_falls_back(house: House) -> None:
    """A day of refusals ends in `expired`, and the fallback is told."""
    chat, mail = Provider(DeliveryError("dead")), Provider()
    await house.routes(chat=chat, mail=mail, fallback="mail")
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    await house.pass_(DAY + SECOND)
    await house.until(lambda: mail.sent)
    states = {n.channel: n.state for n in (await house.notices()).values()}
    assert states["chat"] is NoticeState.EXPIRED


async def test_an_outage_that_goes_on_does_not_expire_without_a_fallback(house: House) -> None:
    """Slack was dead for longer than a notice may wait; back again, the open outage is told all the same."""
    chat = Provider(DeliveryError("dead"))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    await house.pass_(2 * DAY)
    await house.settled(NoticeState.SENT)
    assert chat.sent[0].late_by == 2 * DAY


async def test_nothing_expires_untried(house: House) -> None:
    """However late it comes up (a suspended machine), a notice is tried once before it is given up."""
    chat, mail = Provider(), Provider()
    await house.routes(chat=chat, mail=mail, fallback="mail")
    house.clock.at += 2 * DAY
    await house.owe(notice())
    await house.settled(NoticeState.SENT)
    assert mail.sent == []


async def test_a_clock_that_is_set_back_freezes_nothing(house: House) -> None:
    """A retry that was planned by a clock five hours ahead is made soon after that clock was set right."""
    chat = Provider(DeliveryError("dead", retry_after=30 * SECOND))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    house.clock.at -= 300 * MINUTE
    await house.ledger.run(lambda transaction: transaction.set_back(300 * MINUTE))
    house.outbox.set_back()
    await house.pass_(5 * MINUTE)
    await house.settled(NoticeState.SENT)


async def test_an_acknowledged_incident_suppresses_the_step_that_waits_for_it(house: House) -> None:
    """`unless: acknowledged` is looked at when the step is due, too."""
    chat = Provider()
    await house.routes(chat=chat)
    step = replace(notice(), unless_acknowledged=True)
    await house.owe(step, incident=replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana"))
    [suppressed] = await house.settled(NoticeState.SUPPRESSED)
    assert suppressed.suppression is Suppression.ACKNOWLEDGED
    assert chat.tried == []


async def test_a_hanging_channel_delays_no_other(house: House) -> None:
    """While one provider hangs, the next channel is served."""
    stuck, quick = Provider(), Provider()
    stuck.hold = asyncio.Event()
    await house.routes(stuck=stuck, quick=quick)
    await house.owe(notice("stuck"), notice("quick"))
    await house.until(lambda: quick.sent)
    assert stuck.sent == []
    stuck.hold.set()
    await house.settled(NoticeState.SENT)


async def test_a_channel_that_breaks_its_word_loses_nothing(house: House) -> None:
    """An exception that no channel may raise counts as a refusal to be tried again."""
    chat = Provider(RuntimeError("bug"))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes == [("chat", "retry")])
    await house.pass_(10 * MINUTE)
    await house.settled(NoticeState.SENT)


async def test_the_reference_threads_the_next_message(house: House) -> None:
    """What the provider's receipt said comes back with the next message of the same incident."""
    chat = Provider()
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.settled(NoticeState.SENT)
    await house.owe(notice(change=Change.RECOVERED, occurrence=1))
    await house.until(lambda: len(chat.sent) == 2)
    assert chat.references == ["", "thread-1"]


async def test_stopping_hands_over_what_is_being_sent(house: House) -> None:
    """A send that does not end in time is given up with its lease free: the next start sends it."""
    stuck = Provider()
    stuck.hold = asyncio.Event()
    await house.routes(chat=stuck)
    await house.owe(notice())
    await house.until(lambda: stuck.tried)
    await house.outbox.close(0.05)
    [waiting] = (await house.notices()).values()
    assert (waiting.state, waiting.lease_owner) == (NoticeState.PENDING, "")

    house.outbox = house.new_outbox("second")
    heir = Provider()
    await house.routes(chat=heir)
    await house.until(lambda: heir.sent)
    assert heir.sent[0].delivery_id == stuck.tried[0].delivery_id


async def test_stopping_lets_a_quick_send_finish(house: House) -> None:
    """A send that ends within the grace is settled, not repeated."""
    chat = Provider()
    chat.hold = asyncio.Event()
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: chat.tried)
    asyncio.get_running_loop().call_later(0.05, chat.hold.set)
    await house.outbox.close(5)
    [sent] = (await house.notices()).values()
    assert sent.state is NoticeState.SENT


async def test_notices_of_a_removed_channel_are_suppressed_and_say_so(house: House) -> None:
    """Nothing waits for ever for a channel that is no longer configured; who is left is told instead."""
    stuck, mail = Provider(DeliveryError("dead")), Provider()
    await house.routes(chat=stuck)
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    await house.routes(mail=mail)
    removed, told = sorted(await house.settled(NoticeState.SUPPRESSED, NoticeState.SENT), key=lambda one: one.channel)
    assert removed.suppression is Suppression.CHANNEL_REMOVED
    assert (told.channel, told.state) == ("mail", NoticeState.SENT)
    assert stuck.closed


async def test_a_removed_channel_hands_over_to_its_fallback(house: House) -> None:
    """Renaming a channel while its provider is dead loses nothing where it had a fallback."""
    mail = Provider()
    await house.routes(chat=Provider(DeliveryError("dead")), mail=mail, fallback="mail")
    await house.owe(notice())
    await house.until(lambda: house.observer.outcomes)
    await house.routes(mail=mail)
    await house.until(lambda: mail.sent)


async def test_a_broken_store_stops_sending_and_catches_up(house: House) -> None:
    """Sent, but the store breaks before it is written down: it is settled once mended, and not sent again."""
    chat = Provider(lambda: setattr(house.store, "broken", "full"))
    await house.routes(chat=chat)
    await house.owe(notice())
    await house.until(lambda: chat.sent)
    await asyncio.sleep(0.2)
    house.store.broken = ""
    await house.settled(NoticeState.SENT)
    assert len(chat.sent) == 1
