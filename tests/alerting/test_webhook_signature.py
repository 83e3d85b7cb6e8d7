"""Signatures in the form of Standard Webhooks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.values import Secret
from saasobs.core.webhook_signature import TOLERANCE_SECONDS, decode_secret, sign, signed_headers, verify

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = Secret("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example() -> None:
    """The example of the specification's own libraries comes out the same."""
    assert sign(SECRET, ID, AT, BODY) == SIGNATURE
    assert verify([SECRET], signed_headers(SECRET, ID, AT, BODY), BODY, AT)


@given(st.binary(), st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz", min_size=1), st.integers(0, 10**11))
def test_what_was_signed_is_accepted(body: bytes, message_id: str, at: int) -> None:
    """Any body, ID and moment: signed and checked at once."""
    assert verify([OTHER, SECRET], signed_headers(SECRET, message_id, at, body), body, at)


@pytest.mark.parametrize("drift", [-TOLERANCE_SECONDS, 0, TOLERANCE_SECONDS])
def test_five_minutes_of_drift_are_allowed(drift: int) -> None:
    """Clocks differ; more than that is a replay."""
    headers = signed_headers(SECRET, ID, AT, BODY)
    assert verify([SECRET], headers, BODY, AT + drift)
    assert not verify([SECRET], headers, BODY, AT + 301)
    assert not verify([SECRET], headers, BODY, AT - 301)


def test_whatever_is_changed_is_refused() -> None:
    """Body, ID, moment, signature, version, secret: each of them counts."""
    good = signed_headers(SECRET, ID, AT, BODY)
    assert not verify([SECRET], good, BODY + b" ", AT)
    assert not verify([OTHER], good, BODY, AT)
    assert not verify([], good, BODY, AT)
    for name, value in [
        ("webhook-id", "msg_other"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(AT + 1)),
        ("webhook-timestamp", "0" + str(AT)),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "٣" * 10),
        ("webhook-timestamp", "9" * 5_000),
        ("webhook-signature", ""),
        ("webhook-signature", SIGNATURE.replace("v1", "v1a")),
        ("webhook-signature", SIGNATURE[:-2]),
        ("webhook-signature", "v1,ü"),
    ]:
        assert not verify([SECRET], {**good, name: value}, BODY, AT), (name, value)
        assert not verify([SECRET], {key: kept for key, kept in good.items() if key != name}, BODY, AT)


def test_a_secret_can_be_changed_without_a_gap() -> None:
    """Signed with two secrets, either receiver finds its own among several signatures."""
    headers = signed_headers(SECRET, ID, AT, BODY)
    headers["webhook-signature"] = f"{sign(OTHER, ID, AT, BODY)} v2,xyz {SIGNATURE}"
    assert verify([SECRET], headers, BODY, AT)
    assert verify([OTHER], headers, BODY, AT)


def test_a_bad_secret_is_not_shown() -> None:
    """The error says what a secret looks like, not what this one was."""
    with pytest.raises(ValueError, match="whsec_") as caught:
        decode_secret(Secret("hunter2hunter2"))
    assert "hunter2" not in str(caught.value)
