"""Calls by Twilio: a voice says what is the matter, twice, in the language of whoever is called, and 1 takes it on.

https://www.twilio.com/docs/voice/api/call-resource · https://www.twilio.com/docs/voice/twiml/gather ·
https://www.twilio.com/docs/voice/twiml/say/text-speech

What is said goes with the request (`Twiml`), so that a call needs no public address of ours. Where there is one, a
pressed key comes back to it, signed by Twilio, with the token of the incident's answer link behind it. A call that
nobody answers is told over the `fallback`, where its end is reported to us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from pydantic import AfterValidator, Field

from saasobs.alerting import spoken
from saasobs.alerting.channels import twilio
from saasobs.alerting.channels.faults import door
from saasobs.alerting.channels.fields import DEFAULT_TIMEOUT, Timeout
from saasobs.alerting.channels.kind import ChannelKind, Tools
from saasobs.alerting.channels.phone import Limits, PhoneNumber, PhoneOptions
from saasobs.alerting.channels.receipts import report
from saasobs.alerting.words import reader
from saasobs.core.groups import GroupBriefing
from saasobs.core.incident import Briefing, Receipt
from saasobs.core.people import Contact
from saasobs.core.receipts import DeliveryReport, Fate, Posted, Price, Usage
from saasobs.core.values import MINUTE, SECOND
from saasobs.options import PositiveDuration

KEY: Final = "1"
KEYS: Final = "keys/"
"""Where a pressed key is reported, below the channel's own address; the answer link's token follows."""
MEDIA_TYPE: Final = "application/xml"
_RESOURCE: Final = "Calls"
_WAIT_SECONDS: Final = 8
"""For a key, after the last word."""
_FATES: Final[Mapping[str, Fate]] = {
    "completed": Fate.DELIVERED, "busy": Fate.FAILED, "no-answer": Fate.FAILED, "failed": Fate.FAILED,
    "canceled": Fate.FAILED,
}  # fmt: skip


def _ring(value: int) -> int:
    if not 5 * SECOND <= value <= 2 * MINUTE:
        raise ValueError("must be at least 5s and at most 2m")
    return value


class VoiceOptions(twilio.TwilioAccount, PhoneOptions):
    """Calls by Twilio: a voice says what is the matter, twice; where `ingest.base_url` is known, pressing 1 takes it
    on."""

    provider: Literal["twilio"] = "twilio"
    """Who calls."""
    from_: PhoneNumber = Field(alias="from")
    """The number that calls: one of yours at Twilio, or one that is verified there."""
    ring: Annotated[PositiveDuration, AfterValidator(_ring)] = 30 * SECOND
    """How long it rings; most mailboxes answer later than that."""
    timeout: Timeout = DEFAULT_TIMEOUT
    """For the request that makes the call."""


class VoiceChannel:
    """Calls within the limits."""

    def __init__(self, options: VoiceOptions, tools: Tools) -> None:
        self._options = options
        self._tools = tools
        self._limits = Limits(options, tools, "calls")

    @property
    def recipients(self) -> Sequence[str]:
        return tuple(self._options.to)

    async def send(self, briefing: Briefing, reference: str) -> Receipt:  # noqa: ARG002 - every call is a new one
        return await self._call(briefing)

    @property
    def edits(self) -> bool:
        return False

    async def send_group(self, group: GroupBriefing, reference: str) -> Receipt:  # noqa: ARG002 - every call is
        return await self._call(group, measured=not group.first)

    async def close(self) -> None:
        """Nothing is kept open between two calls."""

    async def _call(self, told: Briefing | GroupBriefing, *, measured: bool = True) -> Receipt:
        form = request(self._options, told, self._tools.receipts_url)
        async with door("Twilio", self._options.timeout), self._limits.counted(told.recipient, measured=measured):
            answer = await twilio.create(self._options, _RESOURCE, form)
            return Receipt(twilio.sid_of(answer, self._tools.clock.now()))

    # Receipts, keys and caps -----------------------------------------------------------------------------------

    @property
    def undelivered_after(self) -> int:
        return (self._options.undelivered_after or 0) if self._tools.receipts_url else 0

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport]:
        """A signed form at the end of the call. `completed`: somebody (or a mailbox) has answered."""
        form = twilio.signed_form(posted, self._tools.receipts_url, self._options.auth_token)
        status = form.get("CallStatus", "")
        return report(
            form.get("CallSid"), _FATES.get(status), detail=f"Twilio: the call ended as {status or 'nothing'}"
        )

    def challenge(self, query: Mapping[str, str], token: str) -> str | None:  # noqa: ARG002 - Twilio does not ask
        return None

    def pressed(self, posted: Posted) -> str | None:
        url = f"{self._tools.receipts_url}/{posted.below}"
        form = twilio.signed_form(posted, url, self._options.auth_token)
        is_key = posted.below.startswith(KEYS) and form.get("Digits") == KEY
        return posted.below.removeprefix(KEYS) if is_key else None

    def spoken(self, language: str, sentence: str) -> tuple[str, str]:
        who = reader(language, "UTC")
        said = _say(spoken.spoken(sentence, who), who.words.voice) if sentence else ""
        return f"<Response>{said}<Hangup/></Response>", MEDIA_TYPE

    @property
    def currency(self) -> str:
        budget = self._options.monthly_budget
        return budget.currency if budget is not None else ""

    async def usage(self) -> Sequence[Usage]:
        return await self._limits.usage()

    async def price(self, provider_id: str) -> Price | None:
        async with door("Twilio", self._options.timeout):
            return await twilio.price_of(self._options, _RESOURCE, provider_id)


def request(options: VoiceOptions, told: Briefing | GroupBriefing, receipts_url: str) -> dict[str, str]:
    """The form. Pure."""
    return {
        "To": told.recipient,
        "From": options.from_,
        "Twiml": twiml(told, receipts_url),
        "Timeout": str(options.ring // SECOND),
        **({"StatusCallback": receipts_url} if receipts_url else {}),
    }


def twiml(told: Briefing | GroupBriefing, receipts_url: str) -> str:
    """What happens when somebody answers: the announcement, twice, and, where a key can reach us, how to take it on."""
    said, locale = _say(spoken.voice(told), spoken.locale(told)), spoken.locale(told)
    token = _token(told.answer_url)
    if not (token and receipts_url):
        return f'<Response>{said}<Pause length="1"/>{said}</Response>'
    press = _say(spoken.press(told, KEY), locale)
    action = quoteattr(f"{receipts_url}/{KEYS}{token}")
    gather = f'<Gather input="dtmf" numDigits="1" timeout="{_WAIT_SECONDS}" action={action} method="POST">'
    return f'<Response>{gather}{said}{press}<Pause length="1"/>{said}{press}</Gather></Response>'


def _say(text: str, locale: str) -> str:
    return f"<Say language={quoteattr(locale)}>{escape(text)}</Say>"


def _token(answer_url: str) -> str:
    """The last part of an answer link: what signs the answer."""
    token = urlsplit(answer_url).path.rpartition("/")[2]
    return token if token.isascii() and token.isalnum() else ""


VOICE: Final = ChannelKind("voice", VoiceOptions, VoiceChannel, "calls by Twilio", Contact.PHONE)
