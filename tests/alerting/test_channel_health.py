"""Whether a channel still gets messages through."""

from __future__ import annotations

import pytest

from saasobs.alerting.channel_health import ChannelHealth
from saasobs.core.errors import DeliveryError
from saasobs.core.values import MINUTE, SECOND

NOW = 1_763_800_000 * SECOND
LATER = DeliveryError("Slack answered 503")


def test_a_failure_for_good_is_enough() -> None:
    """Waiting mends no revoked token."""
    seen = ChannelHealth().after(DeliveryError("Slack: token_revoked", permanent=True), NOW)
    assert seen.is_failing(NOW)
    assert seen.sentence == "Slack: token_revoked"
    assert not seen.after(None, NOW).is_failing(NOW)


def test_what_may_pass_must_last() -> None:
    """Three in a row over five minutes, with nothing that got through."""
    seen = ChannelHealth().after(LATER, NOW).after(LATER, NOW + MINUTE)
    assert not seen.is_failing(NOW + 10 * MINUTE)
    third = seen.after(LATER, NOW + 2 * MINUTE)
    assert not third.is_failing(NOW + 5 * MINUTE - 1)
    assert third.is_failing(NOW + 5 * MINUTE)
    assert not seen.after(None, NOW).after(LATER, NOW).is_failing(NOW + 10 * MINUTE)


@pytest.mark.parametrize("said", [{"cap": True, "permanent": True}, {"recipient_only": True, "retry_after": 1}])
def test_what_is_not_the_channels_own_does_not_count(said: dict[str, bool]) -> None:
    """A cap was set on purpose, and one number of many says nothing about the others."""
    assert ChannelHealth().after(DeliveryError("no", **said), NOW) == ChannelHealth()
