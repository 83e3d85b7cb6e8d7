"""How long a refused message waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from saasobs.alerting.retry import FIRST, LONGEST, RETRY_AFTER_LIMIT, backoff
from saasobs.core.values import HOUR, MINUTE, SECOND

attempts = st.integers(0, 10_000)


@given(attempts, st.text())
def test_it_doubles_up_to_five_minutes(tries: int, key: str) -> None:
    """Between half of and the whole of 2 s, 4 s, 8 s … 5 min."""
    full = min(LONGEST, FIRST * 2 ** min(tries, 20))
    assert full // 2 <= backoff(tries, key, None) <= full


@given(attempts, st.text(), st.integers(0, HOUR))
def test_never_sooner_than_the_provider_says(tries: int, key: str, wait: int) -> None:
    """Retry-After is a floor."""
    assert backoff(tries, key, wait) >= wait


def test_a_provider_cannot_silence_us_for_good() -> None:
    """A Retry-After of a year counts for an hour."""
    assert backoff(0, "n", 365 * 24 * HOUR) == RETRY_AFTER_LIMIT == HOUR


def test_notices_that_failed_together_part() -> None:
    """A hundred notices refused at once do not come back at once, and each wait can be told beforehand."""
    waits = {backoff(8, f"notice-{number}", None) for number in range(100)}
    assert len(waits) > 90
    assert max(waits) - min(waits) > MINUTE
    assert backoff(3, "n", None) == backoff(3, "n", None)
    assert FIRST == 2 * SECOND
