"""Receipts over a real store and outbox: what is written down, who is told instead, and what a kill leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from prometheus_client import CollectorRegistry

from saasobs.alerting.answer_page import answer_page, no_offer
from saasobs.core.answers import Answer, AnswerKind, NoOffer, Offer, RefusedLink, Taken, Via
from saasobs.core.errors import DeliveryError, NotFound, Refused, StorageError
from saasobs.core.incident import Change, Incident, NoticeState
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price, Spent, Unpriced, Usage
from saasobs.core.values import DAY, HOUR, MINUTE, SECOND
from saasobs.daemon.receipts import EARLY, Addresses, ReceiptDesk
from saasobs.daemon.spending import AGES, WARNED, Spending
from saasobs.daemon.telemetry import Telemetry
from support.briefings import briefing
from support.owing import INCIDENT, NOW, House, Provider, notice

BASE = "https://hooks.acme.example"
SECRET = b"s" * 32
ANA = "+51987654321"


class Phone(Provider):
    """A channel whose provider reports back: what it reports is what a test says."""

    undelivered_after = 0
    currency = "USD"

    def __init__(self, *script: Exception, recipients: Sequence[str] = (ANA,)) -> None:
        super().__init__(*script, recipients=recipients, edits=False)
        self.reports: list[DeliveryReport] = []
        self.refusal: Exception | None = None
        self.key: str | None = None
        self.used: list[Usage] = []
        self.prices: dict[str, Price] = {}
        self.asked: list[str] = []

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport]:
        if self.refusal is not None:
            raise self.refusal
        return self.reports

    def challenge(self, query: Mapping[str, str], token: str) -> str | None:
        return query.get("ask")

    def pressed(self, posted: Posted) -> str | None:
        if self.refusal is not None:
            raise self.refusal
        return self.key

    def spoken(self, language: str, sentence: str) -> tuple[str, str]:
        return f"{language}: {sentence}", "application/xml"

    async def usage(self) -> Sequence[Usage]:
        return self.used

    async def price(self, provider_id: str) -> Price | None:
        self.asked.append(provider_id)
        if self.script:
            raise DeliveryError("no answer")
        return self.prices.get(provider_id)


@dataclass
class Answers:
    """Whom a pressed key acknowledges."""

    offers: dict[str, Offer] = field(default_factory=dict)
    taken: list[tuple[str, Answer]] = field(default_factory=list)
    failure: Exception | None = None

    def people(self) -> Sequence[str]:
        return ["ana"]

    async def answer(self, identity: str, answer: Answer) -> Taken:
        if self.failure is not None:
            raise self.failure
        self.taken.append((identity, answer))
        return Taken((INCIDENT,))

    async def open_link(self, token: str, peer: str, language: str) -> Offer | NoOffer:
        return self.offers.get(token) or no_offer(RefusedLink.INVALID, language)

    def no_link(self, why: RefusedLink, language: str) -> NoOffer:
        return no_offer(why, language)


class Desk(House):
    """A house with a desk for receipts: one phone with a fallback."""

    def __init__(self) -> None:
        super().__init__()
        self.phone, self.mail, self.answers = Phone(), Provider(recipients=("team@acme.example",)), Answers()
        self.telemetry = Telemetry(CollectorRegistry())
        self.desk = ReceiptDesk(self.clock, self.ledger, self.outbox, self.answers, self.telemetry)
        self.desk.addresses_of = Addresses(SECRET, BASE)
        self.spending = Spending(self.clock, self.ledger, self.telemetry)

    async def open(self) -> None:
        await self.routes(fallback="mail", phone=self.phone, mail=self.mail)
        self.desk.channels = self.spending.channels = {"phone": self.phone, "mail": self.mail}

    @property
    def token(self) -> str:
        return self.desk.addresses_of.token("phone")

    async def hear(self, *reports: DeliveryReport) -> None:
        self.phone.reports = list(reports)
        await self.desk.report("phone", self.token, Posted(b""))

    async def told(self, incident: Incident = INCIDENT) -> None:
        await self.owe(notice("phone", recipient=ANA), incident=incident)
        await self.settled(NoticeState.SENT)


@pytest.fixture
async def house() -> AsyncIterator[Desk]:
    made = Desk()
    await made.open()
    yield made
    await made.close()


def delivered(at: int = 0, **facts: object) -> DeliveryReport:
    return DeliveryReport("id-1", Fate.DELIVERED, at, **facts)  # type: ignore[arg-type]


FAILED = DeliveryReport("id-1", Fate.FAILED, detail="error 30003")


async def test_accepted_is_not_delivered(house: Desk) -> None:
    """What the provider took is sent; when it says that it has arrived, that is written down beside it."""
    await house.told()
    [before] = (await house.notices()).values()
    assert (before.provider_id, before.delivered_at) == ("id-1", 0)
    house.clock.at += 9 * SECOND
    await house.hear(delivered(NOW + 4 * SECOND))
    [after] = (await house.notices()).values()
    assert (after.state, after.delivered_at) == (NoticeState.SENT, NOW + 4 * SECOND)
    assert house.mail.sent == []


async def test_what_failed_after_all_is_owed_to_the_fallback_once(house: Desk) -> None:
    """At once, in the same transaction; a second report of it, or a third, tells nobody again."""
    await house.told()
    for _ in range(3):
        await house.hear(FAILED)
    await house.until(lambda: house.mail.sent)
    found = await house.settled(NoticeState.SENT, NoticeState.FAILED)
    assert {(one.channel, one.state, one.detail) for one in found} == {
        ("phone", NoticeState.FAILED, "error 30003"), ("mail", NoticeState.SENT, "id-1"),
    }  # fmt: skip
    await house.pass_(HOUR)
    assert len(house.mail.sent) == 1


async def test_a_report_that_overtakes_the_answer_counts(house: Desk) -> None:
    """The provider's word may come before its answer to the request: it is kept until that is written down."""
    house.phone.hold = asyncio.Event()
    await house.owe(notice("phone", recipient=ANA))
    await house.until(lambda: house.phone.tried)
    await house.hear(FAILED)
    assert house.mail.tried == []
    house.phone.hold.set()
    await house.until(lambda: house.mail.sent)
    assert {one.state for one in (await house.notices()).values() if one.channel == "phone"} == {NoticeState.FAILED}


async def test_of_early_reports_the_final_one_stays(house: Desk) -> None:
    """Delivered is not undone by an older word that comes after it; and what is about nothing of ours is bounded."""
    house.phone.hold = asyncio.Event()
    await house.owe(notice("phone", recipient=ANA))
    await house.until(lambda: house.phone.tried)
    await house.hear(delivered(), DeliveryReport("id-1", Fate.UNDER_WAY), FAILED)
    await house.hear(*(DeliveryReport(f"other-{number}", Fate.FAILED) for number in range(EARLY - 1)))
    assert len(house.desk._early) == EARLY
    house.phone.hold.set()
    [told] = await house.settled(NoticeState.SENT)
    assert told.delivered_at
    await house.hear(*(DeliveryReport(f"more-{number}", Fate.FAILED) for number in range(EARLY)))
    assert len(house.desk._early) == EARLY


async def test_who_was_given_up_and_hears_it_all_the_same_was_told(house: Desk) -> None:
    """A failure that the provider takes back: both know, and both hear of the end."""
    await house.told()
    await house.hear(FAILED)
    await house.until(lambda: house.mail.sent)
    await house.hear(delivered())
    states = {one.channel: one.state for one in (await house.notices()).values()}
    assert states == {"phone": NoticeState.SENT, "mail": NoticeState.SENT}


async def test_silence_is_a_failure_too(house: Desk) -> None:
    """Accepted, and 90 s later nobody says that it arrived: the fallback is told, once, also by another process."""
    house.phone.undelivered_after = 90 * SECOND
    await house.told()
    await house.pass_(89 * SECOND)
    await house.desk.look()
    assert house.mail.tried == []
    # a kill in between changes nothing: all that is known stands in the store
    again = ReceiptDesk(house.clock, house.ledger, house.outbox, house.answers, house.telemetry)
    again.channels = house.desk.channels
    await house.pass_(SECOND)
    await again.look()
    await house.until(lambda: house.mail.sent)
    await again.look()
    await house.desk.look()
    phone = next(one for one in (await house.notices()).values() if one.channel == "phone")
    assert (phone.state, phone.detail) == (NoticeState.FAILED, "accepted, but not delivered within 1m30s")
    assert len(house.mail.sent) == 1


@pytest.mark.parametrize(
    "incident",
    [replace(INCIDENT, acknowledged_at=NOW, acknowledged_by="ana"), replace(INCIDENT, ended_at=NOW + 1)],
    ids=["acknowledged", "over"],
)
async def test_silence_about_what_nobody_need_hear_is_none(house: Desk, incident: Incident) -> None:
    """Somebody is on it, or it is over: nobody is woken because a receipt is missing."""
    house.phone.undelivered_after = 90 * SECOND
    await house.told()
    await house.ledger.run(lambda transaction: transaction.save_incident(incident))
    await house.pass_(HOUR)
    await house.desk.look()
    assert {one.state for one in (await house.notices()).values()} == {NoticeState.SENT}


async def test_a_receipt_in_time_keeps_the_fallback_quiet(house: Desk) -> None:
    """As it is meant to be."""
    house.phone.undelivered_after = 90 * SECOND
    await house.told()
    await house.hear(delivered())
    await house.pass_(HOUR)
    await house.desk.look()
    assert house.mail.tried == []


async def test_who_may_report(house: Desk) -> None:
    """The token is this channel's, the request is signed; a channel without receipts has no address."""
    assert house.desk.addresses() == {"phone": f"{BASE}/receipts/phone/{house.token}"}
    assert house.desk.admits("phone", house.token)
    for channel, token in (
        ("phone", "0" * 32), ("phone", ""), ("phone", "é"), ("mail", house.desk.addresses_of.token("mail")),
        ("gone", house.desk.addresses_of.token("gone")),
    ):  # fmt: skip
        assert not house.desk.admits(channel, token)
        with pytest.raises(NotFound):
            await house.desk.report(channel, token, Posted(b""))
    for refusal in (PermissionError("no"), Refused("no")):
        house.phone.refusal = refusal
        with pytest.raises(type(refusal)):
            await house.desk.report("phone", house.token, Posted(b""))
    assert Addresses(SECRET, "").url("phone") == ""
    assert Addresses(SECRET, BASE).url("on call/1").startswith(f"{BASE}/receipts/on%20call%2F1/")
    assert Addresses(b"t" * 32, BASE).token("phone") != house.token


async def test_a_report_that_cannot_be_written_down_is_not_taken(house: Desk) -> None:
    """The provider hears so, and comes again."""
    await house.told()
    house.store.broken = "locked"
    with pytest.raises(StorageError):
        await house.hear(delivered())
    house.store.broken = ""
    await house.hear(delivered())
    [told] = (await house.notices()).values()
    assert told.delivered_at


async def test_the_question_whether_it_is_the_right_address(house: Desk) -> None:
    """Answered where the channel knows it, for whoever has the token."""
    assert house.desk.challenge("phone", house.token, {"ask": "1158"}) == "1158"
    with pytest.raises(NotFound):
        house.desk.challenge("phone", house.token, {})
    with pytest.raises(NotFound):
        house.desk.challenge("phone", "0" * 32, {"ask": "1158"})


# Keys ------------------------------------------------------------------------------------------------------------


def offer(language: str = "es", incident: Incident = INCIDENT) -> Offer:
    page = answer_page(briefing(incident=incident, person="ana", language=language, timezone="America/Lima"))
    return Offer(incident.id, "ana", page)


async def test_a_key_takes_it_on(house: Desk) -> None:
    """In the name of whom the call was for; they hear in their language what came of it."""
    house.phone.key = "link"
    house.answers.offers["link"] = offer()
    body, media_type = await house.desk.press("phone", house.token, Posted(b"", {}, "keys/link"))
    assert house.answers.taken == [(INCIDENT.id, Answer(AnswerKind.ACKNOWLEDGE, "ana", Via.PHONE))]
    assert body.startswith("es:")
    assert media_type == "application/xml"


async def test_another_key_does_nothing(house: Desk) -> None:
    """Neither does none, nor a link that leads nowhere; and a stranger is refused."""
    assert (await house.desk.press("phone", house.token, Posted(b"", {}, "keys/x")))[0] == "en: "
    house.phone.key = "gone"
    body, _ = await house.desk.press("phone", house.token, Posted(b"", {}, "keys/gone"))
    assert body == f"en: {no_offer(RefusedLink.INVALID, 'en').sentence}"
    house.phone.refusal = PermissionError("no")
    with pytest.raises(PermissionError):
        await house.desk.press("phone", house.token, Posted(b"", {}, "keys/gone"))
    with pytest.raises(NotFound):
        await house.desk.press("mail", house.desk.addresses_of.token("mail"), Posted(b"", {}, "keys/gone"))
    assert house.answers.taken == []


async def test_a_key_that_cannot_be_written_down_is_said_so(house: Desk) -> None:
    """Nobody hangs up in the belief that it is taken; and one that comes too late hears that it is over."""
    house.phone.key = "link"
    house.answers.offers["link"] = offer()
    house.answers.failure = StorageError("locked", kind="locked")
    body, _ = await house.desk.press("phone", house.token, Posted(b"", {}, "keys/link"))
    assert body == f"es: {no_offer(RefusedLink.UNAVAILABLE, 'es').sentence}"
    house.answers.failure = Refused("over")
    over = offer(incident=replace(INCIDENT, ended_at=NOW + 1, ending=Change.RECOVERED))
    house.answers.offers["link"] = over
    body, _ = await house.desk.press("phone", house.token, Posted(b"", {}, "keys/link"))
    assert body == f"es: {over.page.said}"


# Prices and caps -------------------------------------------------------------------------------------------------


async def spent(house: Desk, currency: str = "USD") -> Spent:
    return await house.ledger.run(lambda transaction: transaction.spent("phone", NOW - DAY, currency))


async def test_a_price_is_written_beside_the_attempt(house: Desk) -> None:
    """By a report, also one that comes too early; in another currency it counts as not known."""
    await house.told()
    assert await spent(house) == Spent(0, 0, 1)
    await house.hear(delivered(price=Price(7_500, "USD")))
    assert await spent(house) == Spent(7_500, 7_500, 0)
    assert await spent(house, "EUR") == Spent(0, 0, 1)
    house.phone.hold = asyncio.Event()
    await house.owe(notice("phone", recipient=ANA, occurrence=1))
    await house.until(lambda: len(house.phone.tried) == 2)
    await house.hear(DeliveryReport("id-2", Fate.DELIVERED, price=Price(2_500, "USD")))
    house.phone.hold.set()
    await house.settled(NoticeState.SENT)
    assert await spent(house) == Spent(10_000, 7_500, 0)
    assert Spent(10_000, 7_500, 2).estimated == 25_000


async def test_prices_are_asked_for_some_time_later(house: Desk) -> None:
    """After a minute, then seldom, until it is known; a provider that does not answer is asked again."""
    await house.told()
    await house.spending.look()
    assert house.phone.asked == []
    house.clock.at += AGES[0]
    for _ in range(3):
        await house.spending.look()
    assert house.phone.asked == ["id-1"]
    house.clock.at += AGES[1]
    house.phone.script = [DeliveryError("no answer")]
    await house.spending.look()
    house.phone.script = []
    house.phone.prices["id-1"] = Price(7_500, "USD")
    house.clock.at += AGES[2]
    await house.spending.look()
    assert await spent(house) == Spent(7_500, 7_500, 0)
    house.clock.at += DAY
    await house.spending.look()
    assert house.phone.asked == ["id-1"] * 3
    found = await house.ledger.run(lambda transaction: transaction.unpriced("phone", NOW - DAY))
    assert found == []


async def test_what_has_no_price_yet_is_listed(house: Desk) -> None:
    """Newest first; what the provider gave no ID is not."""
    await house.told()
    found = await house.ledger.run(lambda transaction: transaction.unpriced("phone", NOW - DAY))
    assert found == [Unpriced("id-1", NOW)]


@pytest.mark.parametrize(
    ("used", "mark"), [(79, None), (80, "2025-11 nearly"), (99, "2025-11 nearly"), (100, "2025-11 reached")]
)
async def test_a_cap_warns_before_it_is_reached(house: Desk, used: int, mark: str | None) -> None:
    """At four fifths, and when it is: once a month each."""
    house.phone.used = [Usage("monthly_cap", used, 100)]
    for _ in range(3):
        await house.spending.look()
    key = f"{WARNED}phone:monthly_cap"
    assert await house.ledger.run(lambda transaction: transaction.fact(key)) == mark
    shown = house.telemetry.registry.get_sample_value(
        "saasobs_channel_cap_used_ratio", {"channel": "phone", "cap": "monthly_cap"}
    )
    assert shown == used / 100
    house.clock.at += 31 * DAY
    await house.spending.look()
    later = await house.ledger.run(lambda transaction: transaction.fact(key))
    assert later != mark or mark is None


async def test_a_cap_hands_over_to_the_fallback(house: Desk) -> None:
    """Never silence: what is beyond the cap goes to the fallback, and says why."""
    house.phone.script = [DeliveryError("the budget of 20 USD a month is spent", cap=True)]
    await house.owe(notice("phone", recipient=ANA))
    await house.until(lambda: house.mail.sent)
    phone = next(one for one in (await house.notices()).values() if one.channel == "phone")
    assert (phone.state.value, phone.suppression, phone.detail) == (
        "suppressed", "cap", "the budget of 20 USD a month is spent",
    )  # fmt: skip


def test_ages_only_grow() -> None:
    """Each look is later than the one before."""
    assert list(AGES) == sorted(AGES)
    assert AGES[0] == MINUTE
