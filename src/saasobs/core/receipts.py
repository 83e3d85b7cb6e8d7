"""What a provider says of a message after it has accepted it: that it arrived, that it never will, what it cost.

"Accepted" is not "delivered": an accepted message may wait for a telephone that is off, or be dropped by a carrier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from saasobs.core.incident import Notice

MICRO = 1_000_000
"""Prices are whole millionths of a currency's unit."""


class Fate(StrEnum):
    """What became of an accepted message."""

    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"
    """It never will arrive."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one message cost."""

    amount: int
    """Millionths of the currency's unit."""
    currency: str
    """ISO 4217."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One word of a provider about one message."""

    provider_id: str
    """As its receipt had it (core.incident.Receipt)."""
    fate: Fate
    at: int = 0
    """µs; 0: now."""
    detail: str = ""
    """Why it failed, in the provider's words."""
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A request from a provider, as it arrived; the body is bounded."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    below: str = ""
    """What follows the channel's own address, without a slash at its beginning."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a channel's accepted messages cost since a moment."""

    amount: int = 0
    """Of those whose price is known, in millionths."""
    dearest: int = 0
    """The highest price of one of them."""
    unpriced: int = 0
    """How many there are whose price nobody has said yet."""

    @property
    def estimated(self) -> int:
        """With the others at the highest price known: a cap is kept before the bill comes."""
        return self.amount + self.unpriced * self.dearest


@dataclass(frozen=True, slots=True)
class Unpriced:
    """An accepted message whose price is not known."""

    provider_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a cap is used."""

    cap: str
    """The setting: `monthly_cap`, `monthly_budget`."""
    used: int
    allowed: int

    @property
    def share(self) -> float:
        return self.used / self.allowed


@runtime_checkable
class TakesReceipts(Protocol):
    """A channel (core.ports.Channel) whose provider reports back."""

    @property
    def undelivered_after(self) -> int:
        """µs after which an accepted message that did not arrive is told over the fallback; 0: never."""
        ...

    def read_receipts(self, posted: Posted) -> Sequence[DeliveryReport]:
        """What a request reports; nothing, where it is about something else.

        :raises PermissionError: the provider has not signed it. :raises Refused: this is not what it sends.
        """
        ...

    def challenge(self, query: Mapping[str, str], token: str) -> str | None:
        """What to answer to a provider that asks whether this is the right address; None: it did not."""
        ...


@runtime_checkable
class TakesKeys(Protocol):
    """A channel over which somebody answers by pressing a key."""

    def pressed(self, posted: Posted) -> str | None:
        """The token of the answer link that is acknowledged with it; None: another key, or none.

        :raises PermissionError: the provider has not signed it. :raises Refused: this is not what it sends.
        """
        ...

    def spoken(self, language: str, sentence: str) -> tuple[str, str]:
        """What is answered to a key: a body that has the sentence said, and its media type.

        :param language: `en`, `es` or `pt`. :param sentence: empty: nothing is said.
        """
        ...


@runtime_checkable
class Capped(Protocol):
    """A channel with caps on what is sent in a month."""

    @property
    def currency(self) -> str:
        """That of its budget; empty: it has none."""
        ...

    async def usage(self) -> Sequence[Usage]:
        """How much of each cap is used. :raises StorageError:"""
        ...

    async def price(self, provider_id: str) -> Price | None:
        """What a message cost; None: that is not known, or not yet. :raises DeliveryError:"""
        ...


class KeepsReceipts(Protocol):
    """The part of a transaction (core.ports.Transaction) that receipts work on."""

    def notices_accepted(self, channel: str, provider_id: str) -> list[Notice]:
        """Those that an accepted message covers."""
        ...

    def undelivered(self, channel: str, changes: Sequence[str], since: int, until: int) -> list[Notice]:
        """Those about these changes that were accepted in (since, until], of which nobody has said that they came, and
        whose incident is open with nobody on it."""
        ...

    def record_price(self, channel: str, provider_id: str, price: Price) -> None: ...

    def unpriced(self, channel: str, since: int) -> list[Unpriced]:
        """Accepted messages without a price, newest first."""
        ...

    def spent(self, channel: str, since: int, currency: str) -> Spent: ...


class HearsReceipts(Protocol):
    """What the web room may ask of the daemon about receipts (core.ports.Operator).

    :raises NotFound: no channel has this token, or its provider reports nothing. :raises StorageError:
    """

    def admits(self, channel: str, token: str) -> bool:
        """Whether a channel's provider was given an address with this token."""
        ...

    async def report(self, channel: str, token: str, posted: Posted) -> None:
        """Written down before it returns. :raises PermissionError: not signed. :raises Refused: nonsense."""
        ...

    def challenge(self, channel: str, token: str, query: Mapping[str, str]) -> str:
        """The answer to a provider that asks whether this is the right address. :raises NotFound:"""
        ...

    async def press(self, channel: str, token: str, posted: Posted) -> tuple[str, str]:
        """Somebody pressed a key during a call: what is said to them, and its media type."""
        ...

    def addresses(self) -> Mapping[str, str]:
        """Where providers report to, by channel; empty where the configuration does not say how we are reached."""
        ...
