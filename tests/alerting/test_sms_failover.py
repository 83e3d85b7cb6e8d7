"""From one provider of text messages to the next: when, in what order, and how one that failed comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.channels import CHANNELS
from saasobs.alerting.channels.sms.failover import FIRST_REST, LONGEST_REST, Standby, together
from saasobs.alerting.retry import decorrelated
from saasobs.core.errors import DeliveryError
from saasobs.core.incident import Receipt
from saasobs.core.ports import Channel
from saasobs.core.values import MINUTE, SECOND
from support.briefings import NOW, HandClock, briefing, tools
from support.phones import InfobipDouble, ZenviaDouble
from support.sms_providers import ANA, CASES
from support.twilio import TwilioDouble

PASSING = DeliveryError("answered 503")
REVOKED = DeliveryError("token revoked", permanent=True)


class House:
    """One channel over Twilio, then Zenvia, then Infobip."""

    def __init__(self, twilio: TwilioDouble, zenvia: ZenviaDouble, infobip: InfobipDouble) -> None:
        self.twilio, self.zenvia, self.infobip = twilio, zenvia, infobip
        self.clock = HandClock()
        self.channel = self.build()

    def build(self, **options: Any) -> Channel:
        doubles = {"twilio": self.twilio, "zenvia": self.zenvia, "infobip": self.infobip}
        providers = [
            {**CASES[name].options, "api_base": double.url, "timeout": "2s"} for name, double in doubles.items()
        ]
        kind = CHANNELS["sms"]
        return kind.build(
            kind.options.model_validate({"providers": providers, "to": ANA, **options}), tools(clock=self.clock)
        )

    async def send(self) -> Receipt:
        return await self.channel.send(briefing(recipient=ANA), "")

    @property
    def asked(self) -> tuple[int, int, int]:
        return (len(self.twilio.requests), len(self.zenvia.requests), len(self.infobip.requests))


@pytest.fixture
def house() -> Iterator[House]:
    with TwilioDouble() as twilio, ZenviaDouble() as zenvia, InfobipDouble() as infobip:
        yield House(twilio, zenvia, infobip)


async def test_the_first_is_asked_first(house: House) -> None:
    """While it is well nobody else hears of anything."""
    receipt = await house.send()
    assert receipt.note == "Twilio took it"
    assert house.asked == (1, 0, 0)


@pytest.mark.parametrize("mode", ["500", "503", "429", "401", "hang", "drop", "drop_after_accept", "garbage", "refuse"])
async def test_the_next_one_takes_over_at_once(house: House, mode: str) -> None:
    """An outage, a time-out, a full queue, a revoked login: within the same delivery, and the record says so."""
    house.twilio.set(mode)
    receipt = await house.send()
    assert receipt.provider_id == house.zenvia.sent[0].identity
    assert receipt.note.startswith("Zenvia took it after: Twilio")
    assert house.asked[2] == 0


@pytest.mark.parametrize("code", [20003, 21408, 21612, 21611, 30001, 30007])
async def test_what_only_concerns_the_account_goes_on(house: House, code: int) -> None:
    """A country that is not switched on with one provider may be with another."""
    house.twilio.error = (400, code)
    assert (await house.send()).note.startswith("Zenvia took it after: Twilio: error")


@pytest.mark.parametrize("code", [21211, 21610, 21614, 30003, 30006])
async def test_a_bad_number_asks_nobody_else(house: House, code: int) -> None:
    """No provider makes a number exist, and whoever said STOP meant it."""
    house.twilio.error = (400, code)
    with pytest.raises(DeliveryError, match=str(code)) as caught:
        await house.send()
    assert (caught.value.permanent, caught.value.recipient_only) == (True, True)
    assert house.asked == (1, 0, 0)


async def test_a_repeat_after_a_time_out_is_recognisable(house: House) -> None:
    """It was taken, and nobody heard so: the next provider's text has the same incident's ID."""
    house.twilio.set("hang_after_accept")
    await house.send()
    first, second = house.twilio.texts[0].body, house.zenvia.sent[0].body
    assert first == second
    assert "#k3v9m2xa" in first


async def test_one_that_failed_rests_and_comes_back(house: House) -> None:
    """For half a minute at first; one message that it takes, and it is well again."""
    house.twilio.set("ok", schedule=["503", "503"])
    await house.send()
    await house.send()
    assert house.asked == (1, 2, 0)
    house.clock.at += FIRST_REST
    await house.send()
    assert house.asked == (2, 3, 0)
    house.clock.at += FIRST_REST - 1
    await house.send()
    assert house.asked == (2, 4, 0)
    house.clock.at += LONGEST_REST
    assert (await house.send()).note == "Twilio took it"
    house.clock.at += SECOND
    assert (await house.send()).note == "Twilio took it"


async def test_when_all_fail_the_outbox_tries_again(house: House) -> None:
    """As long as one of them may recover; every one has been asked, and each says why."""
    house.twilio.error = (401, 20003)
    house.zenvia.set("500")
    house.infobip.set("503")
    with pytest.raises(DeliveryError, match=r"Twilio.*; Zenvia.*; Infobip") as caught:
        await house.send()
    assert not caught.value.permanent
    house.infobip.set("ok")
    assert (await house.send()).provider_id == house.infobip.sent[0].identity


async def test_who_rests_is_better_than_nobody(house: House) -> None:
    """All of them failed a moment ago, and the message cannot wait: they are asked again, the longest rested first."""
    for double in (house.twilio, house.zenvia, house.infobip):
        double.set("ok", schedule=["503"])
    with pytest.raises(DeliveryError):
        await house.send()
    receipt = await house.send()
    assert receipt.provider_id
    assert sum(house.asked) == 4


async def test_when_all_fail_for_good_the_fallback_is_told(house: House) -> None:
    """Three revoked tokens are permanent."""
    house.twilio.error = (401, 20003)
    for double in (house.zenvia, house.infobip):
        double.set("401")
    with pytest.raises(DeliveryError) as caught:
        await house.send()
    assert (caught.value.permanent, caught.value.recipient_only) == (True, False)


async def test_retry_after_is_kept(house: House) -> None:
    """Whoever says when to come back is not asked before; when all of them do, the soonest one's word counts."""
    for wait, double in enumerate((house.twilio, house.zenvia, house.infobip)):
        double.set("429", retry_after=60 + wait)
    with pytest.raises(DeliveryError) as caught:
        await house.send()
    assert caught.value.retry_after == 60 * SECOND
    house.clock.at += 59 * SECOND
    with pytest.raises(DeliveryError, match="come back later") as caught:
        await house.send()
    assert caught.value.retry_after == SECOND
    assert house.asked == (1, 1, 1)
    house.clock.at += SECOND
    house.twilio.set("ok")
    assert (await house.send()).note == "Twilio took it"


async def test_limits_are_the_channels_not_the_providers(house: House) -> None:
    """The cap counts what all of them sent."""
    house.channel = house.build(monthly_cap=1)

    async def one_sent(_since: int, _to: str) -> int:
        return 1

    made = tools(one_sent)
    capped = CHANNELS["sms"].build(house.channel._options, made)  # type: ignore[attr-defined]
    with pytest.raises(DeliveryError, match="cap of 1 text messages") as caught:
        await capped.send(briefing(recipient=ANA), "")
    assert caught.value.cap
    assert house.asked == (0, 0, 0)


# The rules, without a network --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 600)), max_size=40))
def test_somebody_can_always_be_asked_and_nobody_rests_too_long(steps: list[tuple[int, bool, int]]) -> None:
    """Whatever fails and works: the order has each provider once, and nobody waits beyond the limit."""
    standby, now = Standby(["a", "b", "c", "d"]), NOW
    for place, works, seconds in steps:
        if works:
            standby.worked(place)
        else:
            standby.failed(place, PASSING, now)
        now += seconds * SECOND
        assert sorted(standby.order(now)) == [0, 1, 2, 3]
    assert standby.order(now + LONGEST_REST) == [0, 1, 2, 3]


@given(st.integers(0, 60 * MINUTE), st.text(max_size=5))
def test_a_pause_is_between_the_first_and_three_times_the_one_before(before: int, key: str) -> None:
    """Decorrelated jitter: spread, bounded, and the same for the same key."""
    pause = decorrelated(before, FIRST_REST, LONGEST_REST, key)
    assert FIRST_REST <= pause <= min(LONGEST_REST, max(FIRST_REST, 3 * before))
    assert pause == decorrelated(before, FIRST_REST, LONGEST_REST, key)


def test_what_several_failures_come_to() -> None:
    """Permanent when all are; the wait is the soonest, where every one that passes names one."""
    throttled = DeliveryError("429", retry_after=5 * SECOND)
    later = DeliveryError("429", retry_after=9 * SECOND)
    assert together([PASSING]) is PASSING
    assert together([REVOKED, REVOKED]).permanent
    assert not together([REVOKED, PASSING]).permanent
    assert together([later, throttled, REVOKED]).retry_after == 5 * SECOND
    assert together([later, PASSING]).retry_after is None


def test_a_clock_that_is_set_back_strands_nobody() -> None:
    """A rest that was reckoned by the old clock ends within the longest rest."""
    standby = Standby(["a"])
    standby.failed(0, DeliveryError("429", retry_after=10 * SECOND), NOW + 60 * 60 * SECOND)
    standby.set_back(NOW)
    assert standby.order(NOW + LONGEST_REST) == [0]
