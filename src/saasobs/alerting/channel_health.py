"""Whether a channel still gets messages through. Pure.

1. One failure for good (a revoked token, a channel that was deleted) is enough: nobody will mend it by waiting.
2. Failures that may pass count when there were several, for some minutes, and nothing got through in between.
3. One message that gets through, and the channel is well again.

What says nothing about the channel does not count: a cap that was set on purpose, one recipient of many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from saasobs.core.errors import DeliveryError
from saasobs.core.values import MINUTE

FAILURES: Final = 3
LASTING: Final = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """What has become of the latest deliveries over one channel."""

    failures: int = 0
    """In a row."""
    since: int = 0
    """The first of them (µs)."""
    for_good: bool = False
    sentence: str = ""
    """What the last one said."""

    def after(self, error: DeliveryError | None, now: int) -> ChannelHealth:
        """After one more delivery; None: it got through."""
        if error is None:
            return ChannelHealth()
        if error.cap or error.recipient_only:
            return self
        return replace(
            self,
            failures=self.failures + 1,
            since=self.since or now,
            for_good=self.for_good or error.permanent,
            sentence=str(error),
        )

    def is_failing(self, now: int) -> bool:
        """Rules 1 and 2."""
        return self.for_good or (self.failures >= FAILURES and now - self.since >= LASTING)
