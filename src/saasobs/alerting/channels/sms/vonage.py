"""Text messages by Vonage (once Nexmo), its Messages API. https://developer.vonage.com/en/api/messages

Reports are posted to the address that each message names, with a JSON Web Token, which is checked where the
`signature_secret` is known. https://developer.vonage.com/en/getting-started/concepts/webhooks#signed-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field

from saasobs.alerting.channels.faults import excerpt
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.phone import read_price
from saasobs.alerting.channels.receipts import json_of, moment, part, report
from saasobs.alerting.channels.sms import provider as base
from saasobs.alerting.channels.sms.provider import VALIDITY_SECONDS, Sender, Text
from saasobs.alerting.channels.web_token import is_signed
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price
from saasobs.core.values import SECOND
from saasobs.options import HttpUrl, SecretText

_FATES: Final[Mapping[str, Fate]] = {
    "delivered": Fate.DELIVERED, "read": Fate.DELIVERED, "rejected": Fate.FAILED, "undeliverable": Fate.FAILED,
}  # fmt: skip
RECIPIENT: Final = frozenset({"1040", "1050", "1170", "1190", "1240"})
"""No such prefix, barred, no number, absent for good, not a mobile number: the number is the trouble.
https://developer.vonage.com/en/api-errors/messages"""
PASSING: Final = frozenset({"1000", "1030", "1100"})
"""Throttled, a fault of theirs, no connection to the carrier."""


class VonageOptions(base.ProviderOptions):
    """Vonage: https://www.vonage.com."""

    provider: Literal["vonage"]
    """Who sends them."""
    api_key: str = Field(pattern=r"^[0-9A-Za-z]{4,40}$")
    """Vonage's API key."""
    api_secret: SecretText
    """Vonage's API secret."""
    from_: Sender = Field(alias="from")
    """The sender: a number of yours or a name."""
    signature_secret: SecretText | None = None
    """The account's signature secret: with it, only reports that Vonage has signed are taken."""
    api_base: HttpUrl = "https://api.nexmo.com"
    """Vonage's API; another one for a region."""


class Vonage:
    """One account."""

    name = "Vonage"

    def __init__(self, options: VonageOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self.timeout = options.timeout

    async def send(self, text: Text) -> str:
        """A POST; 202 holds the UUID."""
        options = self._options
        answer = await post(
            f"{options.api_base.rstrip('/')}/v1/messages",
            content=base.json_body(request(options, text, self._tools.receipts_url)),
            headers=base.json_headers(),
            auth=(options.api_key, options.api_secret.reveal()),
        )
        return read(answer, self._tools.clock.now())

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:
        """One status in JSON."""
        body = json_of(posted)
        if not isinstance(body, dict) or "message_uuid" not in body:
            return None
        secret, seconds = self._options.signature_secret, self._tools.clock.now() // SECOND
        if secret is not None and not is_signed(secret, posted.headers.get("authorization", ""), posted.body, seconds):
            raise PermissionError("the token is not Vonage's")
        status, error, usage = str(body.get("status", "")), part(body, "error"), part(body, "usage")
        words = f"Vonage: {status}, {error.get('title', '')} {error.get('detail', '')}".strip()
        cost = read_price(usage.get("price"), usage.get("currency"))
        fate, at = _FATES.get(status), moment(body.get("timestamp"))
        return report(body["message_uuid"], fate, at=at, detail=words, price=cost)

    async def price(self, provider_id: str) -> Price | None:  # noqa: ARG002 - it comes with the reports
        return None


def request(options: VonageOptions, text: Text, receipts_url: str) -> dict[str, Any]:
    """The body; Vonage takes numbers without the plus sign. Pure."""
    return {
        "message_type": "text",
        "channel": "sms",
        "to": text.to.removeprefix("+"),
        "from": options.sender_to(text.to).removeprefix("+"),
        "text": text.body,
        "ttl": VALIDITY_SECONDS,
        "client_ref": text.reference[:40],
        "sms": {"encoding_type": "text"},
        **({"webhook_url": receipts_url, "webhook_version": "v1"} if receipts_url else {}),
    }


def read(answer: Answer, now: int) -> str:
    """:raises DeliveryError: unless Vonage has taken the message."""
    said = answer.json()
    if not answer.accepted:
        code = str(said.get("type", "")).rpartition("#")[2]
        words = excerpt(f"{said.get('title') or ''}: {said.get('detail') or answer.text}")
        if code in RECIPIENT or (answer.status == 422 and _about_number(said)):
            raise base.to_recipient(f"Vonage answered {answer.status}: {words}")
        if code in PASSING and answer.status < 500 and answer.status != 429:
            answer = Answer(503, answer.headers, answer.text)
        raise base.by_status("Vonage", answer, words, now)
    if not isinstance(said.get("message_uuid"), str):
        raise base.not_theirs("Vonage", answer)
    return str(said["message_uuid"])


def _about_number(said: Mapping[str, Any]) -> bool:
    """Whether the invalid parameter is the recipient, and nothing else."""
    found = said.get("invalid_parameters")
    names = {one.get("name") for one in found if isinstance(one, dict)} if isinstance(found, list) else set()
    return names == {"to"}
