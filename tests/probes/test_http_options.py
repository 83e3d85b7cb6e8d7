"""What may be written for an http monitor, what is refused with which words, and that no secret shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from saasobs.probes import KINDS
from saasobs.probes.http.options import HttpOptions

URL = "https://api.example.com/health"


def read(**options: Any) -> HttpOptions:
    return HttpOptions.model_validate({"url": URL, **options})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://a.example/"}, "must begin with http:// or https://"),
    ({"url": "http://[::1/"}, "is not a URL"),
    ({"url": "http://-bad-/"}, "is not a host name"),
    ({"method": "get"}, "should match pattern"),
    ({"headers": {"X-A\r\nX-B": "1"}}, "is not a header name"),
    ({"headers": {"X-A": "1\r\nX-B: 2"}}, "cannot hold line breaks"),
    ({"headers": {"X-A": " 1"}}, "cannot begin or end with a space"),
    ({"headers": {"X:A": "1"}}, "is not a header name"),
    ({"body": "x"}, "a GET request has no body: set method"),
    ({"method": "HEAD", "expect": {"body_contains": "x"}}, "the answer to HEAD has no body"),
    ({"max_body": "1 pound"}, "is not a size: write a number and a unit, as in 512 KiB or 1 MiB"),
    ({"max_body": "1 TiB"}, "is not a size"),
    ({"max_body": 0}, "greater than 0"),
    ({"max_redirects": 51}, "less than or equal to 50"),
    ({"ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem is not a file"),
    ({"expect": {"status": "2x"}}, "is not a status code"),
    ({"expect": {"body_matches": "("}}, "not a regular expression"),
    ({"expect": {"body_contains": ""}}, "at least 1 character"),
    ({"expect": {"degraded_over": "5s", "down_over": "1s"}}, "degraded_over must be shorter than down_over"),
    ({"expect": {"json": {"status": "ok"}}}, "is not a JSONPath query (RFC 9535), as in $.status"),
    ({"expect": {"json": {"$.a[": 1}}}, "is not a JSONPath query"),
    ({"expect": {"json": {"$.a": {"=": 1}}}}, "'=' is no operator: write a plain value, or operators out of =="),
    ({"expect": {"json": {"$.a": {}}}}, "an empty condition"),
    ({"expect": {"json": {"$.a": {"exists": "yes"}}}}, "exists takes true or false"),
    ({"expect": {"json": {"$.a": {"<": True}}}}, "< takes a number or a text"),
    ({"expect": {"json": {"$.a": {"matches": "["}}}}, "not a regular expression"),
    ({"expect": {"json": {"$.a": {"matches": 1}}}}, "matches takes a regular expression"),
    ({"expect": {"json": {"$.a": {1, 2}}}}, "is no JSON value"),
    ({"expect": {"headers": {"X A": "x"}}}, "is not a header name"),
    ({"expct": {}}, "Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[case[1][:30] for case in REFUSED])
def test_a_mistake_is_refused_with_what_would_be_right(options: dict[str, Any], words: str) -> None:
    """Every wrong key or value stops the configuration with words that help."""
    with pytest.raises(ValidationError) as refused:
        read(**options)
    assert words in str(refused.value)


def test_one_value_or_a_list() -> None:
    """A single text or pattern needs no list."""
    expect = read(expect={"body_contains": "a", "body_matches": ["b", "c"]}).expect
    assert expect.body_contains == ("a",)
    assert [pattern.pattern for pattern in expect.body_matches] == ["b", "c"]


def test_sizes_are_read_and_written_for_people() -> None:
    """1 MiB is 1 MiB, in and out."""
    assert read(max_body="64 KiB").max_body == 65536
    assert [read(max_body=size).model_dump()["max_body"] for size in (2 * 1024**2, 1536, 10)] == [
        "2 MiB",
        "1536 B",
        "10 B",
    ]
    assert read().max_body == 1024**2


def test_no_secret_is_shown() -> None:
    """Header values, body, and the login and secret parameters of the URL stay out of repr, dump, target and host."""
    options = read(
        url="https://bob:hunter2@api.example.com/x?token=t0k3n&page=1",
        method="POST",
        headers={"Authorization": "Bearer abcdef123"},
        body="pa55word",
    )
    shown = repr(options) + str(options.model_dump()) + options.target() + options.host() + repr(options.request)
    for secret in ("hunter2", "t0k3n", "abcdef123", "pa55word"):
        assert secret not in shown
    assert options.target() == "https://api.example.com/x?token=***&page=1"
    assert options.host() == "api.example.com"


def test_the_schema_documents_every_option() -> None:
    """Editors complete from the schema: each key has its sentence."""
    schema = HttpOptions.model_json_schema()
    for name, model in {"http": schema, **schema["$defs"]}.items():
        for key, shape in model.get("properties", {}).items():
            assert shape.get("description"), f"{name}: {key}"
        assert model.get("additionalProperties", False) is False


def test_the_kinds_are_a_literal_that_names_itself() -> None:
    """A kind's key in the table is its name, and each has its line for the documentation."""
    assert all(kind.name == name and kind.summary for name, kind in KINDS.items())


def test_expectations_are_written_as_they_were_read() -> None:
    """JSON conditions print as operators and compare by what they say, so that a reload knows what changed."""
    written = {"$.a": "ok", "$.b": {"<": 5, "matches": "x"}, "$.c": {"exists": False}}
    one, same, other = read(expect={"json": written}), read(expect={"json": written}), read(expect={"json": {"$.a": 1}})
    dumped = one.expect.model_dump(by_alias=True)["json"]
    assert {str(path): value for path, value in dumped.items()} == {**written, "$.a": {"==": "ok"}}
    assert one == same != other
    assert len({*one.expect.json_, *same.expect.json_}) == 3
    assert len({*one.expect.json_.values(), *same.expect.json_.values()}) == 3
    assert "JsonPath('$.a'): Condition({'==': 'ok'})" in repr(one.expect)


def test_a_ca_file_must_be_there(tmp_path: Path) -> None:
    """An existing CA file is taken."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("")
    assert read(ca_file=str(ca_file)).ca_file == ca_file
