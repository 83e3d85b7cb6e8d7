"""Text messages by Twilio: always one GSM-7 segment, never more per recipient or month than was allowed.

https://www.twilio.com/docs/messaging/api/message-resource. After a time-out the text may have gone: it is sent again,
and carries its incident's ID, so that the reader recognises the repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator

from saasobs.alerting import group_message, message
from saasobs.alerting.channels.faults import door, excerpt, refused, retry_after
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout, one_or_more
from saasobs.alerting.channels.http import Answer, post
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.core.errors import DeliveryError
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.values import MINUTE, from_datetime, to_datetime
from saasobs.options import ChannelOptions, HttpUrl, PositiveDuration, SecretText

VALIDITY_SECONDS: Final = 600
"""Twilio's own queue gives up after this: a page at dawn for last night helps nobody. The default is ten hours."""

RETRY_CODES: Final = frozenset({20429, 21611, 30001, 30500})
"""Too many requests, the sender's queue full, queue overflow, a fault of theirs."""
PERMANENT_CODES: Final = frozenset(
    {
        20003,  # wrong account or token
        21211,  # no such number
        21408,  # sending to this country is not switched on
        21608,  # a trial account, and the number is not verified
        21610,  # the recipient has answered STOP
        21612,  # this sender cannot reach that number
        30003,  # handset unreachable
        30005,  # unknown handset
        30006,  # landline
        30007,  # filtered by a carrier
        30008,  # unknown, at the carrier
    }
)
_NUMBER: Final = {"type": "string", "pattern": r"^\+[1-9]\d{6,14}$", "examples": ["+51987654321"]}
_NOT_TAKEN: Final = frozenset({"failed", "undelivered", "canceled"})


def _phone_number(value: str) -> str:
    digits = value.removeprefix("+")
    if not (value.startswith("+") and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        raise ValueError(f"{value!r} is not a phone number: write it with + and the country, as in +51987654321")
    if digits.startswith("0"):
        raise ValueError(f"{value!r} is not a phone number: no country's code begins with 0")
    return value


PhoneNumber = Annotated[str, AfterValidator(_phone_number)]
"""E.164: a plus sign, the country's code and the number, 7 to 15 digits."""


class SmsOptions(ChannelOptions):
    """Text messages, one per notice and number: short, in an alphabet that every phone and carrier takes."""

    provider: Literal["twilio"]
    """Who sends them."""
    account_sid: str = Field(pattern=r"^AC[0-9A-Za-z]{1,60}$")
    """Twilio's Account SID, `AC…`."""
    auth_token: SecretText
    """Twilio's Auth Token."""
    from_: str = Field(default="", alias="from", pattern=r"^(\+[1-9]\d{6,14}|\d{3,8}|[A-Za-z0-9 ]{1,11})?$")
    """The sender: a number of yours, a short code, or a name where the country allows that."""
    messaging_service_sid: str = Field(default="", pattern=r"^(MG[0-9A-Za-z]{1,60})?$")
    """A messaging service, `MG…`, in place of `from`: it picks the sender by country."""
    to: one_or_more(PhoneNumber, _NUMBER)  # type: ignore[valid-type]
    """Whom to text: one number or a list, each with + and the country."""
    per_recipient: int = Field(default=5, ge=1, le=1_000)
    """How many texts one number gets at most in each `per`; more of them wait. The first text about a group of
    incidents does not wait."""
    per: PositiveDuration = 10 * MINUTE
    """The time to which `per_recipient` applies."""
    monthly_cap: int = Field(default=1_000, ge=1)
    """How many texts are sent at most in a calendar month (UTC), in all; then the `fallback` takes over."""
    api_base: HttpUrl = "https://api.twilio.com"
    """Twilio's API; another one for a region or a proxy."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For one message, all in all."""

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if bool(self.from_) == bool(self.messaging_service_sid):
            raise ValueError("needs a sender: either `from` or `messaging_service_sid`")
        return self


class SmsChannel:
    """Sends through Twilio within the limits."""

    def __init__(self, options: SmsOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self._under_way: Counter[str] = Counter()

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._options.to)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - a text cannot be edited
        return await self._text(briefing.recipient, message.sms(briefing))

    @property
    def edits(self) -> bool:
        return False

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - nor a group's
        # What tells of many incidents for the first time must not wait behind the few that filled the measure.
        return await self._text(group.recipient, group_message.sms(group), measured=not group.first)

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    async def _text(self, recipient: str, body: str, *, measured: bool = True) -> Receipt:
        async with door("Twilio", self._options.timeout):
            with self._counted(recipient):
                await self._keep_limits(recipient, measured=measured)
                answer = await self._post(recipient, body)
            return self._receipt(answer)

    async def _post(self, recipient: str, body: str) -> Answer:
        options = self._options
        account = quote(options.account_sid, safe="")
        sender = {"From": options.from_} if options.from_ else {"MessagingServiceSid": options.messaging_service_sid}
        form = {"To": recipient, "Body": body, "ValidityPeriod": str(VALIDITY_SECONDS), **sender}
        url = f"{options.api_base.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        return await post(url, form=form, auth=(options.account_sid, options.auth_token.reveal()))

    def _receipt(self, answer: Answer) -> Receipt:
        """:raises DeliveryError: unless Twilio has taken the message."""
        said = answer.json()
        wait = retry_after(answer.headers.get("retry-after"), self._tools.clock.now())
        code = _code(said, "error_code" if answer.accepted else "code")
        if code in PERMANENT_CODES or code in RETRY_CODES:
            sentence = f"Twilio: error {code}{_words(said)}"
            raise DeliveryError(sentence, permanent=code in PERMANENT_CODES, retry_after=wait)
        if not answer.accepted:
            about = f"error {code}{_words(said)}" if code else answer.text
            raise refused("Twilio", answer.status, about, wait)
        if said.get("status") in _NOT_TAKEN:
            raise DeliveryError(f"Twilio: {said['status']}, error {code}{_words(said)}")
        if not isinstance(said.get("sid"), str):
            raise DeliveryError(f"Twilio's answer is not Twilio's: {excerpt(answer.text)}")
        return Receipt(said["sid"])

    # Limits ----------------------------------------------------------------------------------------------------

    async def _keep_limits(self, recipient: str, *, measured: bool) -> None:
        """:raises DeliveryError: when one more would be too many, counting those that are being sent just now."""
        options, now = self._options, self._tools.clock.now()
        others = self._under_way.total() - 1
        if await self._tools.count_sent(_month_of(now), "") + others >= options.monthly_cap:
            raise DeliveryError(f"the cap of {options.monthly_cap} text messages a month is reached", cap=True)
        if not measured:
            return
        to_same = self._under_way[recipient] - 1
        if await self._tools.count_sent(now - options.per, recipient) + to_same >= options.per_recipient:
            sentence = f"{recipient} has had {options.per_recipient} text messages lately: this one waits"
            wait = options.per // options.per_recipient
            raise DeliveryError(sentence, retry_after=wait, recipient_only=True)

    @contextmanager
    def _counted(self, recipient: str) -> Iterator[None]:
        self._under_way[recipient] += 1
        try:
            yield
        finally:
            self._under_way[recipient] -= 1


def _code(said: dict[str, Any], key: str) -> int:
    code = said.get(key)
    return code if isinstance(code, int) else 0


def _words(said: dict[str, Any]) -> str:
    words = said.get("error_message") or said.get("message")
    return f", {excerpt(words)}" if isinstance(words, str) else ""


def _month_of(now: int) -> int:
    """When the calendar month of a moment began, UTC."""
    return from_datetime(to_datetime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


SMS: Final = ChannelKind("sms", SmsOptions, SmsChannel, "text messages by Twilio")
