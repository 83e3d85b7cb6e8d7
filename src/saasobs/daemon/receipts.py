"""Takes what providers report of messages that they have accepted: the rules are alerting/receipts.py's.

1. A report comes to an address that nobody else can guess, and is signed where the provider signs.
2. It is written down before it is answered, with what follows from it: a failed message is owed to the fallback in the
   same transaction.
3. A report may overtake the answer to the very request that it is about: it is kept for a while, in memory, and looked
   up when that answer is written down. Both happen on the writer's thread. (Should this process die in between, it
   counts as not reported on.)
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

import structlog

from saasobs.alerting.policy import STEPPED
from saasobs.alerting.receipts import after, unheard
from saasobs.core.answers import Answer, AnswerKind, NoOffer, RefusedLink, TakesAnswers, Via
from saasobs.core.errors import NotFound, Refused, StorageError
from saasobs.core.incident import Notice, NoticeState
from saasobs.core.ports import Channel, Clock, Transaction
from saasobs.core.receipts import DeliveryReport, Fate, Posted, TakesKeys, TakesReceipts
from saasobs.core.signing import receipts_token
from saasobs.core.values import DAY, SECOND
from saasobs.daemon.ledger import Ledger
from saasobs.daemon.outbox import Outbox
from saasobs.daemon.telemetry import Telemetry

EARLY: Final = 2_000
"""Reports that are kept until it is known what they are about."""

log = structlog.get_logger("saasobs.receipts")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where providers report to."""

    secret: bytes = b""
    base_url: str = ""
    """Under which address others reach the ingest listener; empty: they do not."""

    def token(self, channel: str) -> str:
        return receipts_token(self.secret, channel)

    def url(self, channel: str) -> str:
        """Empty: nowhere."""
        return f"{self.base_url}/receipts/{quote(channel, safe='')}/{self.token(channel)}" if self.base_url else ""


class ReceiptDesk:
    """Implements core.receipts.HearsReceipts over the channels that are configured now."""

    def __init__(
        self, clock: Clock, ledger: Ledger, outbox: Outbox, answers: TakesAnswers, telemetry: Telemetry
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._outbox = outbox
        self._answers = answers
        self._telemetry = telemetry
        self.addresses_of = Addresses()
        self.channels: Mapping[str, Channel] = {}
        self._early: OrderedDict[tuple[str, str], DeliveryReport] = OrderedDict()
        outbox.on_accepted = self._accepted

    # What the web room asks ----------------------------------------------------------------------------------

    def admits(self, channel: str, token: str) -> bool:
        """Compares in constant time."""
        right = hmac.compare_digest(self.addresses_of.token(channel).encode(), token.encode("utf-8", "replace"))
        return right and isinstance(self.channels.get(channel), TakesReceipts)

    async def report(self, channel: str, token: str, posted: Posted) -> None:
        try:
            reports = self._channel(channel, token).read_receipts(posted)
        except (PermissionError, Refused) as error:
            log.warning("receipts.refused", channel=channel, why=str(error))
            raise
        if reports:
            await self._ledger.run(lambda transaction: self._take(transaction, channel, reports))
        for one in reports:
            self._telemetry.receipts.labels(channel, one.fate.value).inc()

    def challenge(self, channel: str, token: str, query: Mapping[str, str]) -> str:
        answer = self._channel(channel, token).challenge(query, token)
        if answer is None:
            raise NotFound("nobody asked")
        return answer

    async def press(self, channel: str, token: str, posted: Posted) -> tuple[str, str]:
        by_phone = self._channel(channel, token)
        if not isinstance(by_phone, TakesKeys):
            raise NotFound(f"nobody can answer {channel} by a key")
        try:
            link = by_phone.pressed(posted)
        except (PermissionError, Refused) as error:
            log.warning("receipts.refused", channel=channel, why=str(error))
            raise
        language, sentence = await self._acknowledge(channel, link) if link else ("en", "")
        return by_phone.spoken(language, sentence)

    def addresses(self) -> Mapping[str, str]:
        found = {name: self.addresses_of.url(name) for name, one in self.channels.items() if _reports(one)}
        return {name: url for name, url in found.items() if url}

    def _channel(self, channel: str, token: str) -> TakesReceipts:
        found = self.channels.get(channel)
        if not self.admits(channel, token) or not isinstance(found, TakesReceipts):
            raise NotFound("there is nothing at this address")
        return found

    async def _acknowledge(self, channel: str, link: str) -> tuple[str, str]:
        """Somebody takes an incident on by the token of its answer link: a language, and what they hear."""
        peer = f"calls over {channel}"
        offer = await self._answers.open_link(link, peer, "en")
        if isinstance(offer, NoOffer):
            return offer.language, offer.sentence
        try:
            await self._answers.answer(offer.identity, Answer(AnswerKind.ACKNOWLEDGE, offer.who, Via.PHONE))
        except Refused:
            pass  # it is over by now, which is what they hear
        except StorageError:
            return offer.page.language, self._answers.no_link(RefusedLink.UNAVAILABLE, offer.page.language).sentence
        now = await self._answers.open_link(link, peer, offer.page.language)
        return (now.language, now.sentence) if isinstance(now, NoOffer) else (now.page.language, now.page.said)

    # Inside a transaction ------------------------------------------------------------------------------------

    def _take(self, transaction: Transaction, channel: str, reports: Sequence[DeliveryReport]) -> None:
        for report in reports:
            if report.price is not None:
                transaction.record_price(channel, report.provider_id, report.price)
            notices = transaction.notices_accepted(channel, report.provider_id)
            if notices:
                self._settle(transaction, channel, report, notices)
            else:
                self._keep(channel, report)

    def _keep(self, channel: str, report: DeliveryReport) -> None:
        """Until it is known what it is about; of several about one message, the one that says most."""
        key = (channel, report.provider_id)
        before = self._early.get(key)
        if before is None or before.fate is not Fate.DELIVERED:
            self._early[key] = report
            self._early.move_to_end(key)
        while len(self._early) > EARLY:
            self._early.popitem(last=False)

    def _accepted(self, transaction: Transaction, channel: str, provider_id: str) -> None:
        report = self._early.get((channel, provider_id))
        if report is not None:
            self._take(transaction, channel, [report])

    def _settle(
        self, transaction: Transaction, channel: str, report: DeliveryReport, notices: Sequence[Notice]
    ) -> None:
        now = self._clock.now()
        for notice in notices:
            changed = after(notice, report, now)
            if changed is None:
                continue
            transaction.save_notice(changed)
            if changed.state is NoticeState.FAILED:
                self._give_up(transaction, channel, changed, now)
            else:
                waited = round((changed.delivered_at - changed.sent_at) / SECOND, 1)
                log.info("notice.delivered", channel=channel, incident=notice.incident_id, seconds=waited)

    def _give_up(self, transaction: Transaction, channel: str, notice: Notice, now: int) -> None:
        log.warning(
            "notice.not_delivered", channel=channel, incident=notice.incident_id, notice=notice.id, why=notice.detail
        )
        self._outbox.fall_back(transaction, notice, now)

    # Silence -------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Comes round every few seconds: for messages that were accepted and of which nobody says that they arrived."""
        for name, channel in self.channels.items():
            lasting = channel.undelivered_after if isinstance(channel, TakesReceipts) else 0
            if not lasting:
                continue
            silent: Sequence[Notice] = await self._ledger.read(partial(self._silent, channel=name, lasting=lasting))
            if silent:
                await self._ledger.run(partial(self._give_up_silent, channel=name, lasting=lasting))

    def _silent(self, transaction: Transaction, channel: str, lasting: int) -> Sequence[Notice]:
        until = self._clock.now() - lasting
        changes = [change.value for change in STEPPED]
        return transaction.undelivered(channel, changes, until - DAY, until)

    def _give_up_silent(self, transaction: Transaction, channel: str, lasting: int) -> None:
        now = self._clock.now()
        for notice in self._silent(transaction, channel, lasting):
            changed = unheard(notice, transaction.incident(notice.incident_id), lasting)
            if changed is not None:
                transaction.save_notice(changed)
                self._give_up(transaction, channel, changed, now)


def _reports(channel: Channel) -> bool:
    return isinstance(channel, TakesReceipts)
