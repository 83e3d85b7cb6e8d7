"""What may be written for a journey, and the pure parts that carry values from step to step."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saasobs.core.result import Reason
from saasobs.probes.inquiry import Trouble
from saasobs.probes.journey.body import Body
from saasobs.probes.journey.options import JourneyOptions
from saasobs.probes.journey.template import Template, fill_json
from saasobs.probes.journey.variables import Veil

STEP: dict[str, Any] = {"name": "a", "url": "/"}
BASE = "https://shop.acme.example"


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        JourneyOptions.model_validate({"base_url": BASE, "steps": [STEP]} | options)
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in caught.value.errors())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": []}, "at least 1 item"),
        ({"steps": [STEP, STEP]}, 'two steps are called "a"'),
        ({"steps": [STEP], "cleanup": [STEP]}, 'two steps are called "a"'),
        ({"steps": [{**STEP, "name": " a"}]}, "is no step's name"),
        ({"base_url": None}, 'step "a": its url needs a base_url, or has to begin with http:// or https://'),
        ({"base_url": f"{BASE}/v1"}, "base_url is scheme, host and port only"),
        ({"base_url": None, "address": "10.0.0.1", "steps": [{**STEP, "url": f"{BASE}/"}]}, "address stands for"),
        ({"steps": [{**STEP, "url": "http://bad host/"}]}, 'step "a": '),
        ({"steps": [{**STEP, "url": "/{{ order }}"}]}, 'step "a" takes {{ order }}, which neither variables nor'),
        ({"steps": [{**STEP, "url": "/{{ order"}]}, "steps.0.url: Value error, `{{` must be followed by"),
        ({"steps": [{**STEP, "headers": {"A": "{{ 1x }}"}}]}, "steps.0.headers.A: Value error, `{{` must be"),
        ({"steps": [{**STEP, "url": "/{{ o }}", "extract": {"o": "$.o"}}]}, "takes {{ o }}"),
        ({"variables": {"one": "1"}, "headers": {"A": "{{ two }}"}}, "headers takes {{ two }}, which neither"),
        ({"variables": {"a-b": "1"}}, "variables.a-b"),
        ({"steps": [{**STEP, "body": "x"}]}, "a GET request has no body: set method"),
        ({"steps": [{**STEP, "method": "POST", "body": "x", "form": {"a": "b"}}]}, "one body only: body or form"),
        ({"steps": [{**STEP, "method": "HEAD", "expect": {"body_contains": "x"}}]}, "the answer to HEAD has no body"),
        ({"steps": [{**STEP, "extract": {"a": {}}}]}, "needs one of json, header and regex"),
        ({"steps": [{**STEP, "extract": {"a": {"json": "$.a", "regex": "b"}}}]}, "json stands alone"),
        ({"steps": [{**STEP, "extract": {"a": "order"}}]}, "steps.0.extract.a"),
        ({"steps": [{**STEP, "expect": {"body_matches": "^{{ a }}"}}]}, "regular expressions take no variables"),
        ({"steps": [{**STEP, "expect": {"body_not_contains": "{{"}}]}, "for the text itself write `{{{{`"),
        ({"ca_file": "/nowhere.pem"}, "ca_file: /nowhere.pem is not a file"),
        ({"stepz": []}, "stepz"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_when_the_file_is_read(options: dict[str, Any], said: str) -> None:
    """Each says what is wrong and with which step; nothing waits for the first check."""
    assert said in refused(**options)


def test_the_error_of_a_secret_does_not_show_it() -> None:
    """A placeholder that is none is told without the text that it stands in."""
    said = refused(steps=[{**STEP, "method": "POST", "body": "hush {{ and more"}], variables={"a": ""})
    assert "hush" not in said


def test_clean_up_may_use_what_any_step_extracts() -> None:
    """And a later clean-up step what an earlier one extracts."""
    steps = [{**STEP, "extract": {"order": "$.id"}}]
    cleanup = [{"name": "b", "url": "/{{ order }}", "extract": {"token": "$.t"}}, {"name": "c", "url": "/{{ token }}"}]
    options = JourneyOptions.model_validate({"base_url": BASE, "steps": steps, "cleanup": cleanup})
    assert options.cleanup[1].needs == {"token"}
    assert (options.target(), options.host()) == ("1 step at https://shop.acme.example", "shop.acme.example")


TEXTS = st.text(st.characters(codec="utf-8"))


@given(TEXTS, TEXTS, TEXTS)
def test_a_template_is_filled_with_exactly_its_values(before: str, value: str, after: str) -> None:
    """What stands around a placeholder stays as it is, and a value is never looked into again."""
    template = Template.parse(
        f"{before.replace('{', '(')}{{{{ v }}}}{after.replace('{{', '{{{{').replace('{{{{{', '(')}"
    )
    assert template.names >= {"v"}
    filled = template.fill(dict.fromkeys(template.names, value))
    assert filled.startswith(before.replace("{", "("))
    assert value in filled


@pytest.mark.parametrize(
    ("text", "filled"),
    [("{{{{ a }}", "{{ a }}"), ("{{a}}{{ b }}", "1x"), ("}} {a}", "}} {a}"), ("{{\ta }}", "1"), ("{{{{{{a}}", "{{1")],
)
def test_two_braces_can_be_written(text: str, filled: str) -> None:
    """Four opening braces are two in the end; closing ones need no care."""
    assert Template.parse(text).fill({"a": 1, "b": "x"}) == filled


def test_json_keeps_types_of_lone_variables() -> None:
    """A variable that is alone in its text is itself, within other text it is written out."""
    values = {"n": 7, "t": True, "none": None, "o": {"a": 1.5}}
    given_json = {"a": ["{{ n }}", "{{t}}", {"b": "{{ o }}"}], "c": "no. {{ n }} {{ t }} {{ none }} {{ o }}", "d": 1}
    assert fill_json(given_json, values) == {
        "a": [7, True, {"b": {"a": 1.5}}],
        "c": 'no. 7 true null {"a":1.5}',
        "d": 1,
    }


# Bodies


def read(data: bytes, encoding: str, cap: int, pieces: int) -> bytes:
    body = Body([encoding] if encoding else [], cap)
    size = max(1, len(data) // pieces)
    for at in range(0, len(data), size):
        body.feed(data[at : at + size])
    body.end()
    return body.content


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    "deflate": zlib.compress,
    "DEFLATE": bare_deflate,
}


@given(st.binary(max_size=5000), st.sampled_from(sorted(ENCODERS)), st.integers(1, 400))
def test_a_body_means_the_same_in_any_encoding_and_pieces(data: bytes, encoding: str, pieces: int) -> None:
    """Compressed or not, whole or in pieces, in several gzip members or as bare deflate."""
    packed = ENCODERS[encoding](data)
    assert read(packed, encoding, 10_000, pieces) == data


@given(st.binary(max_size=3000), st.sampled_from(["", "gzip", "deflate", "br, gzip"]), st.integers(1, 50))
def test_any_bytes_end_in_content_or_a_reason(data: bytes, encoding: str, pieces: int) -> None:
    """Whatever arrives, the cap is never passed and nothing but Trouble is raised."""
    reason = None
    try:
        assert len(read(data, encoding, 1000, pieces)) <= 1000
    except Trouble as trouble:
        reason = trouble.reason
    assert reason in (None, Reason.BODY_ENCODING, Reason.BODY_TOO_LARGE, Reason.BODY_TRUNCATED)


def test_a_bomb_is_never_held() -> None:
    """A thousandfold expansion stops at the cap."""
    body = Body(["gzip"], 1000)
    with pytest.raises(Trouble, match="more than 1000 B"):
        body.feed(gzip.compress(b"\0" * 10_000_000))
    assert len(body.content) <= 1001


def test_a_cut_stream_is_truncated() -> None:
    """Compressed bytes without an end are no whole answer, though the connection ended well."""
    with pytest.raises(Trouble) as caught:
        read(gzip.compress(b"hello" * 100)[:-6], "gzip", 1000, 3)
    assert caught.value.reason is Reason.BODY_TRUNCATED


# Secrets


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=5, max_size=60), st.integers(4, 60))
def test_a_secret_is_found_whole_and_cut_off(secret: str, cut: int) -> None:
    """As it is, or with its end replaced by an ellipsis."""
    veil = Veil([secret])
    assert veil(f"<{secret}>") == "<***>"
    if cut < len(secret):
        assert veil(f"seen «{secret[:cut]}…") == "seen «***…"
