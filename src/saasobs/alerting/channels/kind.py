"""What a kind of channel is made of, and what a channel is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from saasobs.alerting.channels.press import Listener, ListenerTools
from saasobs.core.people import Contact
from saasobs.core.ports import Channel, Clock
from saasobs.core.receipts import Spent
from saasobs.options import ChannelOptions


async def _nothing_spent(_since: int, _currency: str) -> Spent:
    return Spent()


@dataclass(frozen=True, slots=True)
class Tools:
    """The daemon's side of a channel."""

    name: str
    """The channel's name in the configuration."""
    clock: Clock
    count_sent: Callable[[int, str], Awaitable[int]]
    """(since µs, recipient, or "" for all) → deliveries that this channel's provider has accepted since then."""
    spent: Callable[[int, str], Awaitable[Spent]] = _nothing_spent
    """(since µs, currency) → what they have cost."""
    receipts_url: str = ""
    """Where this channel's provider can report to; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One entry of CHANNELS. `build` reads no network and may be called on every reload."""

    name: str
    options: type[ChannelOptions]
    build: Callable[[Any, Tools], Channel]
    summary: str
    contact: Contact | None = None
    """How this kind reaches one of the configured people; None: it reaches only those whom its options name."""
    listen: Callable[[Any, ListenerTools], Listener | None] | None = None
    """How this kind hears what people answer there; None, or one that makes none: it does not."""
    is_chat: bool = False
    """Whether people read along there, so that it can be told what others answer, though it edits no message."""
