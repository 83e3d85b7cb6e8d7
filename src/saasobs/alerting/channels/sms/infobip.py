"""Text messages by Infobip. https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages

Reports are posted to the address that each message names; they are not signed: whoever knows it may report. Each has
the price. Statuses: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from saasobs.alerting.channels.faults import excerpt
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.phone import read_price
from saasobs.alerting.channels.receipts import json_of, moment, objects, part, report
from saasobs.alerting.channels.sms import provider as base
from saasobs.alerting.channels.sms.provider import VALIDITY_SECONDS, Sender, Text
from saasobs.core.errors import DeliveryError
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price
from saasobs.options import HttpUrl, SecretText

UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = 2, 3, 4, 5
"""Groups of statuses; 0 and 1 are on their way."""
_FATES: Final[Mapping[object, Fate]] = {
    UNDELIVERABLE: Fate.FAILED, DELIVERED: Fate.DELIVERED, EXPIRED: Fate.FAILED, REJECTED: Fate.FAILED,
}  # fmt: skip
TO_OPERATOR: Final = "DELIVERED_TO_OPERATOR"
"""Group 3, and yet only handed to the carrier: the telephone's own word may follow."""
RECIPIENT: Final = frozenset(
    {
        "REJECTED_PREFIX_MISSING", "REJECTED_DND", "REJECTED_DESTINATION", "REJECTED_INVALID_DESTINATION", "MISSING_TO",
    }
)  # fmt: skip
"""The number is the trouble."""
PASSING: Final = frozenset({"REJECTED_SYSTEM_ERROR", "REJECTED_FLOODING_FILTER"})


class InfobipOptions(base.ProviderOptions):
    """Infobip: https://www.infobip.com, strong in Latin America."""

    provider: Literal["infobip"]
    """Who sends them."""
    api_key: SecretText
    """Infobip's API key, with the scope to send messages."""
    api_base: HttpUrl
    """Your own base URL, as in https://xxxxx.api.infobip.com."""
    from_: Sender = Field(alias="from")
    """The sender: a number of yours or a name."""


class Infobip:
    """One account."""

    name = "Infobip"

    def __init__(self, options: InfobipOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self.timeout = options.timeout

    async def send(self, text: Text) -> str:
        """A POST; 200 holds one message with its ID and first status."""
        url = f"{self._options.api_base.rstrip('/')}/sms/3/messages"
        headers = base.json_headers(Authorization=f"App {self._options.api_key.reveal()}")
        body = request(self._options, text, self._tools.receipts_url)
        answer = await post(url, content=base.json_body(body), headers=headers)
        return read(answer, self._tools.clock.now())

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:
        """`results`, up to some hundred at once."""
        body = json_of(posted)
        if not isinstance(body, dict) or "results" not in body:
            return None
        return tuple(one for result in objects(body["results"]) for one in _report(result))

    async def price(self, provider_id: str) -> Price | None:  # noqa: ARG002 - it comes with the reports
        return None


def request(options: InfobipOptions, text: Text, receipts_url: str) -> dict[str, Any]:
    """The body. Pure."""
    message: dict[str, Any] = {
        "sender": options.sender_to(text.to).removeprefix("+"),
        "destinations": [{"to": text.to.removeprefix("+")}],
        "content": {"text": text.body},
        "options": {"validityPeriod": {"amount": VALIDITY_SECONDS // 60, "timeUnit": "MINUTES"}},
    }
    if receipts_url:
        message["webhooks"] = {
            "delivery": {"url": receipts_url, "intermediateReport": False},
            "contentType": "application/json",
        }
    return {"messages": [message]}


def read(answer: Answer, now: int) -> str:
    """:raises DeliveryError: unless Infobip has taken the message."""
    said = answer.json()
    if not answer.accepted:
        raise _refusal(answer, said, now)
    message = next(objects(said.get("messages")), {})
    status, identity = part(message, "status"), message.get("messageId")
    if status.get("groupId") in (UNDELIVERABLE, EXPIRED, REJECTED):
        name = str(status.get("name", ""))
        sentence = f"Infobip: {excerpt(name)}, {excerpt(str(status.get('description', '')))}"
        if name in PASSING:
            raise DeliveryError(sentence)
        raise base.to_recipient(sentence) if name in RECIPIENT else base.to_account(sentence)
    if not isinstance(identity, str) or not identity:
        raise base.not_theirs("Infobip", answer)
    return identity


def _refusal(answer: Answer, said: dict[str, Any], now: int) -> DeliveryError:
    old = part(said, "requestError", "serviceException")
    words = said.get("description") or old.get("text") or answer.text
    violations = list(objects(said.get("violations")))
    wrong = {str(one.get("property", "")).rpartition(".")[2] for one in violations}
    if answer.status == 400 and wrong == {"to"}:
        why = "; ".join(str(one.get("violation", "")) for one in violations)
        return base.to_recipient(f"Infobip answered 400: {excerpt(why)}")
    code = said.get("errorCode") or old.get("messageId") or ""
    return base.by_status("Infobip", answer, f"{code} {words}".strip(), now)


def _report(result: dict[str, Any]) -> Iterator[DeliveryReport]:
    status, error, price = part(result, "status"), part(result, "error"), part(result, "price")
    fate = None if status.get("name") == TO_OPERATOR else _FATES.get(status.get("groupId"))
    words = f"Infobip: {status.get('name', '')}, {error.get('description') or status.get('description', '')}"
    cost = read_price(price.get("pricePerMessage"), price.get("currency"))
    yield from report(result.get("messageId"), fate, at=moment(result.get("doneAt")), detail=words, price=cost)
