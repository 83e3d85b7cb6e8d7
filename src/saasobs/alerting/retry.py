"""How long to wait before a refused message is tried again. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from saasobs.core.values import HOUR, MINUTE, SECOND

FIRST: Final = 2 * SECOND
LONGEST: Final = 5 * MINUTE
RETRY_AFTER_LIMIT: Final = HOUR
"""No provider may silence a channel for longer than this with one answer."""
_DOUBLINGS: Final = 16


def backoff(attempts: int, key: str, retry_after: int | None) -> int:
    """Microseconds until the next try: 2 s, 4 s, 8 s … 5 min, each shortened by up to half.

    The jitter is a pure function of `key` and `attempts`, so that notices that failed together part, and a test knows
    what comes. Never sooner than the provider's own word, which itself counts for an hour at most.

    :param attempts: how many tries had failed before this one: 0 after the first.
    """
    full = min(LONGEST, FIRST << min(attempts, _DOUBLINGS))
    wait = full // 2 + int(full // 2 * _fraction(f"{key}\x1f{attempts}"))
    return max(wait, min(retry_after or 0, RETRY_AFTER_LIMIT))


def decorrelated(before: int, first: int, longest: int, key: str) -> int:
    """The next pause of something that failed again, in the unit of the arguments: between `first` and three times the
    pause before, at most `longest`. So what failed together comes back apart.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("decorrelated jitter")

    :param before: the last pause; 0 after the first failure.
    """
    top = max(first, 3 * before)
    return min(longest, first + int((top - first) * _fraction(f"{key}\x1f{before}")))


def _fraction(text: str) -> float:
    """Evenly spread over [0, 1)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
