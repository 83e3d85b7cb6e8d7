"""Tokens of OAuth2 client credentials (RFC 6749): fetched by the same engine as all else, one at a time, and kept.

A token is kept until shortly before it expires. Its fetch is not the target's time: it is noted beside the check, and
only where it fails it is all that the check's time went into.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from saasobs.core.result import Reason
from saasobs.core.values import SECOND, format_duration
from saasobs.probes.http import trouble
from saasobs.probes.http.exchange import Hop, Seen
from saasobs.probes.http.options import HttpOptions
from saasobs.probes.http.phases import TOKEN
from saasobs.probes.verdict import short

MARGIN: Final = 60.0
"""Seconds before its end at which a token is not used any more, or a tenth of its life where that is less."""
UNSPOKEN: Final = 300.0
"""Seconds that a token is kept which does not say how long it lives."""
LONGEST: Final = 86_400.0
"""Seconds that any token is kept."""

_OURS: Final = frozenset({Reason.INTERNAL, Reason.ADDRESS_REFUSED})
"""What is no refusal of a login stays what it is."""

Fetch = Callable[[HttpOptions, Seen], Awaitable[None]]


@dataclass(slots=True)
class _Kept:
    """One token endpoint and client: the lock lets one check fetch while others wait for what it gets."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = ""
    good_until: float = 0.0
    """On the monotonic clock, seconds."""


class Tokens:
    """Every token that is kept, by what it was asked with."""

    def __init__(self) -> None:
        self._kept: dict[object, _Kept] = {}

    async def get(
        self, options: HttpOptions, key: object, fetch: Fetch, seen: Seen, deadline: float
    ) -> tuple[str, bool] | None:
        """A token, and whether it was fetched just now; None when there is none, which `seen` tells.

        :param key: tokens are shared by those who ask by the same trust and the same rules.
        :param fetch: asks for a token, and ends by the deadline on its own (on the loop's clock, seconds).
        """
        kept = self._kept.setdefault(key, _Kept())
        if _usable(kept):
            return kept.token, False
        begun = time.monotonic()
        try:
            async with asyncio.timeout_at(deadline):
                await kept.lock.acquire()
        except TimeoutError:
            took = _micros(time.monotonic() - begun)
            _failed(options, seen, took, f"no answer in time ({format_duration(took)})")
            return None
        try:
            return (kept.token, False) if _usable(kept) else await self._fetched(options, kept, fetch, seen)
        finally:
            kept.lock.release()

    async def _fetched(self, options: HttpOptions, kept: _Kept, fetch: Fetch, seen: Seen) -> tuple[str, bool] | None:
        begun = time.monotonic()
        asked = Seen()
        await fetch(options.token_request, asked)
        took = _micros(time.monotonic() - begun)
        try:
            token, life = _read(asked)
        except _NoToken as error:
            _failed(options, seen, took, str(error))
            if asked.trouble is not None and asked.trouble.reason in _OURS:
                seen.trouble = asked.trouble
            return None
        kept.token, kept.good_until = token, time.monotonic() + life
        self._tidy()
        seen.notes = (seen.notes or {}) | {"token_us": took}
        return token, True

    def refused(self, key: object, token: str) -> None:
        """The target did not take it: the next one who asks gets another."""
        kept = self._kept.get(key)
        if kept is not None and kept.token == token:
            kept.good_until = 0.0

    def _tidy(self) -> None:
        """Forget what nobody has asked for since it ended, as that of monitors that are gone."""
        long_ago = time.monotonic() - LONGEST
        for key, kept in list(self._kept.items()):
            if kept.good_until < long_ago and not kept.lock.locked():
                del self._kept[key]


def _failed(options: HttpOptions, seen: Seen, took: int, said: str) -> None:
    """There is no token: tell it in `seen`. `took` in µs."""
    endpoint = options.token_request.where.shown
    seen.hops.append(Hop(endpoint, {TOKEN: took}))
    seen.trouble = trouble.of_token(endpoint, said)


def _usable(kept: _Kept) -> bool:
    return kept.good_until > time.monotonic()


class _NoToken(Exception):
    """Why there is none, in words."""


def _read(asked: Seen) -> tuple[str, float]:
    """The token and how long to keep it, seconds (RFC 6749 section 5). :raises _NoToken:"""
    if asked.trouble is not None:
        raise _NoToken(asked.trouble.sentence)
    said = _document(asked.body)
    status = asked.hops[-1].status
    if status != 200:
        words = ": ".join(short(str(said[key])) for key in ("error", "error_description") if said.get(key))
        raise _NoToken(f"status {status}" + (f", {words}" if words else ""))
    token, kind = said.get("access_token"), said.get("token_type", "Bearer")
    if not isinstance(token, str) or not token:
        raise _NoToken("its answer holds no access_token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise _NoToken("its access_token cannot be sent in a header")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _NoToken(f"its token is of type {short(str(kind))}, only Bearer can be used")
    return token, _life(said.get("expires_in"))


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _life(expires_in: object) -> float:
    """Seconds that a token is kept. Some endpoints write the number as a text."""
    try:
        life = float(expires_in) if isinstance(expires_in, int | float | str) else UNSPOKEN
    except (ValueError, OverflowError):
        life = UNSPOKEN
    if not 0 <= life < float("inf"):
        life = UNSPOKEN
    return min(life - min(MARGIN, life / 10), LONGEST)


def _micros(seconds: float) -> int:
    return max(0, round(seconds * SECOND))
