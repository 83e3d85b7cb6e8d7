"""What a kind of channel is made of, and what a channel is handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from saasobs.core.ports import Channel, Clock
from saasobs.options import ChannelOptions


@dataclass(frozen=True, slots=True)
class Tools:
    """The daemon's side of a channel."""

    name: str
    """The channel's name in the configuration."""
    clock: Clock
    count_sent: Callable[[int, str], Awaitable[int]]
    """(since µs, recipient, or "" for all) → deliveries that this channel's provider has accepted since then."""


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """One entry of CHANNELS. `build` reads no network and may be called on every reload."""

    name: str
    options: type[ChannelOptions]
    build: Callable[[Any, Tools], Channel]
    summary: str
