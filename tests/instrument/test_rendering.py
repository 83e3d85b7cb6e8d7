"""One event is one bounded, valid, redacted line, whatever was logged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saasobs.core.values import Secret
from saasobs.instrument.config import InstrumentConfig
from saasobs.instrument.logs.rendering import LINE_LIMIT, Record, console_renderer, is_sensitive, render_json

RECORD = Record(InstrumentConfig(service="shop", environment="prod", version="1.2"))
CONSOLE = console_renderer(colour=False)


def built(event: Any = "a.b", **fields: Any) -> dict[str, Any]:
    return RECORD.build(when=1_795_356_187.120345, level="info", event=event, logger="shop.cart", fields=fields)


def rendered(event: Any = "a.b", **fields: Any) -> dict[str, Any]:
    line = render_json(built(event, **fields))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= LINE_LIMIT + 1
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_the_shape() -> None:
    """Our fields come first and always in the same order, the time in UTC with microseconds."""
    line = rendered(invoice=42)
    assert list(line) == ["timestamp", "level", "event", "logger", "service", "environment", "version", "invoice"]
    assert line["timestamp"] == "2026-11-22T14:03:07.120345Z"


@dataclass
class Login:
    user: str
    password: str


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (2**70, hex(2**70)),
        ("\ud800", "\\ud800"),
        (b"\xffab", "\\xffab"),
        (Secret("s3cret"), "***"),
        ([Secret("s3cret")], ["***"]),
        (Login("ana", "s3cret"), {"user": "ana", "password": "***"}),
        ({"a": {"api_key": "s3cret", 3: 4}}, {"a": {"api_key": "***", "3": 4}}),
        (Hostile(), "<unprintable Hostile>"),
        (Decimal("1.50"), "1.50"),
        (Path("/x"), "/x"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (ValueError("bad"), "ValueError: bad"),
        (None, None),
    ],
)
def test_values_that_json_cannot_say(value: object, shown: object) -> None:
    """Foreign, hostile and secret values become something valid that gives nothing away."""
    assert rendered(value=value)["value"] == shown


def test_a_circle_ends() -> None:
    """A value that holds itself is shown to a depth, not for ever."""
    circle: dict[str, Any] = {}
    circle["self"] = circle
    assert "<dict of 1>" in json.dumps(rendered(value=circle))


@pytest.mark.parametrize(
    "key",
    ["password", "db_password", "Authorization", "Set-Cookie", "X-Api-Key", "apiKey", "accessToken", "client_secret"],
)
def test_secrets_by_key(key: str) -> None:
    """A field whose name says that it is a secret is never written, whatever its spelling."""
    assert rendered(**{key: "s3cret"})[key] == "***"
    assert "s3cret" not in CONSOLE(built(**{key: "s3cret"})).decode()


@pytest.mark.parametrize("key", ["tokens", "monkey", "keyboard", "path", "secretary", "passwordless"])
def test_words_that_only_look_like_secrets(key: str) -> None:
    """Redaction goes by whole words."""
    assert not is_sensitive(key)


def test_reserved_names_are_kept_apart() -> None:
    """A caller's field with one of our names is written under the name with an underscore."""
    line = rendered(timestamp=1, level=2, service="evil", logger="x")
    assert (line["service"], line["service_"], line["timestamp_"], line["logger_"]) == ("shop", "evil", 1, "x")


def test_a_long_line_is_cut_and_says_so() -> None:
    """A line over the limit keeps its beginning, loses what does not fit, and is still valid JSON."""
    line = rendered(big="x" * 100_000, small=1, **{f"f{n}": "y" * 3000 for n in range(40)})
    assert line["truncated"] is True
    assert line["small"] == 1
    assert line["dropped_fields"] > 0
    assert line["big"].startswith("xxx")


@given(
    st.text(),
    st.dictionaries(
        st.text(max_size=20),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
            max_leaves=8,
        ),
        max_size=5,
    ),
)
def test_any_event_is_one_valid_line(event: str, fields: dict[str, Any]) -> None:
    """No text can end a line or forge another one, in JSON or on the console."""
    rendered(event, **fields)
    shown = CONSOLE(built(event, **fields)).decode()
    assert all(line.startswith("  ") for line in shown.removesuffix("\n").split("\n")[1:])
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_console_shows_the_traceback_below() -> None:
    """On the console a traceback keeps its lines, and loses its control characters."""
    shown = CONSOLE(built(exception="Traceback\n  \x1b[31mred")).decode()
    assert shown.splitlines()[1:] == ["  Traceback", "    \\x1b[31mred"]
    assert shown.startswith("14:03:07.120 info     a.b environment=prod")
