"""Text messages by Twilio. https://www.twilio.com/docs/messaging/api/message-resource

Reports: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from saasobs.alerting.channels import twilio
from saasobs.alerting.channels.kind import Tools
from saasobs.alerting.channels.receipts import report
from saasobs.alerting.channels.sms.provider import VALIDITY_SECONDS, ProviderOptions, Text
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price

_FATES: Final[Mapping[str, Fate]] = {
    "delivered": Fate.DELIVERED, "read": Fate.DELIVERED, "undelivered": Fate.FAILED, "failed": Fate.FAILED,
    "canceled": Fate.FAILED,
}  # fmt: skip
_RESOURCE: Final = "Messages"


class TwilioOptions(ProviderOptions, twilio.TwilioAccount):
    """Twilio: https://www.twilio.com/docs/messaging."""

    provider: Literal["twilio"]
    """Who sends them."""
    messaging_service_sid: str = Field(default="", pattern=r"^(MG[0-9A-Za-z]{1,60})?$")
    """A messaging service, `MG…`, in place of `from`: it picks the sender by country."""

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if bool(self.from_) == bool(self.messaging_service_sid):
            raise ValueError("needs a sender: either `from` or `messaging_service_sid`")
        return self


class Twilio:
    """One account."""

    name = "Twilio"

    def __init__(self, options: TwilioOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self.timeout = options.timeout

    async def send(self, text: Text) -> str:
        """A POST; 201 holds the SID."""
        form = request(self._options, text, self._tools.receipts_url)
        return twilio.sid_of(await twilio.create(self._options, _RESOURCE, form), self._tools.clock.now())

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:
        """A signed form; the signature is over our address as Twilio was told it."""
        if twilio.SIGNATURE not in posted.headers:
            return None
        form = twilio.signed_form(posted, self._tools.receipts_url, self._options.auth_token)
        status, code = form.get("MessageStatus", ""), form.get("ErrorCode", "")
        return report(form.get("MessageSid"), _FATES.get(status), detail=f"Twilio: {status}, error {code or 0}")

    async def price(self, provider_id: str) -> Price | None:
        """Asked for: reports do not say it."""
        return await twilio.price_of(self._options, _RESOURCE, provider_id)


def request(options: TwilioOptions, text: Text, receipts_url: str) -> dict[str, str]:
    """The form. Pure."""
    sender = options.sender_to(text.to)
    return {
        "To": text.to,
        "Body": text.body,
        "ValidityPeriod": str(VALIDITY_SECONDS),
        **({"From": sender} if sender else {"MessagingServiceSid": options.messaging_service_sid}),
        **({"StatusCallback": receipts_url} if receipts_url else {}),
    }
