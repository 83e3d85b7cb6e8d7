"""What text messages, WhatsApp and calls have in common: numbers, and what may be sent to them in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from saasobs.alerting.channels.faults import translated
from saasobs.alerting.channels.fields import one_or_more
from saasobs.alerting.channels.kind import Tools
from saasobs.core.errors import DeliveryError, StorageError
from saasobs.core.receipts import MICRO, Price, Usage
from saasobs.core.values import DAY, MINUTE, from_datetime, to_datetime
from saasobs.options import ChannelOptions, Options, PositiveDuration

_NUMBER: Final = {"type": "string", "pattern": r"^\+[1-9]\d{6,14}$", "examples": ["+51987654321"]}
_LONGEST_WAIT: Final = DAY


def _phone_number(value: str) -> str:
    digits = value.removeprefix("+")
    if not (value.startswith("+") and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        raise ValueError(f"{value!r} is not a phone number: write it with + and the country, as in +51987654321")
    if digits.startswith("0"):
        raise ValueError(f"{value!r} is not a phone number: no country's code begins with 0")
    return value


PhoneNumber = Annotated[str, AfterValidator(_phone_number)]
"""E.164: a plus sign, the country's code and the number, 7 to 15 digits."""


def _amount(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, as in 20 or 12.50")  # noqa: TRY004 - pydantic catches this one
    return value


Amount = Annotated[float, Field(gt=0, le=1_000_000), BeforeValidator(_amount)]


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f"{value!r} is not a currency: write its three letters, as in USD")
    return value


Currency = Annotated[
    str,
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]}),
]
"""ISO 4217."""


class Budget(Options):
    """What may be spent in a calendar month."""

    amount: Amount
    """How much."""
    currency: Currency
    """The currency in which the provider bills."""


def _not_too_late(value: int) -> int:
    if value > _LONGEST_WAIT:
        raise ValueError("must be at most 1d")
    return value


class PhoneOptions(ChannelOptions):
    """What every channel has that reaches telephones and costs money."""

    to: one_or_more(PhoneNumber, _NUMBER) = ()  # type: ignore[valid-type]
    """Whom to reach: one number or a list, each with + and the country. Not needed where it serves `people` only."""
    per_recipient: int = Field(default=5, ge=1, le=1_000)
    """How many messages one number gets at most in each `per`; more of them wait. The first one about a group of
    incidents does not wait."""
    per: PositiveDuration = 10 * MINUTE
    """The time to which `per_recipient` applies."""
    monthly_cap: int = Field(default=1_000, ge=1)
    """How many messages are sent at most in a calendar month (UTC), in all; then the `fallback` takes over."""
    monthly_budget: Budget | None = None
    """What they may cost in a calendar month (UTC), where the provider says its prices; then the `fallback` takes over.
    A message whose price is not known yet counts as the dearest of the month."""
    undelivered_after: Annotated[PositiveDuration, AfterValidator(_not_too_late)] | None = None
    """A message that was accepted, and of which the provider has not said for so long that it has arrived, is told over
    the `fallback`, too, while nobody is on the incident. Needs receipts, and so `ingest.base_url`."""


class Limits:
    """Holds each message against what was sent before it and what is being sent just now."""

    def __init__(self, options: PhoneOptions, tools: Tools, noun: str) -> None:
        """:param noun: what is sent, in the plural."""
        self._options = options
        self._tools = tools
        self._noun = noun
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def counted(self, recipient: str, *, measured: bool = True) -> AsyncIterator[None]:
        """Around one message.

        :param measured: whether the recipient's own measure holds for it; the month's caps always do.
        :raises DeliveryError: one more would be too many, or nobody can tell.
        """
        self._under_way[recipient] += 1
        try:
            await self._keep(recipient, measured=measured)
            yield
        finally:
            self._under_way[recipient] -= 1

    async def usage(self) -> Sequence[Usage]:
        """How much of the month's caps is used. :raises StorageError:"""
        options, since = self._options, month_of(self._tools.clock.now())
        used = [Usage("monthly_cap", await self._tools.count_sent(since, ""), options.monthly_cap)]
        if (budget := options.monthly_budget) is not None:
            spent = await self._tools.spent(since, budget.currency)
            used.append(Usage("monthly_budget", spent.estimated, round(budget.amount * MICRO)))
        return used

    async def _keep(self, recipient: str, *, measured: bool) -> None:
        try:
            await self._keep_caps()
            if measured:
                await self._keep_measure(recipient)
        except StorageError as error:
            raise translated(error, "the provider") from error

    async def _keep_caps(self) -> None:
        options, others = self._options, self._under_way.total() - 1
        for usage in await self.usage():
            if usage.cap == "monthly_cap" and usage.used + others >= usage.allowed:
                raise DeliveryError(f"the cap of {options.monthly_cap} {self._noun} a month is reached", cap=True)
            if usage.cap == "monthly_budget" and usage.used >= usage.allowed and options.monthly_budget is not None:
                budget = options.monthly_budget
                sentence = f"the budget of {budget.amount:g} {budget.currency} a month is spent"
                raise DeliveryError(sentence, cap=True)

    async def _keep_measure(self, recipient: str) -> None:
        options, now = self._options, self._tools.clock.now()
        to_same = self._under_way[recipient] - 1
        if await self._tools.count_sent(now - options.per, recipient) + to_same >= options.per_recipient:
            sentence = f"{recipient} has had {options.per_recipient} {self._noun} lately: this one waits"
            wait = options.per // options.per_recipient
            raise DeliveryError(sentence, retry_after=wait, recipient_only=True)


def month_of(now: int) -> int:
    """When the calendar month of a moment began, UTC."""
    return from_datetime(to_datetime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def read_price(amount: object, currency: object) -> Price | None:
    """What a provider says of a price, be it a number or a text, with or without the minus sign of a bill."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float) or not isinstance(currency, str):
        return None
    try:
        value = abs(float(amount))
        return Price(round(value * MICRO), _currency(currency.upper())) if value < MICRO else None
    except (ValueError, OverflowError):
        return None
