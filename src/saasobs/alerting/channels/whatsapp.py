"""WhatsApp, by Meta's Cloud API: a template that was approved beforehand, filled in with what is the matter.

https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates ·
https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes ·
https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components

Outside of a conversation that its reader has begun, only templates are delivered. One that was accepted may still fail
(131026: no WhatsApp there) or wait for a telephone that is off: both are told over the `fallback`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from saasobs.alerting import template
from saasobs.alerting.channels.faults import door, excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.phone import Limits, PhoneOptions
from saasobs.alerting.channels.receipts import json_of, moment, objects, part, report, same
from saasobs.alerting.channels.sms.provider import json_body, json_headers
from saasobs.core.errors import DeliveryError, Refused
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.people import Contact
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price, Usage
from saasobs.core.values import SECOND
from saasobs.options import HttpUrl, Options, SecretText

UNDELIVERED_AFTER: Final = 90 * SECOND

PASSING: Final = frozenset({1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131057, 133004, 133015})
"""Faults of theirs, too many calls or messages, maintenance, a number that was deleted a moment ago."""
RECIPIENT_PASSING: Final = frozenset({131056})
"""Too many messages to this one number."""
RECIPIENT: Final = frozenset({130472, 131021, 131026, 131030, 131049, 131050})
"""Not reachable over WhatsApp, ourselves, not on the list of a test number, kept back by Meta, does not want them."""
_FATES: Final[Mapping[str, Fate]] = {"delivered": Fate.DELIVERED, "read": Fate.DELIVERED, "failed": Fate.FAILED}
_CHALLENGE: Final = 200
_NAME: Final = r"^[a-z0-9_]{1,512}$"


class TemplateOptions(Options):
    """A template as Meta knows it."""

    name: Annotated[str, Field(pattern=_NAME)]
    """Its name."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")]
    """Its language there, as in es or pt_BR."""


class WhatsAppOptions(PhoneOptions):
    """WhatsApp, by Meta's Cloud API: messages of an approved template, with what is the matter as its parameters."""

    phone_number_id: Annotated[str, Field(pattern=r"^\d{5,32}$")]
    """The ID (not the number) of the business phone number that sends."""
    access_token: SecretText
    """A system user's access token, with the permission `whatsapp_business_messaging`."""
    template: Annotated[str, Field(pattern=_NAME)] = "saasobs_incident"
    """The template's name. It is approved once for each language, en, es and pt_BR, and has four parameters."""
    templates: dict[Literal["en", "es", "pt"], TemplateOptions] = Field(default_factory=dict)
    """Another template for one language."""
    app_secret: SecretText | None = None
    """The app's secret: with it, only receipts that Meta has signed are taken, and `undelivered_after` is 90s by
    itself."""
    api_base: HttpUrl = "https://graph.facebook.com"
    """Meta's Graph API."""
    api_version: Annotated[str, Field(pattern=r"^v\d{1,3}\.\d$")] = "v23.0"
    """Its version."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""


class WhatsAppChannel:
    """Sends templates within the limits."""

    def __init__(self, options: WhatsAppOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self._limits = Limits(options, tools, "WhatsApp messages")

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._options.to)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - a template cannot be edited
        return await self._message(briefing)

    @property
    def edits(self) -> bool:
        return False

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        return await self._message(group, measured=not group.first)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _message(self, told: Briefing | GroupBriefing, *, measured: bool = True) -> Receipt:
        options = self._options
        url = f"{options.api_base.rstrip('/')}/{options.api_version}/{options.phone_number_id}/messages"
        headers = json_headers(Authorization=f"Bearer {options.access_token.reveal()}")
        async with door("WhatsApp", options.timeout), self._limits.counted(told.recipient, measured=measured):
            answer = await post(url, content=json_body(request(options, told)), headers=headers)
            return Receipt(read(answer, self._tools.clock.now()))

    # Receipts and caps -----------------------------------------------------------------------------------------

    @property
    def undelivered_after(self) -> int:
        usual = UNDELIVERED_AFTER if self._options.app_secret is not None else 0
        return (self._options.undelivered_after or usual) if self._tools.receipts_url else 0

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport]:
        """`statuses` of a signed webhook; what people write to us is in there, too, and passed over."""
        secret = self._options.app_secret
        if secret is not None:
            digest = hmac.new(secret.reveal().encode(), posted.body, hashlib.sha256).hexdigest()
            if not same(posted.headers.get("x-hub-signature-256", ""), f"sha256={digest}"):
                raise PermissionError("the signature is not Meta's")
        body = json_of(posted)
        if not isinstance(body, dict) or "entry" not in body:
            raise Refused("this is not what WhatsApp sends")
        return tuple(one for status in _statuses(body) for one in _report(status))

    def challenge(self, query: Mapping[str, str], token: str) -> str | None:
        """Meta asks once, when the webhook is set up; the word to verify it by is the end of its address."""
        word, asked = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
        if query.get("hub.mode") != "subscribe" or not same(word, token):
            return None
        return asked if asked.isascii() and asked.isalnum() and len(asked) <= _CHALLENGE else None

    @property
    def currency(self) -> str:
        return ""

    async def usage(self) -> Sequence[Usage]:
        return await self._limits.usage()

    async def price(self, provider_id: str) -> Price | None:  # noqa: ARG002 - Meta does not say
        return None


def request(options: WhatsAppOptions, told: Briefing | GroupBriefing) -> dict[str, Any]:
    """The body. Pure."""
    chosen = options.templates.get(told.language)  # type: ignore[call-overload]
    code = chosen.language if chosen is not None else template.language(told)
    parameters = [{"type": "text", "text": text} for text in template.template_parameters(told)]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": told.recipient.removeprefix("+"),
        "type": "template",
        "template": {
            "name": chosen.name if chosen is not None else options.template,
            "language": {"code": code},
            "components": [{"type": "body", "parameters": parameters}],
        },
        "biz_opaque_callback_data": told.delivery_id,
    }


def read(answer: Answer, now: int) -> str:
    """The message's ID. :raises DeliveryError: unless WhatsApp has taken the message."""
    said = answer.json()
    if (error := part(said, "error")) or not answer.accepted:
        raise _refusal(answer, error, retry_after(answer.headers.get("retry-after"), now))
    identity = next(objects(said.get("messages")), {}).get("id")
    if not isinstance(identity, str) or not identity:
        raise DeliveryError(f"WhatsApp's answer is not WhatsApp's: {excerpt(answer.text)}")
    return identity


def _refusal(answer: Answer, error: Mapping[str, Any], wait: int | None) -> DeliveryError:
    code = error.get("code")
    sentence = f"WhatsApp: {_words(error)}"
    if code in PASSING or code in RECIPIENT_PASSING:
        return DeliveryError(sentence, retry_after=wait, recipient_only=code in RECIPIENT_PASSING)
    if code in RECIPIENT:
        return DeliveryError(sentence, permanent=True, recipient_only=True)
    if code is not None and answer.status < 500 and answer.status not in (408, 429):
        return DeliveryError(sentence, permanent=True)  # the token, the template, the account
    return refused("WhatsApp", answer.status, _words(error) if error else answer.text, wait)


def _statuses(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in objects(body.get("entry")):
        for change in objects(entry.get("changes")):
            yield from objects(part(change, "value").get("statuses"))


def _report(status: Mapping[str, Any]) -> tuple[DeliveryReport, ...]:
    error = next(objects(status.get("errors")), {})
    fate = _FATES.get(str(status.get("status", "")))
    return report(status.get("id"), fate, at=moment(status.get("timestamp")), detail=f"WhatsApp: {_words(error)}")


def _words(error: Mapping[str, Any]) -> str:
    """``error 131026, Message undeliverable: …``."""
    title, details = error.get("title") or error.get("message") or "", part(error, "error_data").get("details", "")
    return excerpt(f"error {error.get('code', 0)}, {title}{': ' if details else ''}{details}")


WHATSAPP: Final = ChannelKind("whatsapp", WhatsAppOptions, WhatsAppChannel, "WhatsApp, by Meta's API", Contact.PHONE)
