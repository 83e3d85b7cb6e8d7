"""One scrubber for logs, spans and error reports."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saasobs
from saasobs.core.redact import redact_text
from saasobs.instrument.scrub import Scrubber, is_sensitive, scrub_text
from saasobs.instrument.state import Operation, enter, leave
from support.capture import captured

NATIONAL = [
    ("CPF 529.982.247-25 ok", "CPF *** ok"),
    ("wrong 529.982.247-26", "wrong 529.982.247-26"),
    ("CNPJ 11.222.333/0001-81.", "CNPJ ***."),
    ("12.ABC.345/01DE-35", "***"),
    ("12.ABC.345/01DE-36", "12.ABC.345/01DE-36"),
    ("CURP HEGG560427MVZRRL04", "CURP ***"),
    ("not HEGG560427MVZRRL05", "not HEGG560427MVZRRL05"),
    ("phone 11987654321 and 2026.11.23-04", "phone 11987654321 and 2026.11.23-04"),
]


@pytest.mark.parametrize(("text", "shown"), NATIONAL)
def test_national_numbers_with_check_digits(text: str, shown: str) -> None:
    """A number of a person is masked when its form and its check digits are right, and left alone otherwise."""
    assert scrub_text(text) == shown


def test_an_exceptions_name_is_no_secret() -> None:
    """`InvalidTokenError: …` keeps its sentence."""
    text = "jwt.exceptions.InvalidTokenError: Signature verification failed"
    assert scrub_text(text) == text


@given(st.text(max_size=300))
def test_what_is_remembered_is_what_would_be_found(text: str) -> None:
    """The memory for short texts changes nothing."""
    assert scrub_text(text) == redact_text(text) == scrub_text(text)


def test_every_way_into_a_line_is_scrubbed() -> None:
    """Event, message, arguments, fields, nested fields, bound fields, exceptions and stack: none lets a secret out."""
    secret = "hunter2hunter2"
    with captured() as out:
        log = saasobs.get_logger("x")
        token = enter(Operation("abc"))
        saasobs.bind(note=f"Bearer {secret}1")
        log.info(f"login token={secret}")
        log.info("login", api_key=secret, nested={"deep": [{"password": secret, "url": f"https://u:{secret}@h/"}]})
        log.info("key %s", f"sk_live_{secret}")
        logging.getLogger("y").warning("password=%s", secret, extra={"clientSecret": secret})
        try:
            raise ValueError(f"postgres://bob:{secret}@db/x")  # noqa: TRY301 - with a traceback
        except ValueError:
            log.exception("failed")
        leave(token)
        text = out.text()
    assert text.count("***") >= 9
    assert secret not in text


def test_more_names_by_configuration() -> None:
    """`scrub` adds names; case and separators do not matter."""
    with captured(scrub=("tax_id", "X-Device-Key")) as out:
        saasobs.get_logger("x").info("a", taxId="1", TAX_ID="2", x_device_key="3", more={"tax-id": "4"}, tax="5")
        (line,) = out.lines("a")
    assert [line["taxId"], line["TAX_ID"], line["x_device_key"], line["more"]] == [
        "***",
        "***",
        "***",
        {"tax-id": "***"},
    ]
    assert line["tax"] == "5"


def test_headers_and_queries() -> None:
    """Of a request an error report shows neither cookies nor tokens nor people, and a query stays a query."""
    scrub = Scrubber(("tenant_code", "x-tenant-code"))
    headers = [
        ("Cookie", "a=1"),
        ("Accept", "x"),
        ("Accept", "y"),
        ("X-Tenant-Code", "z"),
        ("Referer", "/?mail=a@b.co"),
    ]
    assert scrub.headers(headers) == {
        "Cookie": "***", "Accept": "x, y", "X-Tenant-Code": "***", "Referer": "/?mail=***@b.co",
    }  # fmt: skip
    query = "page=2&token=abc&mail=bob%40acme.example&tenant_code=7&flag&code=xyz&q=a%20b"
    assert scrub.query(query) == "page=2&token=***&mail=***@acme.example&tenant_code=***&flag&code=***&q=a%20b"


@given(st.text(max_size=100))
def test_any_query_and_name_is_taken(text: str) -> None:
    """Hostile text costs nothing but its scrubbing."""
    scrub = Scrubber(("x",))
    scrub.query(text)
    scrub.headers([(text, text)])
    assert isinstance(is_sensitive(text), bool)
    assert isinstance(scrub.sensitive(text), bool)


ACTIVE = ["\x1b[31mred", "a\x9b31m", "line\u2028next", "back\u202egnissap", "\x7f", "a\u0085b", "a\nlevel=error", "\r"]


@pytest.mark.parametrize("text", ACTIVE)
@pytest.mark.parametrize("form", ["json", "console"])
def test_no_text_acts_on_who_reads_it(text: str, form: str) -> None:
    """Neither escape sequences nor separators nor marks that turn the direction of text reach a terminal."""
    with captured(log_format=form) as out:
        saasobs.get_logger("x").info(text, field=text, **{f"name{text}": 1})
        written = out.text().removesuffix("\n")
    assert all(letter.isprintable() for letter in written)
    assert len(written.splitlines()) == 1
    if form == "json":
        parsed: dict[str, Any] = json.loads(written)
        assert (parsed["event"], parsed["field"]) == (text, text)
