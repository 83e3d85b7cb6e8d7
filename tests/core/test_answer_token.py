"""What stands in a link by which one tap answers."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.signing import ANSWER_TOKEN_LENGTH, answer_token, read_answer_token
from saasobs.core.values import SECOND, base32_number, base32_text, digest_id

IDS = st.integers(0, 2**40 - 1).map(lambda number: base32_text(number, 8))
MOMENTS = st.integers(0, (2**32 - 1) * SECOND)


@given(st.binary(min_size=32, max_size=32), IDS, st.text(min_size=1, max_size=60), MOMENTS)
def test_it_says_what_went_in(secret: bytes, incident: str, who: str, expires_at: int) -> None:
    """Incident and expiry come out again, and it is for this person, by this secret, only."""
    token = answer_token(secret, incident, who, expires_at)
    assert re.fullmatch(rf"[0-9A-Za-z]{{{ANSWER_TOKEN_LENGTH}}}", token)
    read = read_answer_token(token)
    assert read is not None
    assert (read.identity, read.expires_at) == (incident, expires_at // SECOND * SECOND)
    assert read.is_for(secret, who)
    assert not read.is_for(secret, f"{who}x")
    assert not read.is_for(b"x" + secret[1:] if secret[:1] != b"x" else b"y" + secret[1:], who)


@given(st.text(max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever a stranger sends is a token or none; nothing is raised."""
    read = read_answer_token(text)
    assert read is None or not read.is_for(b"s" * 32, "ana")


def test_the_same_every_time() -> None:
    """A pure function of its arguments: a link holds after a restart, and with the next version."""
    token = answer_token(b"x" * 32, "k3v9m2xa", "ana", 1_795_356_187 * SECOND)
    assert token == "5HimeE9AsRBub5OneMpvZPzcN3"
    assert answer_token(b"x" * 32, "test", "ana", 1) == ""
    assert answer_token(b"x" * 32, "k3v9m2xu", "ana", 1) == ""
    assert answer_token(b"x" * 32, "k3v9m2xa", "ana", 2**33 * SECOND) == ""


@given(IDS)
def test_base_32(text: str) -> None:
    """Text and number are each other's inverse."""
    number = base32_number(text)
    assert number is not None
    assert base32_text(number, 8) == text
    assert base32_number(digest_id(text)) is not None
    assert base32_number("u") is None
