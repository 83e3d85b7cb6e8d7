"""What strangers make an app log costs neither its memory nor its time, and hides nothing."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import saasobs
from saasobs.instrument import scrub
from saasobs.instrument.config import InstrumentConfig, read_config
from saasobs.instrument.logs.access import AccessFields, AccessLine
from saasobs.instrument.logs.out import Logs, Uncounted
from saasobs.instrument.logs.rendering import Record
from saasobs.instrument.plain import plain
from saasobs.instrument.state import Operation, enter, leave, set_user
from support.capture import Captured, captured


@pytest.fixture
def out() -> Iterator[Captured]:
    with captured() as capture:
        yield capture


@pytest.mark.parametrize("lone", ["\ud800", "acme\udfff"])
def test_nobody_hides_his_requests(out: Captured, lone: str) -> None:
    """A tenant or user with half a surrogate, as JSON can bring one, does not make the access line vanish."""
    operation = Operation("abc")
    operation.tenant, operation.user = lone, {"id": lone}
    line: AccessFields = ("GET", "/orders/{id}", "/orders/1", 200, 1.0, "10.0.0.1", {"error_type": lone})
    out.instrumentation.logs.access("info", "http.request", operation, line)
    (found,) = out.lines("http.request")
    assert found["status"] == 200
    assert found["correlation_id"] == "abc"
    assert found["tenant"]


def test_a_user_keeps_the_id_that_was_given() -> None:
    """`id` among the further fields does not replace it with a value that no line can carry."""
    operation = Operation("abc")
    token = enter(operation)
    set_user(7, id=["x"], email="ana@acme.example")
    leave(token)
    assert operation.user == {"id": "7", "email": "ana@acme.example"}


def test_a_client_of_any_length_is_cut() -> None:
    """A believed X-Forwarded-For may hold anything: the line stays short, and no cache keeps it."""
    operation_of = ("abc", "", "", None, None)
    line: AccessFields = ("GET", "/", "/", 200, 1.0, "x" * 60_000, {})
    assert len(AccessLine(InstrumentConfig()).render(1e9, "info", "http.request", operation_of, line)) < 1000


def test_the_rate_limit_remembers_no_long_texts() -> None:
    """An app that logs bodies as f-strings does not have thousands of them kept."""
    logs = Logs(InstrumentConfig(), io.StringIO(), Uncounted())
    for number in range(50):
        logs.emit("info", f"{number} {'x' * 100_000}", "shop", {})
    assert logs._limit is not None
    assert sum(len(str(event)) for _, event in logs._limit._full_at) < 50_000
    logs.close()


def test_names_of_fields_are_not_kept_for_ever() -> None:
    """Keys of a stranger's JSON fill neither the table of names nor the memory of what is sensitive."""
    record = Record(InstrumentConfig())
    for number in range(50):
        name = f"{number}{'k' * 10_000}"
        record.add({}, {name: 1, "payload": {name: 1}})
    assert sum(len(name) for name in record._keys) < 10_000
    assert len(record._keys) == 1
    assert scrub.is_sensitive("x" * 300 + "_password") is False
    assert record.scrubber.sensitive("password" + "_x" * 300)


def test_a_large_body_costs_little() -> None:
    """A logged body is looked at as far as a line could show it, however its lists are nested."""
    body: Any = "x"
    for _ in range(5):
        body = [body] * 100
    began = time.process_time()
    shown = plain({"body": body})
    assert time.process_time() - began < 1.0
    assert len(json.dumps(shown)) < 200_000


def test_one_bad_value_does_not_take_the_line_along() -> None:
    """Fields whose own code raises are shown as unprintable; the event and its other fields are written."""

    @dataclass
    class Strange:
        name: str = "x"

        def __getattribute__(self, name: str) -> Any:
            if name == "name":
                raise RuntimeError
            return super().__getattribute__(name)

    class BadKey:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    with captured() as out:  # here: pytest's own handler would raise
        log = saasobs.get_logger("shop")
        log.info("paid", strange=Strange(), mapping={BadKey(): 1}, order=7)
        logging.getLogger("shop").warning("paid %s", BadKey())
        lines = out.lines()
    assert [line["order"] for line in lines if line["event"] == "paid"] == [7]
    assert [line for line in lines if line["level"] == "warning" and line["logger"] == "shop"]


def test_a_bad_setting_does_not_tell_its_secret() -> None:
    """The sentence about headers that are none, or an address with a password, repeats neither."""
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "hunter2hunter2",
        "SAASOBS_OTLP_ENDPOINT": "user:hunter2@collector",
        "SENTRY_DSN": "hunter2",
    }
    _, warnings = read_config(environ)
    assert len(warnings) == 3
    assert "hunter2" not in " ".join(warnings)


def test_texts_that_look_like_an_error_of_the_database_cost_little() -> None:
    """A text full of unfinished `DETAIL: Key (…)=(` is scrubbed in a time that grows with its length only."""
    text = "DETAIL: Key (a)=(" * 960
    began = time.process_time()
    for _ in range(20):
        scrub.scrub_text(text)
    assert time.process_time() - began < 0.5
    finished = "DETAIL:  Key (email)=(ana (at) acme) already exists."
    assert scrub.scrub_text(finished) == "DETAIL:  Key (email)=(***) already exists."


def test_a_row_of_several_lines_is_masked_whole() -> None:
    """What PostgreSQL tells of a failing row ends with its parenthesis, not with its first line."""
    text = "violates check\nDETAIL:  Failing row contains (1, Ana\nSecret Street (7)\nMexico).\nmore"
    shown = scrub.scrub_text(text)
    assert "Secret" not in shown
    assert "Mexico" not in shown
    assert shown.endswith("Failing row contains (***).\nmore")


def test_a_strangers_json_as_fields_is_cut(out: Captured) -> None:
    """So many fields that no line could show them are not all looked at."""
    saasobs.get_logger("shop").info("got", **{f"field{number}": number for number in range(50_000)})
    (line,) = out.lines("got")
    assert line["truncated"] is True
    assert len(line) < 600
