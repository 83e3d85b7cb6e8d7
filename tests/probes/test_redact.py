"""The scrubber: what is secret or personal is masked whatever stands around it, in linear time, and twice is once."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.redact import MASK, redact_headers, redact_text, redact_url, secret_name
from saasobs.core.signing import heartbeat_token

SECRETS = [
    ('{"password": "hun\\"ter2", "ok": 1}', '{"password": "***", "ok": 1}'),
    ('{\\"api_key\\": \\"hunter2\\"}', '{\\"api_key\\": \\"***\\"}'),
    ("{'accessToken': 'hunter2'}", "{'accessToken': '***'}"),
    ("DB_PASSWORD=hunter2 done", "DB_PASSWORD=*** done"),
    ("client_secret => hunter2", "client_secret => ***"),
    ('password: "hunter2 without an end', 'password: "***'),
    ("user=bob&token=hunter2&x=1", "user=bob&token=***&x=1"),
    ("Authorization: Digest user=bob, hunter2", "Authorization: ***"),
    ("Set-Cookie: a=hunter2; Path=/\nX-Other: 1", "Set-Cookie: ***\nX-Other: 1"),
    ("sent Bearer hunter2.hunter2 to it", "sent Bearer *** to it"),
    ("postgresql://bob:hunter2@db.example/x", "postgresql://***@db.example/x"),
    ("a JWT eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2_x here", "a JWT *** here"),
    ("key sk_live_hunter2hunter2 leaked", "key *** leaked"),
    ("https://hooks.slack.com/services/T0/B0/hunter2", "https://***"),
    ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", "***"),
    ("card 4111 1111 1111 1111, ok", "card ***, ok"),
    ("card 5500-0000-0000-0004", "card ***"),
    ("amex 378282246310005.", "amex ***."),
    ("mail hunter2.x+y@acme.example.", "mail ***@acme.example."),
]

HARMLESS = [
    "status: 500 error code: 3",
    "basic information about bearer tokens",
    "the order 4111111111111112 has 16 digits and fails Luhn",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 at 1795388172213152",
    '{"status": "failing", "queue": 120, "items": [1, 2]}',
    "OperationalError at billing/db.py:42",
    "http://127.0.0.1:8000/health?page=2",
]


@pytest.mark.parametrize(("text", "shown"), SECRETS, ids=[case[0][:20] for case in SECRETS])
def test_a_secret_is_masked(text: str, shown: str) -> None:
    """Each kind of secret goes, and what stands around it stays."""
    assert redact_text(text) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_stays(text: str) -> None:
    """Words, numbers and IDs that people need are not masked."""
    assert redact_text(text) == text


@given(st.text(max_size=400))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """What was redacted may be redacted again on its way."""
    once = redact_text(text)
    assert redact_text(once) == once


@given(
    st.sampled_from(["password", "api-key", "X_Auth_Token", "clientSecret", "db.password", "SESSION_ID"]),
    st.sampled_from(["{}={}", '{{"{}": "{}"}}', "{}: {}", "{} => '{}'", '\\"{}\\": \\"{}\\"', "{}:{}"]),
    st.text(string.ascii_letters + string.digits + "-_/+.", min_size=4, max_size=60),
    st.text(string.printable, max_size=40),
    st.text(string.printable, max_size=40),
)
def test_the_value_of_a_secret_name_never_survives(name: str, form: str, value: str, before: str, after: str) -> None:
    """Between any texts, in any notation, a named secret is masked."""
    marked = "Q9" + value + "9Q"
    text = f"{before}\n{form.format(name, marked)}\n{after}"
    assert marked not in redact_text(text)


WORST = [
    '"', "'", "\\", "a", "a=", 'a="', "eyJ-", "1 ", "a@", "a.", "://", "4111", "token:", '\\"', "token=\\",
    "-----BEGIN PRIVATE KEY-----", "bearer ", "x@a.", "a.b@c-",
]  # fmt: skip


@pytest.mark.parametrize("piece", WORST)
@pytest.mark.parametrize("tail", ["", "!", "@"])
def test_no_text_makes_it_slow(piece: str, tail: str) -> None:
    """A hundred thousand repeats of the worst pieces end: were a pattern quadratic, the test's time limit would hit."""
    assert redact_text(piece * 100_000 + tail)


def test_headers_are_masked_by_name() -> None:
    """Whole values of secret headers go, others are scrubbed."""
    shown = redact_headers(
        {"Authorization": "Bearer x", "cookie": "a", "X-Api-Key": "k", "Via": "1.1 bob@acme.example"}
    )
    assert shown == {"Authorization": MASK, "cookie": MASK, "X-Api-Key": MASK, "Via": "1.1 ***@acme.example"}


URLS = [
    ("https://u:p@h.example:8/x?token=a&b=c&key=1#frag", "https://h.example:8/x?token=***&b=c&key=***"),
    ("https://h.example/?signature=abc&empty=&flag", "https://h.example/?signature=***&empty=&flag"),
    ("http://[::1]:80/", "http://[::1]:80/"),
    ("http://[broken/?password=x", "http://[broken/?password=***"),
    ("not a url", "not a url"),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    """No login, no secret parameter, no fragment."""
    assert redact_url(url) == shown


@given(st.text(max_size=80))
def test_any_url_can_be_redacted(url: str) -> None:
    """It never raises, not even for what is no URL."""
    assert isinstance(redact_url(url), str)
    assert isinstance(redact_url("http://" + url), str)


def test_names_of_secrets() -> None:
    """Known by what such things are called, whatever the case and separators."""
    assert all(map(secret_name, ("Password", "api-key", "X-API-Key", "accessToken", "client_secret", "pwd", "Cookie")))
    assert not any(map(secret_name, ("status", "Content-Type", "X-Request-ID", "author", "keyboard", "passenger")))


@given(st.binary(min_size=1, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_a_heartbeat_token_is_a_pure_function_of_secret_and_name(secret: bytes, name: str, other: str) -> None:
    """The same after every start, another for every name and every secret, and a proper UUID of version 8."""
    token = heartbeat_token(secret, name)
    assert token == heartbeat_token(secret, name)
    assert (token[14], token[19] in "89ab", len(token)) == ("8", True, 36)
    assert token != heartbeat_token(secret + b"x", name)
    assert (token == heartbeat_token(secret, other)) == (name == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "(x.IntegrityError) duplicate\n[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('Ana', 3)]\n(more)",
            "(x.IntegrityError) duplicate\n[SQL: INSERT INTO t VALUES (?)]\n[parameters: ***]\n(more)",
        ),
        ("DETAIL:  Key (name, id)=(Ana (x), 3) already exists.", "DETAIL:  Key (name, id)=(***) already exists."),
        ("DETAIL:  Failing row contains (7, Ana, null).", "DETAIL:  Failing row contains (***)."),
    ],
)
def test_what_databases_say_of_rows(text: str, shown: str) -> None:
    """The values in the text of a database's error are masked, its statement is not."""
    assert redact_text(text) == shown
    assert redact_text(shown) == shown


@pytest.mark.parametrize(
    "identifier",
    [
        "d181d6113364447685c824a002384be1",
        "c6113364447685ab",
        "{d1816113-3644-4768-85c8-24a002384be1}",
        '{"error_id": "d181d6113364447685c824a002384be1"}',
    ],
)
def test_an_identifier_is_not_a_card(identifier: str) -> None:
    """Random IDs have runs of digits that check as a card's number; nobody would find the trace or the error again."""
    assert redact_text(identifier) == identifier


def test_a_card_beside_an_identifier_is_one() -> None:
    """Only what is within the ID is spared, and only an ID of a known form."""
    assert (
        redact_text("4111111111111111 of d181d6113364447685c824a002384be1") == "*** of d181d6113364447685c824a002384be1"
    )
    assert redact_text("4111111111111111") == "***"
    assert "4111" not in redact_text("card4111111111111111a")
