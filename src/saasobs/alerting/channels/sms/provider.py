"""What every provider of text messages is made of: options, one request, the reading of its answer and its reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from pydantic import AfterValidator, Field, WithJsonSchema

from saasobs.alerting.channels.faults import excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.http import Answer
from saasobs.core.errors import DeliveryError
from saasobs.core.receipts import DeliveryReport, Posted, Price
from saasobs.options import Options

VALIDITY_SECONDS: Final = 600
"""A provider's queue gives up after this: a page at dawn for last night helps nobody. (Twilio's own default is ten
hours, Infobip's two days.)"""
_SENDER: Final = r"^(\+[1-9]\d{6,14}|\d{3,15}|[A-Za-z0-9 ._-]{1,11})$"
_SENDER_OR_NONE: Final = _SENDER.replace(")$", ")?$")


def _country(value: str) -> str:
    digits = value.removeprefix("+")
    if not (value.startswith("+") and digits.isascii() and digits.isdigit() and 1 <= len(digits) <= 7):
        raise ValueError(f"{value!r} is not the beginning of phone numbers: write + and a country's code, as in +55")
    return value


CountryCode = Annotated[
    str, AfterValidator(_country), WithJsonSchema({"type": "string", "pattern": r"^\+[1-9]\d{0,6}$"})
]
Sender = Annotated[str, Field(pattern=_SENDER)]


class ProviderOptions(Options):
    """What every provider has."""

    from_: Annotated[str, Field(pattern=_SENDER_OR_NONE)] = Field(default="", alias="from")
    """The sender: a number of yours, a short code, or a name where the country allows that."""
    senders: dict[CountryCode, Sender] = Field(default_factory=dict, max_length=300)
    """Other senders by country, as in {"+55": "28111"}: the longest beginning of the recipient's number counts."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all; of several providers less than a minute together."""

    def sender_to(self, number: str) -> str:
        """Empty: none of ours."""
        fitting = [code for code in self.senders if number.startswith(code)]
        return self.senders[max(fitting, key=len)] if fitting else self.from_


@dataclass(frozen=True, slots=True)
class Text:
    """One text message."""

    to: str
    """E.164."""
    body: str
    """One GSM-7 segment."""
    reference: str
    """Our own ID of the delivery."""


class Provider(Protocol):
    """One provider's account."""

    @property
    def name(self) -> str:
        """As a person knows it."""
        ...

    @property
    def timeout(self) -> int: ...

    async def send(self, text: Text) -> str:
        """The provider's ID of the accepted message. :raises Exception: go through `faults.door`."""
        ...

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport] | None:
        """What a request reports; None: it is not of this provider.

        :raises PermissionError: the provider has not signed it. :raises Refused: it makes no sense.
        """
        ...

    async def price(self, provider_id: str) -> Price | None:
        """What a message cost; None: it is not known here, or not yet. :raises Exception: go through `faults.door`."""
        ...


def to_recipient(sentence: str) -> DeliveryError:
    """The number is the trouble: no other provider can help it."""
    return DeliveryError(sentence, permanent=True, recipient_only=True)


def to_account(sentence: str) -> DeliveryError:
    """The account, the sender or the route is the trouble: it stays so, and another provider may help."""
    return DeliveryError(sentence, permanent=True)


def json_headers(**more: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": "application/json", **more}


def json_body(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def by_status(name: str, answer: Answer, about: str, now: int) -> DeliveryError:
    """What an answer is worth that no table knows: 5xx, 408 and 429 pass; the rest is the account's."""
    return refused(name, answer.status, about, retry_after(answer.headers.get("retry-after"), now))


def not_theirs(name: str, answer: Answer) -> DeliveryError:
    """A proxy, a portal, a page of somebody else's."""
    return DeliveryError(f"{name}'s answer is not {name}'s: {excerpt(answer.text)}")
